use super::*;

const WEEKLY: &str = r#"
[[schedules.it.layers]]
start = "2026-01-05 09:00"
every = "1 week"
users = ["ada", "bob", "cy"]
"#;

#[test]
fn people_take_turns_with_true_starts_and_ends() {
    assert_eq!(
        shifts("Europe/Berlin", WEEKLY, "2026-01-14 12:00", "2026-01-20 12:00"),
        ["bob 01-12 09:00 to 01-19 09:00", "cy 01-19 09:00 to 01-26 09:00"]
    );
    assert_eq!(
        shifts("Europe/Berlin", WEEKLY, "2026-01-01 00:00", "2026-01-06 00:00"),
        ["ada 01-05 09:00 to 01-12 09:00"]
    );
    assert!(shifts("Europe/Berlin", WEEKLY, "2025-01-01 00:00", "2026-01-05 09:00").is_empty());
}

#[test]
fn hand_over_keeps_its_time_of_day_over_changes_of_the_clock() {
    let hours = |zone, from, to| -> Vec<i64> {
        let duties = expand(zone, WEEKLY, from, to).duties;
        duties.iter().map(|duty| (duty.end.expect("an end") - duty.start).num_minutes()).collect()
    };
    let week = 7 * 24 * 60;
    assert_eq!(hours("Europe/Berlin", "2026-03-24 00:00", "2026-03-25 00:00"), [week - 60]);
    assert_eq!(hours("Europe/Berlin", "2026-10-20 00:00", "2026-10-21 00:00"), [week + 60]);
    assert_eq!(hours("America/New_York", "2026-03-04 00:00", "2026-03-05 00:00"), [week - 60]);
    assert_eq!(hours("America/New_York", "2026-10-28 00:00", "2026-10-29 00:00"), [week + 60]);
    assert_eq!(hours("Australia/Lord_Howe", "2026-09-30 00:00", "2026-10-01 00:00"), [week - 30]);
    assert_eq!(hours("Australia/Lord_Howe", "2026-04-01 00:00", "2026-04-02 00:00"), [week + 30]);
    assert_eq!(
        shifts("Europe/Berlin", WEEKLY, "2026-03-30 09:00", "2026-03-31 00:00"),
        ["ada 03-30 09:00 to 04-06 09:00"]
    );
}

#[test]
fn a_hand_over_in_the_gap_is_pushed_on_and_a_doubled_one_is_the_first() {
    let daily = "[[schedules.it.layers]]\nstart = '2026-01-01 02:30'\nevery = '1 day'\nusers = ['ada', 'bob']";
    assert_eq!(
        shifts("Europe/Berlin", daily, "2026-03-28 12:00", "2026-03-29 12:00"),
        ["ada 03-28 02:30 to 03-29 03:30", "bob 03-29 03:30 to 03-30 02:30"]
    );
    let duties = expand("Europe/Berlin", daily, "2026-10-25 12:00", "2026-10-25 13:00").duties;
    assert_eq!(duties[0].start.to_rfc3339(), "2026-10-25T00:30:00+00:00");
    assert_eq!(duties[0].end.expect("an end") - duties[0].start, chrono::TimeDelta::hours(25));
}

#[test]
fn hours_are_counted_on_the_wall_clock() {
    let hourly = "[[schedules.it.layers]]\nstart = '2026-03-29 00:00'\nevery = '1 hour'\nusers = ['ada', 'bob', 'cy']";
    assert_eq!(
        shifts("Europe/Berlin", hourly, "2026-03-29 00:00", "2026-03-29 05:00"),
        [
            "ada 03-29 00:00 to 03-29 01:00",
            "bob 03-29 01:00 to 03-29 03:00",
            "ada 03-29 03:00 to 03-29 04:00",
            "bob 03-29 04:00 to 03-29 05:00"
        ]
    );
}

#[test]
fn an_old_rotation_is_found_by_arithmetic() {
    let hourly = "[[schedules.it.layers]]\nstart = '1970-01-01 00:00'\nevery = '1 hour'\nusers = ['ada', 'bob']";
    assert_eq!(shifts("UTC", hourly, "2026-06-01 00:15", "2026-06-01 00:45"), ["ada 06-01 00:00 to 06-01 01:00"]);
}

#[test]
fn months_count_from_the_first_day_and_are_clamped() {
    let monthly = "[[schedules.it.layers]]\nstart = '2026-01-31 09:00'\nevery = '1 month'\nusers = ['ada', 'bob']";
    assert_eq!(
        shifts("Europe/Berlin", monthly, "2026-02-01 00:00", "2026-04-10 00:00"),
        ["ada 01-31 09:00 to 02-28 09:00", "bob 02-28 09:00 to 03-31 09:00", "ada 03-31 09:00 to 04-30 09:00"]
    );
}

#[test]
fn one_person_alone_is_on_call_for_ever() {
    let alone = "[[schedules.it.layers]]\nstart = '2020-01-06 09:00'\nevery = '1 hour'\nusers = ['ada']";
    assert_eq!(shifts("Europe/Berlin", alone, "2026-06-01 00:00", "2026-06-02 00:00"), ["ada 01-06 09:00 to ever"]);
    let masked = format!("{alone}\nduring = ['Mon-Thu', 'Fri 00:00 - Mon 00:00']");
    assert_eq!(shifts("Europe/Berlin", &masked, "2026-06-01 00:00", "2026-06-02 00:00"), ["ada 01-06 09:00 to ever"]);
    let ended = format!("{alone}\nend = '2030-01-01 00:00'");
    assert_eq!(
        shifts("Europe/Berlin", &ended, "2026-06-01 00:00", "2026-06-02 00:00"),
        ["ada 01-06 09:00 to 01-01 00:00"]
    );
    let relieved =
        format!("{alone}\n[[schedules.it.layers]]\nstart = '2031-02-03 09:00'\nevery = '1 day'\nusers = ['bob']");
    assert_eq!(
        shifts("Europe/Berlin", &relieved, "2026-06-01 00:00", "2026-06-02 00:00"),
        ["ada 01-06 09:00 to 02-03 09:00"]
    );
}

#[test]
fn turns_of_one_person_that_meet_are_one_shift() {
    let twice = "[[schedules.it.layers]]\nstart = '2026-01-05 09:00'\nevery = '1 week'\nusers = ['ada', 'ada', 'bob']";
    assert_eq!(
        shifts("Europe/Berlin", twice, "2026-01-13 00:00", "2026-01-14 00:00"),
        ["ada 01-05 09:00 to 01-19 09:00"]
    );
    let long = "[[schedules.it.layers]]\nstart = '2026-01-05 00:00'\nevery = '1 day'\nusers = \
                ['ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada',\
                'ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','ada','bob']";
    assert_eq!(shifts("UTC", long, "2026-01-20 00:00", "2026-01-21 00:00"), ["ada 01-05 00:00 to 02-03 00:00"]);
}

#[test]
fn pairs_and_nobody_take_turns_too() {
    let pairs = "[[schedules.it.layers]]\nstart = '2026-01-05 09:00'\nevery = '1 day'\nusers = [['ada', 'bob'], 'nobody', 'bob', ['bob', 'cy']]";
    let found = expand("Europe/Berlin", pairs, "2026-01-05 09:00", "2026-01-09 09:00");
    assert_eq!(
        shifts("Europe/Berlin", pairs, "2026-01-05 09:00", "2026-01-09 09:00"),
        [
            "ada 01-05 09:00 to 01-06 09:00",
            "bob 01-05 09:00 to 01-06 09:00",
            "bob 01-07 09:00 to 01-10 09:00",
            "cy 01-08 09:00 to 01-09 09:00"
        ]
    );
    assert_eq!(found.uncovered, [], "a gap that is written down is no surprise");
}

#[test]
fn a_later_layer_covers_earlier_ones_wherever_it_counts_also_with_nobody() {
    let nights = format!(
        "{WEEKLY}
[[schedules.it.layers]]
start = '2026-01-06 18:00'
every = '1 day'
users = ['cy', 'bob']
during = ['Tue 18:00-09:00']
end = '2026-01-10 00:00'"
    );
    assert_eq!(
        shifts("Europe/Berlin", &nights, "2026-01-05 09:00", "2026-01-10 00:00"),
        ["ada 01-05 09:00 to 01-06 18:00", "cy 01-06 18:00 to 01-07 09:00", "ada 01-07 09:00 to 01-12 09:00"]
    );
    let silent = format!(
        "{WEEKLY}
[[schedules.it.layers]]
start = '2026-01-06 00:00'
every = '1 day'
users = ['nobody']
end = '2026-01-07 00:00'"
    );
    assert_eq!(
        shifts("Europe/Berlin", &silent, "2026-01-05 09:00", "2026-01-10 00:00"),
        ["ada 01-05 09:00 to 01-06 00:00", "ada 01-07 00:00 to 01-12 09:00"]
    );
}

#[test]
fn the_mask_does_not_stop_the_turns() {
    let days = "[[schedules.it.layers]]\nstart = '2026-01-05 00:00'\nevery = '1 day'\nusers = ['ada', 'bob', 'cy']\nduring = 'Mon,Thu 09:00-17:00'";
    assert_eq!(
        shifts("Europe/Berlin", days, "2026-01-05 00:00", "2026-01-13 00:00"),
        ["ada 01-05 09:00 to 01-05 17:00", "ada 01-08 09:00 to 01-08 17:00", "bob 01-12 09:00 to 01-12 17:00"]
    );
    assert_eq!(expand("Europe/Berlin", days, "2026-01-05 00:00", "2026-01-06 00:00").uncovered.len(), 2);
}

#[test]
fn overrides_cover_layers_and_the_later_covers_the_earlier() {
    let overridden = format!(
        "{WEEKLY}
[[schedules.it.overrides]]
from = '2026-01-06 00:00'
to = '2026-01-09 00:00'
user = 'cy'
reason = 'swap'
[[schedules.it.overrides]]
from = '2026-01-07 00:00'
to = '2026-01-08 00:00'
user = 'nobody'"
    );
    assert_eq!(
        shifts("Europe/Berlin", &overridden, "2026-01-05 09:00", "2026-01-12 09:00"),
        [
            "ada 01-05 09:00 to 01-06 00:00",
            "cy 01-06 00:00 to 01-07 00:00",
            "cy 01-08 00:00 to 01-09 00:00",
            "ada 01-09 00:00 to 01-12 09:00"
        ]
    );
}

#[test]
fn an_override_that_replaces_counts_only_where_that_person_would_be_on() {
    let replaced = format!(
        "{WEEKLY}
[[schedules.it.overrides]]
from = '2026-01-05 00:00'
to = '2026-01-20 00:00'
user = 'dan@example.com'
replaces = 'bob'"
    );
    assert_eq!(
        shifts("Europe/Berlin", &replaced, "2026-01-05 09:00", "2026-01-21 00:00"),
        [
            "ada 01-05 09:00 to 01-12 09:00",
            "dan@example.com 01-12 09:00 to 01-19 09:00",
            "cy 01-19 09:00 to 01-26 09:00"
        ]
    );
    let pair = "[[schedules.it.layers]]\nstart = '2026-01-05 09:00'\nevery = '1 week'\nusers = [['ada', 'bob'], 'cy']
[[schedules.it.overrides]]\nfrom = '2026-01-06 00:00'\nto = '2026-01-07 00:00'\nuser = 'cy'\nreplaces = 'ada@example.com'";
    assert_eq!(
        shifts("Europe/Berlin", pair, "2026-01-05 09:00", "2026-01-12 09:00"),
        [
            "ada 01-05 09:00 to 01-06 00:00",
            "bob 01-05 09:00 to 01-12 09:00",
            "cy 01-06 00:00 to 01-07 00:00",
            "ada 01-07 00:00 to 01-12 09:00"
        ]
    );
}

#[test]
fn a_schedule_without_layers_is_a_plain_list() {
    let list =
        "[[schedules.it.overrides]]\nfrom = 2026-01-05T09:00:00\nto = 2026-01-06T08:00:00Z\nuser = 'ADA@example.com'
[[schedules.it.overrides]]\nfrom = '2026-01-06 09:00'\nto = '2026-01-07 09:00'\nuser = ['ada', 'bob']";
    assert_eq!(
        shifts("Europe/Berlin", list, "2026-01-01 00:00", "2026-02-01 00:00"),
        ["ada 01-05 09:00 to 01-07 09:00", "bob 01-06 09:00 to 01-07 09:00"]
    );
    let found = expand("Europe/Berlin", list, "2026-01-05 00:00", "2026-01-08 00:00");
    assert_eq!(found.uncovered.len(), 2);
}

#[test]
fn members_change_by_a_layer_that_starts_that_day() {
    let changed = format!(
        "{WEEKLY}[[schedules.it.layers]]\nstart = '2026-01-19 09:00'\nevery = '1 week'\nusers = ['bob', 'ada']"
    );
    assert_eq!(
        shifts("Europe/Berlin", &changed, "2026-01-12 09:00", "2026-02-01 00:00"),
        ["bob 01-12 09:00 to 01-26 09:00", "ada 01-26 09:00 to 02-02 09:00"]
    );
}

#[test]
fn an_anchor_with_an_offset_hands_over_on_the_schedules_clock() {
    let offset = "[[schedules.it.layers]]\nstart = '2026-01-05T08:00:00Z'\nevery = '1 week'\nusers = ['ada', 'bob']";
    assert_eq!(
        shifts("Europe/Berlin", offset, "2026-06-30 00:00", "2026-07-01 00:00"),
        ["bob 06-29 09:00 to 07-06 09:00"]
    );
}
