//! Okta's shapes: users, groups, rules and errors as they are on the wire.

use std::collections::BTreeSet;

use httpmock::HttpMockResponse;
use serde_json::{Value, json};

use super::world::{Group, Kind, Rule, User, World};

pub(super) fn user_body(user: &User, url: &str) -> Value {
    let time = "2025-03-19T08:01:48.000Z";
    json!({
        "id": user.id, "status": user.status.word(), "created": time, "activated": null, "statusChanged": time,
        "lastLogin": null, "lastUpdated": time, "passwordChanged": time, "type": {"id": "otyfake0000000000001"},
        "profile": {
            "firstName": "Some", "lastName": "Body", "mobilePhone": null, "secondEmail": null,
            "login": user.login, "email": user.email,
        },
        "credentials": {
            "password": {}, "provider": {"type": "OKTA", "name": "OKTA"},
            "emails": [{"value": user.email, "status": "VERIFIED", "type": "PRIMARY"}],
        },
        "_links": {"self": {"href": format!("{url}/api/v1/users/{}", user.id)}},
    })
}

pub(super) fn group_body(group: &Group, url: &str) -> Value {
    let time = "2020-08-27T18:15:51.000Z";
    let class = if group.kind == Kind::App { "okta:windows_security_principal" } else { "okta:user_group" };
    json!({
        "id": group.id, "created": time, "lastUpdated": time, "lastMembershipUpdated": time,
        "objectClass": [class], "type": group.kind.word(),
        "profile": {"name": group.name, "description": null},
        "_links": {"users": {"href": format!("{url}/api/v1/groups/{}/users", group.id)}},
    })
}

pub(super) fn rule_body(rule: &Rule, world: &World) -> Value {
    let mine = |(of, user): &(String, String)| (*of == rule.id).then(|| user.clone());
    let excluded: BTreeSet<String> = world.exclusions.iter().filter_map(mine).collect();
    json!({
        "type": "group_rule", "id": rule.id, "status": if rule.active { "ACTIVE" } else { "INACTIVE" },
        "name": rule.id, "created": "2016-12-01T14:40:04.000Z", "lastUpdated": "2016-12-01T14:40:04.000Z",
        "conditions": {
            "people": {"users": {"exclude": excluded}, "groups": {"exclude": []}},
            "expression": {"value": "user.role==\"Engineer\"", "type": "urn:okta:expression:1.0"},
        },
        "actions": {"assignUserToGroups": {"groupIds": rule.groups}},
    })
}

/// An error in Okta's own form; its id is put in where the answer leaves.
pub(super) fn okta_error(status: u16, code: &str, summary: &str, causes: &[&str]) -> HttpMockResponse {
    let causes: Vec<Value> = causes.iter().map(|cause| json!({"errorSummary": cause})).collect();
    let error = json!({
        "errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oaefakeErrorIdOfTheStandIn",
        "errorCauses": causes,
    });
    json_body(status, &error)
}

pub(super) fn json_body(status: u16, body: &Value) -> HttpMockResponse {
    respond(status, "application/json", body.to_string())
}

pub(super) fn respond(status: u16, kind: &str, body: String) -> HttpMockResponse {
    HttpMockResponse::builder().status(status).header("content-type", kind).body(body).build()
}
