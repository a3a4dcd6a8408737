//! `unix-groups.sh` on files of its own, by each POSIX shell there is.

mod trouble;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use tempfile::TempDir;

use super::*;

/// Everything that a group file may hold, in bytes that are no UTF-8, and without an end of its last line.
const GROUPS: &[u8] = b"root:x:0:\n# a comment\n\ndba:x:10:zoe\ndba2:x:11:\nD\xfcsseldorf:x:12:\xe4da\nd.a:x:13:\n\
    10:x:14:\n010:x:15:\n1e1:x:16:\n*:x:17:\nback\\slash:x:18:\nold:x:19:\r\nstaff:x:20:zoe,ada,zoe\nshort:x:21\n+nis\n\
    twice:x:22:\ntwice:x:23:\nlast:x:24:zoe";

const PEOPLE: &str = "# who is who\nada@example.com\tada\n  Bob@Example.com   bob\r\n\ncarol@example.com carol\n\
    dora@example.com dora\nerin@example.com erin\nghost@example.com ghost\ntwin@example.com ada\ntwin@example.com bob\n";

const PASSWD: &str = "ada:x:1:20:Ada:/:/bin/sh\nbob:x:2:10:Bob:/:/bin/bash\ncarol:x:3:3::/:/usr/sbin/nologin\n\
    dora:x:4:4::/:/bin/sh\nerin:x:5:5::/:/bin/sh\nzoe:x:6:6::/:/bin/sh\n";

const SHADOW: &str = "ada:!:20000:0:99999:7:::\nbob:$y$hash:20000:0:99999:7::40000:\ncarol:*:20000::::::\n\
    dora:!$y$hash:20000:0:99999:7:::\nerin:$y$hash:20000:0:99999:7::1:\n";

/// What the command calls.
const PROGRAMS: &[&str] = &["awk", "cat", "cmp", "cp", "jq", "ln", "ls", "mv", "ps", "rm", "tail", "tr", "wc"];

/// A folder with the files.
struct House {
    folder: TempDir,
    shell: Vec<&'static str>,
    /// In place of the system's programs: those of the shell's own.
    programs: Option<TempDir>,
}

/// Whether the command can run at all.
pub fn jq() -> Option<()> {
    there(runs("jq".as_ref(), &["--version"]), "no jq is installed (Debian: `apt-get install jq`)").then_some(())
}

/// The house once for each shell. None without jq.
fn houses() -> Vec<House> {
    if jq().is_none() {
        return Vec::new();
    }
    let shells: [&[&str]; 4] = [&["/bin/sh"], &["dash"], &["bash", "--posix"], &["busybox", "sh"]];
    let found = shells.into_iter().filter(|shell| runs(shell[0].as_ref(), &[&shell[1..], &["-c", ":"]].concat()));
    let found: Vec<_> = found.map(House::new).collect();
    // With those there are it is run all the same.
    there(found.len() == shells.len(), "not with each of sh, dash, bash and busybox, for some are not installed");
    found
}

/// The house with the system's own shell. None without jq.
fn house() -> Option<House> {
    houses().into_iter().next()
}

impl House {
    fn new(shell: &[&'static str]) -> Self {
        let programs = (shell[0] == "busybox").then(busybox);
        let house = Self { folder: tempfile::tempdir().expect("a folder"), shell: shell.to_vec(), programs };
        house.put(GROUPS);
        fs::write(house.path("people"), PEOPLE).expect("a file");
        fs::write(house.path("passwd"), PASSWD).expect("a file");
        fs::write(house.path("shadow"), SHADOW).expect("a file");
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, groups: &[u8]) {
        fs::write(self.path("group"), groups).expect("a file");
    }

    fn groups(&self) -> Vec<u8> {
        fs::read(self.path("group")).expect("the file is there")
    }

    /// With these files beside the group file.
    fn command(&self, files: &[&str]) -> Command {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]).arg(script("unix-groups.sh")).arg(self.path("group"));
        command.args(files).current_dir(self.folder.path()).env_clear();
        if let Some(programs) = &self.programs {
            command.env("PATH", programs.path());
        }
        command
    }

    fn call(&self, request: &str) -> Said {
        call(self.command(&["people"]), request)
    }

    /// The file is this, and nothing else lies in the folder but what a test put there.
    #[track_caller]
    fn holds(&self, expected: &[u8]) {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(text(&self.groups()), text(expected), "{:?}", self.shell);
        let names = fs::read_dir(self.folder.path()).expect("the folder").map(|entry| entry.expect("one").file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().expect("UTF-8")).collect();
        names.sort();
        assert_eq!(names, ["group", "passwd", "people", "shadow"], "{:?}", self.shell);
    }
}

/// Where a program of the system is.
fn real(name: &str) -> PathBuf {
    let places = ["/usr/bin", "/bin", "/usr/local/bin"].map(|place| Path::new(place).join(name));
    places.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{name} is in /usr/bin"))
}

/// What the command calls, by busybox alone but for jq.
fn busybox() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in PROGRAMS {
        let program = if *name == "jq" { real(name) } else { real("busybox") };
        symlink(program, folder.path().join(name)).expect("a link");
    }
    symlink(real("busybox"), folder.path().join("busybox")).expect("a link");
    folder
}

/// The file with one line in place of another.
fn with(old: &str, new: &str) -> Vec<u8> {
    let latin = |text: &[u8]| text.iter().map(|byte| char::from(*byte)).collect::<String>();
    let groups = latin(GROUPS);
    assert_eq!(groups.matches(old).count(), 1, "{old:?}");
    groups.replace(old, new).chars().map(|sign| u8::try_from(u32::from(sign)).expect("a byte")).collect()
}

#[test]
fn gives_once_and_takes_back_what_it_gave() {
    for house in houses() {
        let said = house.call(&describe()).fine();
        assert_eq!(said, json!({ "version": 1, "tenure": "standing", "concurrency": 1 }));
        let reading = read(&["ada@example.com", "nobody@example.com"], &["dba"], &[]);
        let empty = house.call(&reading).fine();
        assert_eq!(empty["accounts"], json!([{ "id": "ada", "email": "ada@example.com", "suspended": false }]));
        assert_eq!(empty["entitlements"], json!({ "dba": { "found": [{ "id": "dba", "name": "dba" }] } }));
        assert_eq!(shown(&empty), ["dba:zoe"]);
        for _ in 0..2 {
            assert_eq!(house.call(&grant("ada", "dba")).fine(), json!({ "id": "dba:ada" }));
            house.holds(&with("dba:x:10:zoe\n", "dba:x:10:zoe,ada\n"));
        }
        assert_eq!(shown(&house.call(&reading).fine()), ["dba:ada", "dba:zoe"]);
        assert_eq!(shown(&house.call(&read(&[], &[], &[("ada", "dba")])).fine()), ["dba:ada", "dba:zoe"], "as owned");
        for _ in 0..2 {
            assert_eq!(house.call(&revoke("dba:ada", "ada", "dba")).fine(), json!({}));
            house.holds(GROUPS);
        }
    }
}

#[test]
fn every_other_line_and_member_stays_as_it_is() {
    for house in houses() {
        for (group, old, new) in [
            ("dba2", "dba2:x:11:\n", "dba2:x:11:bob\n"),
            ("d.a", "d.a:x:13:\n", "d.a:x:13:bob\n"),
            ("10", "\n10:x:14:\n", "\n10:x:14:bob\n"),
            ("010", "010:x:15:\n", "010:x:15:bob\n"),
            ("1e1", "1e1:x:16:\n", "1e1:x:16:bob\n"),
            ("*", "*:x:17:\n", "*:x:17:bob\n"),
            ("back\\slash", "back\\slash:x:18:\n", "back\\slash:x:18:bob\n"),
            ("staff", "staff:x:20:zoe,ada,zoe\n", "staff:x:20:zoe,ada,zoe,bob\n"),
            ("last", "last:x:24:zoe", "last:x:24:zoe,bob"),
        ] {
            assert_eq!(house.call(&grant("bob", group)).fine()["id"], format!("{group}:bob"));
            house.holds(&with(old, new));
            house.call(&revoke(&format!("{group}:bob"), "bob", group)).fine();
            house.holds(GROUPS);
        }
        house.call(&revoke("staff:zoe", "zoe", "staff")).fine();
        house.holds(&with("staff:x:20:zoe,ada,zoe\n", "staff:x:20:ada\n"));
        house.put(b"a:x:1:\nb:x:2:\n");
        house.call(&grant("x.y*\\n$@", "b")).fine();
        house.call(&grant("x", "b")).fine();
        house.call(&revoke("b:x", "x", "b")).fine();
        house.holds(b"a:x:1:\nb:x:2:x.y*\\n$@\n");
    }
}

#[test]
fn a_name_that_is_not_there_is_an_error_of_its_own() {
    let Some(house) = house() else { return };
    let reading = house.call(&read(&[], &["dbax", "DBA", "d?a", "twice", "short", "kitchen", "dba"], &[])).fine();
    let error = |name: &str| reading["entitlements"][name]["error"].as_str().expect(name).to_owned();
    assert_eq!(error("dbax"), "there is no group 'dbax'; is 'dba' or 'dba2' meant?");
    assert!(error("DBA").starts_with("there is no group 'DBA'; is 'dba'"), "{}", error("DBA"));
    assert!(error("d?a").contains("'d.a'"), "{}", error("d?a"));
    assert_eq!(error("twice"), "the group 'twice' stands 2 times in the file");
    assert!(error("short").contains("four fields"));
    assert_eq!(error("kitchen"), "there is no group 'kitchen'");
    assert!(reading["entitlements"]["dba"]["found"].is_array(), "one unknown name spoils no other");
    house.call(&grant("ada", "kitchen")).refused(&["no group 'kitchen'"]);
    house.call(&grant("ada", "twice")).refused(&["'twice'", "more than once"]);
    house.call(&grant("ada", "short")).refused(&["'short'", "four fields"]);
    house.call(&revoke("kitchen:ada", "ada", "kitchen")).fine();
    house.holds(GROUPS);
}

#[test]
fn names_that_would_break_the_file_are_refused() {
    let Some(house) = house() else { return };
    for name in ["", "a,b", "a:b", "a\nb", "ada\n", "a b", "a\tb", "\u{0}", "a\u{7f}", "a\u{85}", "-x", "+x", "#x"] {
        house.call(&grant(name, "dba")).refused(&["cannot be the name of a user"]);
        house.call(&grant("ada", name)).refused(&["cannot be the name of a group"]);
        let id = format!("dba:{name}");
        house.call(&revoke(&id, name, "dba")).refused(&["cannot be the name of a user"]);
    }
    house.call(&revoke("dba:bob:primary", "bob", "dba")).refused(&["no grant of this command"]);
    house.call(&revoke("dba2:zoe", "zoe", "dba")).refused(&["no grant of this command"]);
    house.call("{\"version\":1,\"verb\":\"grant\\ndba\\nx:y\\nz\"}").refused(&["was asked to"]);
    house.call("{\"version\":\"1\\ngrant\",\"verb\":\"read\"}").refused(&["version 1"]);
    house.call("{\"version\":1,\"verb\":\"amend\"}").refused(&["amend"]);
    house.call("nonsense").refused(&["not JSON"]);
    house.call("").refused(&["not JSON"]);
    house.holds(GROUPS);
}

#[test]
fn accounts_are_those_of_the_people_file() {
    for house in houses() {
        let emails = [
            "ADA@example.com",
            "bob@example.com",
            "carol@example.com",
            "dora@example.com",
            "erin@example.com",
            "twin@example.com",
        ];
        let people = |files: &[&str], emails: &[&str]| {
            let said = call(house.command(files), &read(emails, &[], &[])).fine();
            let accounts = said["accounts"].as_array().expect("a list").iter();
            let mut accounts: Vec<_> = accounts
                .map(|one| {
                    let id = one["id"].as_str().expect("text");
                    format!("{id}{}", if one["suspended"] == true { " suspended" } else { "" })
                })
                .collect();
            accounts.sort();
            accounts
        };
        assert_eq!(people(&["people"], &emails[..5]), ["ada", "bob", "carol", "dora", "erin"]);
        assert_eq!(people(&["people", "passwd"], &emails[..5]), ["ada", "bob", "carol suspended", "dora", "erin"]);
        let all = ["ada", "bob", "carol suspended", "dora suspended", "erin suspended"];
        assert_eq!(people(&["people", "passwd", "shadow"], &emails[..5]), all);
        assert_eq!(people(&["people"], &["twin@example.com"]), ["ada", "bob"], "for one address two accounts");
        let aliases = ["twin@example.com", "ada@example.com"];
        assert_eq!(people(&["people"], &aliases), ["ada", "bob"], "each account once");
        assert_eq!(people(&["people"], &["ghost@example.com"]), ["ghost"]);
        assert_eq!(people(&["people", "passwd"], &["ghost@example.com"]), [""; 0], "no such user");
        let wild = ["*@example.com", ".da@example.com", "da@example.com", "ada@example.co", "#", ""];
        assert_eq!(people(&["people"], &wild), [""; 0]);
        fs::write(house.path("people"), "ada@example.com ada lovelace\n").expect("a file");
        house.call(&read(&[], &[], &[])).refused(&["ada@example.com ada lovelace"]);
    }
}

#[test]
fn a_primary_group_is_held_and_never_taken() {
    let Some(house) = house() else { return };
    let said = call(house.command(&["people", "passwd"]), &read(&[], &["dba", "staff"], &[])).fine();
    assert_eq!(
        shown(&said),
        ["dba:bob:primary foreign", "dba:zoe", "staff:ada", "staff:ada:primary foreign", "staff:zoe"]
    );
    call(house.command(&["people", "passwd"]), &grant("ghost", "dba")).refused(&["no user 'ghost'"]);
    house.holds(GROUPS);
}

/// Names that no answer may hold are shown harmless, for one of them must not spoil the reading.
#[test]
fn odd_members_are_shown() {
    let Some(house) = house() else { return };
    house.put(b"dba:x:10: ,a\x1bb,\xff,zoe\r\n");
    let said = house.call(&read(&[], &["dba"], &[])).fine();
    assert_eq!(shown(&said), ["dba:?", "dba:a?b", "dba:zoe?", "dba:\u{fffd}"]);
}

#[test]
fn mode_and_owner_are_kept() {
    for house in houses() {
        let path = house.path("group");
        fs::set_permissions(&path, Permissions::from_mode(0o664)).expect("a mode");
        // Root alone may give a file away.
        let _ = chown(&path, Some(7), Some(8));
        let before = fs::metadata(&path).expect("the file");
        house.call(&grant("ada", "dba")).fine();
        let after = fs::metadata(&path).expect("the file");
        let who = |file: &fs::Metadata| (file.mode(), file.uid(), file.gid());
        assert_eq!(who(&after), who(&before));
        assert_ne!(after.ino(), before.ino(), "it was replaced");
        house.call(&grant("ada", "dba")).fine();
        assert_eq!(fs::metadata(&path).expect("the file").ino(), after.ino(), "nothing to do, nothing written");
    }
}

#[test]
fn a_large_request_is_read() {
    let Some(house) = house() else { return };
    let emails: Vec<String> = (0..20_000).map(|number| format!("somebody-{number}@example.com")).collect();
    let mut emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    emails.push("ada@example.com");
    let said = house.call(&read(&emails, &["dba"], &[])).fine();
    assert_eq!(said["accounts"].as_array().expect("a list").len(), 1);
}
