//! One request from its arrival to its answer: manners, credentials, limits, then what was asked.

use chrono::{DateTime, Utc};
use httpmock::{HttpMockRequest, HttpMockResponse};
use serde_json::json;

use super::answer::{Answer, Outcome, Stop};
use super::app::Caller;
use super::fault::{Fault, SECONDARY};
use super::rest::Rest;
use super::{Request, State, graphql, rest};
use crate::fakes::gate::Gate;
use crate::fakes::rest::header as all_of;

/// The versions of the REST API that GitHub supports.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// Media types that say JSON; `*/*` says that the client did not read the documentation.
const ACCEPTED: [&str; 3] = ["application/vnd.github+json", "application/json", "application/scim+json"];

impl State {
    pub(super) fn serve(&mut self, http: &HttpMockRequest, gate: &Gate, crowded: bool) -> HttpMockResponse {
        let path = http.uri().path().to_owned();
        let mut request = Request {
            method: http.method_str().to_owned(),
            path,
            query: http.query_params(),
            body: String::from_utf8_lossy(http.body_ref()).into_owned(),
        };
        if self.world.server {
            let stripped = request.path.strip_prefix("/api/v3").or_else(|| request.path.strip_prefix("/api"));
            request.path = stripped.unwrap_or("/outside-of-the-api").to_owned();
        }
        self.requests.push(request.clone());
        if header(http, "user-agent").is_none_or(|agent| agent.is_empty()) {
            self.violations.push(format!("{} {}: no User-Agent", request.method, request.path));
            return self.dated(
                403,
                "text/plain",
                "Request forbidden by administrative rules. \
                Please make sure your request has a User-Agent header."
                    .to_owned(),
            );
        }
        let fault = self.armed.next(&request.line());
        if let Some(fault) = &fault {
            fault.spoil(gate);
        }
        if fault == Some(Fault::Echo) {
            return self.dated(400, "text/plain", header(http, "authorization").unwrap_or_default());
        }
        let done_but = matches!(fault, Some(Fault::DoneBut(_)));
        if let Some(foreign) = fault.as_ref().filter(|_| !done_but).and_then(Fault::foreign) {
            return foreign;
        }
        // One instant for a limit's end and the answer's date.
        let now = self.world.now();
        let failing = fault.as_ref().and_then(|fault| fault.answer(now.timestamp()));
        let outcome = match failing {
            Some(answer) => Ok(answer),
            None if crowded => Ok(Answer::message(403, SECONDARY)),
            None => self.answer(http, &request, fault.as_ref()),
        };
        let answer = match outcome {
            Ok(answer) | Err(Stop::Refused(answer)) => answer,
            Err(Stop::Violation(what)) => {
                self.violations.push(format!("{} {}: {what}", request.method, request.path));
                Answer::message(422, &what)
            }
        };
        if let Some(foreign) = fault.as_ref().and_then(Fault::foreign) {
            return foreign;
        }
        self.respond(answer, resource(&request.path), now)
    }

    fn answer(&mut self, http: &HttpMockRequest, request: &Request, fault: Option<&Fault>) -> Outcome {
        manners(http, request)?;
        let now = self.world.now();
        if fault == Some(&Fault::Expired) {
            self.tokens.expire(now);
        }
        let Some(credential) = header(http, "authorization") else {
            return Err(Stop::Violation("no credential".to_owned()));
        };
        let (scheme, credential) = credential.split_once(' ').unwrap_or(("", &credential));
        if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("token") {
            return Err(Stop::Violation(format!("the credential's scheme is {scheme:?}")));
        }
        let caller = self.tokens.caller(credential, now).map_err(|why| Stop::Refused(Answer::message(401, &why)))?;
        let of_app = rest::is_apps(&request.method, &request.path);
        match caller {
            Caller::App if !of_app => return Err(super::answer::refused(403, super::BEYOND_APP)),
            Caller::User | Caller::Installation if of_app => {
                return Err(super::answer::refused(401, "A JSON web token could not be decoded"));
            }
            Caller::Installation if self.world.suspended => {
                return Err(super::answer::refused(403, "This installation has been suspended"));
            }
            _ => {}
        }
        let endless = fault == Some(&Fault::Endless);
        if request.path == "/graphql" {
            let (answer, cost) = graphql::answer(&self.world, request, caller, endless, self.left("graphql"))?;
            return self.spend("graphql", cost).map(|()| answer);
        }
        self.spend(resource(&request.path), 1)?;
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let (world, tokens) = (&mut self.world, &mut self.tokens);
        Rest { world, tokens, caller, request, endless }.answer(&parts)
    }

    fn left(&self, resource: &'static str) -> u64 {
        self.world.limit.saturating_sub(self.used.get(resource).copied().unwrap_or_default())
    }

    /// Counts against the hour; over its end nothing is answered.
    fn spend(&mut self, resource: &'static str, cost: u64) -> Result<(), Stop> {
        if self.world.server {
            return Ok(());
        }
        if self.left(resource) < cost {
            let limited = Fault::Primary { status: 403, reset: 3600 }.answer(self.world.now().timestamp());
            return Err(Stop::Refused(limited.expect("a limit is an answer")));
        }
        *self.used.entry(resource).or_default() += cost;
        Ok(())
    }

    /// The answer on the wire, with what GitHub puts on every one.
    fn respond(&self, answer: Answer, resource: &'static str, now: DateTime<Utc>) -> HttpMockResponse {
        let used = self.used.get(resource).copied().unwrap_or_default();
        let limit = self.world.limit;
        let mut headers = vec![
            ("date", httpdate::fmt_http_date(now.into())),
            ("x-github-request-id", format!("FA4E:57A4D:{:X}", self.requests.len())),
            ("x-github-media-type", "github.v3; format=json".to_owned()),
            ("server", "github.com".to_owned()),
        ];
        if self.world.server {
            headers.push(("x-github-enterprise-version", "3.19.0".to_owned()));
        } else {
            headers.extend([
                ("x-ratelimit-limit", limit.to_string()),
                ("x-ratelimit-remaining", limit.saturating_sub(used).to_string()),
                ("x-ratelimit-used", used.to_string()),
                ("x-ratelimit-reset", (now.timestamp() + 3600).to_string()),
                ("x-ratelimit-resource", resource.to_owned()),
            ]);
        }
        for (name, value) in answer.headers {
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
        }
        let mut response = HttpMockResponse::builder().status(answer.status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        match answer.body {
            Some(body) => {
                response.header("content-type", "application/json; charset=utf-8").body(body.to_string()).build()
            }
            None => response.build(),
        }
    }

    fn dated(&self, status: u16, kind: &str, body: String) -> HttpMockResponse {
        let date = httpdate::fmt_http_date(self.world.now().into());
        let response = HttpMockResponse::builder().status(status).header("content-type", kind).header("date", date);
        response.header("x-github-request-id", format!("FA4E:{:X}", self.requests.len())).body(body).build()
    }
}

/// Which limit a request counts against.
fn resource(path: &str) -> &'static str {
    match path {
        "/graphql" => "graphql",
        _ if path.starts_with("/scim/") => "scim",
        _ => "core",
    }
}

/// What is wrong with a request before anybody looks at its path.
fn manners(http: &HttpMockRequest, request: &Request) -> Result<(), Stop> {
    let accept = header(http, "accept").unwrap_or_default();
    if !ACCEPTED.iter().any(|known| accept.split(',').any(|given| given.trim() == *known)) {
        return Err(Stop::Violation(format!("Accept: {accept:?} is none of {ACCEPTED:?}")));
    }
    match header(http, "x-github-api-version") {
        None if request.path != "/graphql" => return Err(Stop::Violation("no X-GitHub-Api-Version".to_owned())),
        Some(version) if !VERSIONS.contains(&version.as_str()) => {
            let body = json!({"message": format!("{version} is not a supported version"), "status": "400"});
            return Err(Stop::Refused(Answer::json(400, body)));
        }
        _ => {}
    }
    if matches!(request.method.as_str(), "GET" | "DELETE") && !request.body.is_empty() {
        return Err(Stop::Violation(format!("a {} has no body", request.method)));
    }
    let json = header(http, "content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !request.body.is_empty() && !json {
        return Err(Stop::Violation("a body that is not said to be JSON".to_owned()));
    }
    Ok(())
}

fn header(http: &HttpMockRequest, name: &str) -> Option<String> {
    let values = all_of(http, name);
    assert!(values.len() <= 1, "{name} came twice: {values:?}");
    values.into_iter().next()
}
