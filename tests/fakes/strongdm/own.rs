//! The stand-in held against a client of a few lines.

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::server::Raw;
use super::wire::{self, AccountGrant, GrantCreate, ListMeta, ListRequest, ListResponse};
use super::{ACCESS_KEY, Fake, Fault, SECRET_KEY, StrongDm, Tls, Trouble, World};

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

fn world() -> World {
    World::at(now()).user("a-1", "alice@example.com").user("a-2", "bob@example.com").resource("rs-1", "db")
}

async fn call(fake: &Fake, method: &str, payload: Vec<u8>) -> Result<Vec<u8>, Status> {
    let signature = wire::sign(SECRET_KEY, "2026-03-01", method, &payload);
    call_signed(fake, method, payload, &signature).await
}

async fn call_signed(fake: &Fake, method: &str, payload: Vec<u8>, signature: &str) -> Result<Vec<u8>, Status> {
    let channel = Endpoint::new(fake.host().to_owned()).expect("an address").connect().await.expect("a connection");
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("a connection");
    let mut request = Request::new(payload);
    let headers = [
        ("x-sdm-authentication", ACCESS_KEY),
        ("x-sdm-signature", signature),
        ("x-sdm-api-version", "2025-04-14"),
        ("x-sdm-user-agent", "test"),
    ];
    for (key, value) in headers {
        request.metadata_mut().insert(key, value.parse().expect("ASCII"));
    }
    let path = format!("/v1.{}", method.replace('.', "/")).parse().expect("a path");
    client.unary(request, path, Raw).await.map(tonic::Response::into_inner)
}

fn listing(cursor: &str, limit: i32, filter: &str) -> Vec<u8> {
    let meta = Some(ListMeta { cursor: cursor.to_owned(), limit });
    ListRequest { meta, filter: filter.to_owned() }.encode_to_vec()
}

fn creation(account: &str, hours: i64) -> Vec<u8> {
    let grant = AccountGrant {
        resource_id: "rs-1".to_owned(),
        account_id: account.to_owned(),
        valid_until: Some(wire::timestamp(now() + TimeDelta::hours(hours))),
        ..AccountGrant::default()
    };
    GrantCreate { meta: None, grant: Some(grant) }.encode_to_vec()
}

#[tokio::test]
async fn pages_and_filters() {
    let fake = StrongDm::start(world());
    let page = call(&fake, "Accounts.List", listing("", 1, "")).await.expect("a page");
    let page = ListResponse::decode(&*page).expect("a list");
    assert_eq!(page.items.len(), 1);
    let cursor = page.meta.expect("meta").next_cursor;
    let rest = call(&fake, "Accounts.List", listing(&cursor, 1, "")).await.expect("a page");
    let rest = ListResponse::decode(&*rest).expect("a list");
    assert_eq!(rest.items.len(), 1);
    assert_ne!(rest.items, page.items);
    assert_eq!(rest.meta.expect("meta").next_cursor, "");

    let found = call(&fake, "Accounts.List", listing("", 0, "email:\"ALICE@example.com\"")).await.expect("a page");
    assert_eq!(ListResponse::decode(&*found).expect("a list").items.len(), 1);
    assert_eq!(fake.count("Accounts.List"), 3);
}

#[tokio::test]
async fn refuses_what_it_does_not_know() {
    let fake = StrongDm::start(world());
    let mut unknown_field = listing("", 0, "");
    unknown_field.extend([0x7a, 0x01, b'x']);
    let calls = [
        ("Accounts.Fetch", listing("", 0, "")),
        ("Accounts.List", unknown_field),
        ("Accounts.List", listing("", 0, "alice")),
        ("Accounts.List", listing("1/0/", 5, "")),
        ("AccountGrants.Create", GrantCreate::default().encode_to_vec()),
    ];
    for (method, payload) in calls {
        let status = call(&fake, method, payload).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{method}: {status}");
        assert_eq!(fake.violations().len(), 1, "{method}");
    }
}

#[tokio::test]
async fn checks_signature_and_day() {
    let fake = StrongDm::start(world());
    let payload = listing("", 0, "");
    let other = wire::sign(SECRET_KEY, "2026-03-01", "Roles.List", &payload);
    let status = call_signed(&fake, "Accounts.List", payload.clone(), &other).await.expect_err("refused");
    assert_eq!(status.code(), Code::Unauthenticated);
    fake.change(|world| world.manners.days_ahead = 1);
    let status = call(&fake, "Accounts.List", payload).await.expect_err("refused");
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn keeps_grants_and_loses_replies() {
    let fake = StrongDm::start(world());
    fake.trouble(Trouble::new("AccountGrants.Create", Fault::LostReply));
    call(&fake, "AccountGrants.Create", creation("a-1", 8)).await.expect_err("the connection breaks");
    let grants = fake.grants();
    assert_eq!(grants.len(), 1, "and yet it was made");
    assert_eq!(fake.changes().len(), 1);

    let status = call(&fake, "AccountGrants.Create", creation("a-1", 8)).await.expect_err("it is there");
    assert_eq!(status.code(), Code::AlreadyExists);
    assert!(!status.details().is_empty());

    fake.trouble(Trouble::new("AccountGrants.Create", Fault::DoneBut(Code::Internal)));
    let status = call(&fake, "AccountGrants.Create", creation("a-2", 8)).await.expect_err("as told");
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(fake.grants().len(), 2);

    let delete = wire::ById { meta: None, id: grants[0].id.clone() }.encode_to_vec();
    call(&fake, "AccountGrants.Delete", delete.clone()).await.expect("deleted");
    let status = call(&fake, "AccountGrants.Delete", delete).await.expect_err("gone");
    assert_eq!(status.code(), Code::NotFound);
    assert!(fake.changes()[2].live.iter().all(|(account, _)| account == "a-2"));
}

#[tokio::test]
async fn speaks_tls_in_the_name_of_its_certificate() {
    for (name, trusted) in [("localhost", true), ("another.example", false)] {
        let fake = StrongDm::start_tls(world(), Tls::new(name));
        let mut config = oncall_sync::net::tls::config(Some(&fake.ca_file())).expect("a client's config");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let address = fake.host().replace("localhost", "127.0.0.1");
        let socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let server = "localhost".try_into().expect("a name");
        let outcome = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(server, socket).await;
        assert_eq!(outcome.is_ok(), trusted, "{name}");
        if let Ok(stream) = outcome {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        }
    }
}
