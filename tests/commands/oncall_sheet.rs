//! `oncall_sheet.py` on sheets of its own.

use super::*;

/// Across the end of summer time in Berlin, on 25 October.
const SHEET: &str = "week,DBA,DBA backup\n2026-10-12,ada@example.com,bob@example.com\n2026-10-19,bob@example.com,\n\
    2026-10-26,ada@example.com, carol@example.com \n";

/// Asked for these schedules in October's last two weeks.
fn ask(sheet: &str, arguments: &[&str], asked: &[&str], from: &str, until: &str) -> Option<Said> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("sheet.csv"), sheet).expect("a file");
    let mut command = Command::new(python("zoneinfo")?);
    command.arg(script("oncall_sheet.py")).arg("sheet.csv").args(arguments).current_dir(&folder).env_clear();
    let window = json!({ "from": from, "until": until });
    Some(call(command, &json!({ "version": 1, "verb": "read", "asked": asked, "window": window }).to_string()))
}

#[test]
fn weeks_are_shifts_with_their_true_ends() {
    let berlin = ["--zone", "Europe/Berlin", "--at", "09:30"];
    let asked = ["DBA", "DBA backup", "DBB"];
    let Some(said) = ask(SHEET, &berlin, &asked, "2026-10-20T00:00:00Z", "2026-10-27T00:00:00Z") else { return };
    let schedules = &said.fine()["schedules"];
    let shift = |who: &str, start: &str, end: &str| json!({ "person": { "id": who, "name": who, "email": who }, "start": start, "end": end });
    let expected = json!([
        shift("bob@example.com", "2026-10-19T07:30:00Z", "2026-10-26T08:30:00Z"),
        shift("ada@example.com", "2026-10-26T08:30:00Z", "2026-11-02T08:30:00Z"),
    ]);
    assert_eq!(schedules["DBA"], json!({ "id": "DBA", "name": "DBA", "shifts": expected, "remarks": [] }));
    let backup = json!([shift("carol@example.com", "2026-10-26T08:30:00Z", "2026-11-02T08:30:00Z")]);
    assert_eq!(schedules["DBA backup"]["shifts"], backup, "an empty cell is nobody");
    assert_eq!(schedules["DBB"], json!({ "error": "there is no column 'DBB'; there are: DBA, DBA backup" }));
}

#[test]
fn a_sheet_that_has_ended_is_no_empty_rota() {
    let read = |sheet: &str, from: &str, until: &str| ask(sheet, &[], &["DBA"], from, until);
    let Some(near) = read(SHEET, "2026-10-30T00:00:00Z", "2026-11-06T00:00:00Z") else { return };
    let near = near.fine();
    assert_eq!(near["schedules"]["DBA"]["remarks"], json!(["the sheet ends on 2026-11-02, before the window does"]));
    for (sheet, from) in [(SHEET, "2026-11-02T09:00:00Z"), ("week,DBA\n", "2026-10-30T00:00:00Z")] {
        let late = read(sheet, from, "2026-12-01T00:00:00Z").expect("as before").fine();
        let error = late["schedules"]["DBA"]["error"].as_str().expect("an error");
        assert!(error.contains("who is on call is not known"), "{error}");
    }
    let odd = read(
        "week,DBA\n2026-10-19,a@example.com\n2026-10-12,b@example.com\n",
        "2026-10-12T00:00:00Z",
        "2026-10-13T00:00:00Z",
    );
    let odd = odd.expect("as before");
    assert!(odd.code == Some(1) && odd.err.ends_with("sheet.csv: the weeks do not follow each other\n"), "{odd:?}");
}
