//! Which clocks are believed.

use super::super::clock::{TOLERANCE, Witness, Witnesses};
use super::*;

fn second(second: i64) -> DateTime<Utc> {
    at(NOW) + TimeDelta::seconds(second)
}

/// A server's answer to what was sent at second 0 and was back `took` seconds later.
fn answer(date: i64, took: i64) -> Witness {
    Witness::new("server", second(date), second(0), second(took))
}

/// A server whose clock is `ahead` seconds ahead of ours.
fn server(name: &str, ahead: i64) -> Witness {
    Witness { server: name.into(), theirs: second(ahead), ours: second(0) }
}

/// What is said of a run at minute 100 which looks 60 minutes ahead.
fn said_of(servers: &[Witness], last_run: Option<DateTime<Utc>>) -> Option<String> {
    let witnesses = Witnesses { servers: servers.to_vec(), last_run };
    witnesses.refusal(period(NOW, NOW + 60)).map(|refusal| refusal.to_string())
}

#[test]
fn neither_latency_nor_whole_seconds_are_a_difference() {
    let difference = |date, took| {
        let witness = answer(date, took);
        (witness.theirs - witness.ours).num_seconds()
    };
    for (date, took, expected) in
        [(0, 0, 0), (-1, 0, 0), (-2, 0, -1), (1, 0, 1), (5, 10, 0), (10, 10, 0), (12, 10, 2), (-61, 10, -60)]
    {
        assert_eq!(difference(date, took), expected, "{date} within 0 to {took}");
    }
    assert_eq!(answer(3600, 20).difference(), TimeDelta::seconds(3580), "told when the answer was here");
    let end = DateTime::<Utc>::MAX_UTC;
    assert_eq!(Witness::new("server", end, end, end).difference(), TimeDelta::zero());
    // Our clock does not run backwards within a run, and if it did, nothing would come of it.
    assert_eq!(Witness::new("server", second(0), second(1), second(-1)).difference(), TimeDelta::zero());
}

#[test]
fn a_server_may_differ_by_five_minutes_and_no_more() {
    let most = TOLERANCE.num_seconds();
    for ahead in [0, most, -most] {
        assert_eq!(said_of(&[server("a", ahead)], None), None, "{ahead}");
    }
    for (ahead, expected) in [
        (most + 1, "a says that it is 1970-01-01T01:45:01Z, and this machine 1970-01-01T01:40:00Z, 5m 1s behind"),
        (-most - 1, "a says that it is 1970-01-01T01:34:59Z, and this machine 1970-01-01T01:40:00Z, 5m 1s ahead"),
    ] {
        let expected = format!("two clocks differ by more than 5m: {expected}; set the one that is wrong");
        assert_eq!(said_of(&[server("a", ahead)], None), Some(expected));
    }
}

#[test]
fn all_servers_are_named_where_they_differ() {
    let said = said_of(&[server("a", 3600), server("b", 0), server("c", -86_400 * 365), server("d", 10)], None);
    assert_eq!(
        said.unwrap(),
        "two clocks differ by more than 5m: \
         a says that it is 1970-01-01T02:40:00Z, and this machine 1970-01-01T01:40:00Z, 1h behind; \
         c says that it is 1969-01-01T01:40:00Z, and this machine 1970-01-01T01:40:00Z, 365d ahead; \
         b, d and this machine agree; set the one that is wrong"
    );
}

#[test]
fn without_a_server_the_last_run_is_the_witness() {
    let (back, pause) = (
        "this machine's clock says that it is 1970-01-01T01:40:00Z, and the last run was at 1970-01-01T01:46:00Z, 6m \
         later: the clock has gone back, or that of another machine was ahead",
        "this machine's clock says that it is 1970-01-01T01:40:00Z, 1h 1m after the last run, at \
         1970-01-01T00:39:00Z: that is longer than the window of 1h, and no server was asked that could say whether the \
         clock is ahead",
    );
    let cases = [(NOW, None), (NOW + 5, None), (NOW + 6, Some(back)), (NOW - 60, None), (NOW - 61, Some(pause))];
    for (last, expected) in cases {
        assert_eq!(said_of(&[], Some(at(last))).as_deref(), expected, "minute {last}");
    }
    assert_eq!(said_of(&[], None), None, "the first run");
}

#[test]
fn a_server_that_agrees_outweighs_the_last_run_and_one_that_differs_is_refused_whatever_that_was() {
    for last in [NOW - 100_000, NOW, NOW + 100_000] {
        assert_eq!(said_of(&[server("a", 10)], Some(at(last))), None, "minute {last}");
        assert!(said_of(&[server("a", 3600)], Some(at(last))).is_some(), "minute {last}");
    }
}
