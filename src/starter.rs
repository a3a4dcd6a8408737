//! `oncall-sync init`: a commented config to begin with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::config::STARTER;
use crate::report;

const QUICKSTART: &str = include_str!("../examples/quickstart.toml");
const COMMANDS: &str = include_str!("../examples/unix-groups.toml");

/// Where each kind of source is shown.
const SOURCES: [(&str, &str); 3] = [("pagerduty", STARTER), ("file", QUICKSTART), ("exec", COMMANDS)];

/// The same of targets.
const TARGETS: [(&str, &str); 5] = [
    ("strongdm", STARTER),
    ("okta", include_str!("../examples/okta.toml")),
    ("github", include_str!("../examples/github.toml")),
    ("file", QUICKSTART),
    ("exec", COMMANDS),
];

/// The folder that the quickstart writes to.
const PLAYGROUND: &str = "../target/quickstart/";

/// Writes a starter config for these kinds to `file`, which must not exist; `-` prints it.
pub fn init(file: &Path, source: &str, target: &str) -> Result<()> {
    let starter = starter(source, target)?;
    if file == Path::new("-") {
        return Ok(report::print(&starter)?);
    }
    let shown = file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut file| file.write_all(starter.as_bytes()));
    written.with_context(|| format!("{shown} was not written; name another file, or `-` to print it"))?;
    Ok(report::print(&format!("Wrote {shown}. Fill it in, then run: oncall-sync --config {shown} check\n"))?)
}

/// The starter config with the tables of these kinds, and what a rule says of them, from the examples.
///
/// # Errors
/// Where no example shows a kind.
fn starter(source: &str, target: &str) -> Result<String> {
    let sides = [(&SOURCES[..], source, "[source.", "schedules = "), (&TARGETS[..], target, "[target.", "grant.")];
    let mut starter = STARTER.to_owned();
    for (shown, kind, header, of_rule) in sides {
        let example = shown.iter().find_map(|(name, example)| (*name == kind).then_some(*example));
        let example =
            example.with_context(|| format!("no example shows the kind '{kind}'; see the README's Config"))?;
        for part in [table(header), line(of_rule)] {
            starter = starter.replacen(part(STARTER), part(example), 1);
        }
    }
    Ok(starter.replace(PLAYGROUND, ""))
}

/// The first table that begins so, without the comments right above the next one.
fn table(header: &str) -> Part<'_> {
    Box::new(move |text| {
        let start = text.find(&format!("\n{header}")).map_or(text.len(), |before| before + 1);
        let rest = &text[start..];
        let next = rest.find("\n[").unwrap_or(rest.len());
        rest[..next].rfind("\n\n").map_or(&rest[..next], |end| &rest[..end])
    })
}

/// The first line that begins so.
fn line(start: &str) -> Part<'_> {
    Box::new(move |text| text.lines().find(|line| line.starts_with(start)).unwrap_or_default())
}

/// Finds a part of a config.
type Part<'a> = Box<dyn Fn(&'static str) -> &'static str + 'a>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, kinds_of};
    use crate::source::SourceConfig;
    use crate::target::TargetConfig;

    #[test]
    fn the_usual_one_is_the_starter_itself() {
        assert_eq!(starter("pagerduty", "strongdm").expect("a starter"), STARTER);
    }

    #[test]
    fn every_kind_with_every_other_is_a_config_of_these_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("oncall-sync.toml");
        for source in kinds_of::<SourceConfig>() {
            for target in kinds_of::<TargetConfig>() {
                let text = starter(&source, &target).unwrap_or_else(|error| panic!("{error:#}"));
                std::fs::write(&path, &text).expect("written");
                let config =
                    Config::load(&path).unwrap_or_else(|faults| panic!("{source}, {target}: {faults}\n{text}"));
                let kind = |sort: &str| {
                    let file: toml::Table = text.parse().expect("TOML");
                    let (name, table) = file[sort].as_table().and_then(|all| all.iter().next()).expect("one");
                    table.get("kind").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
                };
                assert_eq!((kind("source"), kind("target")), (source.clone(), target.clone()));
                assert_eq!((config.sources.len(), config.targets.len(), config.rules.len()), (1, 1, 1), "{text}");
                assert!(config.rules[0].grant.keys().eq(config.targets.keys()), "{text}");
                assert!(!text.contains("../target"), "{text}");
            }
        }
    }
}
