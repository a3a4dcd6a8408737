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

/// A run whose ledger lies on a file system of 64 KiB, filled by `fill` before; `None` where no such thing can be mounted.
fn on_a_small_disk(fill: &str) -> Option<Ran> {
    let office = Office::new();
    fs::create_dir(office.desk.path("disk")).expect("a folder");
    office.configure_ledger("disk/ledger.db");
    let program = env!("CARGO_BIN_EXE_oncall-sync");
    let script =
        format!("mount -t tmpfs -o size=64k tmpfs disk && touch mounted && {{ {fill}; {program} --now {NOW}; }}");
    for namespaces in ["-m", "-rm"] {
        let mut command = Command::new("unshare");
        command.args([namespaces, "sh", "-c", &script]);
        let mut command = office.desk.seat(command);
        let output = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
        if let (Ok(output), true) = (output, office.desk.exists("mounted")) {
            assert_eq!((office.writes(), office.held()), (0, Vec::new()), "what is not written down is not given");
            return Some(Ran::of(output));
        }
    }
    #[expect(clippy::disallowed_macros, reason = "a skipped test has to say so")]
    {
        eprintln!("SKIPPED: `unshare` and `mount` make no file system here");
    }
    None
}

#[test]
fn on_a_full_disk_nothing_is_given() {
    if let Some(ran) = on_a_small_disk("cat /dev/zero > disk/fill 2> /dev/null") {
        ran.exits(2).says(&["the ledger ", "could not be made", "disk is full"]);
    }
}

/// Room for an empty ledger (six pages of 4 KiB), and none for the journal of its first write.
#[test]
fn on_a_disk_that_fills_up_nothing_is_given() {
    if let Some(ran) = on_a_small_disk("head -c 38912 /dev/zero > disk/fill") {
        let reason = ["nothing was changed", "disk is full", "check the disk's space"];
        ran.exits(2).says(&reason);
    }
}

/// The same on every machine: no file may grow beyond a block.
#[test]
fn where_files_may_not_grow_nothing_is_given() {
    let office = Office::new();
    let program = env!("CARGO_BIN_EXE_oncall-sync");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {program} --now {NOW}")]);
    let output = office.desk.seat(shell).output().expect("a shell");
    Ran::of(output).exits(2).says(&["the ledger ", "could not be made"]);
    assert_eq!(office.writes(), 0);
    assert!(!office.desk.exists("ledger.db"));
    office.run(&[]).exits(0).says(&["Done: 2 given."]);
}

impl Office {
    fn configure_ledger(&self, path: &str) {
        let config = self.desk.read("oncall-sync.toml").replace("ledger.db", path);
        self.desk.write("oncall-sync.toml", config);
    }
}
