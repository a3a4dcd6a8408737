//! Whom an e-mail means.

use super::*;

/// The accounts that a reading shows for these e-mails: e-mail, id, whether suspended.
async fn accounts(fake: &Fake, emails: &[&str]) -> Vec<(String, String, bool)> {
    let current = read_by(&fake.toml(), context(), emails, &[]).await.expect("a reading");
    let mut shown: Vec<_> = current
        .accounts
        .into_iter()
        .map(|account| (account.email.as_str().to_owned(), account.id.0, account.suspended))
        .collect();
    shown.sort();
    shown
}

async fn ids(fake: &Fake, emails: &[&str]) -> Vec<String> {
    accounts(fake, emails).await.into_iter().map(|(_, id, _)| id).collect()
}

#[tokio::test]
async fn emails_match_without_regard_to_case() {
    let fake = Okta::start(World::at(now()).user(&user(1), "Alice@Example.COM").account(
        &user(2),
        "bob",
        "BOB@example.com",
        Status::Active,
    ));
    assert_eq!(ids(&fake, &["aLICE@example.com"]).await, [user(1)]);
    assert_eq!(ids(&fake, &["bob@EXAMPLE.com"]).await, [user(2)]);
}

#[tokio::test]
async fn a_login_goes_before_an_email() {
    let world = World::at(now()).account(&user(1), "someone-else@example.com", ALICE, Status::Active).account(
        &user(2),
        ALICE,
        "alice@private.example",
        Status::Active,
    );
    let fake = Okta::start(world);
    assert_eq!(ids(&fake, &[ALICE]).await, [user(2)]);
    fake.change(|world| world.manners.not_indexed.insert(user(2)));
    assert_eq!(ids(&fake, &["alice@private.example"]).await, [""; 0], "its index knows nothing of her yet");
}

#[tokio::test]
async fn two_accounts_with_one_email_are_both_shown() {
    let world = World::at(now()).account(&user(1), "alice-1", ALICE, Status::Active).account(
        &user(2),
        "alice-2",
        "ALICE@EXAMPLE.COM",
        Status::Active,
    );
    let fake = Okta::start(world);
    assert_eq!(ids(&fake, &[ALICE]).await, [user(1), user(2)]);
    fake.change(|world| world.manners.page_size = 1);
    assert_eq!(ids(&fake, &[ALICE]).await, [user(1), user(2)], "also over two pages");
}

#[tokio::test]
async fn whoever_cannot_sign_in_any_more_is_flagged() {
    for status in Status::ALL {
        let fake = Okta::start(World::at(now()).account(&user(1), ALICE, ALICE, status));
        let suspended = matches!(status, Status::Suspended | Status::Deprovisioned);
        assert_eq!(accounts(&fake, &[ALICE]).await, [(ALICE.to_owned(), user(1), suspended)], "{status:?}");
        fake.change(|world| world.manners.not_indexed.insert(user(1)));
        assert_eq!(accounts(&fake, &[ALICE]).await, [(ALICE.to_owned(), user(1), suspended)], "{status:?}, directly");
    }
}

#[tokio::test]
async fn who_left_does_not_stand_in_the_way_of_who_came() {
    let world = World::at(now()).account(&user(1), "alice-old", ALICE, Status::Deprovisioned).account(
        &user(2),
        "alice-new",
        ALICE,
        Status::Active,
    );
    assert_eq!(accounts(&Okta::start(world), &[ALICE]).await, [(ALICE.to_owned(), user(2), false)]);
    let world = World::at(now()).account(&user(1), ALICE, ALICE, Status::Deprovisioned).account(
        &user(2),
        "alice-new",
        ALICE,
        Status::Active,
    );
    assert_eq!(accounts(&Okta::start(world), &[ALICE]).await, [(ALICE.to_owned(), user(2), false)], "nor by a login");
}

/// The index lags: who was made a moment ago is found by the direct look-up, and is asked for once.
#[tokio::test]
async fn who_is_not_in_the_index_yet_is_found() {
    let fake = Okta::start(world());
    fake.change(|world| world.manners.not_indexed.extend([user(1), user(2)]));
    assert_eq!(ids(&fake, &[ALICE, BOB, CAROL, "nobody@example.com"]).await, [user(1), user(2), user(3)]);
    assert_eq!(fake.count("GET", "/api/v1/users/"), 3, "Alice, Bob, and nobody; Carol was found");
}

#[tokio::test]
async fn an_email_never_means_somebody_else() {
    let world = world().user(&user(5), "renee@example.com").account(
        &user(7),
        "carl",
        "alice@example.com.example.org",
        Status::Active,
    );
    let fake = Okta::start(world);
    let (shown, group) = (user(1), group(1));
    let emails = [
        "*",
        "*@example.com",
        "alice*",
        "alice",
        "me",
        &shown,
        &group,
        "\"",
        "\\",
        "alice@example.com\" or profile.login eq \"bob@example.com",
        "x\" or profile.login sw \"",
        "alice@example.com,bob@example.com",
        "alice@example.com bob@example.com",
        "alice@example.com;x@example.com",
        "alice@example.com?x@example.com",
        "alice@example.com/x@example.com",
        "alice@example.com/groups",
        "alice@example.com#x",
        "alice@example.com%3Bx",
        "alice%40example.com",
        "renée@example.com",
        "álice@example.com",
        "a[b]@example.com",
        "..",
        ".",
        "../groups",
        "?",
        "",
        "(",
        "x\ny@example.com",
        "alice@example.co",
        "alice@example.com.example",
    ];
    for loose in [false, true] {
        fake.change(|world| world.manners.loose_search = loose);
        for email in emails {
            assert_eq!(ids(&fake, &[email]).await, [""; 0], "{email:?}");
        }
        assert_eq!(ids(&fake, &emails).await, [""; 0], "all together");
        let with_alice: Vec<_> = emails.into_iter().chain([ALICE]).collect();
        assert_eq!(ids(&fake, &with_alice).await, [user(1)], "one odd e-mail spoils nobody's reading");
    }
}

#[tokio::test]
async fn odd_emails_find_their_owner() {
    for email in [
        "\"o'brien, pat\"@example.com",
        "zoë@example.com",
        "a\\b@example.com",
        "a/b@example.com",
        "*@example.com",
        "a;b@example.com",
        "a?b@example.com",
        "a[b]@example.com",
        "a+b@example.com",
        "a&b=c@example.com",
        "100%@example.com",
        "(or)@example.com",
    ] {
        let fake = Okta::start(world().user(&user(9), email));
        assert_eq!(ids(&fake, &[email]).await, [user(9)], "{email}");
        assert_eq!(ids(&fake, &[ALICE, email, BOB]).await.len(), 3, "{email}, among others");
    }
}

/// A rule's members are there before us, as strangers' are: they are shown, and nobody takes them out.
#[tokio::test]
async fn whom_a_rule_has_put_in_is_shown() {
    let fake = Okta::start(world().rule("0prfake0000000000001", &group(1), &[&user(2)]));
    let current = read_by(&fake.toml(), context(), &[ALICE, BOB], &[GROUP]).await.expect("a reading");
    let shown: Vec<_> = current.grants.into_iter().map(|held| held.id).collect();
    assert_eq!(shown, [id(2)]);
    assert_eq!((fake.changes(), fake.exclusions()), (vec![], vec![]));
}

/// Members whom nobody asks for are shown as well: the planner has to know what is not ours.
#[tokio::test]
async fn members_that_nobody_asks_for_are_shown() {
    let fake = Okta::start(world().member(&group(1), &user(2)).member(&group(1), &user(3)));
    let current = read(&fake).await.expect("a reading");
    let shown: Vec<_> = current.grants.iter().map(|held| held.id.clone()).collect();
    assert_eq!(shown, [id(2), id(3)]);
    assert!(current.grants.iter().all(|held| held.from.is_none() && held.until.is_none()), "{:?}", current.grants);
}
