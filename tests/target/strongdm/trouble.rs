//! A service that fails, refuses, loses replies, hangs, or is somebody else.

use std::time::Duration;

use futures_util::future::join_all;
use oncall_sync::domain::Current;
use oncall_sync::net::{Clock, Context};
use tokio::time::Instant;
use tonic::Code;

use super::*;
use crate::fakes::strongdm::{Cursors, Tls};
use crate::target::contract::{access, asked, context, now, owned, shift};

const CREATE: &str = "AccountGrants.Create";
const DELETE: &str = "AccountGrants.Delete";

/// Connects and reads; whichever of the two fails, the error is the same to the person.
async fn read_by(config: &TargetConfig, context: Context) -> anyhow::Result<Current> {
    config.connect(context).await?.read(&asked(&[ALICE], &[DATABASE])).await
}

async fn read(fake: &Fake) -> anyhow::Result<Current> {
    read_by(&config(&fake.toml()), context()).await
}

#[tokio::test]
async fn a_grant_whose_reply_was_lost_is_recognised() {
    let faults = [
        Fault::LostReply,
        Fault::DoneBut(Code::Unavailable),
        Fault::DoneBut(Code::Internal),
        Fault::DoneBut(Code::DeadlineExceeded),
    ];
    for several in [Several::Any, Several::Disjoint, Several::One] {
        for fault in faults {
            let fake = start(|manners| manners.several = several);
            fake.trouble(Trouble::new(CREATE, fault));
            let target = connect(&fake).await;
            // Whether it is an error or not, asking again must find the one grant.
            let first = target.grant(&wanted(shift(8))).await.ok();
            let id = target.grant(&wanted(shift(8))).await.expect("it is there");
            assert!(first.is_none_or(|first| first == id), "{several:?} {fault:?}");
            let ids: Vec<_> = fake.grants().into_iter().map(|grant| grant.id).collect();
            assert_eq!(ids, [id.0], "{several:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_reply_is_no_failure() {
    for several in [Several::Any, Several::Disjoint, Several::One] {
        for fault in [Fault::LostReply, Fault::DoneBut(Code::Unavailable)] {
            let fake = start(|manners| manners.several = several);
            fake.trouble(Trouble::new(CREATE, fault));
            let id = connect(&fake).await.grant(&wanted(shift(8))).await.expect("it was made, and is found");
            let ids: Vec<_> = fake.grants().into_iter().map(|grant| grant.id).collect();
            assert_eq!(ids, [id.0], "{several:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_role_given_with_a_lost_reply_is_recognised() {
    let fake = start(|_| {});
    fake.trouble(Trouble::new("AccountAttachments.Create", Fault::LostReply));
    let wanted = Grant { access: access("a-1", "r-1", "role:dba"), email: Email::new(ALICE), period: shift(8) };
    let target = connect(&fake).await;
    let id = target.grant(&wanted).await.expect("it was made, and is found");
    let ids: Vec<_> = fake.attachments().into_iter().map(|attached| GrantId(attached.id)).collect();
    assert_eq!(ids, std::slice::from_ref(&id));
    fake.trouble(Trouble::new("AccountAttachments.Delete", Fault::LostReply));
    target.revoke(&owned(&id, &wanted)).await.expect("it was taken back");
    assert_eq!(fake.attachments(), []);
}

#[tokio::test]
async fn a_revocation_whose_reply_was_lost_is_success() {
    for fault in [Fault::LostReply, Fault::DoneBut(Code::Unavailable), Fault::DoneBut(Code::Internal)] {
        let fake = start(|_| {});
        let target = connect(&fake).await;
        let id = target.grant(&wanted(shift(8))).await.expect("the grant is made");
        fake.trouble(Trouble::new(DELETE, fault));
        target.revoke(&owned(&id, &wanted(shift(8)))).await.expect("it was taken back");
        assert_eq!(fake.grants(), [], "{fault:?}");
    }
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    let faults = [Fault::Refuse(Code::Unavailable), Fault::RateLimit(None), Fault::LostReply];
    let waited_out = faults.map(async |fault| {
        for method in ["Accounts.List", "Resources.List", "AccountGrants.List"] {
            let fake = start(|_| {});
            fake.trouble(Trouble::new(method, fault));
            let current = read(&fake).await.expect("a reading");
            assert_eq!(current.accounts.len(), 1, "{method} {fault:?}");
        }
    });
    join_all(waited_out).await;
}

#[tokio::test]
async fn a_change_that_was_not_made_is_tried_again() {
    for fault in [Fault::Refuse(Code::Unavailable), Fault::RateLimit(Some(Duration::from_millis(300)))] {
        let fake = start(|_| {});
        fake.trouble(Trouble::new(CREATE, fault));
        fake.trouble(Trouble::new(DELETE, fault));
        let target = connect(&fake).await;
        let id = target.grant(&wanted(shift(8))).await.expect("made at the second attempt");
        assert_eq!(fake.grants().len(), 1, "{fault:?}");
        target.revoke(&owned(&id, &wanted(shift(8)))).await.expect("taken back at the second attempt");
        assert_eq!(fake.grants(), [], "{fault:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_that_resets_after_the_deadline_is_an_error() {
    let fake = start(|_| {});
    fake.trouble(Trouble::new("*", Fault::RateLimit(Some(Duration::from_secs(3600)))).times(usize::MAX));
    let told = told(read(&fake).await);
    assert!(told.contains("deadline"), "{told}");
}

#[tokio::test]
async fn a_failure_that_stays_is_an_error() {
    for method in ["Accounts.List", "Resources.List", "AccountGrants.List"] {
        let fake = start(|_| {});
        fake.trouble(Trouble::new(method, Fault::Refuse(Code::FailedPrecondition)).times(usize::MAX));
        told(read(&fake).await);
        assert!(fake.count(method) <= 2, "what cannot pass is not tried again");
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_an_error_at_the_deadline() {
    let fake = start(|_| {});
    fake.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
    let start = Instant::now();
    let run = Context::new(Clock::new(now()), start + Duration::from_secs(2));
    let told = told(read_by(&config(&fake.toml()), run).await);
    assert!(told.contains("no answer in the time that `deadline` in the config leaves for it"), "{told}");
    assert!(start.elapsed() < Duration::from_secs(15), "one attempt alone may take 20 s, so the deadline holds");
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_an_error() {
    let fake = start(|manners| manners.cursors = Cursors::Repeat);
    let told = told(read(&fake).await);
    assert!(!told.contains("deadline"), "noticed before the deadline: {told}");
}

#[tokio::test]
async fn a_listing_that_never_ends_is_an_error_at_the_deadline_at_the_latest() {
    let fake = start(|manners| manners.cursors = Cursors::NeverEnd);
    let deadline = Instant::now() + Duration::from_secs(2);
    told(read_by(&config(&fake.toml()), Context::new(Clock::new(now()), deadline)).await);
}

#[tokio::test]
async fn a_clock_on_another_day_is_named() {
    let fake = start(|manners| manners.days_ahead = 1);
    let told = told(read(&fake).await);
    assert!(told.contains("clock"), "signatures hold for one UTC day: {told}");
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let rights =
        [("Accounts.List", "user:list"), ("Resources.List", "datasource:list"), ("AccountGrants.List", "grant:read")];
    for (method, right) in rights {
        let fake = start(|_| {});
        fake.trouble(Trouble::new(method, Fault::Refuse(Code::PermissionDenied)).times(usize::MAX));
        let told = told(read(&fake).await);
        assert!(told.contains(right), "{method} wants {right}: {told}");
    }
    let fake = start(|_| {});
    fake.trouble(Trouble::new(CREATE, Fault::Refuse(Code::PermissionDenied)).times(usize::MAX));
    let told = told(connect(&fake).await.grant(&wanted(shift(8))).await);
    assert!(told.contains("grant:write") && told.contains(ALICE), "{told}");
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_the_config_names_it() {
    let fake = StrongDm::start_tls(world(), Tls::new("localhost"));
    let current = read(&fake).await.expect("a reading over TLS");
    assert_eq!(current.accounts.len(), 1);

    let without: String =
        fake.toml().lines().filter(|line| !line.starts_with("ca_file")).map(|line| format!("{line}\n")).collect();
    let told = told(read_by(&config(&without), context()).await);
    assert!(told.to_lowercase().contains("certificate"), "{told}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let fake = StrongDm::start_tls(world(), Tls::new("app.strongdm.example"));
    let told = told(read(&fake).await);
    assert!(told.to_lowercase().contains("certificate"), "{told}");
    assert_eq!(fake.calls().len(), 0, "nothing was sent to it");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let fake = start(|_| {});
    let toml = fake.toml();
    let host = fake.host().to_owned();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let nobody = format!("http://127.0.0.1:{port}");
    let told = told(read_by(&config(&toml.replace(&host, &nobody)), context()).await);
    assert!(told.contains(&format!("127.0.0.1:{port}")), "{told}");
}

#[tokio::test]
async fn an_attempt_after_midnight_is_signed_for_the_new_day() {
    let evening = "2026-03-01T23:59:59Z".parse().expect("an instant");
    let fake = start(|_| {});
    fake.change(|world| world.clock = (evening, std::time::Instant::now()));
    fake.trouble(Trouble::new("*", Fault::RateLimit(Some(Duration::from_millis(1500)))).times(2));
    let context = Context::new(Clock::new(evening), Instant::now() + Duration::from_secs(30));
    let current = read_by(&config(&fake.toml()), context).await.expect("a reading");
    assert_eq!(current.accounts.len(), 1);
}
