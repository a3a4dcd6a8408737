//! The README's tables hold what the program's schemas hold: no more, no less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use oncall_sync::config;
use oncall_sync::report;
use serde_json::Value;

use super::page::{code, table};

type Properties = serde_json::Map<String, Value>;

fn properties(schema: &Value) -> &Properties {
    schema["properties"].as_object().expect("an object")
}

/// Every table of keys in the page, by the line above it, with what the schema says.
fn tables(schema: &Value) -> BTreeMap<String, &Properties> {
    let mut tables = BTreeMap::from([
        ("**Top level**".to_owned(), properties(schema)),
        ("**`[[rule]]`**".to_owned(), properties(&schema["$defs"]["RuleConfig"])),
        ("**`[limits]`**".to_owned(), properties(&schema["$defs"]["LimitsConfig"])),
    ]);
    for (of, table) in [("SourceConfig", "source"), ("TargetConfig", "target")] {
        for one in schema["$defs"][of]["anyOf"].as_array().expect("kinds") {
            let kind = one["properties"]["kind"]["const"].as_str().expect("a kind");
            tables.insert(format!("**`[{table}.NAME]`, kind `{kind}`**"), properties(one));
        }
    }
    tables
}

#[test]
fn every_key_of_the_config_is_in_the_page_and_no_other() {
    let schema = config::schema();
    for (heading, properties) in tables(&schema) {
        let told: BTreeSet<String> = table(&heading).iter().map(|row| code(&row[0]).to_owned()).collect();
        let known: BTreeSet<String> = properties.keys().cloned().collect();
        assert_eq!(told, known, "{heading}");
    }
}

#[test]
fn the_page_s_defaults_are_the_program_s() {
    let schema = config::schema();
    let mut held = 0;
    for (heading, properties) in tables(&schema) {
        for row in table(&heading) {
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

/// Every example config, by its name.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let configs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let text = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read_to_string(path).expect("text"));
    configs.map(text).collect()
}

#[test]
fn each_key_of_a_table_is_in_one_complete_example() {
    let (schema, examples) = (config::schema(), examples());
    // A file's two keys are in its own section.
    for (heading, properties) in tables(&schema).into_iter().filter(|(heading, _)| !heading.contains("kind `file`")) {
        let missing = |text: &str| {
            let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("# ")).collect();
            let shown = |key: &str| {
                let forms = [format!("{key} ="), format!("{key}."), format!("[{key}"), format!("[[{key}]]")];
                lines.iter().any(|line| forms.iter().any(|form| line.starts_with(form)))
            };
            properties.keys().filter(|key| *key != "kind" && !shown(key)).count()
        };
        let least = examples.iter().map(|(_, text)| missing(text)).min();
        assert_eq!(least, Some(0), "no example shows every key of {heading}");
    }
}

#[test]
fn every_module_is_in_the_crate_s_picture() {
    let lib = include_str!("../../src/lib.rs");
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        assert!(lib.contains(&format!("//! | [`{module}`] | ")), "{module} is not in the table of src/lib.rs");
    }
}
