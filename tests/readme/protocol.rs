//! The page's messages of `exec` are what the program's schemas say, and every schema has its message.

use std::collections::{BTreeMap, BTreeSet};

use boon::{Compiler, SchemaIndex, Schemas};
use oncall_sync::plugin::schema;
use serde_json::{Value, json};

use super::page::README;

/// What stands before a message, and names it.
const MARK: &str = "<!-- exec: ";

/// Every message of the page, by its name in the schema's `$defs`.
fn messages() -> Vec<(&'static str, Value)> {
    let marked = README.split(MARK).skip(1).map(|rest| {
        let (name, rest) = rest.split_once(" -->\n```json\n").expect("a name and its block");
        let (message, _) = rest.split_once("\n```").expect("the block ends");
        (name, serde_json::from_str(message).unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    marked.collect()
}

/// Every schema by its name, ready to be held against messages.
fn compiled() -> (Schemas, BTreeMap<String, SchemaIndex>) {
    let whole = schema();
    let names: Vec<String> = whole["$defs"].as_object().expect("schemas").keys().cloned().collect();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource("https://oncall-sync.invalid/exec", whole).expect("a schema");
    let compile = |name: String| {
        let place = format!("https://oncall-sync.invalid/exec#/$defs/{name}");
        let index = compiler.compile(&place, &mut schemas).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, index)
    };
    let compiled = names.into_iter().map(compile).collect();
    (schemas, compiled)
}

#[test]
fn every_message_of_the_page_is_as_its_schema_says() {
    let (schemas, compiled) = compiled();
    let messages = messages();
    for (name, message) in &messages {
        let schema = *compiled.get(*name).unwrap_or_else(|| panic!("there is no message {name}"));
        schemas.validate(message, schema).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
    let told: BTreeSet<&str> = messages.iter().map(|(name, _)| *name).collect();
    assert_eq!(told, compiled.keys().map(String::as_str).collect(), "every kind of message is shown");
}

/// A schema that lets anything pass would hold nothing.
#[test]
fn a_message_that_lacks_something_or_has_it_wrong_is_refused() {
    let (schemas, compiled) = compiled();
    let mut refused = 0;
    for (name, message) in messages() {
        for key in message.as_object().expect("an object").keys() {
            // Of these alone something may be missing.
            let may_lack = ["absent", "concurrency", "occupied", "restored"].contains(&key.as_str());
            let mut lacking = message.clone();
            lacking.as_object_mut().expect("an object").remove(key);
            let lacks = schemas.validate(&lacking, compiled[name]).is_err();
            assert_eq!(lacks, !may_lack, "{name} without {key}");
            let mut wrong = message.clone();
            wrong[key] = json!(["nothing of the kind"]);
            let is_list = ["emails", "entitlements", "asked"].contains(&key.as_str()) && message[key].is_array();
            assert_eq!(schemas.validate(&wrong, compiled[name]).is_err(), !is_list, "{name} with a wrong {key}");
            refused += 1;
        }
    }
    assert!(refused > 25, "only {refused} were tried");
}

#[test]
fn the_protocol_is_what_it_was() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema()).expect("JSON"));
}
