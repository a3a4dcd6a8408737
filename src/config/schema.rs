//! The config file's JSON Schema, for editors and for `oncall-sync schema`.

use serde_json::{Value, json};

use super::Config;

/// The schema of the file (JSON Schema 2020-12).
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    for sort in ["SourceConfig", "TargetConfig"] {
        let platform = &mut schema["$defs"][sort];
        let mut variants = platform["oneOf"].take();
        for variant in variants.as_array_mut().into_iter().flatten() {
            leave_kind_out(variant);
        }
        // Without its `kind`, which its name may stand in for, a table may fit several.
        let platform = platform.as_object_mut().expect("a platform's schema is an object");
        platform.remove("oneOf");
        platform.insert("anyOf".into(), variants);
    }
    schema
}

/// `kind` may be left out where the table's name says the same.
fn leave_kind_out(variant: &mut Value) {
    if let Some(required) = variant["required"].as_array_mut() {
        required.retain(|key| key != "kind");
    }
    variant["properties"]["kind"]["description"] = json!("May be left out where the table's own name is the kind.");
}
