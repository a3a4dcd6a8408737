//! The protocol as JSON Schemas, made from the very types that the adapters use.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Failed, VERSION};
use crate::{source, target};

/// The schemas of every request and answer (JSON Schema 2020-12), as `$defs` of one document that itself allows each.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut asks = settings.clone().for_serialize().into_generator();
    let mut answers = settings.for_deserialize().into_generator();
    let mut messages = Map::new();
    let mut add = |name: &str, verb: &str, request: Schema, answer: Schema| {
        messages.insert(format!("{name}.request"), asked(verb, request.to_value()));
        messages.insert(format!("{name}.answer"), answer.to_value());
    };
    {
        use target::exec::api::{Amend, Describe, Description, Give, Given, Gone, Read, Reading, Revoke};
        add("target.describe", "describe", own::<Describe>(&mut asks), answer::<Description>(&mut answers));
        add("target.read", "read", own::<Read>(&mut asks), answer::<Reading>(&mut answers));
        add("target.grant", "grant", own::<Give>(&mut asks), answer::<Given>(&mut answers));
        add("target.revoke", "revoke", own::<Revoke>(&mut asks), answer::<Gone>(&mut answers));
        add("target.amend", "amend", own::<Amend>(&mut asks), answer::<Given>(&mut answers));
    }
    {
        use source::exec::api::{Read, Reading};
        add("source.read", "read", own::<Read>(&mut asks), answer::<Reading>(&mut answers));
    }
    let any: Vec<Value> = messages.keys().map(|name| json!({ "$ref": format!("#/$defs/{name}") })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The protocol of `exec`, version 1",
        "description": "Every message between oncall-sync and a command, each by its name in $defs.",
        "anyOf": any,
        "$defs": messages,
    })
}

/// A type's schema with everything in it written out: a message is looked at alone.
fn own<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    inlined(generator).into_root_schema_for::<T>()
}

/// What answers a call: the answer itself, or that it failed.
fn answer<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Schema::default();
    let either = [inlined(generator).into_root_schema_for::<T>(), inlined(generator).into_root_schema_for::<Failed>()];
    schema.insert("anyOf".into(), either.map(|schema| part(schema.to_value())).to_vec().into());
    schema
}

fn inlined(generator: &SchemaGenerator) -> SchemaGenerator {
    let mut settings = generator.settings().clone();
    settings.inline_subschemas = true;
    settings.into_generator()
}

/// A schema inside another does not say of which draft it is.
fn part(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
    }
    schema
}

/// A request with what every one has.
fn asked(verb: &str, own: Value) -> Value {
    let mut schema = part(own);
    schema["properties"]["version"] = json!({ "const": VERSION });
    schema["properties"]["verb"] = json!({ "const": verb });
    let mut required = vec![json!("version"), json!("verb")];
    required.extend(schema["required"].as_array().into_iter().flatten().cloned());
    schema["required"] = required.into();
    schema
}
