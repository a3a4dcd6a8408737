use super::*;

fn faults(text: &str) -> Vec<String> {
    let faults = rota::parse(text, None).expect_err("faults");
    faults.into_iter().map(|(line, fault)| format!("{line}: {fault}")).collect()
}

#[test]
fn all_faults_are_told_together_each_with_its_line() {
    let text = r#"[people]
ada = "ada@example.com"
bob = "bob at example"
nobody = "x@example.com"

[schedules.one]
timezone = "Europe/Berln"

[[schedules.one.layers]]
start = "2026-01-05"
evry = "1 week"
users = ["ada", "adda", ["nobody"], []]

[[schedules.one.layers]]
start = "2026-01-05 09:00"
every = "1 wek"
users = []
during = ["Mon-Fri", "Mo 9-17"]
end = "2026-01-05 09:00"

[[schedules.one.overrides]]
from = "2026-01-06 09:00"
to = "2026-01-06 09:00"
user = "ada"
reason = 7

[schedules.two]
timezone = "UTC"

[schedules.three]
layers = "daily"

[poeple]
"#;
    let expected = [
        "3: 'bob at example' is no e-mail address",
        "4: 'nobody' cannot be a short name: it has a meaning of its own",
        "7: there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
        "9: 'every' is missing in a layer of schedule 'one'",
        "10: '2026-01-05' is no date and time; write it like '2026-01-05 09:00', or with an offset, '2026-01-05T09:00:00+01:00'",
        "11: unknown key 'evry' in a layer of schedule 'one'; did you mean 'every'?",
        "12: \"nobody\" stands alone, in the place of a person",
        "12: an empty list of people; write \"nobody\" for a gap",
        "12: unknown person 'adda'; did you mean 'ada'?",
        "16: unknown unit 'wek'; did you mean 'weeks'?",
        "17: 'users' is empty; name at least one person, or \"nobody\"",
        "18: 'Mo 9-17' is no span of the week; write it like 'Mon-Fri 09:00-17:00', 'Fri 18:00 - Mon 09:00' or 'Sat,Sun': 'Mo' is no day of the week",
        "19: 'end' has to be after 'start'",
        "23: 'to' has to be after 'from'",
        "25: 'reason' has to be a string, not an integer",
        "27: schedule 'two' has neither layers nor overrides, so that nobody could ever be on call",
        "30: 'timezone' is missing in schedule 'three'",
        "30: schedule 'three' has neither layers nor overrides, so that nobody could ever be on call",
        "31: 'layers' has to be a list, not a string",
        "33: unknown key 'poeple' in a rota file; did you mean 'people'?",
    ];
    let found = faults(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "all: {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let found = faults("[schedules.one]\ntimezone = \"UTC\nlayers = [\n");
    assert!(found.iter().any(|fault| fault.starts_with("2: ")), "{found:?}");
    for text in ["", "[schedules]"] {
        assert!(faults(text).iter().any(|fault| fault.contains("there is no schedule")), "{text}");
    }
}

#[test]
fn numbers_of_units_are_positive_and_plausible() {
    for every in [
        "0 weeks",
        "-1 week",
        "1.5 days",
        "week",
        "1week",
        "65536 hours",
        "99999999999999999999 days",
        "1 minute",
        "1 fortnight",
        "1 hours days",
        "",
    ] {
        let text = format!(
            "[schedules.one]\ntimezone='UTC'\n[[schedules.one.layers]]\nstart='2026-01-05 09:00'\nusers=['a@b.c']\nevery='{every}'"
        );
        let found = faults(&text);
        assert!(found.len() == 1 && found[0].starts_with("6: "), "{every}: {found:?}");
    }
}

#[test]
fn addresses_that_a_search_could_take_for_a_pattern_are_refused() {
    for address in [
        "*@example.com",
        "a b@example.com",
        "a\\u001b[2J@example.com",
        "@example.com",
        "ada@",
        "a@b@c",
        "\\\"ada\\\"@example.com",
    ] {
        let text = format!(
            "[people]\nada = \"{address}\"\n[schedules.one]\ntimezone='UTC'\n[[schedules.one.overrides]]\nfrom='2026-01-05 09:00'\nto='2026-01-05 10:00'\nuser='ada'"
        );
        assert!(faults(&text)[0].starts_with("2: "), "{address}");
    }
}

#[test]
fn odd_local_times_are_remarked_with_the_instant_taken() {
    let odd = schedule(
        "Europe/Berlin",
        "[[schedules.it.overrides]]\nfrom = '2026-03-29 02:30'\nto = '2026-10-25 02:30'\nuser = 'ada'",
    );
    let said: Vec<_> = odd.remarks.iter().map(|remark| format!("{}: {}", remark.line, remark.sentence)).collect();
    assert_eq!(
        said,
        [
            "9: '2026-03-29 02:30' in Europe/Berlin does not exist: clocks are put forward then; taken as 2026-03-29 03:30 CEST (2026-03-29T01:30:00Z)",
            "10: '2026-10-25 02:30' in Europe/Berlin occurs twice: clocks are put back then; taken as 2026-10-25 02:30 CEST (2026-10-25T00:30:00Z)",
        ]
    );
}

#[test]
fn overlapping_overrides_of_different_people_are_remarked() {
    let entry = |from: &str, to: &str, more: &str| {
        format!("[[schedules.it.overrides]]\nfrom = '2026-01-{from} 09:00'\nto = '2026-01-{to} 09:00'\n{more}\n")
    };
    let remarks = |entries: &[String]| {
        let remarks = schedule("Europe/Berlin", &entries.concat()).remarks;
        remarks.into_iter().map(|remark| (remark.line, remark.sentence)).collect::<Vec<_>>()
    };
    let found = remarks(&[entry("06", "09", "user = 'ada'"), entry("05", "07", "user = 'bob'")]);
    assert_eq!(
        found,
        [(
            12,
            "two entries put different people on call from 2026-01-06 09:00 CET to 2026-01-07 09:00 CET: \
             the one in line 12 covers the one in line 8"
                .to_owned()
        )]
    );
    assert_eq!(remarks(&[entry("05", "07", "user = 'ada'"), entry("07", "09", "user = 'bob'")]), []);
    assert_eq!(remarks(&[entry("05", "08", "user = 'ada'"), entry("07", "09", "user = 'ada'")]), []);
    let swap = |user: &str, replaces: &str| entry("05", "08", &format!("user = '{user}'\nreplaces = '{replaces}'"));
    assert_eq!(remarks(&[swap("ada", "bob"), swap("bob", "ada")]), []);
    assert_eq!(remarks(&[swap("ada", "bob"), swap("cy", "bob")]).len(), 1);
}

#[test]
fn the_default_zone_is_for_schedules_that_name_none() {
    let text =
        "[schedules.one]\n[[schedules.one.overrides]]\nfrom='2026-01-05 09:00'\nto='2026-01-05 10:00'\nuser='a@b.c'";
    let zone = Zone::parse("Asia/Kolkata").expect("known");
    let schedules = rota::parse(text, Some(&zone)).expect("no fault");
    assert_eq!(schedules["one"].rotation.overrides[0].period.start().to_rfc3339(), "2026-01-05T03:30:00+00:00");
    assert_eq!(faults(text), ["1: 'timezone' is missing in schedule 'one'"]);
}
