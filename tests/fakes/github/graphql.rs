//! The GraphQL API: a request held against the schema, its size against the limits, and then carried out.
//!
//! Parsing, validation and execution are a library's; here is what GitHub adds to them.

use std::cell::RefCell;
use std::sync::LazyLock;

use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::resolvers::Execution;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Map, Value, json};

use super::Request;
use super::answer::{Answer, Stop, refused};
use super::app::Caller;
use super::object::{Object, Scene, Thing};
use super::world::World;

const TEXT: &str = include_str!("schema.graphql");

static SCHEMA: LazyLock<Valid<Schema>> =
    LazyLock::new(|| Schema::parse_and_validate(TEXT, "schema.graphql").expect("a schema"));

/// That of an Enterprise Server, which tells who is suspended; GitHub.com knows no such field.
static SERVER: LazyLock<Valid<Schema>> = LazyLock::new(|| {
    let text = format!("{TEXT}\nextend type User {{ suspendedAt: DateTime }}\n");
    Schema::parse_and_validate(text, "schema.graphql").expect("a schema")
});

/// "Individual calls cannot request more than 500,000 total nodes."
const MAX_NODES: u64 = 500_000;

/// Stands between the type of an error and its words, where the library has room for words alone.
pub(super) const SEPARATOR: char = '|';

/// The answer, and the points it costs.
pub(super) fn answer(
    world: &World,
    request: &Request,
    caller: Caller,
    endless: bool,
    left: u64,
) -> Result<(Answer, u64), Stop> {
    if request.method != "POST" {
        return Err(Stop::Violation("GraphQL is asked by POST".to_owned()));
    }
    let body: Map<String, Value> =
        serde_json::from_str(&request.body).map_err(|_| refused(400, "Problems parsing JSON"))?;
    if let Some(unknown) = body.keys().find(|key| !["query", "variables", "operationName"].contains(&key.as_str())) {
        return Err(Stop::Violation(format!("unknown body parameter {unknown}")));
    }
    let Some(query) = body.get("query").and_then(Value::as_str) else {
        return Err(Stop::Violation("a query attribute must be specified and must be a string".to_owned()));
    };
    let schema = if world.server { &*SERVER } else { &*SCHEMA };
    let document = ExecutableDocument::parse_and_validate(schema, query, "query.graphql")
        .map_err(|invalid| Stop::Violation(worded(&invalid.errors.to_string())))?;
    let empty = Map::new();
    let variables = body.get("variables").filter(|given| !given.is_null());
    let variables = variables.map_or(Some(&empty), Value::as_object);
    let Some(variables) = variables else { return Err(Stop::Violation("variables are no object".to_owned())) };
    let name = body.get("operationName").and_then(Value::as_str);
    let operation =
        document.operations.get(name).map_err(|_| Stop::Violation("which operation is meant?".to_owned()))?;
    let size = Size { document: &document, variables };
    let (nodes, calls) = size.of(&operation.selection_set, 1);
    if nodes > MAX_NODES {
        let message =
            format!("This query requests up to {nodes} possible nodes which exceeds the maximum limit of {MAX_NODES}.");
        let errors = json!({"data": null, "errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}]});
        return Ok((Answer::json(200, errors), 1));
    }
    let cost = ((calls + 50) / 100).max(1);
    if left < cost {
        let limited = json!({"errors": [
            {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."},
        ]});
        return Ok((Answer::json(200, limited), 0));
    }
    let given = serde_json::from_value(json!(variables)).expect("JSON is JSON");
    let missing = RefCell::new(Vec::new());
    let scene = Scene { world, caller, endless, cost, nodes, left, missing: &missing };
    let root = Object { thing: Thing::Query, scene };
    let response = Execution::new(schema, &document)
        .operation(operation)
        .raw_variable_values(&given)
        .execute_sync(&root)
        .map_err(|error| Stop::Violation(error.message().to_string()))?;
    let mut response = typed(serde_json::to_value(&response).expect("JSON"));
    let missing = missing.into_inner();
    if !missing.is_empty() {
        let errors = response.as_object_mut().expect("an object").entry("errors").or_insert(json!([]));
        errors.as_array_mut().expect("a list").extend(missing);
    }
    Ok((Answer::json(200, response), cost))
}

/// Puts the types of the errors where GitHub has them.
fn typed(mut response: Value) -> Value {
    for error in response.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        let message = error["message"].as_str().unwrap_or_default().replacen("resolver error: ", "", 1);
        if let Some((kind, message)) = message.split_once(SEPARATOR) {
            error["type"] = json!(kind);
            error["message"] = json!(message);
        }
    }
    response
}

/// What the library says about an invalid query, in GitHub's words where it is an unknown field.
fn worded(errors: &str) -> String {
    let unknown = errors.lines().find(|line| line.contains("does not have a field"));
    let mut quoted = unknown.unwrap_or_default().split('`').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(kind), Some(field)) => format!("Field '{field}' doesn't exist on type '{kind}'"),
        _ => errors.to_owned(),
    }
}

/// How much a query may bring, as GitHub counts it before it looks.
struct Size<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Map<String, Value>,
}

impl Size<'_> {
    /// Nodes at most, and calls for lists, where this set is answered `times` times.
    fn of(&self, set: &SelectionSet, times: u64) -> (u64, u64) {
        let mut total = (0, 0);
        for selection in &set.selections {
            let (nodes, calls) = match selection {
                Selection::Field(field) => self.of_field(field, times),
                Selection::InlineFragment(inline) => self.of(&inline.selection_set, times),
                Selection::FragmentSpread(spread) => {
                    self.of(&self.document.fragments[&spread.fragment_name].selection_set, times)
                }
            };
            total = (total.0 + nodes, total.1 + calls);
        }
        total
    }

    fn of_field(&self, field: &Field, times: u64) -> (u64, u64) {
        let limit = ["first", "last"].iter().find_map(|name| self.number(field, name));
        let Some(limit) = limit else { return self.of(&field.selection_set, times) };
        let (nodes, calls) = self.of(&field.selection_set, times * limit);
        (nodes + times * limit, calls + times)
    }

    fn number(&self, field: &Field, name: &str) -> Option<u64> {
        let argument = field.arguments.iter().find(|argument| argument.name == name)?;
        match &*argument.value {
            Literal::Int(number) => number.try_to_i32().ok().and_then(|number| u64::try_from(number).ok()),
            Literal::Variable(variable) => self.variables.get(variable.as_str())?.as_u64(),
            _ => None,
        }
    }
}
