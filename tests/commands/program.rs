//! The program itself with the commands: a shift begins, lasts, and ends.

use super::*;
use crate::cli::{Desk, Ran};

/// Bob's week, in which the program runs first, and Ada's after it. A week begins at 7:00.
const SHEET: &str = "week,DBA\n2026-02-23,ada@example.com\n2026-03-02,bob@example.com\n2026-03-09,ada@example.com\n";

/// In Bob's week and in Ada's.
const WEEKS: [&str; 2] = ["2026-03-02T08:00:00Z", "2026-03-09T08:00:00Z"];

/// A desk with a config whose one rule gives `entitlement` on `target`, by the sheet.
fn desk(python: &Path, target: &str, entitlement: &str) -> Desk {
    let desk = Desk::new();
    desk.write("sheet.csv", SHEET);
    let source = [python, &script("oncall_sheet.py")];
    desk.write(
        "oncall-sync.toml",
        format!(
            "window = \"1d\"\nledger = \"ledger.db\"\n\
             [source.sheet]\nkind = \"exec\"\ncommand = [{:?}, {:?}, \"sheet.csv\", \"--at\", \"07:00\"]\n\
             [target.command]\nkind = \"exec\"\n{target}\n\
             [[rule]]\nname = \"database\"\nschedules = [\"DBA\"]\ngrant.command = [{entitlement:?}]\n",
            source[0], source[1]
        ),
    );
    desk
}

fn run(desk: &Desk, now: &str, arguments: &[&str]) -> Ran {
    let mut command = desk.command(arguments);
    #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
    let path = std::env::var_os("PATH").expect("a PATH");
    command.args(["--now", now]).env("PATH", path).env("PGPASSWORD", "HushHush");
    Ran::of(command.output().expect("the program starts"))
}

/// Bob, who is on call, is given it once; Ada, whose week comes, in his place. `holds` says who has it.
fn follows_the_sheet(desk: &Desk, before: &[&str], holds: &dyn Fn() -> Vec<String>) {
    let with = |who: &str| {
        let mut all: Vec<_> = before.iter().map(|who| (*who).to_owned()).chain([who.to_owned()]).collect();
        all.sort();
        all.dedup();
        all
    };
    run(desk, WEEKS[0], &["check"]).exits(0);
    run(desk, WEEKS[0], &["--dry-run"]).exits(0).says(&["bob@example.com"]);
    assert_eq!(holds(), before, "a dry run changes nothing");
    run(desk, WEEKS[0], &[]).exits(0).says(&["1 given"]);
    assert_eq!(holds(), with("bob"));
    run(desk, WEEKS[0], &[]).exits(0).says(&["Nothing to do"]);
    run(desk, WEEKS[1], &[]).exits(0).says(&["ada@example.com"]);
    assert_eq!(holds(), with("ada"), "the shift is over");
    run(desk, WEEKS[1], &[]).exits(0).says(&["Nothing to do"]);
    // Nobody any more.
    desk.write("sheet.csv", SHEET.replace("2026-03-09,ada@example.com", "2026-03-09,"));
    run(desk, WEEKS[1], &["--force"]).exits(0);
    assert_eq!(holds(), before, "who was in before is in still");
}

#[test]
fn unix_groups_follow_the_shifts() {
    let (Some(python), Some(())) = (python("zoneinfo"), unix_groups::jq()) else { return };
    for before in [&["zoe"][..], &["ada", "zoe"]] {
        let script = script("unix-groups.sh");
        let desk = desk(&python, &format!("command = [\"sh\", {script:?}, \"group\", \"people\"]"), "dba");
        desk.write("group", format!("root:x:0:\ndba:x:10:{}\ndba2:x:11:\n", before.join(",")));
        desk.write("people", "ada@example.com ada\nbob@example.com bob\n");
        follows_the_sheet(&desk, before, &|| {
            let groups = desk.read("group");
            let line = groups.lines().find_map(|line| line.strip_prefix("dba:x:10:")).expect("the group");
            let mut members: Vec<_> = line.split(',').map(str::to_owned).collect();
            members.sort();
            members
        });
    }
}

#[test]
fn postgres_roles_follow_the_shifts() {
    let Some(cluster) = postgres_roles::cluster() else { return };
    for before in [&[][..], &["ada"]] {
        // All tests have an Ada: in the map she is this one.
        let script = script("postgres_roles.py");
        let target = format!(
            "command = [{:?}, {script:?}, \"--map\", \"map\", {:?}]\nenv = {{ PGPASSWORD = {{ env = \"PGPASSWORD\" }} }}",
            cluster.python,
            cluster.conninfo("sync")
        );
        let desk = desk(&cluster.python, &target, &cluster.name("dba"));
        desk.write(
            "map",
            format!("ada@example.com {}\nbob@example.com {}\n", cluster.name("ada"), cluster.name("bob")),
        );
        before.iter().for_each(|who| cluster.does_as("other", &format!("GRANT dba~ TO {who}~")));
        follows_the_sheet(&desk, before, &|| {
            let members = cluster.members("dba").into_iter();
            members.map(|member| member.split(' ').next().expect("a name").to_owned()).collect()
        });
    }
}
