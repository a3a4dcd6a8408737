//! The page's messages of `exec`: every kind there is, and none that the program would not understand.

use std::collections::BTreeSet;

use oncall_sync::exec::{Failed, schema};
use oncall_sync::source::exec::api as source;
use oncall_sync::target::exec::api as target;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

/// Whether the program understands an answer: what the verb answers, or that it failed.
fn understood<T: DeserializeOwned>(answer: &Value) -> Result<(), String> {
    let read = if answer.get("error").is_some() {
        Failed::deserialize(answer).map(drop)
    } else {
        T::deserialize(answer).map(drop)
    };
    read.map_err(|error| error.to_string())
}

/// What the page shows the program takes. That each message is as its schema says, and wrong copies of it are not,
/// tests/vendor/exec holds with a validator that others wrote.
#[test]
fn every_kind_of_message_is_on_the_page_and_answers_are_understood() {
    let messages = messages();
    for (name, message) in &messages {
        let outcome = match *name {
            "target.describe.answer" => understood::<target::Description>(message),
            "target.read.answer" => understood::<target::Reading>(message),
            "target.grant.answer" | "target.amend.answer" => understood::<target::Given>(message),
            "target.revoke.answer" => understood::<target::Gone>(message),
            "source.read.answer" => understood::<source::Reading>(message),
            request => request.strip_suffix(".request").map(drop).ok_or_else(|| "no such message".to_owned()),
        };
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let told: BTreeSet<&str> = messages.iter().map(|(name, _)| *name).collect();
    let schema = schema();
    let kinds = schema["$defs"].as_object().expect("schemas").keys();
    assert_eq!(told, kinds.map(String::as_str).collect());
}

#[test]
fn the_protocol_is_what_it_was() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema()).expect("JSON"));
}
