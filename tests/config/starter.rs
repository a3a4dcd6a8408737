//! The starter config, and the schema of the file.

use std::path::Path;

use oncall_sync::config::{STARTER, schema};
use oncall_sync::ledger::LedgerConfig;
use serde_json::Value;

use super::good;

/// The starter with its commented-out keys put in.
fn starter_in_full() -> String {
    let lines = STARTER.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.trim_matches('"').contains(' ')) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_starter_loads_as_it_is_and_in_full() {
    let (_folder, config) = good(STARTER);
    assert_eq!(config.rules.len(), 1);
    let (_folder, full) = good(&starter_in_full());
    assert_eq!(full.ledger, LedgerConfig::File("/var/lib/oncall-sync/ledger.db".into()));
    assert_eq!(full.rules[0].levels, Some([1].into()));
    assert_eq!(full.aliases.len(), 1);
}

#[test]
fn the_schema_knows_every_key_of_the_starter() {
    let file: toml::Table = starter_in_full().parse().expect("TOML");
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let unknown = unknown_keys(&serde_json::to_value(file).expect("JSON"), &schema, &schema, "");
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn the_schema_leaves_kind_out_where_the_file_may() {
    let schema = schema();
    for (sort, side) in [("SourceConfig", "source"), ("TargetConfig", "target")] {
        let variants = schema["$defs"][sort]["anyOf"].as_array().expect("variants");
        // Every adapter has a folder, and nothing else has.
        let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(side);
        let entries = std::fs::read_dir(below).expect("the folder").map(|entry| entry.expect("an entry"));
        assert_eq!(variants.len(), entries.filter(|entry| entry.path().is_dir()).count(), "{sort}");
        for variant in variants {
            assert!(variant["properties"]["kind"]["const"].is_string(), "{variant}");
            assert!(!variant["required"].as_array().is_some_and(|keys| keys.contains(&"kind".into())), "{variant}");
        }
    }
    let required: Vec<&str> = schema["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(required, ["source", "target", "rule"]);
}

/// The paths of keys in `value` that `schema` has no place for.
fn unknown_keys(value: &Value, schema: &Value, root: &Value, path: &str) -> Vec<String> {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).expect("a definition"),
        None => schema,
    };
    for choice in ["anyOf", "oneOf"] {
        if let Some(variants) = schema[choice].as_array() {
            let each = variants.iter().map(|variant| unknown_keys(value, variant, root, path));
            return each.min_by_key(Vec::len).expect("a choice has variants");
        }
    }
    match value {
        Value::Object(keys) => {
            let look = |(key, value): (&String, &Value)| {
                let path = format!("{path}.{key}");
                match (schema["properties"].get(key), schema.get("additionalProperties")) {
                    (Some(inner), _) => unknown_keys(value, inner, root, &path),
                    (None, Some(inner)) if inner.is_object() => unknown_keys(value, inner, root, &path),
                    _ => vec![path],
                }
            };
            keys.iter().flat_map(look).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| unknown_keys(item, &schema["items"], root, path)).collect(),
        _ => Vec::new(),
    }
}
