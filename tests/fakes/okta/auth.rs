//! Who may ask: the API token, and the service app with its key, its tokens and its DPoP proofs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use httpmock::{HttpMockRequest, HttpMockResponse};
use reqwest::Url;
use serde_json::{Value, json};

use super::percent_decoded;
use super::shapes::{json_body, okta_error, respond};
use super::world::Manners;
use crate::fakes::jwt::{Jwt, encode, hash, thumbprint};
use crate::fakes::keys;
use crate::fakes::rest::header;

/// The one API token that the organisation takes.
pub const API_TOKEN: &str = "00FakeTokenOfTheStandInForOkta-_1234567890";

/// The service app.
pub const CLIENT_ID: &str = "0oafakeserviceapp0g4";

/// Where tokens are had.
pub(super) const TOKEN_PATH: &str = "/oauth2/v1/token";

/// "The JWT expires … can't be more than one hour in the future" (`exp` of a client assertion).
const FURTHEST: TimeDelta = TimeDelta::hours(1);

/// How far the `iat` of a proof may be off. Okta does not say; RFC 9449 speaks of seconds or minutes.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Algorithms as Okta's challenge names them; the stand-in verifies RS256 and ES256.
const ALGORITHMS: &str = "RS256 RS384 RS512 ES256 ES384 ES512";

/// What was handed out, and what may not come twice.
#[derive(Default)]
pub(super) struct Auth {
    tokens: BTreeMap<String, Access>,
    /// `jti` of assertions and of proofs.
    used: BTreeSet<String>,
    issued: usize,
    nonces: usize,
}

struct Access {
    until: DateTime<Utc>,
    scopes: BTreeSet<String>,
    /// Thumbprint of the key that it is bound to.
    key: Option<String>,
}

/// What a request is held against.
pub(super) struct Setting<'s> {
    pub now: DateTime<Utc>,
    pub url: &'s str,
    pub manners: &'s Manners,
}

/// An OAuth error: status, code, description.
type Refusal = (u16, &'static str, String);

impl Auth {
    /// Every access token so far.
    pub(super) fn issued(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    /// Ends every token that was handed out.
    pub(super) fn expire(&mut self) {
        self.tokens.values_mut().for_each(|access| access.until = DateTime::<Utc>::MIN_UTC);
    }

    /// From now on, another nonce has to be in proofs.
    pub(super) fn renew_nonce(&mut self) {
        self.nonces += 1;
    }

    fn nonce(&self) -> String {
        encode(format!("nonce of the stand-in {}", self.nonces))
    }

    /// Answers `POST /oauth2/v1/token`.
    pub(super) fn token(&mut self, http: &HttpMockRequest, setting: &Setting<'_>) -> HttpMockResponse {
        let mut response = match self.issue(http, setting) {
            Ok(body) => json_body(200, &body),
            Err((status, code, description)) => {
                json_body(status, &json!({"error": code, "error_description": description}))
            }
        };
        if !header(http, "dpop").is_empty() {
            response.headers.get_or_insert_default().push(("dpop-nonce".to_owned(), self.nonce()));
        }
        response
    }

    fn issue(&mut self, http: &HttpMockRequest, setting: &Setting<'_>) -> Result<Value, Refusal> {
        let form = form(http)?;
        let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if of("grant_type") != "client_credentials" {
            let description = "The authorization grant type is not supported by the authorization server.".to_owned();
            return Err((400, "unsupported_grant_type", description));
        }
        if of("client_assertion_type") != ASSERTION_TYPE {
            return Err(client("The client_assertion_type is invalid."));
        }
        self.check_assertion(of("client_assertion"), setting)?;
        let key = self.key_to_bind(http, setting)?;
        let scopes: BTreeSet<String> =
            of("scope").split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        if scopes.is_empty() {
            return Err((400, "invalid_scope", "The authorization server resource does not have any configured default scopes, 'scope' must be provided.".to_owned()));
        }
        if !scopes.iter().all(|scope| setting.manners.scopes.contains(scope.as_str())) {
            let description = "You are not allowed any of the requested scopes.".to_owned();
            return Err((400, "invalid_scope", description));
        }
        self.issued += 1;
        let claims = json!({"jti": format!("AT.{}", self.issued), "sub": CLIENT_ID, "iss": setting.url});
        let token =
            format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(claims.to_string()), hash(&claims.to_string()));
        let kind = if key.is_some() { "DPoP" } else { "Bearer" };
        let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let lifetime = setting.manners.lifetime;
        self.tokens.insert(token.clone(), Access { until: setting.now + lifetime, scopes, key });
        Ok(json!({"token_type": kind, "expires_in": lifetime.num_seconds(), "access_token": token, "scope": scope}))
    }

    fn check_assertion(&mut self, assertion: &str, setting: &Setting<'_>) -> Result<(), Refusal> {
        let jwt = Jwt::parse(assertion).ok_or_else(|| client("The client_assertion is not a valid JWT."))?;
        if jwt.text("iss") != CLIENT_ID || jwt.text("sub") != CLIENT_ID {
            return Err(client("The issuer and subject claims of client_assertion must be the client_id."));
        }
        let named = jwt.header["kid"].as_str();
        if named.is_some_and(|kid| kid != keys::KEY_ID) || (named.is_none() && setting.manners.two_keys) {
            return Err(client("The client_assertion JWT kid is invalid."));
        }
        if jwt.header["alg"] != "RS256" || !jwt.is_signed_by(&keys::public()) {
            return Err(client("The client_assertion signature is invalid."));
        }
        if jwt.claims["aud"] != json!(format!("{}{TOKEN_PATH}", setting.url)) {
            return Err(client(
                "The audience claim for client_assertion must be the endpoint invoked for the request.",
            ));
        }
        let at = |claim: &str| jwt.claims[claim].as_i64().and_then(|at| DateTime::from_timestamp(at, 0));
        let Some(until) = at("exp") else { return Err(client("The client_assertion has no expiration.")) };
        if until <= setting.now {
            return Err(client("The client_assertion token is expired."));
        }
        if until > setting.now + FURTHEST {
            return Err(client("The client_assertion token has an expiration too far into the future."));
        }
        if at("iat").is_some_and(|issued| issued > setting.now + TOLERANCE) {
            return Err(client("The client_assertion token was issued in the future."));
        }
        let id = jwt.text("jti");
        if !id.is_empty() && !self.used.insert(format!("assertion {id}")) {
            return Err(client("The client_assertion token has already been used."));
        }
        Ok(())
    }

    /// The key that the token to be issued is bound to; `None` for a bearer token.
    fn key_to_bind(&mut self, http: &HttpMockRequest, setting: &Setting<'_>) -> Result<Option<String>, Refusal> {
        if header(http, "dpop").is_empty() && !setting.manners.requires_dpop {
            return Ok(None);
        }
        let proof = self.check_proof(http, setting).map_err(proof)?;
        if proof.claims.get("nonce") != Some(&json!(self.nonce())) {
            let description = "Authorization server requires nonce in DPoP proof.".to_owned();
            return Err((400, "use_dpop_nonce", description));
        }
        Ok(Some(thumbprint(&proof.header["jwk"])))
    }

    /// The proof of this request, verified but for its nonce and its token.
    fn check_proof(&mut self, http: &HttpMockRequest, setting: &Setting<'_>) -> Result<Jwt, String> {
        let headers = header(http, "dpop");
        let [proof] = headers.as_slice() else {
            return Err("The DPoP proof JWT header is missing.".to_owned());
        };
        let proof = Jwt::parse(proof).ok_or("The DPoP proof JWT is malformed.")?;
        let claim = |name: &str| format!("'{name}' claim in the DPoP proof JWT is invalid.");
        if proof.header["typ"] != "dpop+jwt" {
            return Err("The DPoP proof JWT header 'typ' is invalid.".to_owned());
        }
        let key = &proof.header["jwk"];
        if !key.is_object() || ["d", "p", "q", "k"].iter().any(|part| key.get(part).is_some()) {
            return Err("The DPoP proof JWT header 'jwk' is invalid.".to_owned());
        }
        if !proof.is_signed_by(key) {
            return Err("The DPoP proof JWT signature is invalid.".to_owned());
        }
        if proof.text("htm") != http.method_str() {
            return Err(claim("htm"));
        }
        // Okta compares with the path as it reads once decoded: `@` and never `%40`, whatever was sent.
        if proof.text("htu") != format!("{}{}", setting.url, percent_decoded(http.uri().path())) {
            return Err(claim("htu"));
        }
        let issued = proof.claims["iat"].as_i64().and_then(|at| DateTime::from_timestamp(at, 0));
        if issued.is_none_or(|issued| (issued - setting.now).abs() > TOLERANCE) {
            return Err(claim("iat"));
        }
        let id = proof.text("jti");
        if id.is_empty() || !self.used.insert(format!("proof {id}")) {
            return Err(claim("jti"));
        }
        Ok(proof)
    }

    /// Whether a request to the API may be answered, which takes one of `scopes`.
    pub(super) fn admit(
        &mut self,
        http: &HttpMockRequest,
        scopes: &[&str],
        setting: &Setting<'_>,
    ) -> Result<(), HttpMockResponse> {
        let headers = header(http, "authorization");
        let [authorization] = headers.as_slice() else { return Err(no_token()) };
        let Some((scheme, token)) = authorization.split_once(' ') else { return Err(no_token()) };
        let challenge = |scheme: &str, status: u16, error: &str, description: &str| {
            challenge(http, setting.url, scopes, (scheme, status, error, description))
        };
        match scheme {
            "SSWS" if token == API_TOKEN => return Ok(()),
            "Bearer" | "DPoP" => {}
            _ => return Err(no_token()),
        }
        let Some(Access { until, scopes: granted, key }) = self.tokens.get(token) else {
            return Err(challenge(scheme, 401, "invalid_token", "The access token is invalid."));
        };
        if *until <= setting.now {
            return Err(challenge(scheme, 401, "invalid_token", "The token has expired."));
        }
        let covers = |wanted: &&str| granted.contains(*wanted) || granted.contains(&wanted.replace(".read", ".manage"));
        let covered = scopes.iter().any(covers);
        match (scheme, key.clone()) {
            ("Bearer", None) => {}
            ("DPoP", Some(key)) => self.admit_proof(http, token, &key, setting, &challenge)?,
            ("Bearer", Some(_)) => {
                return Err(challenge("DPoP", 400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."));
            }
            _ => return Err(challenge("Bearer", 401, "invalid_token", "The access token is not bound to a key.")),
        }
        if !covered {
            let description = "The access token provided does not contain the required scopes.";
            return Err(challenge(scheme, 403, "insufficient_scope", description));
        }
        Ok(())
    }

    fn admit_proof(
        &mut self,
        http: &HttpMockRequest,
        token: &str,
        key: &str,
        setting: &Setting<'_>,
        challenge: &dyn Fn(&str, u16, &str, &str) -> HttpMockResponse,
    ) -> Result<(), HttpMockResponse> {
        let wrong = |description: &str| challenge("DPoP", 400, "invalid_dpop_proof", description);
        let proof = self.check_proof(http, setting).map_err(|problem| wrong(&problem))?;
        if proof.text("ath") != hash(token) {
            return Err(wrong("'ath' claim in the DPoP proof JWT is invalid."));
        }
        if thumbprint(&proof.header["jwk"]) != key {
            return Err(wrong("The DPoP proof JWT key does not match the access token's."));
        }
        if setting.manners.resource_nonce && proof.claims.get("nonce") != Some(&json!(self.nonce())) {
            let mut response =
                challenge("DPoP", 400, "use_dpop_nonce", "Resource server requires nonce in DPoP proof.");
            response.headers.get_or_insert_default().push(("dpop-nonce".to_owned(), self.nonce()));
            return Err(response);
        }
        Ok(())
    }
}

/// The fields of a form, each there once.
fn form(http: &HttpMockRequest) -> Result<BTreeMap<String, String>, Refusal> {
    let wrong = |what: String| (400, "invalid_request", what);
    let kind = header(http, "content-type").concat();
    if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
        return Err(wrong(format!("Content-Type {kind} is no form.")));
    }
    let known = ["grant_type", "scope", "client_assertion_type", "client_assertion", "client_id"];
    let url = Url::parse(&format!("http://form/?{}", http.body_string())).map_err(|error| wrong(error.to_string()))?;
    let mut form = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        if !known.contains(&&*name) || form.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(wrong(format!("The parameter {name} is not known, or given twice.")));
        }
    }
    Ok(form)
}

fn client(description: &str) -> Refusal {
    (401, "invalid_client", description.to_owned())
}

fn proof(description: String) -> Refusal {
    (400, "invalid_dpop_proof", description)
}

fn no_token() -> HttpMockResponse {
    okta_error(401, "E0000011", "Invalid token provided", &[])
}

/// A refusal with a challenge, spelled as Okta's were seen to be. A wrong proof has no body.
fn challenge(
    http: &HttpMockRequest,
    url: &str,
    scopes: &[&str],
    (scheme, status, error, description): (&str, u16, &str, &str),
) -> HttpMockResponse {
    let algorithms = if scheme == "DPoP" { format!("algs=\"{ALGORITHMS}\", ") } else { String::new() };
    let value = format!(
        "{scheme} {algorithms}authorization_uri=\"{url}/oauth2/v1/authorize\", realm=\"{url}\", scope=\"{}\", \
         error=\"{error}\", error_description=\"{description}\", resource=\"{}\"",
        scopes.join(" "),
        http.uri().path(),
    );
    let mut response = match status {
        401 => no_token(),
        403 => okta_error(403, "E0000006", "You do not have permission to perform the requested action", &[]),
        _ => respond(status, "application/json", String::new()),
    };
    response.headers.get_or_insert_default().push(("www-authenticate".to_owned(), value));
    response
}
