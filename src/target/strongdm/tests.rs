//! The adapter over a real socket, against a server just large enough for its rules of look-up and repetition.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prost::Message;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::wire::{self, AccountGrantCreate, AccountGrantPage, AccountPage, ListRequest, ListResponseMetadata, User};
use super::*;
use crate::domain::Period;
use crate::net::Clock;
use crate::target::{Occupied, Target as _};

#[derive(Default)]
struct State {
    users: Vec<User>,
    grants: Vec<AccountGrant>,
    /// Items in a page, whatever was asked for.
    page: usize,
    /// The second page names the first as its next.
    round: bool,
    /// What the next creations answer after they happened.
    lost: Vec<Status>,
    /// Any two grants of one access are refused.
    single: bool,
    /// More than a page at once is refused.
    strict: bool,
    /// What every request answers.
    refusal: Option<Status>,
    /// What every page of grants but the first answers.
    later: Option<Status>,
}

type Shared = Arc<Mutex<State>>;

impl State {
    fn page<T: Clone>(&self, all: Vec<T>, request: &ListRequest) -> (Option<ListResponseMetadata>, Vec<T>) {
        let start: usize = request.meta.as_ref().and_then(|meta| meta.cursor.parse().ok()).unwrap_or(0);
        let end = all.len().min(start + self.page);
        let next = if self.round { (start + 1) % 2 } else { end };
        let more = self.round || end < all.len();
        let next_cursor = if more { next.to_string() } else { String::new() };
        (Some(ListResponseMetadata { next_cursor }), all[start.min(end)..end].to_vec())
    }

    fn list_accounts(&mut self, request: &ListRequest) -> Result<AccountPage, Status> {
        let limit = request.meta.as_ref().map_or(0, |meta| meta.limit);
        if self.strict && usize::try_from(limit).unwrap() > self.page {
            return Err(Status::invalid_argument("too many"));
        }
        let found = self.users.iter().filter(|user| matches(&request.filter, &[("email", &user.email)])).cloned();
        let accounts = found.map(|user| wire::Account { user: Some(user) }).collect();
        let (meta, items) = self.page(accounts, request);
        Ok(AccountPage { meta, items })
    }

    fn list_grants(&mut self, request: &ListRequest) -> Result<AccountGrantPage, Status> {
        let first = request.meta.as_ref().is_none_or(|meta| meta.cursor.is_empty());
        if let Some(status) = self.later.clone().filter(|_| !first) {
            return Err(status);
        }
        let of = |grant: &&AccountGrant| {
            matches(&request.filter, &[("accountid", &grant.account_id), ("resourceid", &grant.resource_id)])
        };
        let (meta, items) = self.page(self.grants.iter().filter(of).cloned().collect(), request);
        Ok(AccountGrantPage { meta, items })
    }

    fn create_grant(&mut self, request: AccountGrantCreate) -> Result<AccountGrantCreate, Status> {
        let mut grant = request.account_grant.unwrap_or_default();
        let beside =
            |other: &AccountGrant| (&other.account_id, &other.resource_id) == (&grant.account_id, &grant.resource_id);
        if self.single && self.grants.iter().any(beside) {
            return Err(Status::already_exists("there is one"));
        }
        grant.id = format!("ag-{}", self.grants.len() + 1);
        self.grants.push(grant.clone());
        match self.lost.pop() {
            Some(status) => Err(status),
            None => Ok(AccountGrantCreate { account_grant: Some(grant) }),
        }
    }
}

/// Whether every term of a filter holds, without regard to case.
fn matches(filter: &str, fields: &[(&str, &str)]) -> bool {
    filter.split_whitespace().all(|term| {
        let (name, value) = term.split_once(':').unwrap();
        let value: String = serde_json::from_str(value).unwrap();
        fields.iter().any(|(field, held)| *field == name && held.eq_ignore_ascii_case(&value))
    })
}

#[derive(Clone)]
struct Accounts(Shared);

#[derive(Clone)]
struct Grants(Shared);

impl NamedService for Accounts {
    const NAME: &'static str = "v1.Accounts";
}

impl NamedService for Grants {
    const NAME: &'static str = "v1.AccountGrants";
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

fn answer<Q, A>(state: &Shared, request: http::Request<Body>, act: fn(&mut State, Q) -> Result<A, Status>) -> Answer
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    let state = state.clone();
    let service = tower::service_fn(move |request: Request<Q>| {
        let mut state = state.lock();
        let answer = match state.refusal.clone() {
            Some(refusal) => Err(refusal),
            None => act(&mut state, request.into_inner()).map(Response::new),
        };
        std::future::ready(answer)
    });
    Box::pin(async move { Ok(tonic::server::Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await) })
}

impl tower::Service<http::Request<Body>> for Accounts {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        answer(&self.0, request, |state, request| state.list_accounts(&request))
    }
}

impl tower::Service<http::Request<Body>> for Grants {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        if request.uri().path().ends_with("/Create") {
            return answer(&self.0, request, State::create_grant);
        }
        answer(&self.0, request, |state, request| state.list_grants(&request))
    }
}

async fn start(state: State) -> (Shared, StrongDm) {
    let state: Shared = Arc::new(Mutex::new(state));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let router = tonic::transport::Server::builder().add_service(Accounts(state.clone()));
    let router = router.add_service(Grants(state.clone()));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let keys = Keys::new(&"auth-0".to_owned().into(), &"AAEC".to_owned().into()).unwrap();
    let context = Context::new(Clock::new(at(1_772_409_600)), Instant::now() + Duration::from_secs(60));
    let api = Api::new(Reach::new(&host, None, None), keys, context).unwrap();
    (state, StrongDm { api, seen: Mutex::default() })
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn users(count: usize) -> Vec<User> {
    let user = |n: usize| User { id: format!("a-{n}"), email: format!("P{n}@example.com"), ..User::default() };
    (0..count).map(user).collect()
}

fn emails(count: usize) -> Asked {
    let emails = (0..count).map(|n| Email::new(&format!("p{n}@example.com"))).collect();
    Asked { emails, ..Asked::default() }
}

fn grant(end: i64) -> Grant {
    let entitlement = Entitlement { id: "rs-1".into(), name: "prod-db".into() };
    let access = Access { account: "a-1".into(), entitlement };
    Grant { access, email: Email::new("alice@example.com"), period: Period::new(at(100), at(end)).unwrap() }
}

#[tokio::test]
async fn a_few_people_are_looked_up_each() {
    let (_, target) = start(State { users: users(1000), page: 50, ..State::default() }).await;
    assert_eq!(target.read(&emails(9)).await.unwrap().accounts.len(), 9);
    assert_eq!(target.api.context().requests(), 9);
}

#[tokio::test]
async fn many_people_are_found_in_a_few_pages() {
    let (_, target) = start(State { users: users(100), page: 50, ..State::default() }).await;
    assert_eq!(target.read(&emails(60)).await.unwrap().accounts.len(), 60);
    assert_eq!(target.api.context().requests(), 2);
}

#[tokio::test]
async fn a_list_that_is_too_long_gives_way_to_look_ups() {
    let (_, target) = start(State { users: users(1000), page: 50, ..State::default() }).await;
    assert_eq!(target.read(&emails(30)).await.unwrap().accounts.len(), 30);
    assert_eq!(target.api.context().requests(), 3 + 30);
}

#[tokio::test]
async fn a_server_that_gives_less_at_once_is_read_in_its_own_pages() {
    let (_, target) = start(State { users: users(100), page: 40, strict: true, ..State::default() }).await;
    assert_eq!(target.read(&emails(60)).await.unwrap().accounts.len(), 60);
    assert_eq!(target.api.context().requests(), 1 + 3);
}

#[tokio::test]
async fn either_field_of_suspension_counts_and_two_of_one_email_are_both_shown() {
    let mut users = users(1);
    users.push(User { id: "a-x".into(), suspended: true, ..users[0].clone() });
    users.push(User { id: "a-y".into(), suspended_ro: true, ..users[0].clone() });
    let (_, target) = start(State { users, page: 50, ..State::default() }).await;
    let accounts = target.read(&emails(1)).await.unwrap().accounts;
    let shown: Vec<_> = accounts.iter().map(|account| (account.id.0.as_str(), account.suspended)).collect();
    assert_eq!(shown, [("a-0", false), ("a-x", true), ("a-y", true)]);
}

#[tokio::test]
async fn pages_that_go_round_in_circles_are_an_error() {
    let (_, target) = start(State { users: users(3), page: 1, round: true, ..State::default() }).await;
    let error = format!("{:#}", target.read(&emails(1)).await.unwrap_err());
    assert!(error.contains("in circles"), "{error}");
}

#[tokio::test]
async fn a_list_of_grants_that_breaks_off_is_an_error_and_never_a_shorter_list() {
    let grants =
        (1..=3).map(|n| AccountGrant { id: format!("ag-{n}"), ..request(&grant(200 + n)) }).collect::<Vec<_>>();
    for later in [Status::not_found("cursor"), Status::invalid_argument("cursor"), Status::permission_denied("")] {
        let state = State { grants: grants.clone(), page: 1, later: Some(later.clone()), ..State::default() };
        let (_, target) = start(state).await;
        let owned = BTreeSet::from([grant(200).access]);
        let read = target.read(&Asked { owned, ..Asked::default() }).await;
        assert!(read.is_err(), "{later}: {:?}", read.map(|current| current.grants));
    }
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_is_made_once() {
    for lost in [Status::unavailable(""), Status::internal("")] {
        let (state, target) = start(State { page: 50, lost: vec![lost], ..State::default() }).await;
        assert_eq!(target.grant(&grant(200)).await.unwrap(), GrantId::from("ag-1"));
        assert_eq!(state.lock().grants.len(), 1);
    }
}

#[tokio::test]
async fn the_same_grant_again_is_the_same_grant_and_costs_nothing() {
    let (_, target) = start(State { page: 50, ..State::default() }).await;
    let first = target.grant(&grant(200)).await.unwrap();
    let requests = target.api.context().requests();
    assert_eq!(target.grant(&grant(200)).await.unwrap(), first);
    assert_eq!(target.api.context().requests(), requests);
    assert_ne!(target.grant(&grant(300)).await.unwrap(), first);
}

#[tokio::test]
async fn a_grant_that_stands_in_the_way_is_named_and_one_with_our_dates_is_ours() {
    let standing = AccountGrant { id: "ag-7".into(), ..request(&grant(200)) };
    let (_, target) = start(State { grants: vec![standing], page: 50, single: true, ..State::default() }).await;
    assert_eq!(target.grant(&grant(200)).await.unwrap(), GrantId::from("ag-7"));
    let error = target.grant(&grant(300)).await.unwrap_err();
    assert!(error.chain().any(|cause| cause.is::<Occupied>()), "{error:#}");
    assert!(format!("{error:#}").contains("grant ag-7 until 1970-01-01 00:03:20 UTC"), "{error:#}");
}

#[tokio::test]
async fn a_grant_of_an_access_workflow_is_shown_as_foreign_and_never_taken_for_ours() {
    let theirs = AccountGrant { id: "ag-7".into(), access_request_id: "aq-1".into(), ..request(&grant(200)) };
    let (_, target) = start(State { grants: vec![theirs], page: 50, ..State::default() }).await;
    let owned = [grant(200).access].into();
    let shown = target.read(&Asked { owned, ..Asked::default() }).await.unwrap().grants;
    assert!(shown[0].foreign);
    assert_ne!(target.grant(&grant(200)).await.unwrap(), GrantId::from("ag-7"));
}

#[tokio::test]
async fn a_bad_key_is_explained_with_the_day_it_signed_for() {
    let refusal = Some(Status::unauthenticated("access denied"));
    let (_, target) = start(State { refusal, ..State::default() }).await;
    let error = format!("{:#}", target.read(&emails(1)).await.unwrap_err());
    assert!(error.contains("clock") && error.contains("2026-03-02, UTC"), "{error}");
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let refusal = Some(Status::permission_denied("access denied"));
    let (_, target) = start(State { refusal, ..State::default() }).await;
    target.seen.lock().entitlements.insert(grant(200).access.entitlement);
    let error = format!("{:#}", target.grant(&grant(200)).await.unwrap_err());
    assert!(error.contains("alice@example.com") && error.contains("`grant:write`"), "{error}");
}

#[test]
fn the_config_needs_two_keys_and_refuses_what_it_does_not_know() {
    let keys = "access_key = { env = \"A\" }\nsecret_key = { file = \"secret\" }\n";
    let mut config: Config = toml::from_str(&format!("{keys}ca_file = \"ca.pem\"\ntimeout = \"5s\"")).unwrap();
    config.resolve(Path::new("/etc/oncall-sync"));
    assert_eq!(config.secret_key, SecretRef::File("/etc/oncall-sync/secret".into()));
    assert_eq!(config.ca_file.as_deref(), Some(Path::new("/etc/oncall-sync/ca.pem")));
    assert_eq!((config.host, config.timeout), (None, Some(Span(Duration::from_secs(5)))));
    for wrong in
        ["access_key = { env = \"A\" }\n".to_owned(), format!("{keys}hots = \"x\""), format!("{keys}timeout = \"-5s\"")]
    {
        assert!(toml::from_str::<Config>(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn roles_stand_and_resources_keep_time() {
    let entitlement = |id: &str| Entitlement { id: id.into(), name: "".into() };
    assert!(is_role(&entitlement("r-1")));
    assert!(!is_role(&entitlement("rs-1")));
}
