//! The page's messages of `exec`: every kind there is, and none that the program would not understand.

use std::collections::BTreeSet;
use std::fmt::Debug;

use oncall_sync::exec::{Failed, schema};
use oncall_sync::source::exec::api as source;
use oncall_sync::target::exec::api as target;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::page::README;
use crate::fakes::command;

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

/// Whether the program understands an answer, as what the verb answers or that it failed; and as what.
fn understood<T: DeserializeOwned + Debug>(answer: &Value) -> Result<String, String> {
    let read = if answer.get("error").is_some() {
        Failed::deserialize(answer).map(|failed| format!("{failed:?}"))
    } else {
        T::deserialize(answer).map(|answer| format!("{answer:?}"))
    };
    read.map_err(|error| error.to_string())
}

/// The same for every kind of message. A request is understood by the strict command of the tests, as what the program sends is.
fn read(name: &str, message: &Value) -> Result<String, String> {
    match name {
        "target.describe.answer" => understood::<target::Description>(message),
        "target.read.answer" => understood::<target::Reading>(message),
        "target.grant.answer" | "target.amend.answer" => understood::<target::Given>(message),
        "target.revoke.answer" => understood::<target::Gone>(message),
        "source.read.answer" => understood::<source::Reading>(message),
        request if request.ends_with(".request") => command::understood(message).map(|()| String::new()),
        _ => Err("no such message".to_owned()),
    }
}

/// Every member of a message, with what it is in.
fn members(message: &Value, path: &str) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match message {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(all) => all.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let with_its_own = |(key, value): (String, &Value)| {
        let path = format!("{path}/{key}");
        let own = members(value, &path);
        std::iter::once(path).chain(own)
    };
    inner.into_iter().flat_map(with_its_own).collect()
}

/// What the page shows the program takes, and it looks at every member: with something else in its place the message is wrong,
/// or says something else. That each is as its schema says, tests/vendor/exec holds with a validator that others wrote.
#[test]
fn every_kind_of_message_is_on_the_page_and_understood_to_the_last_member() {
    let messages = messages();
    for (name, message) in &messages {
        let said = read(name, message).unwrap_or_else(|error| panic!("{name}: {error}"));
        for member in members(message, "") {
            let mut other = message.clone();
            *other.pointer_mut(&member).expect("it is there") = serde_json::json!([[]]);
            assert_ne!(read(name, &other), Ok(said.clone()), "{name}: nobody looks at {member}");
        }
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
