//! Readings that make no sense.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::command::Hidden;

fn emails() -> BTreeSet<Email> {
    [Email::new("ada@example.com"), Email::new("bob@example.com")].into()
}

fn asked() -> Asked {
    let owned = Access { account: "9".into(), entitlement: Entitlement { id: "g-9".into(), name: "old".into() } };
    Asked { emails: emails().into_iter().collect(), entitlements: ["dba".to_owned()].into(), owned: [owned].into() }
}

fn whole() -> Value {
    json!({
        "accounts": [{ "id": "1", "email": "ADA@example.com" }, { "id": "2", "email": "bob@example.com", "suspended": true }],
        "absent": { "Bob@example.com": "he has left\u{7}, hunter2", "eve@example.com": "nobody asked" },
        "entitlements": { "dba": { "found": [{ "id": "g-1", "name": "dba" }] }, "not-asked": { "error": "no" } },
        "grants": [
            { "id": "a", "account": "7", "entitlement": { "id": "g-1", "name": "renamed" }, "from": null, "until": "2026-03-01T13:00:00+01:00" },
            { "id": "b", "account": "9", "entitlement": { "id": "g-9", "name": "old" }, "from": null, "foreign": true }
        ]
    })
}

fn read(answer: Value) -> Result<Current, String> {
    let secret = SecretString::from("hunter2");
    let words = Words::new(Hidden::new([("TOKEN", &secret)]));
    current(serde_json::from_value(answer).expect("an answer"), &asked(), &emails(), &words)
}

#[test]
fn what_makes_sense_is_taken_over() {
    let current = read(whole()).expect("a reading");
    let accounts: Vec<_> =
        current.accounts.iter().map(|one| (one.id.0.as_str(), one.email.as_str(), one.suspended)).collect();
    assert_eq!(accounts, [("1", "ada@example.com", false), ("2", "bob@example.com", true)]);
    assert_eq!(current.entitlements.keys().collect::<Vec<_>>(), ["dba"], "what nobody asked for is nobody's");
    let absent: Vec<_> = current.absent.iter().map(|(email, why)| (email.as_str(), why.as_str())).collect();
    assert_eq!(absent, [("bob@example.com", "he has left\\u{7}, $TOKEN")]);
    let [one, other] = &current.grants[..] else { panic!("{:?}", current.grants) };
    assert_eq!((&*one.access.entitlement.name, one.foreign, other.foreign), ("dba", false, true));
    assert_eq!((one.from, one.until), (None, "2026-03-01T12:00:00Z".parse().ok()));
}

#[test]
fn what_makes_no_sense_is_not_half_believed() {
    let cases: [(&str, Value, &str); 17] = [
        ("/accounts/0/id", json!(""), "the id of an account is empty"),
        ("/accounts/0/id", json!("a\0"), "the id of an account holds a control character"),
        ("/accounts/0/id", json!("2"), "two accounts have the id '2'"),
        ("/accounts/0/id", json!("x".repeat(3000)), "the id of an account is longer than 2048 bytes"),
        ("/accounts/0/email", json!("eve@example.com"), "account '1' is for eve@example.com, who was not asked for"),
        ("/entitlements", json!({}), "it says nothing of the entitlement 'dba'"),
        ("/entitlements/dba", json!({}), "of the entitlement 'dba': missing field `found`"),
        ("/entitlements/dba", json!(1), "of the entitlement 'dba': it is no object"),
        ("/entitlements/dba/found/0/id", json!(" "), "the id of what 'dba' stands for is empty"),
        ("/entitlements/dba/found/0/name", json!("a\u{1b}"), "the name of entitlement 'g-1' holds a control"),
        ("/grants/0/id", json!("b"), "two grants have the id 'b'"),
        ("/grants/0/id", json!("id-of-hunter2"), "the id of a grant holds the value of TOKEN"),
        ("/grants/0/account", json!(""), "the account of grant 'a' is empty"),
        ("/grants/0/entitlement/id", json!("g-2"), "grant 'a' is of 'g-2', which was neither found nor owned"),
        ("/grants/0/from", json!("2026-03-01T12:00:00Z"), "grant 'a' ends at"),
        ("/grants/0/until", json!("+20000-01-01T00:00:00Z"), "grant 'a' has a date in the year 20000"),
        ("/entitlements/dba/found/0/id", json!("not-asked"), "grant 'a' is of 'g-1', which was neither"),
    ];
    for (place, value, why) in cases {
        let mut answer = whole();
        *answer.pointer_mut(place).expect(place) = value;
        let error = read(answer).expect_err(why);
        assert!(error.starts_with(why), "{place}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_spelling_may_be_an_error_of_its_own() {
    for (meaning, why) in [
        (json!({ "error": "no 'dba'\u{7}, hunter2", "found": [] }), "no 'dba'\\u{7}, $TOKEN"),
        (json!({ "error": "" }), "it gives no reason"),
        (json!({ "found": [] }), "the command finds nothing that 'dba' stands for"),
    ] {
        let mut answer = whole();
        answer["entitlements"]["dba"] = meaning;
        answer["grants"] = json!([]);
        let current = read(answer).expect("a reading");
        assert_eq!(current.entitlements["dba"], Err(why.to_owned()));
    }
    let mut answer = whole();
    answer["entitlements"]["dba"]["found"] = json!([{ "id": "g-1", "name": "a" }, { "id": "g-1", "name": "b" }]);
    assert_eq!(read(answer).expect_err("twice"), "'dba' stands twice for the entitlement 'g-1'");
}

#[test]
fn a_reason_that_is_empty_is_none() {
    let mut answer = whole();
    answer["absent"] = json!({ "bob@example.com": " \n" });
    assert!(read(answer).expect("a reading").absent.is_empty());
}
