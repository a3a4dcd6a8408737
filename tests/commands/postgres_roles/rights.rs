//! What the command may do and what it will not: rights that it lacks, roles that make superusers, sessions of others.

use super::*;

#[test]
fn a_right_that_we_lack_is_said_with_its_remedy() {
    let Some(cluster) = cluster() else { return };
    cluster.does("CREATE ROLE kept~; CREATE ROLE admins~; GRANT kept~ TO admins~ WITH ADMIN OPTION");
    let error = |name: &str| {
        let name = cluster.name(name);
        let reading = cluster.call(&read(&[], &[&name], &[])).fine();
        reading["entitlements"][&name]["error"].as_str().unwrap_or_default().to_owned()
    };
    let remedy = format!("GRANT \"{}\" TO \"{}\" WITH ADMIN OPTION", cluster.name("kept"), cluster.name("sync"));
    assert!(error("kept").ends_with(&remedy), "{}", error("kept"));
    cluster.grant("ada", "kept").refused(&["may not give role", &remedy]);
    if cluster.grantors {
        cluster.does("GRANT admins~ TO sync~");
        assert!(error("kept").ends_with(&remedy), "by another's right it would not be ours: {}", error("kept"));
    }
    cluster.does(&remedy);
    assert_eq!(error("kept"), "");
    let given = cluster.grant("ada", "kept").fine();
    assert_eq!(cluster.members("kept"), ["ada by sync"]);
    // Who holds ours with the right to pass it on, and did: the server's own words.
    if cluster.grantors {
        cluster.does("GRANT kept~ TO ada~ WITH ADMIN OPTION GRANTED BY sync~");
        cluster.does_as("ada", "GRANT kept~ TO bob~");
        cluster.revoke(id(&given)).refused(&["dependent privileges exist"]);
    }
}

#[test]
fn roles_that_make_superusers_are_given_only_by_name() {
    let Some(cluster) = cluster() else { return };
    cluster.does("CREATE ROLE files~; GRANT pg_read_server_files TO files~; GRANT files~ TO sync~ WITH ADMIN OPTION;
        CREATE ROLE root~ SUPERUSER; CREATE ROLE reads~; GRANT pg_read_all_data TO reads~; GRANT reads~ TO sync~ WITH ADMIN OPTION");
    let names = ["files", "root", "reads"].map(|name| cluster.name(name));
    let answers = |arguments: &[&str]| {
        cluster.call_with(arguments, &read(&[], &names.each_ref().map(|name| &**name), &[])).fine()
    };
    let said = answers(&[]);
    let error = |name: &String| said["entitlements"][name]["error"].as_str().unwrap_or_default().to_owned();
    assert!(error(&names[0]).contains("superuser through 'pg_read_server_files'"), "{said}");
    assert!(error(&names[1]).contains(&format!("--allow {}", names[1])), "{said}");
    assert_eq!(error(&names[2]), "");
    cluster.grant("ada", "files").refused(&["superuser"]);
    let said = answers(&["--allow", &names[0]]);
    assert!(
        said["entitlements"][&names[0]]["found"].is_array() && said["entitlements"][&names[1]]["error"].is_string()
    );
    cluster.call_with(&["--allow", &names[0]], &grant(&cluster.oid("ada"), &cluster.oid("files"))).fine();
}

#[test]
fn sessions_end_with_the_grant_where_that_is_wished() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database.url().replace(postgres::KEEPER, &cluster.name("ada"));
    // Trusted over the socket, which a URL names in its query.
    let socket = format!("host={}", cluster.database.server.folder().display());
    let (_, place) = url.split_once('@').expect("a URL");
    let (port, name) = place.rsplit_once(':').expect("a port").1.split_once('/').expect("a database");
    let conninfo = format!("{socket} port={port} dbname={name} user={}", cluster.name("ada"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let session = || {
        let (client, connection) =
            runtime.block_on(tokio_postgres::connect(&conninfo, tokio_postgres::NoTls)).expect("a session");
        let connection = runtime.spawn(connection);
        runtime.block_on(client.simple_query(&format!("SET ROLE {}", cluster.name("dba")))).expect("she may");
        (client, connection)
    };
    let lives = |client: &tokio_postgres::Client| runtime.block_on(client.simple_query("SELECT 1")).is_ok();
    let take = |arguments: &[&str]| {
        let id = cluster.id("dba", "ada", "sync");
        cluster.call_with(arguments, &revoke(&id, &cluster.oid("ada"), &cluster.oid("dba")))
    };
    cluster.grant("ada", "dba").fine();
    let (ada, _connection) = session();
    take(&[]).fine();
    assert!(lives(&ada), "not wished");
    cluster.grant("ada", "dba").fine();
    let dba = cluster.name("dba");
    let unable = cluster.call_with(&["--terminate"], &read(&[], &[&dba], &[])).fine();
    assert!(
        unable["entitlements"][&dba]["error"].to_string().contains("GRANT pg_signal_backend TO"),
        "seen before it matters"
    );
    take(&["--terminate"]).refused(&["terminate"]);
    assert!(cluster.members("dba").is_empty() && lives(&ada), "taken back, and said that the session lives");
    cluster.does("GRANT pg_signal_backend TO sync~; CREATE ROLE team~; GRANT dba~ TO team~; GRANT team~ TO ada~");
    cluster.grant("ada", "dba").fine();
    take(&["--terminate"]).fine();
    assert!(lives(&ada), "she has it by her team as well");
    cluster.does("REVOKE team~ FROM ada~");
    take(&["--terminate"]).fine();
    assert!(!lives(&ada));
}
