//! The README's tables hold what the program's schemas hold: no more, no less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use oncall_sync::config::{self, Config};
use oncall_sync::report;
use serde_json::Value;

use super::page::{code, table};

type Properties = serde_json::Map<String, Value>;

fn properties(schema: &Value) -> &Properties {
    schema["properties"].as_object().expect("an object")
}

/// The properties of one kind of source or target.
fn kind<'s>(schema: &'s Value, of: &str, kind: &str) -> &'s Properties {
    let kinds = schema["$defs"][of]["anyOf"].as_array().expect("kinds");
    let is = |one: &&Value| one["properties"]["kind"]["const"] == kind;
    properties(kinds.iter().find(is).unwrap_or_else(|| panic!("{of} has no kind {kind}")))
}

/// Every table of keys in the page, by the line above it, with what the schema says.
fn tables(schema: &Value) -> BTreeMap<&'static str, &Properties> {
    BTreeMap::from([
        ("**Top level**", properties(schema)),
        ("**`[source.NAME]`, kind `pagerduty`**", kind(schema, "SourceConfig", "pagerduty")),
        ("**`[source.NAME]`, kind `file`**", kind(schema, "SourceConfig", "file")),
        ("**`[target.NAME]`, kind `strongdm`**", kind(schema, "TargetConfig", "strongdm")),
        ("**`[target.NAME]`, kind `okta`**", kind(schema, "TargetConfig", "okta")),
        ("**`[target.NAME]`, kind `file`**", kind(schema, "TargetConfig", "file")),
        ("**`[[rule]]`**", properties(&schema["$defs"]["RuleConfig"])),
        ("**`[limits]`**", properties(&schema["$defs"]["LimitsConfig"])),
    ])
}

#[test]
fn every_key_of_the_config_is_in_the_page_and_no_other() {
    let schema = config::schema();
    for (heading, properties) in tables(&schema) {
        let told: BTreeSet<String> = table(heading).iter().map(|row| code(&row[0]).to_owned()).collect();
        let known: BTreeSet<String> = properties.keys().cloned().collect();
        assert_eq!(told, known, "{heading}");
    }
}

#[test]
fn every_kind_of_source_and_target_has_a_table() {
    let schema = config::schema();
    for (of, table) in [("SourceConfig", "source"), ("TargetConfig", "target")] {
        for one in schema["$defs"][of]["anyOf"].as_array().expect("kinds") {
            let kind = one["properties"]["kind"]["const"].as_str().expect("a kind");
            let heading = format!("**`[{table}.NAME]`, kind `{kind}`**");
            assert!(tables(&schema).contains_key(heading.as_str()), "{heading}");
        }
    }
}

#[test]
fn the_page_s_defaults_are_the_program_s() {
    let schema = config::schema();
    let mut held = 0;
    for (heading, properties) in tables(&schema) {
        for row in table(heading) {
            let key = code(&row[0]);
            let default = &properties[key]["default"];
            if default.is_string() || default.is_number() {
                assert_eq!(row[2], format!("`{default}`"), "{heading} {key}");
                held += 1;
            }
        }
    }
    assert!(held >= 7, "only {held} defaults were compared");
}

#[test]
fn every_note_is_explained_and_no_other() {
    let schema = report::schema::<report::Report>();
    let kinds = schema["$defs"]["NoteReport"]["properties"]["kind"]["description"].as_str().expect("a description");
    let known: BTreeSet<&str> = kinds.split('`').skip(1).step_by(2).collect();
    let rows = table("## Notes: what was left undone");
    let told: BTreeSet<&str> = rows.iter().map(|row| code(&row[0])).collect();
    assert_eq!(told, known);
}

#[test]
fn every_exit_code_is_explained() {
    let rows = table("## Exit codes");
    let told: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(told, ["0", "1", "2", "3", "4", "5"]);
}

/// The example that shows every key of a table; a table of files needs none.
fn example(heading: &str) -> Option<&'static str> {
    match heading {
        _ if heading.contains("kind `file`") => None,
        _ if heading.contains("kind `okta`") => Some("okta.toml"),
        _ => Some("pagerduty-strongdm.toml"),
    }
}

#[test]
fn the_complete_examples_are_complete_and_load() {
    let schema = config::schema();
    for (heading, properties) in tables(&schema) {
        let Some(name) = example(heading) else { continue };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        Config::load(&path).expect("a config");
        let text = std::fs::read_to_string(&path).expect("the example");
        for key in properties.keys() {
            let lines = text.lines().map(|line| line.trim_start_matches("# "));
            let forms = [format!("{key} ="), format!("{key}."), format!("[{key}"), format!("[[{key}]]")];
            let named = lines.into_iter().any(|line| forms.iter().any(|form| line.starts_with(form.as_str())));
            assert!(named, "{name} does not show `{key}` ({heading})");
        }
    }
}

#[test]
fn every_module_is_in_the_crate_s_picture() {
    let lib = include_str!("../../src/lib.rs");
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        assert!(lib.contains(&format!("//! | [`{module}`] | ")), "{module} is not in the table of src/lib.rs");
    }
}
