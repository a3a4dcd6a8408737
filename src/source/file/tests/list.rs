use std::fmt::Write as _;

use super::*;
use crate::source::file::list;

fn read(text: &str, zone: Option<&str>) -> std::collections::BTreeMap<String, Schedule> {
    let zone = zone.map(|name| Zone::parse(name).expect("known"));
    list::parse(text, zone.as_ref()).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

fn faults(text: &str) -> Vec<String> {
    let faults = list::parse(text, None).expect_err("faults");
    faults.into_iter().map(|(line, fault)| format!("{line}: {fault}")).collect()
}

#[test]
fn a_list_is_the_same_overrides_in_toml() {
    let rows = [
        ("one", "a@example.com", "2026-03-01 09:00", "2026-03-08 09:00", "Europe/Berlin"),
        ("two", "B@example.com", "2026-03-07 02:30", "2026-03-29 02:30", "America/New_York"),
        ("one", "b@example.com", "2026-03-08T08:00:00Z", "2026-03-29 02:30", "Europe/Berlin"),
        ("one", "nobody", "2026-03-10 00:00", "2026-03-11 00:00:30", "Europe/Berlin"),
        ("two", "a@example.com", "2026-03-20 12:00-05:00", "2026-11-01 01:30", "America/New_York"),
        ("one", "a@example.com", "2026-03-12 00:00", "2026-03-13 00:00", "Europe/Berlin"),
    ];
    let mut csv = "to,timezone,user,reason,schedule,from\n".to_owned();
    let mut toml =
        "[schedules.one]\ntimezone = 'Europe/Berlin'\n[schedules.two]\ntimezone = 'America/New_York'\n".to_owned();
    for (schedule, user, from, to, zone) in rows {
        writeln!(csv, "{to},{zone},{user},\"a, \"\"reason\"\"\",{schedule},{from}").expect("a string");
        writeln!(toml, "[[schedules.{schedule}.overrides]]\nuser = '{user}'\nfrom = '{from}'\nto = '{to}'")
            .expect("a string");
        writeln!(toml, "reason = 'a, \"reason\"'").expect("a string");
    }
    let (from_csv, from_toml) = (read(&csv, None), rota::parse(&toml, None).expect("no fault"));
    assert_eq!(from_csv.keys().collect::<Vec<_>>(), from_toml.keys().collect::<Vec<_>>());
    for (name, listed) in from_csv {
        let written = &from_toml[&name];
        let whole = period(&Zone::utc(), "2026-01-01 00:00", "2027-01-01 00:00");
        let expansion = listed.rotation.expand(whole).expect("little work");
        assert!(expansion.duties.len() > 1, "{expansion:?}");
        assert_eq!(expansion, written.rotation.expand(whole).expect("little work"));
        assert_eq!(listed.remarks.len(), written.remarks.len());
    }
}

#[test]
fn spreadsheets_end_lines_their_own_way_and_leave_empty_ones() {
    let plain = "schedule,user,from,to\none,a@b.c,2026-01-05 09:00,2026-01-06 09:00\n";
    let sheet = "schedule, user ,from,to\r\n\r\n,,,\r\n\"one\",\"a@b.c\", 2026-01-05 09:00,2026-01-06 09:00\r\n,,,\r\n";
    let [plain, sheet] = [plain, sheet].map(|text| read(text, Some("Asia/Kolkata")).remove("one").expect("read"));
    assert_eq!(plain.rotation.overrides[0].period, sheet.rotation.overrides[0].period);
    assert_eq!(plain.rotation.overrides[0].period.start().to_rfc3339(), "2026-01-05T03:30:00+00:00");
    assert_eq!((plain.line, sheet.line), (2, 4));
}

#[test]
fn a_time_without_offset_needs_a_zone_and_one_with_an_offset_none() {
    let list = |from: &str| format!("schedule,user,from,to,timezone\none,a@b.c,{from},2026-01-06T09:00Z,\n");
    assert_eq!(read(&list("2026-01-05T09:00Z"), None).len(), 1);
    assert_eq!(
        faults(&list("2026-01-05 09:00")),
        [
            "2: '2026-01-05 09:00' is no instant without a zone: add a column 'timezone', set `timezone` of the source, or \
          write an offset"
        ]
    );
}

#[test]
fn all_faults_are_told_together_each_with_its_line() {
    let text = "schedule,user,from,to,timezone,raeson
one,ada,2026-01-05 09:00,2026-01-06 09:00,UTC,

one,a@b.c,2026-01-06 09:00,2026-01-06 09:00,UTC,
one,a@b.c,yesterday,,Europe/Berln,
,*@b.c,2026-01-05 09:00,2026-01-06 09:00,UTC,
one,a@b.c,2026-01-05 09:00,2026-01-06 09:00,UTC,a,b
one,a@b.c
";
    let expected = [
        "1: unknown column 'raeson'; did you mean 'reason'?",
        "2: 'ada' is no e-mail address; a list knows neither short names nor several people",
        "4: 'to' has to be after 'from'",
        "5: 'to' is empty",
        "5: 'yesterday' is no date and time; write it like '2026-01-05 09:00', or with an offset, '2026-01-05T09:00:00+01:00'",
        "5: there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'",
        "6: '*@b.c' is no e-mail address; a list knows neither short names nor several people",
        "6: 'schedule' is empty",
        "7: the header has 6 fields and this row 7; quote a field that holds a comma",
        "8: the header has 6 fields and this row 2; quote a field that holds a comma",
    ];
    let found = faults(text);
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{expected}; all: {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_header_is_required() {
    assert!(faults("")[0].starts_with("1: the list is empty; its first line has to be schedule,user,from,to"));
    assert!(
        faults("one,a@b.c,2026-01-05 09:00,2026-01-06 09:00\n")
            .iter()
            .any(|fault| fault == "1: the column 'user' is missing in the header")
    );
    let semicolons = faults("schedule;user;from;to\n");
    assert!(semicolons.iter().any(|fault| fault.ends_with("columns are parted by commas")), "{semicolons:?}");
    assert_eq!(
        faults("user,schedule,from,to,user\na@b.c,one,2026-01-05T09:00Z,2026-01-06T09:00Z,a@b.c"),
        ["1: the column 'user' is there twice"]
    );
    assert_eq!(
        faults("schedule,user,from,to\n"),
        ["1: the list has a header and no row, so that nobody could ever be on call"]
    );
}

#[test]
fn an_unclosed_quote_swallows_nobody() {
    let text = "schedule,user,from,to,reason
one,a@b.c,2026-01-05T09:00Z,2026-01-06T09:00Z,\"swap
one,b@b.c,2026-01-06T09:00Z,2026-01-07T09:00Z,
";
    assert!(faults(text)[0].starts_with("2: a field goes on beyond its line"), "{:?}", faults(text));
}

#[test]
fn odd_times_and_overlaps_are_remarked_as_in_toml() {
    let text = "schedule,user,from,to
one,a@b.c,2026-03-29 02:30,2026-04-05 09:00
one,b@b.c,2026-04-01 09:00,2026-04-03 09:00
";
    let remarks = read(text, Some("Europe/Berlin")).remove("one").expect("read").remarks;
    assert_eq!(remarks.iter().map(|remark| remark.line).collect::<Vec<_>>(), [2, 3]);
    assert!(remarks[1].sentence.contains("the one in line 3 covers the one in line 2"), "{remarks:?}");
}
