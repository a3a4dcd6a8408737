//! `postgres_roles.py` on a real server: up to 15 a member has one row, from 16 on one of each grantor.

mod rights;

use std::thread;

use tempfile::TempDir;

use super::*;
use crate::fakes::postgres::{self, Database};

/// Roles belong to the whole server, which all tests share: those of a test end in its database's name.
pub struct Cluster {
    database: Database<'static>,
    pub python: PathBuf,
    /// Whether each grantor has a row of its own.
    grantors: bool,
    folder: TempDir,
}

/// With `sync` and `other`, who may both give `dba`, with `ada` and `bob`, with `carol`, who cannot log in, and `dora`,
/// whose time is over. None without a server or psycopg.
pub fn cluster() -> Option<Cluster> {
    let python = python("psycopg")?;
    let database = postgres::plain()?.database();
    let version = database.ask("SELECT current_setting('server_version_num')");
    let grantors = version[0].parse::<u32>().expect("a number") >= 160_000;
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster { database, python, grantors, folder };
    cluster.does(
        "CREATE ROLE sync~ LOGIN; CREATE ROLE other~ LOGIN; CREATE ROLE dba~; CREATE ROLE ada~ LOGIN; CREATE ROLE bob~ LOGIN;
         CREATE ROLE carol~; CREATE ROLE dora~ LOGIN VALID UNTIL '2020-01-01';
         COMMENT ON ROLE ada~ IS 'ada@example.com'; COMMENT ON ROLE bob~ IS 'Bob Bobson <Bob@Example.com>, database team';
         COMMENT ON ROLE carol~ IS 'carol@example.com'; COMMENT ON ROLE dora~ IS 'dora@example.com';
         GRANT dba~ TO sync~, other~ WITH ADMIN OPTION",
    );
    Some(cluster)
}

impl Cluster {
    pub fn name(&self, name: &str) -> String {
        format!("{name}_{}", self.database.name)
    }

    /// `~` after a name stands for the test's own ending. Answers what the superuser is answered.
    #[track_caller]
    fn does(&self, sql: &str) -> Vec<String> {
        self.database.ask(&sql.replace('~', &format!("_{}", self.database.name)))
    }

    /// Somebody else does it.
    #[track_caller]
    pub fn does_as(&self, who: &str, sql: &str) {
        self.does(&format!("SET SESSION AUTHORIZATION {who}~; {sql}"));
    }

    #[track_caller]
    fn oid(&self, name: &str) -> String {
        self.does(&format!("SELECT oid FROM pg_roles WHERE rolname = '{name}~'"))
            .pop()
            .unwrap_or_else(|| name.to_owned())
    }

    /// Who has the role and by whom, without the test's own ending.
    #[track_caller]
    pub fn members(&self, role: &str) -> Vec<String> {
        let rows = self.does(&format!(
            "SELECT member::regrole || ' by ' || grantor::regrole FROM pg_auth_members
             WHERE roleid = '{role}~'::regrole AND NOT admin_option ORDER BY 1"
        ));
        rows.into_iter().map(|row| row.replace(&format!("_{}", self.database.name), "")).collect()
    }

    pub fn conninfo(&self, user: &str) -> String {
        let server = self.database.server;
        let (host, port) = (server.folder().display(), server.port());
        format!("host={host} port={port} dbname={} user={}", self.database.name, self.name(user))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(script("postgres_roles.py")).args(arguments).current_dir(&self.folder).env_clear();
        command
    }

    fn call_with(&self, arguments: &[&str], request: &str) -> Said {
        let conninfo = self.conninfo("sync");
        call(self.command(&[arguments, &[&conninfo]].concat()), request)
    }

    fn call(&self, request: &str) -> Said {
        self.call_with(&[], request)
    }

    fn grant(&self, account: &str, role: &str) -> Said {
        self.call(&grant(&self.oid(account), &self.oid(role)))
    }

    fn revoke(&self, id: &str) -> Said {
        let ids: Vec<&str> = id.split('/').collect();
        self.call(&revoke(id, ids[1], ids[0]))
    }

    /// How the command calls a membership.
    fn id(&self, role: &str, member: &str, grantor: &str) -> String {
        format!("{}/{}/{}", self.oid(role), self.oid(member), self.oid(grantor))
    }

    fn shown(&self, role: &str) -> Vec<String> {
        shown(&self.call(&read(&[], &[&self.name(role)], &[])).fine())
    }

    /// Without the memberships that only let them be passed on, which are no use before 16 shows them.
    fn ours(&self, role: &str) -> Vec<String> {
        self.shown(role).into_iter().filter(|id| !id.ends_with("foreign")).collect()
    }
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().expect("an id")
}

#[test]
fn gives_once_and_takes_back_what_it_gave() {
    let Some(cluster) = cluster() else { return };
    let said = cluster.call(&describe()).fine();
    assert_eq!(said, json!({ "version": 1, "tenure": "standing", "concurrency": 1 }));
    assert_eq!(cluster.ours("dba"), [""; 0]);
    let given = cluster.grant("ada", "dba").fine();
    assert_eq!(id(&given), cluster.id("dba", "ada", "sync"));
    assert_eq!(cluster.grant("ada", "dba").fine(), given, "twice is once");
    assert_eq!(cluster.members("dba"), ["ada by sync"]);
    assert_eq!(cluster.ours("dba"), [id(&given)]);
    let owned = cluster.call(&read(&[], &[], &[(&cluster.oid("ada"), &cluster.oid("dba"))])).fine();
    assert!(shown(&owned).contains(&id(&given).to_owned()), "as owned: {owned}");
    for _ in 0..2 {
        assert_eq!(cluster.revoke(id(&given)).fine(), json!({}));
        assert_eq!(cluster.members("dba"), [""; 0]);
    }
    assert_eq!(cluster.ours("dba"), [""; 0]);
}

#[test]
fn who_was_in_before_stays() {
    let Some(cluster) = cluster() else { return };
    cluster.does_as("other", "GRANT dba~ TO bob~");
    let theirs = cluster.id("dba", "bob", "other");
    assert!(cluster.shown("dba").contains(&format!("{theirs} foreign")), "{:?}", cluster.shown("dba"));
    let said = cluster.grant("bob", "dba");
    if cluster.grantors {
        assert_eq!(id(&said.fine()), cluster.id("dba", "bob", "sync"));
        assert_eq!(cluster.members("dba"), ["bob by other", "bob by sync"]);
    } else {
        let answer = said.refused(&[&cluster.name("bob"), "already, given by", &cluster.name("other")]);
        assert_eq!(answer["occupied"], true);
        assert_eq!(cluster.members("dba"), ["bob by other"]);
    }
    cluster.revoke(&cluster.id("dba", "bob", "sync")).fine();
    assert_eq!(cluster.members("dba"), ["bob by other"]);
}

#[test]
fn what_others_give_while_ours_stands_survives_where_the_server_records_it() {
    let Some(cluster) = cluster() else { return };
    let given = cluster.grant("ada", "dba").fine();
    cluster.does_as("other", "GRANT dba~ TO ada~");
    cluster.revoke(id(&given)).fine();
    let expected: &[&str] = if cluster.grantors { &["ada by other"] } else { &[] };
    assert_eq!(cluster.members("dba"), expected);
    // Ours taken away by hand, and given anew by them: it is theirs.
    let given = cluster.grant("ada", "dba").fine();
    let by_us = if cluster.grantors { "GRANTED BY sync~" } else { "" };
    cluster.does(&format!("REVOKE dba~ FROM ada~ {by_us}"));
    cluster.does_as("other", "GRANT dba~ TO ada~");
    cluster.revoke(id(&given)).fine();
    assert_eq!(cluster.members("dba"), ["ada by other"]);
}

#[test]
fn accounts_are_found_by_comment_or_by_map() {
    let Some(cluster) = cluster() else { return };
    cluster.does(
        "CREATE ROLE twin1~ LOGIN; CREATE ROLE twin2~ LOGIN CONNECTION LIMIT 0;
        COMMENT ON ROLE twin1~ IS '<twin~@example.com>'; COMMENT ON ROLE twin2~ IS ' twin~@example.com ';
        COMMENT ON ROLE other~ IS '<x~@example.com> <y~@example.com>'",
    );
    let accounts = |arguments: &[&str], emails: &[&str]| {
        let emails: Vec<_> =
            emails.iter().map(|email| email.replace('~', &format!("_{}", cluster.database.name))).collect();
        let emails: Vec<_> = emails.iter().map(String::as_str).collect();
        let answer = cluster.call_with(arguments, &read(&emails, &[], &[])).fine();
        let mut accounts: Vec<_> = answer["accounts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| {
                let name = cluster
                    .does(&format!("SELECT rolname FROM pg_roles WHERE oid = {}", one["id"].as_str().expect("text")));
                let name = name[0].replace(&format!("_{}", cluster.database.name), "");
                format!("{name}{}", if one["suspended"] == true { " suspended" } else { "" })
            })
            .collect();
        accounts.sort();
        accounts
    };
    // All tests have an Ada: by name she is looked for in the map alone.
    assert!(accounts(&[], &["ADA@example.com"]).contains(&"ada".to_owned()));
    assert!(accounts(&[], &["bob@example.com"]).contains(&"bob".to_owned()));
    assert!(accounts(&[], &["carol@example.com"]).contains(&"carol suspended".to_owned()));
    assert!(accounts(&[], &["dora@example.com"]).contains(&"dora suspended".to_owned()));
    assert_eq!(accounts(&[], &["Twin~@example.com"]), ["twin1", "twin2 suspended"]);
    let wild = ["%@example.com", "_win~@example.com", "*", "", "x~@example.com", "win~@example.com", "' OR true --"];
    assert_eq!(accounts(&[], &wild), [""; 0]);
    let map = format!("# who is who\n\nAda@Example.com\tada_{0}\nbob@example.com none\n", cluster.database.name);
    std::fs::write(cluster.folder.path().join("map"), map).expect("a file");
    assert_eq!(accounts(&["--map", "map"], &["ada@example.com", "bob@example.com", "carol@example.com"]), ["ada"]);
    std::fs::write(cluster.folder.path().join("map"), "ada@example.com\n").expect("a file");
    cluster.call_with(&["--map", "map"], &read(&["ada@example.com"], &[], &[])).refused(&["map, line 1"]);
    cluster.call_with(&["--map", "no"], &read(&["ada@example.com"], &[], &[])).refused(&["No such file", "'no'"]);
}

#[test]
fn a_name_that_is_not_there_is_an_error_of_its_own() {
    let Some(cluster) = cluster() else { return };
    let (right, wrong) = (cluster.name("dba"), cluster.name("dbaa"));
    let folded = right.to_uppercase();
    let reading = cluster.call(&read(&[], &[&right, &wrong, &folded], &[])).fine();
    assert_eq!(reading["entitlements"][&right], json!({ "found": [{ "id": cluster.oid("dba"), "name": right }] }));
    for name in [&wrong, &folded] {
        let error = reading["entitlements"][name]["error"].as_str().expect("an error");
        assert!(
            error.starts_with(&format!("there is no role '{name}'; is ")) && error.contains(&format!("'{right}'")),
            "{error}"
        );
    }
    cluster.call(&grant(&cluster.oid("ada"), "4294967295")).refused(&["is no more"]);
    cluster.call(&grant("4294967295", &cluster.oid("dba"))).refused(&["is no more"]);
    cluster.revoke("4294967295/4294967295/10").fine();
    for odd in ["ada", "1;DROP ROLE x", "-1", "", "1/2"] {
        cluster.call(&grant(odd, &cluster.oid("dba"))).refused(&["no id of this command"]);
        cluster.call(&revoke(odd, "1", "1")).refused(&["no id of this command"]);
    }
    cluster.call("{\"version\":2,\"verb\":\"read\"}").refused(&["version 1"]);
    cluster.call("{\"version\":1,\"verb\":\"amend\"}").refused(&["'amend'"]);
    cluster.call("nonsense").refused(&["not JSON"]);
    cluster.call("{\"version\":1,\"verb\":\"read\"}").refused(&["lacks 'entitlements'"]);
}

#[test]
fn names_are_quoted() {
    let Some(cluster) = cluster() else { return };
    let marks = [
        "\"; DROP ROLE ada~; --",
        "'; SELECT 1; --",
        "50% %s {} %(x)s",
        "Gr\u{fc}n \u{1f600}",
        "a\nb",
        "current_user ",
    ];
    for (number, mark) in marks.iter().enumerate() {
        let name = format!("{mark}~ {number}").replace('~', &format!("_{}", cluster.database.name));
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let (role, person) = (quoted.clone(), quoted.replace(&number.to_string(), "p"));
        assert_ne!(role, person);
        cluster
            .does(&format!("CREATE ROLE {role}; CREATE ROLE {person} LOGIN; GRANT {role} TO sync~ WITH ADMIN OPTION"));
        let oid = |quoted: &str| {
            cluster.database.ask(&format!("SELECT '{}'::regrole::oid", quoted.replace('\'', "''")))[0].clone()
        };
        let (role, person) = (oid(&role), oid(&person));
        let reading = cluster.call(&read(&[], &[&name], &[])).fine();
        assert_eq!(reading["entitlements"][&name]["found"], json!([{ "id": role, "name": name }]));
        let given = cluster.call(&grant(&person, &role)).fine();
        let held = format!("SELECT count(*) FROM pg_auth_members WHERE roleid = {role} AND member = {person}");
        assert_eq!(cluster.does(&held), ["1"], "{name}");
        cluster.call(&revoke(id(&given), &person, &role)).fine();
        assert_eq!(cluster.does(&held), ["0"], "{name}");
    }
    assert_ne!(cluster.oid("ada"), "ada", "she is still there");
}

#[test]
fn a_role_that_is_renamed_is_the_same_and_one_that_is_dropped_is_gone() {
    let Some(cluster) = cluster() else { return };
    let given = cluster.grant("ada", "dba").fine();
    cluster.does("ALTER ROLE ada~ RENAME TO lovelace~; ALTER ROLE dba~ RENAME TO dbas~");
    assert_eq!(cluster.ours("dbas"), [id(&given)]);
    cluster.revoke(id(&given)).fine();
    assert_eq!(cluster.members("dbas"), [""; 0]);
    let given = cluster.grant("lovelace", "dbas").fine();
    cluster.does("DROP ROLE lovelace~");
    cluster.revoke(id(&given)).fine();
    cluster.does("DROP ROLE dbas~");
    cluster.revoke(id(&given)).fine();
    assert_eq!(
        shown(&cluster.call(&read(&[], &[], &[("1", id(&given).split('/').next().expect("one"))])).fine()),
        [""; 0]
    );
}

#[test]
fn a_server_that_says_no_is_told_from_one_that_is_away() {
    let Some(cluster) = cluster() else { return };
    let port = cluster.database.server.port().to_string();
    let as_guarded = |password: &str, port: &str, conninfo: &str| {
        let mut command = cluster.command(&[conninfo]);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", port)
            .env("PGUSER", postgres::GUARDED)
            .env("PGPASSWORD", password);
        command.env("PGDATABASE", &cluster.database.name);
        call(command, &read(&[], &[], &[])).also_hides(password)
    };
    as_guarded(postgres::PASSWORD, &port, "").fine();
    as_guarded("WrongPasswordOfTheTests", &port, "").refused(&["password authentication failed"]);
    as_guarded("WrongPasswordOfTheTests", "1", "").later(&["port 1"]);
    as_guarded(postgres::PASSWORD, &port, "dbname=nowhere").refused(&["nowhere"]);
    for shown in ["password=HushHush", "postgres://u:HushHush@127.0.0.1/x"] {
        as_guarded("HushHush", &port, shown).refused(&["PGPASSWORD or PGPASSFILE"]);
    }
}

impl Said {
    /// A secret of the call is nowhere in what it said.
    #[track_caller]
    fn also_hides(self, secret: &str) -> Self {
        assert!(!self.out.contains(secret) && !self.err.contains(secret), "{self:?}");
        self
    }
}

#[test]
fn runs_side_by_side_do_not_fail() {
    let Some(cluster) = cluster() else { return };
    let people: Vec<String> = (0..6).map(|number| format!("u{number}")).collect();
    people.iter().for_each(|name| drop(cluster.does(&format!("CREATE ROLE {name}~ LOGIN"))));
    thread::scope(|scope| {
        for name in &people {
            let cluster = &cluster;
            scope.spawn(move || {
                let mut tries = (0..50).map(|_| cluster.grant(name, "dba"));
                tries.find(|said| said.code != Some(AGAIN)).expect("its turn came").fine();
            });
        }
    });
    let expected: Vec<_> = people.iter().map(|name| format!("{name} by sync")).collect();
    assert_eq!(cluster.members("dba"), expected);
}
