//! What is asked in which case, against answers written here.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use serde_json::{Value, json};

use super::*;
use crate::net::{Clock, Context, Reach};

/// Looks `texts` up where `answer` answers; also what was asked, in order, as `/path` or `/oncalls ids`.
async fn look_up(
    texts: &[&str],
    answer: impl Fn(&str, &[String]) -> (u16, Value) + Send + Sync + 'static,
) -> (BTreeMap<String, Result<Answer, String>>, Vec<String>) {
    let server = MockServer::start_async().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let respond = move |request: &HttpMockRequest| {
        let path = request.uri().path().to_owned();
        let ids = request.query_params().into_iter().filter(|(name, _)| name == "schedule_ids[]");
        let ids: Vec<String> = ids.map(|(_, id)| id).collect();
        seen.lock().expect("no panic").push([std::slice::from_ref(&path), &*ids].concat().join(" "));
        let (status, body) = answer(&path, &ids);
        HttpMockResponse::builder().status(status).body(body.to_string()).build()
    };
    server.mock_async(|_any, then| drop(then.respond_with(respond))).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let context = Context::new(Clock::new(DateTime::UNIX_EPOCH), deadline);
    let api = Api::new(Reach::new(&server.base_url(), None, None), "key".into(), context).expect("an API");
    let until = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1);
    let answers = Lookup::new(&api, DateTime::UNIX_EPOCH, until).all(&texts.iter().copied().collect()).await;
    let asked = asked.lock().expect("no panic").clone();
    (answers, asked)
}

/// An account with one schedule, `PREAL01` named `DATABASE`, and one entry of it.
fn account(path: &str, ids: &[String]) -> (u16, Value) {
    let reference = json!({"id": "PREAL01", "summary": "DATABASE"});
    match path {
        "/oncalls" if ids.iter().any(|id| id == "PREAL01") => {
            let entry = json!({"schedule": reference, "user": {"id": "P1"}, "escalation_level": 1});
            (200, json!({"oncalls": [entry, {"schedule": null, "user": {"id": "P2"}}], "more": false}))
        }
        "/oncalls" => (200, json!({"oncalls": [], "more": false})),
        "/schedules" => (200, json!({"schedules": [reference], "more": false})),
        "/v3/schedules" => (200, json!({"schedules": [], "more": false})),
        _ => (404, json!({"error": {"message": "Not Found", "code": 2100}})),
    }
}

fn entries(answer: &Result<Answer, String>) -> usize {
    answer.as_ref().expect("an answer").entries.len()
}

#[tokio::test]
async fn an_id_costs_one_request() {
    let (answers, asked) = look_up(&["PREAL01"], account).await;
    assert_eq!((entries(&answers["PREAL01"]), asked), (1, vec!["/oncalls PREAL01".to_owned()]));
}

#[tokio::test]
async fn a_name_is_looked_for_first_and_asked_for_once() {
    let all = |path: &str, ids: &[String]| match account(path, ids) {
        (200, mut body) if path == "/schedules" => {
            body["schedules"][0]["summary"] = "Data bases".into();
            (200, body)
        }
        other => other,
    };
    let (answers, mut asked) = look_up(&["PREAL01", "Data bases"], all).await;
    assert_eq!((entries(&answers["PREAL01"]), entries(&answers["Data bases"])), (1, 1));
    asked.sort();
    assert_eq!(asked, ["/oncalls PREAL01", "/schedules", "/v3/schedules"]);
}

#[tokio::test]
async fn what_looks_like_an_id_may_be_a_name() {
    let (answers, asked) = look_up(&["DATABASE"], account).await;
    assert_eq!(entries(&answers["DATABASE"]), 1);
    assert_eq!((asked.first(), asked.last()), (Some(&"/oncalls DATABASE".into()), Some(&"/oncalls PREAL01".into())));
}

#[tokio::test]
async fn an_unknown_schedule_is_an_error_and_costs_nobody_else() {
    let strict = |path: &str, ids: &[String]| match path {
        "/oncalls" if ids.iter().any(|id| id == "PREAL02") => (404, json!({"error": {"message": "Not Found"}})),
        "/schedules/PREAL01" => (200, json!({"schedule": {"name": "DATABASE", "escalation_policies": []}})),
        _ => account(path, ids),
    };
    for account in [account, strict] {
        let (answers, _) = look_up(&["PREAL01", "PREAL02", "Nowhere"], account).await;
        assert_eq!(entries(&answers["PREAL01"]), 1);
        let unknown = answers["PREAL02"].as_ref().expect_err("unknown");
        assert!(unknown.contains("no schedule 'PREAL02'") && unknown.contains("'DATABASE' (PREAL01)"), "{unknown}");
        assert!(answers["Nowhere"].is_err());
    }
}

#[tokio::test]
async fn an_empty_schedule_says_why() {
    let quiet = |path: &str, ids: &[String]| match path {
        "/schedules/PUNUSED" => (200, json!({"schedule": {"name": "Unused", "escalation_policies": []}})),
        "/schedules/PNOBODY" => (200, json!({"schedule": {"name": "Nobody", "escalation_policies": [{"id": "PX"}]}})),
        "/schedules/PSHIFTS" => (400, json!({"error": {"message": "Shift-based"}})),
        "/v3/schedules/PSHIFTS" => (200, json!({"schedule": {"name": "Shifts", "type": "schedule_v3"}})),
        "/schedules/PBROKEN" => (403, json!({"error": {"message": "Access Denied"}})),
        _ => account(path, ids),
    };
    let (answers, _) = look_up(&["PUNUSED", "PNOBODY", "PSHIFTS", "PBROKEN"], quiet).await;
    let said = |text: &str| answers[text].as_ref().map(|answer| (answer.name.as_str(), answer.remarks[0].as_str()));
    assert_eq!(said("PUNUSED"), Ok(("Unused", "no escalation policy uses it, so PagerDuty knows nobody on call")));
    assert_eq!(said("PNOBODY"), Ok(("Nobody", "nobody is on call in the window")));
    assert_eq!(said("PSHIFTS"), Ok(("Shifts", "nobody is on call in the window, or no escalation policy uses it")));
    assert!(said("PBROKEN").expect_err("not told").contains("Access Denied"));
}

#[tokio::test]
async fn without_the_shift_based_ones_the_others_still_go_by_name() {
    let classic = |path: &str, ids: &[String]| match path {
        "/v3/schedules" => (403, json!({"error": {"message": "Access Denied"}})),
        _ => account(path, ids),
    };
    let (answers, _) = look_up(&["DATABASE", "PREAL01", "no such name"], classic).await;
    assert_eq!(entries(&answers["DATABASE"]), 1);
    let remarks = |text: &str| answers[text].as_ref().map(|answer| answer.remarks.len());
    assert_eq!((remarks("DATABASE"), remarks("PREAL01")), (Ok(1), Ok(0)));
    let unknown = answers["no such name"].as_ref().expect_err("unknown");
    assert!(unknown.contains("shift-based schedules could not be searched"), "{unknown}");
}

#[tokio::test]
async fn a_failed_page_is_an_error_of_its_batch_alone() {
    let ids: Vec<String> = (0..MAX_IDS + 1).map(|number| format!("P{number:06}")).collect();
    let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
    let half = |path: &str, ids: &[String]| match path {
        "/oncalls" if ids.len() > 1 => (402, json!({"error": {"message": "Missing Ability", "code": 2014}})),
        "/oncalls" => {
            let entry = json!({"schedule": {"id": ids[0]}, "user": {"id": "P1"}});
            (200, json!({"oncalls": [entry], "more": false}))
        }
        _ => account(path, ids),
    };
    let (answers, asked) = look_up(&texts, half).await;
    let failed: Vec<_> = answers.values().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!((failed.len(), answers.len(), asked.len()), (MAX_IDS, MAX_IDS + 1, 2));
    assert!(failed[0].contains("Missing Ability; code 2014"), "{}", failed[0]);
}
