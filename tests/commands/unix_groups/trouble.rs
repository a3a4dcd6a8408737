//! Files that cannot be used, others who change them as well, runs that are killed, and a full disk.

use std::os::unix::process::CommandExt as _;
use std::thread;

use super::*;

#[test]
fn files_that_cannot_be_used_are_named() {
    let Some(house) = house() else { return };
    symlink(house.path("group"), house.path("link")).expect("a link");
    let on = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(script("unix-groups.sh")).args(arguments).current_dir(house.folder.path()).env_clear();
        call(command, &grant("ada", "dba"))
    };
    on(&["link", "people"]).refused(&["link is a symbolic link"]);
    on(&["none", "people"]).refused(&["there is no file none"]);
    on(&["group", "none"]).refused(&["none cannot be read"]);
    on(&["group"]).refused(&["1 arguments"]);
    fs::remove_file(house.path("link")).expect("removed");
    house.put(b"dba:x:1:\0\n");
    on(&["group", "people"]).refused(&["zero byte"]);
    let bare = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("/bin/sh");
    command.arg(script("unix-groups.sh")).args(["group", "people"]).env_clear().env("PATH", bare.path());
    let said = call(command, &describe());
    assert!(
        said.code == Some(1) && said.err.contains("needs jq") && said.err.contains("apt-get install jq"),
        "{said:?}"
    );
}

#[test]
fn a_lock_is_respected_unless_its_holder_is_no_more() {
    for house in houses() {
        let lock = house.path("group.lock");
        // As usermod writes it, with a zero byte at its end.
        fs::write(&lock, format!("{}\0", std::process::id())).expect("a file");
        house.call(&grant("ada", "dba")).later(&["is locked by process", &std::process::id().to_string()]);
        fs::write(&lock, "").expect("a file");
        house.call(&grant("ada", "dba")).later(&["holds no process id"]);
        assert_eq!(house.groups(), GROUPS);
        house.call(&read(&[], &["dba"], &[])).fine();
        let mut child = Command::new("true").spawn().expect("a process");
        child.wait().expect("it ends");
        fs::write(&lock, format!("{}\0", child.id())).expect("a file");
        fs::write(house.path(&format!("group.oncall-sync.{}", child.id())), "half").expect("a file");
        house.call(&grant("ada", "dba")).fine();
        house.holds(&with("dba:x:10:zoe\n", "dba:x:10:zoe,ada\n"));
    }
}

#[test]
fn a_lock_that_was_lost_meanwhile_stops_the_change() {
    let Some(house) = house() else { return };
    let programs = tempfile::tempdir().expect("a folder");
    let cmp = programs.path().join("cmp");
    fs::write(&cmp, "#!/bin/sh\nprintf 1 >group.lock\nexec /usr/bin/cmp \"$@\"\n").expect("a file");
    fs::set_permissions(&cmp, Permissions::from_mode(0o755)).expect("a mode");
    let mut command = house.command(&["people"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.path().display()));
    call(command, &grant("ada", "dba")).later(&["was taken from us; nothing was changed"]);
    // The other's lock stays.
    fs::remove_file(house.path("group.lock")).expect("it is there");
    house.holds(GROUPS);
}

#[test]
fn runs_side_by_side_lose_nothing() {
    let Some(house) = house() else { return };
    let users: Vec<String> = (0..12).map(|number| format!("u{number:02}")).collect();
    thread::scope(|scope| {
        for user in &users {
            let house = &house;
            scope.spawn(move || {
                let tries = (0..1000).map(|_| house.call(&grant(user, "dba2")));
                let done = tries.into_iter().find(|said| said.code != Some(AGAIN)).expect("its turn came");
                assert_eq!(done.fine()["id"], format!("dba2:{user}"));
            });
        }
    });
    let groups = house.groups();
    let line = groups.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"dba2:")).expect("the group");
    let mut members: Vec<_> = line["dba2:x:11:".len()..].split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
    members.sort();
    assert_eq!(members, users.iter().map(|user| user.clone().into_bytes()).collect::<Vec<_>>());
    house.put(GROUPS);
    house.holds(GROUPS);
}

/// Programs of the system behind a counter, so that a run can be killed, whole, before its N-th one starts.
fn counted() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in PROGRAMS {
        let script = format!(
            "#!/bin/sh\nn=1\nwhile ! /bin/mkdir \"$COUNT/$n\" 2>/dev/null; do n=$((n + 1)); done\n\
             [ $n -ne \"$KILL_AT\" ] || kill -9 0\nexec {} \"$@\"\n",
            real(name).display()
        );
        fs::write(folder.path().join(name), script).expect("a file");
        fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o755)).expect("a mode");
    }
    folder
}

#[test]
fn killed_anywhere_it_leaves_the_file_old_or_new() {
    let Some(house) = house() else { return };
    let programs = counted();
    let new = with("dba:x:10:zoe\n", "dba:x:10:zoe,ada\n");
    let (mut kills, mut seen_old, mut seen_new) = (0, 0, 0);
    for kill_at in 1.. {
        house.put(GROUPS);
        // One folder for each program that was started.
        let count = tempfile::tempdir().expect("a folder");
        let mut command = house.command(&["people"]);
        command
            .env("PATH", programs.path())
            .env("COUNT", count.path())
            .env("KILL_AT", kill_at.to_string())
            .process_group(0);
        let said = call(command, &grant("ada", "dba"));
        let groups = house.groups();
        assert!(groups == GROUPS || groups == new, "killed at {kill_at}: {}", groups.escape_ascii());
        if said.code == Some(0) {
            break;
        }
        assert_eq!(said.code, None, "{said:?}");
        kills += 1;
        *(if groups == new { &mut seen_new } else { &mut seen_old }) += 1;
        // The next run takes over, whatever was left behind.
        house.call(&grant("ada", "dba")).fine();
        assert_eq!(house.groups(), new, "killed at {kill_at}");
        assert!(!house.path("group.lock").exists(), "killed at {kill_at}");
        let left = fs::read_dir(house.folder.path()).expect("the folder").map(|entry| entry.expect("one").path());
        left.filter(|path| path.to_string_lossy().contains("oncall-sync")).for_each(|path| {
            // Killed before it had the lock: some digits, in nobody's way.
            assert!(fs::metadata(&path).expect("a file").len() < 10, "killed at {kill_at}: {}", path.display());
            fs::remove_file(path).expect("removed");
        });
    }
    assert!(kills > 12 && seen_old > 0 && seen_new > 0, "{kills} kills, {seen_old} old, {seen_new} new");
}

#[test]
fn a_file_that_could_not_be_written_whole_is_not_put_in_place() {
    let Some(house) = house() else { return };
    let programs = tempfile::tempdir().expect("a folder");
    let awk = programs.path().join("awk");
    // As on a full disk, by an awk that does not notice.
    fs::write(&awk, "#!/bin/sh\n/usr/bin/awk \"$@\" | head -c 40\n").expect("a file");
    fs::set_permissions(&awk, Permissions::from_mode(0o755)).expect("a mode");
    let mut command = house.command(&["people"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.path().display()));
    call(command, &grant("ada", "last")).refused(&["is the disk full?"]);
    house.holds(GROUPS);
    // No file may grow beyond half a kilobyte.
    let mut big = GROUPS.to_vec();
    big.extend((0..100).flat_map(|number| format!("\ng{number}:x:{number}:").into_bytes()));
    house.put(&big);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec sh \"$@\"", "sh"]).arg(script("unix-groups.sh")).args(["group", "people"]);
    command.current_dir(house.folder.path()).env_clear();
    call(command, &grant("ada", "dba")).refused(&["group"]);
    house.holds(&big);
}
