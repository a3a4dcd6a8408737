//! Every example does what it says.

use std::collections::BTreeSet;

use oncall_sync::config::Config;

use super::*;

/// Rotas are data of the examples beside them, and no configs.
const ROTAS: &[&str] = &["rota.toml"];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(examples()).expect("the folder");
    let files = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_file());
    files.map(|file| file.file_name().into_string().expect("UTF-8")).collect()
}

/// The examples, in a folder that may be written to.
fn copied() -> Desk {
    let desk = Desk::new();
    fs::create_dir(desk.path("examples")).expect("a folder");
    for name in names() {
        fs::copy(examples().join(&name), desk.path("examples").join(&name)).expect("a copy");
    }
    desk
}

#[test]
fn each_config_loads() {
    let configs: Vec<_> =
        names().into_iter().filter(|name| name.ends_with(".toml") && !ROTAS.contains(&&**name)).collect();
    assert!(configs.iter().any(|name| name == "quickstart.toml"));
    for name in configs {
        let config = Config::load(&examples().join(&name)).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(!config.rules.is_empty(), "{name}");
    }
}

/// The text under `key: |` in a YAML file, without its indentation.
fn block<'yaml>(yaml: &'yaml str, key: &str) -> Vec<&'yaml str> {
    let mut lines = yaml.lines().skip_while(|line| line.trim() != format!("{key}: |"));
    let heading = lines.next().expect("the key");
    let indentation = heading.len() - heading.trim_start().len() + 2;
    let inside = lines.take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() >= indentation);
    inside.map(|line| line.get(indentation..).unwrap_or_default()).collect()
}

#[test]
fn the_config_inside_the_kubernetes_manifest_loads() {
    let manifest = fs::read_to_string(examples().join("kubernetes/cronjob.yaml")).expect("the manifest");
    let desk = Desk::new();
    desk.write("config.toml", block(&manifest, "config.toml").join("\n"));
    let config = Config::load(&desk.path("config.toml")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.rules.len(), 1);
}

#[test]
fn the_quickstart_gives_once() {
    let desk = copied();
    let arguments = ["--config", "examples/quickstart.toml"];
    let first = desk.run(&arguments).exits(0);
    assert!(first.out.contains("Done: ") && first.out.contains("prod-kubernetes"), "{}", first.out);
    let given = desk.read("target/quickstart/grants.json");
    assert!(given.contains("prod-postgres"));
    assert!(desk.run(&arguments).exits(0).out.ends_with("Nothing to do: all is as desired.\n"));
    assert_eq!(desk.read("target/quickstart/grants.json"), given);
}

#[test]
fn the_quickstart_looks_further_ahead_on_demand() {
    let desk = copied();
    desk.run(&["--config", "examples/quickstart.toml"]).exits(0);
    let ran = desk.run(&["--config", "examples/quickstart.toml", "--window", "14d", "--dry-run"]).exits(0);
    assert!(ran.out.contains("Plan: "), "{}", ran.out);
}
