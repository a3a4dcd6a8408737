//! What somebody held, told from records; times are minutes.

use super::*;
use crate::domain::Email;
use crate::report::{Action, ReasonReport, Span, State};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

/// A change of grant `g` that was done.
fn change(action: Action, from: i64, until: i64, was: Option<(i64, i64)>) -> ChangeReport {
    ChangeReport {
        action,
        account: "a".into(),
        email: "p@example.com".into(),
        entitlement: "e".into(),
        entitlement_id: "id-e".into(),
        from: at(from),
        until: at(until),
        was: was.map(|(from, until)| Span { from: Some(at(from)), until: Some(at(until)) }),
        reasons: Vec::<ReasonReport>::new(),
        outcome: State::Done,
        id: Some(format!("g{until}")),
        error: None,
    }
}

/// The history of what was written, each at its minute.
fn history(records: impl IntoIterator<Item = (i64, ChangeReport)>) -> History {
    let mut history = History::new([Email::new("P@example.com")].into());
    for (minute, change) in records {
        let what = What::Change { target: "target".into(), change };
        let (run, host, config) = ("run".into(), "host".into(), String::new());
        history.see(&Event { at: at(minute), run, host, config, what });
    }
    history
}

/// The stretches of access, in words.
fn stints(records: impl IntoIterator<Item = (i64, ChangeReport)>) -> String {
    let minute = |instant: DateTime<Utc>| (instant - DateTime::UNIX_EPOCH).num_minutes();
    let history = history(records);
    let one = |stint: &Stint| format!("{}..{} {:?}", minute(stint.from), minute(stint.until), stint.ending);
    history.stints.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn access_is_told_from_when_it_was_given_to_when_it_was_gone() {
    use Action::{Amend, Confirm, Create, Expire, Forget, Retime, Revoke};
    let given = || (100, change(Create, 50, 200, None));
    let ahead = || (100, change(Create, 150, 200, None));
    for (says, then) in [
        ("100..200 Dated", vec![given()]),
        ("150..200 Dated", vec![ahead()]),
        ("100..120 TakenBack", vec![given(), (120, change(Revoke, 50, 200, None))]),
        ("", vec![ahead(), (120, change(Revoke, 150, 200, None))]),
        ("100..210 TakenBack", vec![given(), (210, change(Expire, 50, 200, None))]),
        ("100..200 Dated", vec![given(), (210, change(Forget, 50, 200, None))]),
        ("100..120 Gone", vec![given(), (120, change(Forget, 50, 200, None))]),
        ("100..120 Moved, 120..300 Dated", vec![given(), (120, change(Amend, 120, 300, Some((50, 200))))]),
        ("160..300 Dated", vec![ahead(), (120, change(Amend, 160, 300, Some((150, 200))))]),
        ("100..120 Moved, 120..180 Dated", vec![given(), (120, change(Retime, 50, 180, Some((50, 200))))]),
        ("50..200 Dated", vec![(100, change(Confirm, 50, 200, None))]),
        (
            "100..120 Moved, 120..130 TakenBack",
            vec![given(), (120, change(Amend, 120, 300, Some((50, 200)))), (130, change(Revoke, 120, 300, None))],
        ),
        ("100..200 Dated, 250..300 Dated", vec![given(), (240, change(Create, 250, 300, None))]),
    ] {
        assert_eq!(stints(then), says);
    }
}

#[test]
fn what_was_not_done_is_not_held() {
    for outcome in [State::Planned, State::Deferred, State::Skipped, State::Failed] {
        let planned = ChangeReport { outcome, ..change(Action::Create, 50, 200, None) };
        assert_eq!(stints([(100, planned)]), "", "{outcome:?}");
    }
    let other = ChangeReport { email: "q@example.com".into(), ..change(Action::Create, 50, 200, None) };
    assert_eq!(stints([(100, other)]), "");
}

#[test]
fn a_failure_is_remembered_until_it_was_made_good() {
    let failed =
        ChangeReport { outcome: State::Failed, error: Some("no".into()), ..change(Action::Create, 50, 200, None) };
    assert_eq!(history([(100, failed.clone())]).failed.len(), 1);
    assert_eq!(history([(100, failed), (105, change(Action::Create, 105, 200, None))]).failed.len(), 0);
}
