//! Many machines, one ledger: however runs overlap, end or are cut off, one acts at a time.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::fakes::postgres::{self, Database, PASSWORD};

const CREATE: &str = "AccountGrants.Create";

/// Of one call, where a test needs some to be under way.
const LATENCY: Duration = Duration::from_millis(300);

/// No test waits longer for the program to get somewhere; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Alice alone, on so many databases, with the ledger there.
fn office(databases: usize, ledger: &str) -> Office {
    let (mut organisation, mut names) = (organisation(), Vec::new());
    for number in 0..databases {
        let name = format!("db-{number:04}");
        organisation = organisation.resource(&format!("rs-db-{number:04}"), &name);
        names.push(name);
    }
    let rule = format!(
        "[limits]\nmax_changes = 2000\n[[rule]]\nname = \"all\"\nschedules = [\"PI7DH85\"]\ngrant.strongdm = {names:?}\n"
    );
    let office = Office::with(people().shift(PRIMARY, "PALICE", hours(-2), hours(6)), organisation, &rule);
    office.ledger_at(&format!("{ledger:?}"));
    office
}

impl Office {
    fn ledger_at(&self, value: &str) {
        let config = self.desk.read("oncall-sync.toml");
        let line = config.lines().find(|line| line.starts_with("ledger = ")).expect("a ledger");
        self.desk.write("oncall-sync.toml", config.replace(line, &format!("ledger = {value}")));
    }

    fn start(&self) -> Child {
        self.desk.command(&["--now", NOW]).spawn().expect("the program starts")
    }

    fn latency(&self, latency: Duration) {
        self.strongdm.change(|world| world.manners.latency = latency);
    }

    /// strongDM answers nobody until [`Self::answer`].
    fn hang(&self) {
        let config = self.desk.read("oncall-sync.toml");
        self.desk.write("oncall-sync.toml", config.replace("timeout = \"20s\"", "timeout = \"8s\""));
        self.strongdm.trouble(strongdm::Trouble::new("*", strongdm::Fault::Hang).times(usize::MAX));
    }

    fn answer(&self) {
        self.strongdm.change(|world| world.troubles.clear());
    }

    /// Everything that is wanted is there, once each, and the ledger says so.
    #[track_caller]
    fn has_each_once(&self, databases: usize) {
        let access: BTreeSet<_> = self.held().into_iter().map(|held| held.1).collect();
        assert_eq!((self.held().len(), access.len()), (databases, databases), "each once");
        let owning = self.run(&["grants", "--output", "json"]).exits(0).json();
        let ours = owning["grants"].as_array().expect("a list").iter();
        let ours: BTreeSet<String> = ours.map(|one| one["id"].as_str().expect("confirmed").to_owned()).collect();
        assert_eq!(ours, self.strongdm.grants().into_iter().map(|grant| grant.id).collect());
    }
}

/// Waits for what the test waits for.
#[track_caller]
fn wait_until(mut seen: impl FnMut() -> bool) {
    let start = Instant::now();
    while !seen() {
        assert!(start.elapsed() < PATIENCE, "the program did not get there");
        std::thread::yield_now();
    }
}

fn signal(name: &str, process: &Child) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", process.id())]).status().expect("a shell");
    assert!(sent.success());
}

fn ended(process: Child) -> Ran {
    Ran::of(process.wait_with_output().expect("it ends"))
}

#[test]
fn of_ten_runs_at_once_one_acts() {
    let Some(database) = postgres::database() else { return };
    let office = office(3, &database.url());
    office.hang();
    let mut running: Vec<Child> = (0..10).map(|_| office.start()).collect();
    let mut refused = Vec::new();
    wait_until(|| {
        for mut child in std::mem::take(&mut running) {
            let over = child.try_wait().expect("its state").is_some();
            if over { &mut refused } else { &mut running }.push(child);
        }
        running.len() <= 1
    });
    office.answer();
    for refused in refused {
        let ran = ended(refused).exits(5);
        ran.says(&["another run holds the ledger in database", ": oncall-sync on ", ", since 20"]);
    }
    ended(running.remove(0)).exits(0);
    office.has_each_once(3);
    assert_eq!(office.strongdm.count(CREATE), 3, "nobody else has tried");
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_killed_holder_is_followed_at_once() {
    let Some(database) = postgres::database() else { return };
    let office = office(40, &database.url());
    office.latency(LATENCY);
    let mut holder = office.start();
    wait_until(|| office.strongdm.count(CREATE) > 0);
    office.run(&[]).exits(5);
    holder.kill().expect("it still runs");
    holder.wait().expect("it ended");
    office.latency(Duration::ZERO);
    let start = Instant::now();
    wait_until(|| office.run(&[]).code != 5);
    assert!(start.elapsed() < Duration::from_secs(25), "not after the half minute that silence takes");
    office.run(&[]).exits(0);
    office.has_each_once(40);
}

/// Suspended, robbed of its lock, overtaken, and woken.
#[test]
fn a_holder_that_sleeps_through_its_end_does_nothing_more() {
    let Some(database) = postgres::database() else { return };
    let office = office(80, &database.url());
    office.latency(LATENCY);
    let sleeper = office.start();
    wait_until(|| office.strongdm.count(CREATE) > 0);
    signal("STOP", &sleeper);
    assert_eq!(database.server.terminate_backends(&database.name), 1);
    office.latency(Duration::ZERO);
    wait_until(|| office.strongdm.calls().iter().all(|call| call.ended.is_some()));
    office.run(&[]).exits(0);
    office.has_each_once(80);
    let before = office.strongdm.calls().len();
    signal("CONT", &sleeper);
    ended(sleeper).exits(2).says(&["the ledger's lock was lost"]);
    assert_eq!(office.strongdm.calls().len(), before, "not one request more");
    office.has_each_once(80);
}

#[test]
fn a_server_that_crashes_takes_the_lock_with_it() {
    let Some(server) = postgres::Server::start() else { return };
    let database = server.database();
    let office = office(80, &database.url());
    office.latency(LATENCY);
    let holder = office.start();
    wait_until(|| office.strongdm.count(CREATE) > 0);
    server.stop(true);
    let ran = ended(holder).exits(2);
    ran.says(&["the ledger's lock was lost"]);
    assert!(office.strongdm.count(CREATE) < 80, "nothing new began");
    office.latency(Duration::ZERO);
    office.run(&[]).exits(2).says(&["the ledger's server cannot be reached (database "]);
    server.start_again();
    let before = office.strongdm.calls().len();
    office.run(&[]).exits(5).says(&["another run may still be at work", "(process ", "its time is up at 20"]);
    assert_eq!(office.strongdm.calls().len(), before);
    database.ask("UPDATE oncall_sync.lease SET expires_at = now()");
    office.run(&[]).exits(0);
    office.has_each_once(80);
    server.stop(false);
    server.start_again();
    office.run(&[]).exits(0).says(&["Nothing to do"]);
}

/// A way to the server that can be made to swallow everything in silence.
struct Way {
    port: u16,
    silent: Arc<AtomicBool>,
    /// Bytes that went to the server in one piece after nothing had gone for the answers before: round trips.
    trips: Arc<AtomicUsize>,
}

impl Way {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let way =
            Self { port: listener.local_addr().expect("bound").port(), silent: Arc::default(), trips: Arc::default() };
        let (silent, trips) = (way.silent.clone(), way.trips.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server is there");
                let asked = Arc::new(AtomicBool::new(false));
                for (from, to, asks) in
                    [(client.try_clone(), server.try_clone(), true), (server.try_clone(), client.try_clone(), false)]
                {
                    let (mut from, mut to) = (from.expect("a socket"), to.expect("a socket"));
                    let (silent, trips, asked) = (silent.clone(), trips.clone(), asked.clone());
                    std::thread::spawn(move || {
                        let mut bytes = [0; 65_536];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            if silent.load(Ordering::SeqCst) {
                                continue;
                            }
                            if asked.swap(asks, Ordering::SeqCst) != asks && asks {
                                trips.fetch_add(1, Ordering::SeqCst);
                            }
                            if to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        if !silent.load(Ordering::SeqCst) {
                            let _ = to.shutdown(std::net::Shutdown::Both);
                        }
                    });
                }
            }
        });
        way
    }

    fn url(&self, database: &Database) -> String {
        database.url().replace(&format!(":{}/", database.server.port()), &format!(":{}/", self.port))
    }
}

/// The wire is cut while calls are under way, and nobody says so.
#[test]
fn a_holder_that_is_cut_off_stops_before_another_can_begin() {
    let Some(database) = postgres::database() else { return };
    let way = Way::to(database.server.port());
    let office = office(96, &way.url(&database));
    // 32 at a time: the third such round would begin twelve seconds after the first.
    office.latency(Duration::from_secs(6));
    let holder = office.start();
    wait_until(|| office.strongdm.count(CREATE) > 0);
    way.silent.store(true, Ordering::SeqCst);
    let cut = Instant::now();
    ended(holder).exits(2).says(&["the ledger's lock was lost", "whether this was done is not known"]);
    assert!(cut.elapsed() < Duration::from_secs(25), "before the server frees the lock");
    let calls = office.strongdm.count(CREATE);
    assert!((32..=64).contains(&calls), "{calls} calls: none begins later than ten seconds after the cut");
    office.ledger_at(&format!("{:?}", database.url()));
    office.run(&[]).exits(5).says(&["another run holds the ledger"]);
    assert_eq!(office.strongdm.count(CREATE), calls);
    // What half a minute of silence does.
    database.server.terminate_backends(&database.name);
    office.latency(Duration::ZERO);
    office.run(&[]).exits(0);
    office.has_each_once(96);
}

#[test]
fn round_trips_do_not_grow_with_the_grants() {
    let Some(database) = postgres::database() else { return };
    let way = Way::to(database.server.port());
    // But for the renewals of the lock: one every two seconds, and none in a dry run.
    let trips = |office: &Office, arguments: &[&str]| {
        way.trips.store(0, Ordering::SeqCst);
        let start = Instant::now();
        office.run(arguments).exits(0);
        let seconds = if arguments.is_empty() { start.elapsed().as_secs() } else { 0 };
        let renewals = usize::try_from(seconds / 2).expect("a run ends");
        way.trips.load(Ordering::SeqCst).saturating_sub(renewals)
    };
    let office = office(1000, &way.url(&database));
    let all = trips(&office, &[]);
    office.has_each_once(1000);
    let idle = trips(&office, &[]);
    let dry = trips(&office, &["--dry-run"]);
    // Outcomes are written as they come, on a busy machine in more pieces.
    assert!(idle <= 12 && dry <= 8 && all <= 120, "{all} for 1,000 grants, {idle} idle, {dry} dry");
    println_trips(all, idle, dry);
}

#[expect(clippy::disallowed_macros, reason = "a measurement, seen with --nocapture")]
fn println_trips(all: usize, idle: usize, dry: usize) {
    println!("round trips: {all} for 1,000 grants, {idle} idle, {dry} dry");
}

#[test]
fn a_dry_run_makes_nothing_and_takes_no_lock() {
    let Some(database) = postgres::database() else { return };
    let office = office(3, &database.url());
    for arguments in [&["--dry-run"][..], &["grants"], &["check"]] {
        office.run(arguments).exits(0);
    }
    assert_eq!(database.ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'oncall_sync'"), ["0"]);
    office.run(&[]).exits(0);
    let before = database.ask("SELECT lease::text FROM oncall_sync.lease");
    office.run(&["--dry-run"]).exits(0).says(&["Nothing to do"]);
    assert_eq!(database.ask("SELECT lease::text FROM oncall_sync.lease"), before);
}

#[test]
fn a_password_is_never_shown() {
    let Some(database) = postgres::database() else { return };
    let office = office(1, "ledger.db");
    let right = database.url_of(postgres::GUARDED);
    let wrong_port = right.replace(&format!(":{}/", database.server.port()), ":1/");
    for (url, code) in [
        (right.clone(), 0),
        (wrong_port, 2),
        (right.replace("/test_", "/none_"), 2),
        (right.replace(postgres::GUARDED, "nobody"), 2),
        (format!("{right}?sslmode={PASSWORD}"), 2),
        (format!("{right}?{PASSWORD}=1"), 2),
        (right.replace(postgres::TLS_NAME, "db@localhost"), 2),
        (right.replace("postgres://", "mysql://"), 2),
    ] {
        for value in ["{ env = \"LEDGER_URL\" }".to_owned(), format!("{url:?}")] {
            office.ledger_at(&value);
            let mut command = office.desk.command(&["-vv", "--now", NOW]);
            let ran = Ran::of(command.env("LEDGER_URL", &url).output().expect("the program starts"));
            assert!(!format!("{} {}", ran.out, ran.err).contains(PASSWORD), "{ran:?}");
            let written_out = value.contains("://");
            ran.exits(if written_out { 2 } else { code });
        }
    }
}

#[test]
fn a_ledger_is_copied_there_and_back() {
    let Some(database) = postgres::database() else { return };
    let office = office(3, "ledger.db");
    let url = database.url();
    office.run(&["ledger", "copy", "ledger.db", &url]).exits(2).says(&["there is no ledger at FROM"]);
    office.run(&["ledger", "copy", &url, &url]).exits(2).says(&["FROM and TO are the same place"]);
    assert!(!office.desk.exists("ledger.db"));
    office.run(&[]).exits(0);
    let before = office.desk.ledger();
    let records = database_of(&office, "ledger.db").1.len();
    let says = format!("Copied 3 grants and {records} audit records");
    office.run(&["ledger", "copy", "ledger.db", &url]).exits(0).says(&[&says]);
    assert_eq!(office.desk.ledger(), before, "it stays as it is");
    office.run(&["ledger", "copy", "ledger.db", &url]).exits(2).says(&["holds 3 grants", "nothing was copied"]);

    let mut command = office.desk.command(&["ledger", "copy", "env:LEDGER_URL", "back.db"]);
    let back = command.env("LEDGER_URL", database.url_of(postgres::GUARDED)).output();
    Ran::of(back.expect("the program starts")).exits(0).says(&[&says]);
    assert_eq!(database_of(&office, "back.db"), database_of(&office, "ledger.db"));

    office.ledger_at(&format!("{url:?}"));
    office.run(&[]).exits(0).says(&["Nothing to do"]);
    let refused = office.run(&["ledger", "copy", &database.url_of(postgres::GUARDED), "other.db"]).exits(2);
    assert!(!refused.err.contains(PASSWORD) && refused.err.contains("FROM is a URL with a password"), "{refused:?}");
}

/// Entries, records, and the number of the last entry ever made.
fn database_of(office: &Office, name: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let connection = rusqlite::Connection::open(office.desk.path(name)).expect("SQLite");
    let all = |sql: &str| {
        let mut statement = connection.prepare(sql).expect("SQL");
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..width).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect();
        let rows = statement.query_map([], row).expect("rows").map(|row: rusqlite::Result<Vec<_>>| format!("{row:?}"));
        rows.collect::<Vec<_>>()
    };
    (
        all("SELECT * FROM grants ORDER BY entry"),
        all("SELECT * FROM audit ORDER BY number"),
        all("SELECT seq FROM sqlite_sequence WHERE name = 'grants'"),
    )
}

#[test]
fn a_ledger_that_is_held_or_tampered_with_is_not_copied() {
    let Some(database) = postgres::database() else { return };
    let office = office(3, "ledger.db");
    office.run(&[]).exits(0);
    let held = fs::File::open(office.desk.path("ledger.db.lock")).expect("the lock");
    held.lock().expect("locked");
    office.run(&["ledger", "copy", "ledger.db", &database.url()]).exits(5).says(&["another run holds the ledger"]);
    drop(held);
    let connection = rusqlite::Connection::open(office.desk.path("ledger.db")).expect("SQLite");
    let tamper = "DROP TRIGGER audit_is_not_changed; UPDATE audit SET body = replace(body, 'alice', 'mallory')";
    connection.execute_batch(tamper).expect("tampered with");
    drop(connection);
    let refused = office.run(&["ledger", "copy", "ledger.db", &database.url()]).exits(2);
    refused.says(&["tampered with; nothing was copied", "does not carry the hash of what it says"]);
    office.ledger_at(&format!("{:?}", database.url()));
    assert_eq!(office.run(&["grants"]).exits(0).out, "The ledger owns nothing.\n");
}
