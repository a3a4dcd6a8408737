//! The report for programs.

use std::fmt::Write as _;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use crate::harmless::is_harmful;

/// Anything that is reported, as indented JSON with a newline at its end; what a terminal would obey is escaped.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("reports are maps with string keys");
    text.push('\n');
    let harmful = |c: char| c != '\n' && is_harmful(c);
    if !text.contains(harmful) {
        return text;
    }
    // Outside of strings there is nothing harmful, and inside of them an escape is the same character.
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) {
            let _ = c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(safe, "\\u{unit:04x}"));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The JSON Schema of what is reported as a `T`.
pub fn schema<T: JsonSchema>() -> serde_json::Value {
    schema_for!(T).to_value()
}
