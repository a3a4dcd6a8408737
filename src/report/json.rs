//! The report for programs.

use schemars::schema_for;
use serde::Serialize;

use super::Report;

/// Anything that is reported, as indented JSON with a newline at its end.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("reports are maps with string keys");
    text.push('\n');
    text
}

/// The JSON Schema of the report.
pub fn schema() -> schemars::Schema {
    schema_for!(Report)
}
