//! The rules of the house that a test can check: who may name whom, and what may be called where.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `folder`, as its path from the repository's root and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").to_owned();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no Rust file");
    found
}

/// The lines of `text` that are code: neither comments nor what follows `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().expect("split gives one");
    before_tests.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// Says where `banned` stands in files under `folder`, but for those in `allowed`.
fn offenders(folder: &str, banned: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files(folder) {
        if allowed.iter().any(|allowed| name.starts_with(allowed)) {
            continue;
        }
        for line in code(&text).filter(|line| banned.iter().any(|banned| line.contains(banned))) {
            found.push(format!("{name}: {line}"));
        }
    }
    found
}

#[test]
fn the_domain_is_pure() {
    let banned = [
        "async ",
        ".await",
        "tokio",
        "reqwest",
        "tonic",
        "std::fs",
        "std::env",
        "std::io",
        "std::net",
        "std::process",
        "tracing",
        "::now()",
        "anyhow",
        "println!",
        "crate::net",
        "crate::source",
        "crate::target",
        "crate::ledger",
        "crate::config",
        "crate::report",
        "crate::run",
    ];
    assert_eq!(offenders("src/domain", &banned, &[]), [""; 0]);
}

/// The names of the folders below `side`, which is `source` or `target`.
fn adapters(side: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(side);
    let folders = fs::read_dir(root).expect("the folder is there").map(|entry| entry.expect("an entry").path());
    let names: BTreeSet<String> = folders
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("named").to_str().expect("UTF-8").to_owned())
        .collect();
    assert!(names.len() >= 2, "{side} has its adapters in folders: {names:?}");
    names
}

#[test]
fn adapters_do_not_know_each_other() {
    for (side, other_side) in [("source", "crate::target"), ("target", "crate::source")] {
        let names = adapters(side);
        for name in &names {
            let others: Vec<String> = names
                .iter()
                .filter(|other| *other != name)
                .flat_map(|other| {
                    [format!("{side}::{other}"), format!("super::{other}::"), format!("super::super::{other}")]
                })
                .chain(
                    [other_side, "crate::run", "crate::apply", "crate::ledger", "crate::report", "crate::survey"]
                        .map(str::to_owned),
                )
                .collect();
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            assert_eq!(offenders(&format!("src/{side}/{name}"), &others, &[]), [""; 0]);
        }
    }
}

#[test]
fn the_vendors_words_and_ours_meet_in_mod_rs_alone() {
    let words =
        ["api.rs", "wire.rs", "fault.rs", "credential.rs", "graphql.rs", "directory.rs", "scim.rs", "search.rs"];
    let spoken = ["source", "target"].map(|side| files(&format!("src/{side}"))).concat();
    let spoken: Vec<_> =
        spoken.iter().filter(|(name, _)| words.contains(&name.rsplit('/').next().expect("never empty"))).collect();
    assert!(spoken.len() >= 3, "{spoken:?}");
    for (file, text) in spoken {
        let named: Vec<&str> = code(text).filter(|line| line.contains("crate::domain")).collect();
        assert_eq!(named, [""; 0], "{file} speaks the vendor's words alone");
    }
}

#[test]
fn platforms_are_named_in_one_place_each() {
    for (side, config) in [("source", "SourceConfig"), ("target", "TargetConfig")] {
        for name in adapters(side) {
            let (first, rest) = name.split_at(1);
            let named = [format!("{side}::{name}"), format!("{config}::{}{rest}(", first.to_uppercase())];
            let named: Vec<&str> = named.iter().map(String::as_str).collect();
            let mut rooms = vec![format!("src/{side}/mod.rs"), format!("src/{side}/{name}")];
            if name == "exec" {
                // The protocol's schemas are made from the types of both sides.
                rooms.push("src/exec/schema.rs".to_owned());
            }
            let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
            assert_eq!(offenders("src", &named, &rooms), [""; 0]);
        }
    }
}

#[test]
fn nobody_but_the_run_knows_of_dry_runs() {
    let rooms = ["src/run.rs", "src/cli", "src/main.rs", "src/report"];
    assert_eq!(offenders("src", &["dry_run"], &rooms), [""; 0]);
}

#[test]
fn bars_zones_and_printing_have_one_room_each() {
    assert_eq!(offenders("src", &["indicatif"], &["src/progress.rs"]), [""; 0]);
    assert_eq!(offenders("src", &["jiff::tz", "chrono_tz"], &["src/zone.rs"]), [""; 0]);
    assert_eq!(offenders("src", &["io::stdout", "io::stderr()"], &["src/report/mod.rs"]), [""; 0]);
    assert_eq!(offenders("src", &["std::env::var", "env::var"], &["src/secret.rs", "src/config"]), [""; 0]);
    assert_eq!(offenders("src", &["PoisonError"], &["src/mutex.rs"]), [""; 0]);
}

#[test]
fn no_file_is_two_rooms() {
    let long: Vec<String> = files("src")
        .into_iter()
        .filter(|(_, text)| text.lines().count() > 400)
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert_eq!(long, [""; 0]);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("the manifest");
    let tables = ["[dependencies]\n", "[dev-dependencies]\n"]
        .map(|table| manifest.split(table).nth(1).expect("a table").split("\n[").next().expect("its end"));
    let lines = tables.iter().flat_map(|table| table.lines());
    let silent: Vec<&str> = lines.filter(|line| line.contains('=') && !line.contains(" # ")).collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn every_test_file_is_wired_in() {
    let all = files("tests");
    for (name, _) in all.iter().filter(|(name, _)| name != "tests/suite.rs" && !name.starts_with("tests/vendor")) {
        let path = Path::new(name);
        let stem = path.file_stem().expect("named").to_str().expect("UTF-8");
        let folder = path.parent().expect("a folder");
        let (module, parents) = if stem == "mod" {
            let module = folder.file_name().expect("named").to_str().expect("UTF-8");
            (
                module,
                vec![
                    folder.parent().expect("a folder").join("suite.rs"),
                    folder.parent().expect("a folder").join("mod.rs"),
                ],
            )
        } else {
            (stem, vec![folder.join("suite.rs"), folder.join("mod.rs"), folder.with_extension("rs")])
        };
        let declared = parents.iter().any(|parent| {
            let text = all
                .iter()
                .find(|(name, _)| Path::new(name) == parent)
                .map(|(_, text)| text.as_str())
                .unwrap_or_default();
            text.lines()
                .any(|line| line.trim_start_matches("pub ").trim_start_matches("(crate) ") == format!("mod {module};"))
        });
        assert!(declared, "{name} is declared in no module, so it does not run");
    }
}
