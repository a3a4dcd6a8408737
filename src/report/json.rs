//! The report for programs.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;

/// Anything that is reported, as indented JSON with a newline at its end.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("reports are maps with string keys");
    text.push('\n');
    text
}

/// The JSON Schema of what is reported as a `T`.
pub fn schema<T: JsonSchema>() -> serde_json::Value {
    schema_for!(T).to_value()
}
