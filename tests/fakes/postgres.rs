//! A real PostgreSQL server of the tests' own: on loopback, in a temporary folder, gone when the test process is.
//!
//! ```ignore
//! let Some(database) = postgres::database() else { return }; // says that the test was not run, and why
//! ```

mod own;

use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, OnceLock};

use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::strongdm::Tls;

/// Owns every database and needs no password; no superuser.
pub const KEEPER: &str = "keeper";

/// May what the keeper may, by password.
pub const GUARDED: &str = "guarded";

/// May what the keeper may, by password and over TLS only.
pub const SEALED: &str = "sealed";

/// Of those who need one.
pub const PASSWORD: &str = "FakePasswordOfTheTests";

/// The certificate's one name, so that `127.0.0.1` reaches the same server under a name that the certificate lacks.
pub const TLS_NAME: &str = "localhost";

/// Ports below those that the system gives out by itself, so that nobody is given one while its server is stopped.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Nothing here survives a loss of power; a crash of the server loses nothing that was committed.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = '16MB'
fsync = off
full_page_writes = off
autovacuum = off
";

/// The first line that fits decides. Whoever comes by the socket's folder is trusted.
const WHO_MAY: &str = "\
local   all all                     trust
host    all postgres,keeper 127.0.0.1/32 trust
host    all guarded         127.0.0.1/32 scram-sha-256
hostssl all sealed          127.0.0.1/32 scram-sha-256
";

/// A server. It and all its databases are gone when it is dropped or its process ends, however that ends.
pub struct Server {
    folder: PathBuf,
    port: u16,
    warden: Mutex<Warden>,
    databases: AtomicU16,
}

/// The shell that owns the server; it ends when nobody can give it orders any more.
struct Warden {
    process: Child,
    answers: BufReader<ChildStdout>,
}

/// A fresh database, empty and nobody else's.
pub struct Database<'server> {
    pub server: &'server Server,
    pub name: String,
}

/// The server that the tests of this process share, with TLS; `None` where no PostgreSQL is installed, having said so.
pub fn server() -> Option<&'static Server> {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let programs = programs()?;
    Some(SHARED.get_or_init(|| Server::set_up(programs, Some(&Tls::new(TLS_NAME)))))
}

/// Another that the tests share, without TLS, which not every build of PostgreSQL has; `None` as for [`server`].
pub fn plain() -> Option<&'static Server> {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let programs = programs()?;
    Some(SHARED.get_or_init(|| Server::set_up(programs, None)))
}

/// A database of the shared server; `None` as for [`server`].
pub fn database() -> Option<Database<'static>> {
    Some(server()?.database())
}

impl Server {
    /// A server of the test's own, without TLS, to be stopped and started; `None` as for [`server`].
    pub fn start() -> Option<Self> {
        Some(Self::set_up(programs()?, None))
    }

    fn set_up(programs: &Path, tls: Option<&Tls>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder").keep();
        let owner = owner(&folder);
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
            chown(&path, owner.map(|(user, _)| user), None).expect("an owner");
        };
        let place = folder.display();
        let mut settings = format!("{SETTINGS}hba_file = '{place}/hba.conf'\nunix_socket_directories = '{place}'\n");
        put("hba.conf", WHO_MAY);
        if let Some(tls) = tls {
            put("ca.pem", &tls.ca_pem);
            put("server.pem", &tls.certificate_pem);
            put("server.key", &tls.key_pem);
            settings +=
                &format!("ssl = on\nssl_cert_file = '{place}/server.pem'\nssl_key_file = '{place}/server.key'\n");
        }
        put("postgresql.conf", &settings);
        let warden = Mutex::new(Warden::new(programs, &folder, owner));
        let mut server = Self { folder, port: 0, warden, databases: AtomicU16::new(0) };
        server.demand("init");
        let started = free_ports().find(|port| server.order(&format!("start {port}")));
        server.port =
            started.unwrap_or_else(|| panic!("PostgreSQL does not start, and its log says: {}", server.log()));
        for role in [KEEPER, GUARDED, SEALED] {
            server.ask("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"));
        }
        server.ask("postgres", &format!("GRANT {KEEPER} TO {GUARDED}, {SEALED}"));
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server's Unix socket is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The PEM file of the authority behind the server's certificate; there is one on the shared server.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub fn database(&self) -> Database<'_> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.create(&name, "template0");
        Database { server: self, name }
    }

    /// Waits some seconds for whoever is still connected to the template to be gone.
    fn create(&self, name: &str, template: &str) {
        self.ask("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {KEEPER}"));
    }

    /// Stops it: at once as in a crash, or else after it has ended all sessions in order.
    pub fn stop(&self, immediate: bool) {
        self.demand(if immediate { "immediate" } else { "fast" });
    }

    /// After [`Self::stop`]: at the same port, with the same data.
    pub fn start_again(&self) {
        self.demand(&format!("start {}", self.port));
    }

    /// Ends every session in a database, and waits until they are gone; answers how many there were.
    pub fn terminate_backends(&self, database: &str) -> usize {
        let sessions = format!("FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
        let ended = self.ask("postgres", &format!("SELECT pg_terminate_backend(pid, 60000) {sessions}"));
        assert!(ended.iter().all(|ended| ended == "t"), "a session of {database} did not end");
        ended.len()
    }

    /// What the superuser is answered: for each row its columns, with `|` between them and nothing for null.
    #[track_caller]
    fn ask(&self, database: &str, sql: &str) -> Vec<String> {
        query(&format!("postgres://postgres@127.0.0.1:{}/{database}", self.port), sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    #[track_caller]
    fn demand(&self, order: &str) {
        assert!(self.order(order), "PostgreSQL: {order} failed, and its log says: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_else(|error| error.to_string())
    }

    fn order(&self, order: &str) -> bool {
        self.warden.lock().expect("no test failed while giving an order").order(order)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(warden) = self.warden.get_mut() {
            drop(warden.process.stdin.take());
            let _ = warden.process.wait();
        }
    }
}

impl Warden {
    /// It writes to our standard error, which therefore stays open until the server is gone.
    fn new(programs: &Path, folder: &Path, owner: Option<(u32, u32)>) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", include_str!("postgres/warden.sh"), "warden"]).arg(folder).current_dir("/");
        shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", programs.display())).env("LC_ALL", "C");
        // Seconds to start or stop in; a machine that compiles something is slow.
        shell.env("PGCTLTIMEOUT", "600");
        // A group of its own: an interrupt from the terminal is for the tests, and what follows is for the warden.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some((user, group)) = owner {
            shell.uid(user).gid(group);
        }
        let mut process = shell.spawn().expect("a shell");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, answers }
    }

    fn order(&mut self, order: &str) -> bool {
        let orders = self.process.stdin.as_mut().expect("taken only when dropped");
        writeln!(orders, "{order}").expect("the warden listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the warden answers");
        answer == "0\n"
    }
}

impl<'server> Database<'server> {
    /// Another one that holds what this one holds now.
    pub fn copy(&self) -> Database<'server> {
        let name = format!("{}_copy_{}", self.name, self.server.databases.fetch_add(1, Ordering::Relaxed));
        self.server.create(&name, &self.name);
        Database { server: self.server, name }
    }

    /// Ends every session in this one, which then holds what the copy holds and nothing else.
    pub fn put_back(&self, copy: &Database) {
        self.server.ask("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        self.server.create(&self.name, &copy.name);
    }

    /// Without a password, which the keeper does not need.
    pub fn url(&self) -> String {
        format!("postgres://{KEEPER}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// For a role with a password, by the name that the server's certificate has.
    pub fn url_of(&self, role: &str) -> String {
        format!("postgres://{role}:{PASSWORD}@{TLS_NAME}:{}/{}", self.server.port, self.name)
    }

    /// What the superuser is answered: for each row its columns, with `|` between them and nothing for null.
    #[track_caller]
    pub fn ask(&self, sql: &str) -> Vec<String> {
        self.server.ask(&self.name, sql)
    }
}

/// What whoever the address names is answered, without TLS.
fn query(url: &str, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let talk = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        let answer = client.simple_query(sql).await;
        drop(client);
        // When it has ended, so has the session.
        connection.await.expect("it does not panic")?;
        answer
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // On a thread of its own, for the test may have a runtime already.
    let messages = std::thread::scope(|scope| scope.spawn(|| runtime().block_on(talk)).join().expect("an answer"))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = |row: tokio_postgres::SimpleQueryRow| {
        (0..row.len()).map(|column| row.get(column).unwrap_or_default()).collect::<Vec<_>>().join("|")
    };
    Ok(rows.map(text).collect())
}

/// The folder of the server that `ONCALL_SYNC_POSTGRES` names, else of the newest there is. Without one it is said which
/// test was not run, or the test fails where `ONCALL_SYNC_REQUIRE_POSTGRES=1`.
fn programs() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
        if let Some(named) = std::env::var_os("ONCALL_SYNC_POSTGRES") {
            return Some(named.into());
        }
        let version = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
        folders.sort_by_key(version);
        folders.reverse();
        folders.extend(["/usr/local/bin".into(), "/usr/bin".into()]);
        folders.into_iter().find(|folder| ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).exists()))
    });
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let lacking =
            format!("NOT RUN: {test}: no PostgreSQL server is installed (Debian: `apt-get install postgresql`)");
        #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
        let required = std::env::var_os("ONCALL_SYNC_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
        assert!(!required, "{lacking}");
        // Past the test harness, which would keep it to itself.
        writeln!(io::stderr(), "{lacking}").expect("standard error");
    }
    found.as_deref()
}

/// User and group who shall run the server in this folder, which becomes theirs. The server refuses root, whom we may be;
/// anybody else runs it in person: `None`.
fn owner(folder: &Path) -> Option<(u32, u32)> {
    if fs::metadata(folder).expect("the folder").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users");
    let ids = |name| {
        let mut ids = users.lines().find_map(|line| line.strip_prefix(name))?.split(':').skip(1).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    let (user, group) = ids("postgres:").or_else(|| ids("nobody:")).expect("a user who is not root");
    chown(folder, Some(user), Some(group)).expect("an owner");
    Some((user, group))
}

/// Ports on which nobody listens, beginning at one that other test processes hardly begin at.
fn free_ports() -> impl Iterator<Item = u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id().wrapping_mul(7919);
    let ports = std::iter::repeat_with(move || {
        let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let width = u32::from(PORTS.end - PORTS.start);
        PORTS.start + u16::try_from(first.wrapping_add(turn) % width).expect("below the width")
    });
    ports.take(1000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(5)
}
