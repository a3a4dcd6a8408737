//! The adapter against a server that answers what each test says, and what it asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::domain::{Period, Reasons};
use crate::net::Clock;
use crate::target::Target as _;

/// One request as it came.
#[derive(Debug, Clone)]
struct Request {
    /// Method and path.
    line: String,
    authorization: String,
    body: Value,
}

impl Request {
    fn is(&self, line: &str) -> bool {
        self.line == line
    }

    /// At somebody and a team, before a change.
    fn looks(&self) -> bool {
        self.asks("query: $l0")
    }

    fn asks(&self, part: &str) -> bool {
        self.body["query"].as_str().is_some_and(|question| question.contains(part))
    }
}

/// Status, further headers and body.
type Answer = (u16, &'static str, Value);

struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn new(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(serve(stream, move |request| {
                    let mut log = log.lock();
                    let nth = log.iter().filter(|before| before.line == request.line).count();
                    log.push(request.clone());
                    answer(&request, nth)
                }));
            }
        });
        Self { address, seen }
    }

    fn config(&self, more: &str) -> Config {
        let config = format!("org = \"acme\"\nbase_url = \"{}\"\n{more}", self.address);
        toml::from_str(&config).expect("a config")
    }

    async fn target(&self, more: &str) -> GitHub {
        let token = format!("token = {{ command = [\"echo\", \"s3cret\"] }}\n{more}");
        GitHub::connect(&self.config(&token), context()).await.expect("connected")
    }

    fn lines(&self) -> Vec<String> {
        self.seen.lock().iter().map(|request| request.line.clone()).collect()
    }

    fn requests(&self) -> Vec<Request> {
        self.seen.lock().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: impl FnOnce(Request) -> Answer) {
    let mut reader = BufReader::new(&mut stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).await.expect("a request") == 0 {
            return;
        }
    }
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    assert_eq!(header("x-github-api-version").as_deref(), Some("2022-11-28"));
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().expect("a length"))];
    reader.read_exact(&mut body).await.expect("a body");
    let line = head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("HTTP/1.1").to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, headers, body) =
        answer(Request { line, authorization: header("authorization").unwrap_or_default(), body });
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    let text = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.expect("sent");
}

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

fn context() -> Context {
    Context::new(Clock::new(now()), tokio::time::Instant::now() + Duration::from_secs(20))
}

fn team(members: &[(u64, &str)]) -> Value {
    let edge = |(id, login): &(u64, &str)| json!({ "role": "MEMBER", "node": { "databaseId": id, "login": login } });
    let edges: Vec<_> = members.iter().map(edge).collect();
    let members = json!({ "edges": edges, "pageInfo": { "hasNextPage": false, "endCursor": null } });
    json!({ "databaseId": 7, "slug": "dba", "name": "DBA", "members": members })
}

fn access() -> Access {
    Access { account: "1".into(), entitlement: Entitlement { id: "7".into(), name: "dba".into() } }
}

fn grant() -> Grant {
    let period = Period::new(now(), now() + TimeDelta::hours(1)).expect("not empty");
    Grant { access: access(), email: Email::new("ada@example.com"), period }
}

fn owned() -> Owned {
    Owned { entry: 1, id: Some(grant_id(&access())), grant: grant(), reasons: Reasons::default() }
}

fn asked() -> Asked {
    let emails = [Email::new("ada@example.com")].into();
    Asked { emails, entitlements: BTreeSet::from(["dba".into()]), owned: BTreeSet::new() }
}

const LOGINS: &str = "logins = { \"ada@example.com\" = \"ada\" }";

/// What a reading is answered: Ada, a member of the organisation, and a team of those `members`.
fn reading(request: &Request, members: &[(u64, &str)]) -> Answer {
    let ada = json!({ "databaseId": 1, "login": "ada", "organization": { "login": "acme" } });
    let data = if request.looks() {
        json!({ "u0": ada, "organization": { "t0": team(members) } })
    } else if request.asks("user(login:") {
        json!({ "u0": ada })
    } else if request.asks("t0: team") {
        json!({ "organization": { "t0": team(members) } })
    } else {
        panic!("{request:?}")
    };
    (200, "", json!({ "data": data }))
}

#[tokio::test]
async fn a_member_is_added_once_and_taken_back_once() {
    let is_in = AtomicBool::new(false);
    let server = Server::new(move |request, _| match request.line.split(' ').next() {
        Some("PUT") => {
            is_in.store(true, Ordering::SeqCst);
            (200, "", json!({ "state": "active", "role": "member" }))
        }
        Some("DELETE") => (204, "", Value::Null),
        _ if is_in.load(Ordering::SeqCst) => reading(request, &[(1, "ada"), (2, "bob")]),
        _ => reading(request, &[(2, "bob")]),
    });
    let server = server.await;
    let target = server.target(LOGINS).await;
    let current = target.read(&asked()).await.expect("a reading");
    assert_eq!(current.grants.iter().map(|held| held.id.to_string()).collect::<Vec<_>>(), ["7/2"]);
    assert_eq!(current.accounts[0].id, AccountId::from("1"));
    for _ in 0..2 {
        assert_eq!(target.grant(&grant()).await.expect("given"), GrantId::from("7/1"));
    }
    for _ in 0..2 {
        target.revoke(&owned()).await.expect("taken back");
    }
    let path = "/orgs/acme/teams/dba/memberships/ada";
    let look = || "POST /graphql".to_owned();
    assert_eq!(server.lines()[2..], [look(), format!("PUT {path}"), look(), format!("DELETE {path}")]);
    assert_eq!(server.requests()[3].body, json!({ "role": "member" }));
}

#[tokio::test]
async fn whoever_is_in_the_team_is_left_alone() {
    let server = Server::new(|request, _| reading(request, &[(1, "ada")])).await;
    let target = server.target(LOGINS).await;
    target.read(&asked()).await.expect("a reading");
    target.grant(&grant()).await.expect("held");
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn what_has_changed_since_the_reading_is_seen_before_anything_is_written() {
    let user = |id: u64, member: bool| {
        let organization = member.then(|| json!({ "login": "acme" }));
        json!({ "databaseId": id, "login": "ada", "organization": organization })
    };
    let renamed = json!({ "databaseId": 8, "slug": "dba", "name": "DBA", "members": team(&[])["members"] });
    for (user, team, outcome) in [
        (user(1, true), team(&[(1, "ada")]), "by somebody else"),
        (user(1, false), team(&[]), "no member of the organisation"),
        (user(2, true), team(&[]), "changes hands"),
        (Value::Null, team(&[]), "changes hands"),
        (user(1, true), renamed, "renamed or deleted"),
        (user(1, true), Value::Null, "renamed or deleted"),
    ] {
        let server = Server::new(move |request, nth| match &*request.line {
            "GET /user/1" => (200, "", json!({ "id": 1, "login": "ada" })),
            "GET /orgs/acme/memberships/ada"
                if nth > 0 || user["organization"].is_null() && user["databaseId"] == 1 =>
            {
                (404, "", json!({ "message": "Not Found" }))
            }
            "GET /orgs/acme/memberships/ada" => (200, "", json!({ "state": "active" })),
            _ if request.looks() => (200, "", json!({ "data": { "u0": user, "organization": { "t0": team } } })),
            _ => reading(request, &[]),
        });
        let server = server.await;
        let target = server.target(LOGINS).await;
        target.read(&asked()).await.expect("a reading");
        let given = target.grant(&grant()).await.map_or_else(|error| format!("{error:#}"), |_| "held".into());
        assert!(given.contains(outcome), "{given}");
        assert!(!server.lines().iter().any(|line| line.starts_with("PUT")), "{:?}", server.lines());
    }
}

#[tokio::test]
async fn a_membership_that_is_pending_is_undone_and_no_success() {
    let server = Server::new(|request, _| match request.line.split(' ').next() {
        Some("PUT") => (200, "", json!({ "state": "pending", "role": "member" })),
        Some("DELETE") => (204, "", Value::Null),
        _ => reading(request, &[]),
    });
    let server = server.await;
    let target = server.target(LOGINS).await;
    target.read(&asked()).await.expect("a reading");
    let error = format!("{:#}", target.grant(&grant()).await.expect_err("not given"));
    assert!(error.contains("'pending'") && error.contains("was taken back"), "{error}");
    assert!(server.lines().last().expect("a request").starts_with("DELETE "));
}

#[tokio::test]
async fn an_outsider_is_told_why_and_gets_nothing() {
    for (answer, words) in [
        ((404, "", json!({ "message": "Not Found" })), "no member of the organisation 'acme'"),
        ((200, "", json!({ "state": "pending", "user": { "id": 1, "login": "ada" } })), "not accepted the invitation"),
    ] {
        let server = Server::new(move |request, _| match &*request.line {
            "GET /orgs/acme/memberships/ada" => answer.clone(),
            _ if request.asks("user(login:") => {
                (200, "", json!({ "data": { "u0": { "databaseId": 1, "login": "ada", "organization": null } } }))
            }
            _ => reading(request, &[]),
        });
        let server = server.await;
        let current = server.target(LOGINS).await.read(&asked()).await.expect("a reading");
        assert_eq!(current.accounts, []);
        let why = &current.absent[&Email::new("ada@example.com")];
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn a_404_is_believed_only_where_the_team_says_the_same() {
    for (left, gone) in [(&[][..], true), (&[(1, "ada")][..], false)] {
        let server = Server::new(move |request, nth| match request.line.split(' ').next() {
            Some("DELETE") => (404, "", json!({ "message": "Not Found" })),
            // The reading asks for a person and a team, a look for both, and what comes after it for the team alone.
            _ if nth >= 3 => reading(request, left),
            _ => reading(request, &[(1, "ada")]),
        });
        let server = server.await;
        let target = server.target(LOGINS).await;
        target.read(&asked()).await.expect("a reading");
        let taken = target.revoke(&owned()).await;
        assert_eq!(taken.is_ok(), gone, "{taken:?}");
        assert_eq!(server.lines().iter().filter(|line| line.starts_with("DELETE")).count(), 1);
    }
}

#[tokio::test]
async fn without_a_reading_it_is_looked_first_and_the_login_is_todays() {
    let server = Server::new(|request, _| match &*request.line {
        "GET /user/1" => (200, "", json!({ "id": 1, "login": "lovelace" })),
        "GET /orgs/acme/memberships/lovelace" => {
            (200, "", json!({ "state": "active", "user": { "id": 1, "login": "lovelace" } }))
        }
        _ if request.looks() => {
            let user = json!({ "databaseId": 1, "login": "lovelace", "organization": { "login": "acme" } });
            (200, "", json!({ "data": { "u0": user, "organization": { "t0": team(&[]) } } }))
        }
        line if line.starts_with("PUT ") => (200, "", json!({ "state": "active" })),
        _ => reading(request, &[]),
    });
    let server = server.await;
    server.target("").await.grant(&grant()).await.expect("given");
    assert_eq!(server.lines().last().expect("a request"), "PUT /orgs/acme/teams/dba/memberships/lovelace");
}

#[tokio::test]
async fn a_limit_is_never_called_a_lack_of_rights() {
    let limited = "retry-after: 3600\r\n";
    let server = Server::new(move |_, _| (403, limited, json!({ "message": "You have exceeded a limit" }))).await;
    let error = format!("{:#}", server.target(LOGINS).await.read(&asked()).await.expect_err("no reading"));
    assert!(error.contains("rate limit") && error.contains("deadline") && !error.contains("admin:org"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_limit_of_graphql_is_waited_out() {
    let server = Server::new(|request, nth| match nth {
        0 => {
            let limited =
                "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1772366400\r\ndate: Sun, 01 Mar 2026 12:00:00 GMT\r\n";
            (200, limited, json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }] }))
        }
        _ => reading(request, &[]),
    });
    let server = server.await;
    server.target(LOGINS).await.read(&asked()).await.expect("a reading");
    assert_eq!(server.lines().len(), 3);
}

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/app.pkcs1.pem");

#[tokio::test]
async fn an_app_finds_its_installation_and_renews_a_token_that_has_ended() {
    let server = Server::new(|request, nth| match &*request.line {
        "GET /orgs/acme/installation" => (200, "", json!({ "id": 100 })),
        "POST /app/installations/100/access_tokens" => {
            (201, "", json!({ "token": format!("t{nth}"), "expires_at": "2026-03-01T13:00:00Z" }))
        }
        _ if request.authorization == "Bearer t0" && nth >= 2 => (401, "", json!({ "message": "Bad credentials: t0" })),
        _ => reading(request, &[]),
    });
    let server = server.await;
    let app = format!("app_id = \"12345\"\nprivate_key = {{ command = [\"cat\", \"{KEY}\"] }}\n{LOGINS}");
    let target = GitHub::connect(&server.config(&app), context()).await.expect("connected");
    for _ in 0..2 {
        target.read(&asked()).await.expect("a reading");
    }
    let lines = server.lines();
    assert_eq!(
        lines.iter().filter(|line| line.contains("installation") && line.starts_with("GET")).count(),
        1,
        "{lines:?}"
    );
    let tokens = lines.iter().filter(|line| line.starts_with("POST /app")).count();
    assert_eq!(tokens, 2, "the second after the first was refused: {lines:?}");
    assert!(server.requests()[0].is("GET /orgs/acme/installation"));
    assert_eq!(server.requests()[0].authorization.split('.').count(), 3, "signed");
}

#[tokio::test]
async fn a_server_of_ones_own_has_graphql_beside_rest() {
    let server = Server::new(|request, _| reading(request, &[])).await;
    let mut config = server.config(&format!("token = {{ command = [\"echo\", \"s3cret\"] }}\n{LOGINS}"));
    config.base_url = config.base_url.map(|base| format!("{base}/api/v3/"));
    GitHub::connect(&config, context()).await.expect("connected").read(&asked()).await.expect("a reading");
    assert!(server.requests().iter().all(|request| request.is("POST /api/graphql")));
    assert!(server.requests().iter().any(|request| request.asks("suspendedAt")));
}

#[test]
fn one_way_to_prove_who_asks_is_needed_and_no_more() {
    let faults = |more: &str| toml::from_str::<Config>(&format!("org = \"acme\"\n{more}")).expect("a config").faults();
    let (token, app) = ("token = { env = \"T\" }\n", "app_id = \"1\"\n");
    let key = "private_key = { env = \"K\" }\n";
    for good in [token.to_owned(), format!("{app}{key}"), format!("{app}{key}installation_id = 1\n")] {
        assert_eq!(faults(&good), [""; 0]);
    }
    for (bad, words) in [
        (String::new(), "no `token`"),
        (format!("{token}{app}{key}"), "both"),
        (format!("{token}{app}"), "both"),
        (app.to_owned(), "no `private_key`"),
        (key.to_owned(), "no `app_id`"),
        (format!("{token}installation_id = 1\n"), "installation_id"),
        (format!("{token}logins = {{ ada = \"ada\" }}"), "no e-mail"),
        (format!("{token}logins = {{ \"a@b.c\" = \"a\", \"A@b.c\" = \"b\" }}"), "twice"),
        (format!("{token}logins = {{ \"a@b.c\" = \" \" }}"), "to nothing"),
    ] {
        let faults = faults(&bad);
        assert!(faults.len() == 1 && faults[0].contains(words), "{bad}: {faults:?}");
    }
}
