//! What the tests rely on: databases are separate, sessions end when told to, and no server outlives its process.

use std::io::Read as _;
use std::net::TcpStream;

use super::*;

/// In the environment of the process that is to be killed.
const TO_BE_KILLED: &str = "ONCALL_SYNC_TEST_TO_BE_KILLED";

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn refusal(answer: Result<Vec<String>, tokio_postgres::Error>) -> String {
    answer.expect_err("refused").code().expect("by the server").code().to_owned()
}

#[test]
fn each_database_is_fresh_and_separate() {
    let (Some(one), Some(other)) = (database(), database()) else { return };
    one.ask("CREATE TABLE mark (x int)");
    one.ask("INSERT INTO mark VALUES (1), (NULL)");
    assert_eq!(one.ask("SELECT x, 'a' FROM mark"), ["1|a", "|a"]);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(other.ask(tables), ["0"]);
    assert_eq!(database().expect("as before").ask(tables), ["0"]);
}

#[test]
fn the_keeper_owns_the_database_and_needs_no_password() {
    let Some(database) = database() else { return };
    let made =
        query(&database.url(), "CREATE TABLE mine (x int); SELECT current_user, current_setting('is_superuser')");
    assert_eq!(made.expect("the keeper is trusted"), ["keeper|off"]);
}

#[test]
fn the_others_need_the_password() {
    let Some(database) = database() else { return };
    let who = "SELECT current_user";
    assert_eq!(query(&database.url_of(GUARDED), who).expect("the right password"), [GUARDED]);
    let wrong = database.url_of(GUARDED).replace(PASSWORD, "wrong");
    assert_eq!(refusal(query(&wrong, who)), "28P01", "invalid password");
    assert_eq!(refusal(query(&database.url_of(SEALED), who)), "28000", "no entry for it without TLS");
}

/// By the vendor's own client, which knows how to distrust a certificate.
#[test]
fn the_certificate_is_good_for_one_name() {
    let Some(database) = database() else { return };
    let ask = |name: &str| {
        let url = database.url_of(SEALED).replace(TLS_NAME, name);
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", database.server.ca_file().display());
        let mut psql = Command::new(programs().expect("as before").join("psql"));
        let output = psql.args(["-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &url]).output();
        let output = output.expect("psql comes with the server");
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(ask(TLS_NAME), ("t\n".to_owned(), String::new()));
    let (answer, error) = ask("127.0.0.1");
    assert!(answer.is_empty() && error.contains("does not match host name"), "{answer}{error}");
}

#[test]
fn sessions_end_when_told_to() {
    let Some(database) = database() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.expect("a session");
        let connection = tokio::spawn(connection);
        assert_eq!(database.server.terminate_backends(&database.name), 1);
        assert!(client.simple_query("SELECT 1").await.is_err(), "the session is gone");
        assert!(connection.await.expect("it does not panic").is_err());
    });
    assert_eq!(database.server.terminate_backends(&database.name), 0);
}

#[test]
fn a_server_starts_again_at_its_port_with_its_data() {
    let Some(server) = Server::start() else { return };
    let database = server.database();
    for (row, immediate) in [(1, false), (2, true)] {
        database.ask(&format!("CREATE TABLE t{row} AS SELECT {row} AS x"));
        server.stop(immediate);
        assert!(!answers(server.port()));
        server.start_again();
        assert_eq!(database.ask(&format!("SELECT x FROM t{row}")), [row.to_string()]);
    }
    assert!(!server.ca_file().exists(), "it has no TLS");
    let (folder, port) = (server.folder().to_owned(), server.port());
    drop(server);
    assert!(!answers(port) && !folder.exists());
}

/// Plays both parts: it starts itself anew, as the one that is killed while it has a server.
#[test]
fn no_server_outlives_a_process_that_is_killed() {
    let Some(server) = server() else { return };
    #[expect(clippy::disallowed_methods, reason = "the environment of the tests, not of the program")]
    let to_be_killed = std::env::var_os(TO_BE_KILLED).is_some();
    if to_be_killed {
        let mut out = io::stdout();
        writeln!(out, "\nserver {} {}", server.port(), server.folder().display()).expect("somebody reads");
        io::stdin().read_line(&mut String::new()).expect("nothing comes");
        unreachable!("it was to be killed while it waits");
    }
    let mut itself = Command::new(std::env::current_exe().expect("this program"));
    itself.args(["--exact", "fakes::postgres::own::no_server_outlives_a_process_that_is_killed", "--nocapture"]);
    itself.env(TO_BE_KILLED, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = itself.spawn().expect("this program starts");
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    let said = lines.find_map(|line| Some(line.expect("text").strip_prefix("server ")?.to_owned()));
    let said = said.expect("it has a server");
    let (port, folder) = said.split_once(' ').expect("two words");
    let (port, folder) = (port.parse().expect("a port"), Path::new(folder));
    assert!(answers(port) && folder.exists());
    process.kill().expect("killed");
    // The warden holds standard error for as long as it lives.
    process.stderr.take().expect("piped").read_to_string(&mut String::new()).expect("its end");
    assert!(!answers(port) && !folder.exists());
    process.wait().expect("ended");
}
