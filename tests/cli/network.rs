//! Others that answer rubbish, late, never, or are not who they say.

use std::time::{Duration, Instant};

use super::*;
use crate::fakes::pagerduty::{Fault as Answer, Raw};
use crate::fakes::strongdm::{Fault, StrongDm, Tls, Trouble};

/// Well above any wait that is configured here, and far below one that hangs.
const SOON: Duration = Duration::from_secs(20);

/// A run that fails soon, for one of these reasons, and leaves everybody what they hold.
#[track_caller]
fn spoilt(office: &Office, needles: &[&str]) {
    let before = office.held();
    let start = Instant::now();
    office.run(&[]).exits(1).says(needles);
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    assert_eq!(office.held(), before);
}

#[test]
fn ten_megabytes_of_garbage() {
    let office = Office::new();
    office.run(&[]).exits(0);
    office.pagerduty.fail("", usize::MAX, Answer::Garbage(10 * 1024 * 1024));
    let ran = office.run(&[]).exits(1).says(&["! source pagerduty: "]);
    assert!(ran.out.len() + ran.err.len() < 4096, "an error quotes the start of an answer: {} bytes", ran.out.len());
    assert_eq!(office.held().len(), 2);
}

#[test]
fn an_answer_that_breaks_off() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let raw = Raw::truncating("{\"oncalls\": [");
    office.configure_with("", &raw.url(), &office.strongdm.toml(), RULE);
    spoilt(&office, &["! source pagerduty: "]);
}

#[test]
fn a_source_that_never_answers() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let raw = Raw::silent();
    office.configure_with("deadline = \"3s\"", &raw.url(), &office.strongdm.toml(), RULE);
    let config = office.desk.read("oncall-sync.toml").replacen("timeout = \"20s\"", "timeout = \"300ms\"", 1);
    office.desk.write("oncall-sync.toml", config);
    spoilt(&office, &["! source pagerduty: ", "no answer within 0.3 s (`timeout` in the config sets it)"]);
}

#[test]
fn a_source_that_outlasts_the_deadline() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let raw = Raw::silent();
    office.configure_with("deadline = \"1s\"", &raw.url(), &office.strongdm.toml(), RULE);
    spoilt(&office, &["! source pagerduty: ", "deadline"]);
}

#[test]
fn a_target_that_never_answers() {
    let office = Office::new();
    office.configure("deadline = \"3s\"", RULE);
    let config = office.desk.read("oncall-sync.toml").replace("timeout = \"20s\"", "timeout = \"300ms\"");
    office.desk.write("oncall-sync.toml", config);
    office.strongdm.trouble(Trouble::new("*", Fault::Hang).times(usize::MAX));
    spoilt(&office, &["! target strongdm: ", "no answer"]);
}

#[test]
fn a_source_that_is_not_there() {
    let office = Office::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    office.configure_with("", &format!("http://127.0.0.1:{port}"), &office.strongdm.toml(), RULE);
    spoilt(&office, &["! source pagerduty: ", &format!("127.0.0.1:{port}")]);
}

#[test]
fn a_redirect_is_not_followed_with_the_key() {
    let office = Office::new();
    let thief = Raw::silent();
    office.pagerduty.fail("", usize::MAX, Answer::Redirect(format!("{}/oncalls", thief.url())));
    spoilt(&office, &["a redirect; none is followed"]);
    assert_eq!(thief.heads(), [""; 0]);
}

#[test]
fn a_source_whose_certificate_is_for_another_name() {
    let office = Office::new();
    let impostor = StrongDm::start_tls(organisation(), Tls::new("other.example"));
    let port = impostor.host().rsplit(':').next().expect("a port").to_owned();
    office.configure_with("", &format!("https://localhost:{port}"), &office.strongdm.toml(), RULE);
    let config = office.desk.read("oncall-sync.toml");
    let trusting = format!("[source.pagerduty]\nca_file = {:?}", impostor.ca_file());
    office.desk.write("oncall-sync.toml", config.replace("[source.pagerduty]", &trusting));
    spoilt(&office, &["! source pagerduty: ", "certificate", "does not belong to localhost"]);
}

#[test]
fn a_source_whose_certificate_nobody_vouches_for() {
    let office = Office::new();
    let impostor = StrongDm::start_tls(organisation(), Tls::new("localhost"));
    let port = impostor.host().rsplit(':').next().expect("a port").to_owned();
    office.configure_with("", &format!("https://localhost:{port}"), &office.strongdm.toml(), RULE);
    spoilt(&office, &["! source pagerduty: ", "is not trusted", "`ca_file`"]);
}

#[test]
fn a_target_whose_certificate_is_for_another_name() {
    let office = Office::new();
    let impostor = StrongDm::start_tls(organisation(), Tls::new("other.example"));
    office.configure_with("", &office.pagerduty.url(), &impostor.toml(), RULE);
    spoilt(&office, &["! target strongdm: ", "certificate"]);
    assert_eq!(impostor.calls().len(), 0, "no key was sent to it");
}

#[test]
fn a_clock_that_is_a_day_off() {
    let office = Office::new();
    let ran = office.desk.run_at("2026-03-03T08:00:00Z", &[]).exits(1);
    ran.says(&["! target strongdm: ", "clock"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn a_rate_limit_that_the_deadline_does_not_leave_time_for_is_not_waited_out() {
    let office = Office::new();
    office.pagerduty.fail("/oncalls", usize::MAX, Answer::RateLimited { reset: 3600 });
    let waits = "it asks to wait 3600 s, which is longer than `deadline` in the config leaves for it";
    let ran = office.run(&[]).exits(1).says(&[waits, "the rate limit is used up; other users of the key may share it"]);
    assert!(!ran.out.contains("attempts"), "it was asked once: {}", ran.out);
    assert_eq!(office.pagerduty.count("/oncalls"), 1);
}

#[test]
fn a_rate_limit_that_goes_on_is_told_after_the_last_attempt() {
    let office = Office::new();
    office.pagerduty.fail("/oncalls", usize::MAX, Answer::RateLimited { reset: 0 });
    office.run(&[]).exits(1).says(&["it still asks to wait after 5 attempts", "the rate limit is used up"]);
}

#[test]
fn a_rate_limit_is_waited_out() {
    let office = Office::new();
    office.pagerduty.fail("/oncalls", 1, Answer::RateLimited { reset: 1 });
    office.strongdm.trouble(Trouble::new("*", Fault::RateLimit(Some(Duration::from_millis(300)))));
    office.run(&[]).exits(0).says(&["Done: 2 given."]);
}
