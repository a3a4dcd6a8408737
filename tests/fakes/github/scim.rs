//! The enterprise's provisioned users: `GET /scim/v2/enterprises/{enterprise}/Users`.

use serde_json::{Value, json};

use super::Request;
use super::answer::{Answer, Outcome, Stop, not_found};
use super::world::{Right, ScimUser, World};

/// The page where nothing is asked for ("count", default 30), and the largest.
const PAGE: usize = 30;
const MAX_PAGE: usize = 100;

pub(super) fn users(world: &World, request: &Request, slug: &str) -> Outcome {
    let enterprise = world.enterprise.as_ref().filter(|known| known.slug == slug).ok_or_else(not_found)?;
    if !world.may(Right::Scim) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "403",
            "detail": "Must have the scim:enterprise scope.",
        });
        return Err(Stop::Refused(Answer::json(403, body)));
    }
    let (mut start, mut count, mut filter) = (1, PAGE, None);
    for (name, value) in &request.query {
        let number = || value.parse::<usize>().map_err(|_| bad(&format!("{name} is no number")));
        match name.as_str() {
            "startIndex" => start = number()?.max(1),
            "count" => count = number()?.min(MAX_PAGE),
            "filter" => filter = Some(parse(value)?),
            _ => return Err(Stop::Violation(format!("unknown query parameter {name}"))),
        }
    }
    let found: Vec<_> = enterprise.users.iter().filter(|user| fits(user, filter.as_ref())).collect();
    let count = count.min(world.page_limit);
    let page: Vec<_> = found.iter().skip(start - 1).take(count).map(|user| shown(world, user)).collect();
    Ok(Answer::json(
        200,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": found.len(), "startIndex": start, "itemsPerPage": page.len(), "Resources": page,
        }),
    ))
}

/// "Possible filters are `userName`, `externalId`, `id`, and `displayName`": one of them, `eq`, a quoted value.
fn parse(filter: &str) -> Result<(String, String), Stop> {
    let parts: Vec<_> = filter.splitn(3, ' ').collect();
    let [field, "eq", value] = parts[..] else { return Err(bad("this filter is not understood")) };
    let value: String = serde_json::from_str(value).map_err(|_| bad("the filter's value is not quoted"))?;
    if !["userName", "externalId", "id", "displayName"].contains(&field) {
        return Err(bad(&format!("{field} cannot be filtered by")));
    }
    Ok((field.to_owned(), value))
}

fn fits(user: &ScimUser, filter: Option<&(String, String)>) -> bool {
    filter.is_none_or(|(field, value)| field == "userName" && user.user_name.eq_ignore_ascii_case(value))
}

fn shown(world: &World, user: &ScimUser) -> Value {
    let id = format!("7fce0092-{}", user.user_name);
    let emails: Vec<_> = user
        .emails
        .iter()
        .enumerate()
        .map(|(number, email)| json!({"value": email, "type": "work", "primary": number == 0}))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id, "externalId": format!("E-{id}"),
        "userName": user.user_name, "displayName": user.user_name, "active": user.active, "emails": emails,
        "name": {"formatted": user.user_name, "givenName": "Given", "familyName": "Family"},
        "roles": [{"value": "user", "primary": true}], "groups": [],
        "meta": {
            "resourceType": "User", "location": format!("{}/scim/v2/Users/{id}", world.base),
            "created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z",
        },
    })
}

fn bad(detail: &str) -> Stop {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "detail": detail,
        "scimType": "invalidFilter",
    });
    Stop::Refused(Answer::json(400, body))
}
