//! A ledger that cannot be trusted or written: nothing is given that could not be taken back.

use rusqlite::Connection;

use super::*;

#[test]
fn garbage_is_not_taken_for_a_ledger() {
    let office = Office::new();
    let garbage = vec![b'x'; 4096];
    secret(&office.desk.path("ledger.db"), &"x".repeat(4096));
    for arguments in [&[][..], &["--dry-run"], &["grants"]] {
        office.run(arguments).exits(2).says(&["ledger.db cannot be read", "not a database", "backup"]);
    }
    assert_eq!(office.desk.ledger(), Some(garbage), "left for whoever looks into it");
    assert_eq!(office.strongdm.calls().len() + office.pagerduty.requests().len(), 0);
}

#[test]
fn an_empty_file_is_not_taken_for_a_new_ledger() {
    let office = Office::new();
    secret(&office.desk.path("ledger.db"), "");
    office.run(&[]).exits(2).says(&["cut short"]);
    assert_eq!(office.writes(), 0);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let office = Office::new();
    office.run(&[]).exits(0);
    let connection = Connection::open(office.desk.path("ledger.db")).expect("SQLite");
    connection.pragma_update(None, "user_version", 99).expect("written");
    drop(connection);
    let before = office.desk.ledger();
    office.strongdm.forget();
    for arguments in [&[][..], &["--dry-run"], &["grants"]] {
        office.run(arguments).exits(2).says(&["it has schema 99", "newer oncall-sync"]);
    }
    assert_eq!(office.desk.ledger(), before);
    assert_eq!(office.strongdm.calls().len(), 0);
}

#[test]
fn a_ledger_that_everybody_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::new();
    office.run(&[]).exits(0);
    fs::set_permissions(office.desk.path("ledger.db"), fs::Permissions::from_mode(0o644)).expect("a mode");
    office.run(&[]).exits(2).says(&["chmod 600"]);
}

/// A file system of its own, 64 KiB, in a mount namespace of its own; where none can be had, a limit on the size of files.
fn full_disk(fill: &str) -> Ran {
    let office = Office::new();
    let disk = office.desk.path("disk");
    fs::create_dir(&disk).expect("a folder");
    office.configure_ledger("disk/ledger.db");
    let program = env!("CARGO_BIN_EXE_oncall-sync");
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs disk || exit 99; {fill}; {program} --now {NOW}; code=$?; ls disk >&2; exit $code"
    );
    let unshared = ["-rm", "-m"].into_iter().find_map(|how| {
        let mut command = Command::new("unshare");
        command.args([how, "sh", "-c", &script]);
        let output = office.desk.seat(command).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().ok()?;
        let code = output.status.code();
        let began = office.pagerduty.requests().len() > 0 || code == Some(2);
        (began && code != Some(99)).then(|| Ran::of(output))
    });
    let ran = unshared.unwrap_or_else(|| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {program} --now {NOW}")]);
        Ran::of(office.desk.seat(command).output().expect("a shell"))
    });
    assert_eq!(office.held(), [], "nothing is given that is not written down first: {ran:?}");
    assert_eq!(office.writes(), 0);
    ran
}

#[test]
fn on_a_full_disk_nothing_is_given() {
    full_disk("cat /dev/zero > disk/fill 2>/dev/null").exits(2).says(&["the ledger ", "could not be made", "full"]);
}

/// Room for a new ledger, and none for what is to be written into it.
#[test]
fn on_a_disk_that_fills_up_nothing_is_given() {
    let fill = "dd if=/dev/zero of=disk/fill bs=1k count=40 2>/dev/null";
    full_disk(fill).says(&["the ledger "]);
}

impl Office {
    fn configure_ledger(&self, path: &str) {
        let config = self.desk.read("oncall-sync.toml").replace("ledger.db", path);
        self.desk.write("oncall-sync.toml", config);
    }
}
