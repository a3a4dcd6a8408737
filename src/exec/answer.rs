//! Answers as they are read from standard output.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The most calls of one command that may run side by side: as many as requests to a host.
const MOST_CALLS: usize = crate::net::CONCURRENCY;

/// The whole call failed. May be answered to every verb, with any exit status.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Failed {
    /// Why, in a sentence.
    pub error: String,
    /// To `grant` and `amend`: one grant is kept for each account and entitlement, and another stands there.
    #[serde(default)]
    pub occupied: bool,
    /// To `amend`: it failed, and the old grant stands again under this id.
    #[serde(default)]
    pub restored: Option<String>,
}

/// One thing that was asked for among others: what it is, or an error of its own.
#[derive(Debug, Clone)]
pub enum Each<T> {
    Is(T),
    /// The command says why there is no such thing.
    Error(String),
    /// The command says what makes no sense, and why it does not.
    Unusable(String),
}

/// There is no such thing.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "it is read by hand, and described by its schema")]
struct Unknown {
    /// Why, in a sentence that names it, and names like it.
    error: String,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match value.get("error") {
            Some(error) if !error.is_null() => Self::Error(text(error)),
            _ if !value.is_object() => Self::Unusable("it is no object".to_owned()),
            _ => serde_path_to_error::deserialize(value).map_or_else(|why| Self::Unusable(why.to_string()), Self::Is),
        })
    }
}

impl<T: JsonSchema> JsonSchema for Each<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<T>(), generator.subschema_for::<Unknown>()] })
    }
}

/// An error's text, or what stands in its place.
fn text(error: &Value) -> String {
    error.as_str().map_or_else(|| error.to_string(), str::to_owned)
}

/// The answer in `output`, which has to be one JSON object.
///
/// # Errors
/// Where it is none, or not as the protocol has it, a sentence that says so.
pub fn parse<A: DeserializeOwned>(output: &[u8]) -> Result<A, String> {
    object(output)?;
    let mut reader = serde_json::Deserializer::from_slice(output);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        if path == "." { error.inner().to_string() } else { format!("`{path}`: {}", error.inner()) }
    })
}

/// The error in `output`, where it is one.
pub fn failed(output: &[u8]) -> Option<Failed> {
    let whole = object(output).ok()?;
    // An error whose other members are wrong is an error still.
    let error = text(whole.get("error").filter(|error| !error.is_null())?);
    let occupied = whole.get("occupied").and_then(Value::as_bool).unwrap_or_default();
    let restored = whole.get("restored").and_then(Value::as_str).map(str::to_owned);
    Some(Failed { error, occupied, restored })
}

/// The object and nothing beside it: a list of the same values would be read as one, too.
fn object(output: &[u8]) -> Result<serde_json::Map<String, Value>, String> {
    if output.trim_ascii().is_empty() {
        return Err("it printed nothing, where one JSON object has to be on standard output".to_owned());
    }
    let value: Value = serde_json::from_slice(output)
        .map_err(|error| format!("it is not one JSON object ({error}); print nothing else to standard output"))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("it is JSON and not an object".to_owned()),
    }
}

/// The version that a command speaks, where it is one that is known here.
///
/// # Errors
/// Where it is another.
pub fn check_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == super::VERSION {
        return Ok(version);
    }
    let known = super::VERSION;
    Err(D::Error::custom(format_args!("it is {version}, and this oncall-sync speaks version {known} of the protocol")))
}

/// How many calls may run side by side.
///
/// # Errors
/// Where there are none, or more than 32.
pub fn most_calls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let calls = usize::deserialize(deserializer)?;
    if (1..=MOST_CALLS).contains(&calls) {
        return Ok(calls);
    }
    Err(D::Error::custom(format_args!("it is {calls}, and has to be from 1 to {MOST_CALLS}")))
}
