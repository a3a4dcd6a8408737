//! The README's commands run, in its order, and say what it shows.

use oncall_sync::config::Config;

use super::page::{README, blocks, commands};
use super::sandbox::Sandbox;

/// What a newcomer types first.
const FIRST: &str = "cargo run --release -- --config examples/quickstart.toml";

/// A command of the page as the sandbox runs it; `None` for the tests, which are running.
fn as_installed(command: &str) -> Option<String> {
    match command.strip_prefix("cargo run --release -- ") {
        Some(arguments) => Some(format!("oncall-sync {arguments}")),
        None if command == "cargo test" => None,
        None => Some(command.to_owned()),
    }
}

#[test]
fn the_first_two_commands_are_the_quickstart_and_the_tests() {
    assert_eq!(commands()[..2], [FIRST, "cargo test"]);
}

#[test]
fn every_command_runs() {
    let sandbox = Sandbox::new();
    let mut ran = 0;
    for command in commands().iter().filter_map(|command| as_installed(command)) {
        assert_eq!(command.split(' ').next(), Some("oncall-sync"), "`{command}` is not this program");
        // "Where there is no config file".
        let folder = if command.contains("--grant") { "empty" } else { "" };
        let ended = sandbox.run(&command, folder);
        assert_eq!(ended.code, Some(0), "`{command}` said: {}{}", ended.stdout, ended.stderr);
        if command == "oncall-sync init" {
            let filled_in = sandbox.fill_in(&sandbox.read("oncall-sync.toml"));
            sandbox.write("oncall-sync.toml", &filled_in, 0o644);
        }
        ran += 1;
    }
    assert!(ran > 10, "only {ran} commands were found");
    // The walk-through was no play: access was given, once for each shift.
    assert_eq!(sandbox.strongdm.grants().len(), 2);
}

#[test]
fn the_quickstart_says_what_the_page_shows() {
    let sandbox = Sandbox::new();
    let quickstart = as_installed(FIRST).expect("a command");
    let first = sandbox.run(&quickstart, "");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(blocks("text").contains(&first.stdout), "the README does not show:\n{}", first.stdout);
    let again = sandbox.run(&quickstart, "");
    assert!(README.contains(&format!("`{}`", again.stdout.trim_end())), "{}", again.stdout);
}

#[test]
fn the_page_s_rota_and_grants_document_are_accepted() {
    let sandbox = Sandbox::new();
    let rota = blocks("toml").into_iter().find(|block| block.contains("[people]")).expect("a rota");
    let document = blocks("json").into_iter().find(|block| block.contains("\"grants\"")).expect("a document");
    sandbox.write("empty/rota.toml", &rota, 0o644);
    sandbox.write("empty/grants.json", &document, 0o644);
    let config = "ledger = 'ledger.db'\n\
        [source.rota]\nkind = 'file'\npath = 'rota.toml'\n\
        [target.policy]\nkind = 'file'\npath = 'grants.json'\n\
        [[rule]]\nname = 'database'\nschedules = ['database']\ngrant.policy = ['prod-postgres']\n";
    sandbox.write("empty/oncall-sync.toml", config, 0o644);
    let checked = sandbox.run("oncall-sync check", "empty");
    assert!(checked.stdout.contains("source rota:"), "{}{}", checked.stdout, checked.stderr);
    assert!(!checked.stdout.contains("! source") && !checked.stdout.contains("! target"), "{}", checked.stdout);
}

#[test]
fn the_starter_config_of_the_page_is_the_program_s() {
    assert!(README.contains("`oncall-sync.toml`"));
    let sandbox = Sandbox::new();
    sandbox.write("empty/oncall-sync.toml", &sandbox.fill_in(oncall_sync::config::STARTER), 0o644);
    Config::load(&sandbox.path("empty/oncall-sync.toml")).expect("a config");
}
