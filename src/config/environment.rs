//! A config without a file, and where a file is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fault::{listed, near};
use super::{Config, DEFAULT_DEADLINE, DEFAULT_WINDOW, LimitsConfig, RuleConfig, default_timezone, digest};
use crate::domain::OnDrift;
use crate::ledger::LedgerConfig;
use crate::span::Span;

/// Where variables come from: the process, or a test's own.
type Variables<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// A variable of this process; an empty one counts as unset.
pub(super) fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "one of the two rooms that read the environment")]
    let value = std::env::var_os(name);
    value.filter(|value| !value.is_empty())
}

/// What of our environment a command of the user's gets: where programs and its home are, its language and clock, and who
/// runs it. Everything else may be a secret of somebody else's.
pub fn of_commands() -> BTreeMap<OsString, OsString> {
    const PASSED: [&str; 7] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME"];
    let passed = |name: &OsString| name.to_str().is_some_and(|name| PASSED.contains(&name) || name.starts_with("LC_"));
    std::env::vars_os().filter(|(name, _)| passed(name)).collect()
}

impl Config {
    /// The config file: `explicit`, `$ONCALL_SYNC_CONFIG`, then the usual places; `None` where there is none.
    ///
    /// A file that was asked for and does not exist is an error.
    pub fn find(explicit: Option<&Path>) -> Result<Option<PathBuf>> {
        find(explicit, Path::new(""), &variable)
    }

    /// PagerDuty and strongDM with their credentials from the environment, and no rule yet.
    ///
    /// `PAGERDUTY_API_URL` and `SDM_API_HOST` move the addresses.
    pub fn from_environment() -> Result<Self> {
        from_environment(&variable)
    }

    /// Adds the rule of `--schedule X --grant TARGET=ENTITLEMENT`.
    pub fn add_rule(&mut self, schedules: &[String], grants: &[(String, String)]) -> Result<()> {
        let schedules: BTreeSet<&String> = schedules.iter().collect();
        ensure!(!schedules.is_empty(), "a `--grant` needs a `--schedule` whose shifts it follows");
        ensure!(!grants.is_empty(), "nothing to give: name at least one `--grant TARGET=ENTITLEMENT`");
        ensure!(schedules.iter().all(|name| !name.trim().is_empty()), "a `--schedule` is empty");
        let mut grant: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (target, entitlement) in grants {
            if !self.targets.contains_key(target) {
                let hint = near(target, self.targets.keys().map(String::as_str));
                bail!("`--grant {target}={entitlement}` names an unknown target{hint}");
            }
            ensure!(!entitlement.trim().is_empty(), "`--grant {target}=` names no entitlement");
            let entitlements = grant.entry(target.clone()).or_default();
            if !entitlements.contains(entitlement) {
                entitlements.push(entitlement.clone());
            }
        }
        let schedules: Vec<String> = schedules.into_iter().cloned().collect();
        let source = self.only_source()?;
        let name = format!("--schedule {}", schedules.join(","));
        self.rules.push(RuleConfig {
            name,
            source,
            schedules,
            levels: None,
            early: Span::default(),
            late: Span::default(),
            max_duration: None,
            duration: None,
            grant,
        });
        Ok(())
    }

    fn only_source(&self) -> Result<String> {
        let names: Vec<&str> = self.sources.keys().map(String::as_str).collect();
        match names.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => bail!("there is no source; name one in a config file (`--config`)"),
            several => bail!(
                "`--schedule` with `--grant` cannot tell which source is meant ({}); write a [[rule]] with its `source` into \
                 the config file (`--config`)",
                listed(several)
            ),
        }
    }
}

fn find(explicit: Option<&Path>, here: &Path, variables: Variables) -> Result<Option<PathBuf>> {
    let asked = match explicit {
        Some(path) => Some((path.to_owned(), "--config")),
        None => variables("ONCALL_SYNC_CONFIG").map(|path| (path.into(), "$ONCALL_SYNC_CONFIG")),
    };
    if let Some((path, by)) = asked {
        ensure!(is_there(&here.join(&path)), "the config file {} (from {by}) does not exist", path.display());
        return Ok(Some(path));
    }
    let usual = [
        Some(here.join("oncall-sync.toml")),
        folder("XDG_CONFIG_HOME", ".config", variables).map(|folder| folder.join("oncall-sync/config.toml")),
        Some(PathBuf::from("/etc/oncall-sync/config.toml")),
    ];
    Ok(usual.into_iter().flatten().find(|path| is_there(path)))
}

/// Whether there is anything, even what cannot be read: that is said when it is loaded, and not passed over.
fn is_there(path: &Path) -> bool {
    !path.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// A folder of the XDG base directory specification, which says that a relative path is to be ignored.
fn folder(variable: &str, below_home: &str, variables: Variables) -> Option<PathBuf> {
    let own = variables(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    own.or_else(|| variables("HOME").map(|home| PathBuf::from(home).join(below_home)))
}

/// The ledger's usual place; `None` where the environment names no home.
pub(super) fn default_ledger(variables: impl Fn(&str) -> Option<OsString>) -> Option<LedgerConfig> {
    let folder = folder("XDG_STATE_HOME", ".local/state", &variables);
    folder.map(|folder| LedgerConfig::File(folder.join("oncall-sync/ledger.db")))
}

fn from_environment(variables: Variables) -> Result<Config> {
    let text = |name: &str| match variables(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => bail!("the environment variable {name} holds bytes that are not UTF-8"),
    };
    let mut source = json!({ "kind": "pagerduty", "api_key": { "env": "PAGERDUTY_API_KEY" } });
    if let Some(url) = text("PAGERDUTY_API_URL")? {
        source["base_url"] = url.into();
    }
    let mut target = json!({
        "kind": "strongdm",
        "access_key": { "env": "SDM_API_ACCESS_KEY" },
        "secret_key": { "env": "SDM_API_SECRET_KEY" },
    });
    if let Some(host) = text("SDM_API_HOST")? {
        target["host"] = host.into();
    }
    let digest = digest(format!("{source}\n{target}").as_bytes());
    Ok(Config {
        window: DEFAULT_WINDOW,
        deadline: DEFAULT_DEADLINE,
        timezone: default_timezone(),
        ledger: default_ledger(variables).context(
            "no place for the ledger: set HOME or XDG_STATE_HOME, or `ledger` in a config file (`--config`)",
        )?,
        sources: BTreeMap::from([("pagerduty".into(), platform(source, "PAGERDUTY_API_URL")?)]),
        targets: BTreeMap::from([("strongdm".into(), platform(target, "SDM_API_HOST")?)]),
        rules: Vec::new(),
        aliases: BTreeMap::new(),
        limits: LimitsConfig::default(),
        on_drift: OnDrift::default(),
        path: None,
        digest,
    })
}

/// Only the address comes from outside, so whatever is wrong is wrong with it.
fn platform<T: DeserializeOwned>(value: Value, variable: &str) -> Result<T> {
    serde_json::from_value(value).with_context(|| format!("cannot use the environment variable {variable}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::SourceConfig;
    use crate::target::TargetConfig;

    fn variables(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let set: BTreeMap<String, OsString> = set.iter().map(|(name, value)| ((*name).into(), value.into())).collect();
        move |name| set.get(name).cloned()
    }

    fn bare() -> Config {
        from_environment(&variables(&[("HOME", "/home/ada")])).expect("a config")
    }

    fn grants(grants: &[(&str, &str)]) -> Vec<(String, String)> {
        grants.iter().map(|(target, entitlement)| ((*target).into(), (*entitlement).into())).collect()
    }

    #[test]
    fn the_usual_places_are_looked_at_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().join("here");
        let xdg = folder.path().join("xdg/oncall-sync/config.toml");
        let home = folder.path().join("home/.config/oncall-sync/config.toml");
        for file in [&here.join("oncall-sync.toml"), &xdg, &home] {
            fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
            fs::write(file, "").expect("a file");
        }
        let home_folder = folder.path().join("home");
        let xdg_folder = folder.path().join("xdg");
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let (home_folder, xdg_folder) = (path(&home_folder), path(&xdg_folder));
        let both = variables(&[("HOME", &home_folder), ("XDG_CONFIG_HOME", &xdg_folder)]);

        assert_eq!(find(None, &here, &both).expect("found"), Some(here.join("oncall-sync.toml")));
        fs::remove_file(here.join("oncall-sync.toml")).expect("removed");
        assert_eq!(find(None, &here, &both).expect("found"), Some(xdg));
        assert_eq!(find(None, &here, &variables(&[("HOME", &home_folder)])).expect("found"), Some(home.clone()));
        let relative = variables(&[("HOME", &home_folder), ("XDG_CONFIG_HOME", "xdg")]);
        assert_eq!(find(None, &here, &relative).expect("found"), Some(home));
    }

    #[test]
    fn a_file_asked_for_comes_first_and_has_to_exist() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["oncall-sync.toml", "asked.toml", "named.toml"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let named = variables(&[("ONCALL_SYNC_CONFIG", "named.toml")]);
        let find = |explicit: Option<&str>, variables| find(explicit.map(Path::new), folder.path(), variables);
        assert_eq!(find(Some("asked.toml"), &named).expect("found"), Some("asked.toml".into()));
        assert_eq!(find(None, &named).expect("found"), Some("named.toml".into()));
        assert_eq!(
            find(Some("absent.toml"), &named).expect_err("absent").to_string(),
            "the config file absent.toml (from --config) does not exist"
        );
        assert_eq!(
            find(None, &variables(&[("ONCALL_SYNC_CONFIG", "absent.toml")])).expect_err("absent").to_string(),
            "the config file absent.toml (from $ONCALL_SYNC_CONFIG) does not exist"
        );
    }

    #[test]
    fn the_ledgers_usual_place_follows_the_environment() {
        let place = |set: &[(&str, &str)]| default_ledger(variables(set));
        assert_eq!(place(&[("HOME", "/h")]), Some(LedgerConfig::File("/h/.local/state/oncall-sync/ledger.db".into())));
        assert_eq!(
            place(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]),
            Some(LedgerConfig::File("/s/oncall-sync/ledger.db".into()))
        );
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn without_a_file_the_environment_names_pagerduty_and_strongdm() {
        let config = bare();
        let (source, target) = (&config.sources["pagerduty"], &config.targets["strongdm"]);
        assert!(matches!(source, SourceConfig::Pagerduty(_)), "{source:?}");
        assert!(matches!(target, TargetConfig::Strongdm(_)), "{target:?}");
        let (source, target) = (format!("{source:?}"), format!("{target:?}"));
        assert!(source.contains("api_key: Env(\"PAGERDUTY_API_KEY\")"), "{source}");
        assert!(target.contains("access_key: Env(\"SDM_API_ACCESS_KEY\")"), "{target}");
        assert!(target.contains("secret_key: Env(\"SDM_API_SECRET_KEY\")"), "{target}");
        assert_eq!(config.ledger, LedgerConfig::File("/home/ada/.local/state/oncall-sync/ledger.db".into()));
        assert!(config.rules.is_empty());
        assert_eq!(config.path, None);
    }

    #[test]
    fn the_environment_moves_the_addresses() {
        let moved = from_environment(&variables(&[
            ("HOME", "/h"),
            ("PAGERDUTY_API_URL", "https://api.eu.pagerduty.com"),
            ("SDM_API_HOST", "app.eu.strongdm.com:443"),
        ]))
        .expect("a config");
        assert!(format!("{:?}", moved.sources).contains("api.eu.pagerduty.com"), "{:?}", moved.sources);
        assert!(format!("{:?}", moved.targets).contains("app.eu.strongdm.com"), "{:?}", moved.targets);
        assert_ne!(moved.digest, bare().digest);
    }

    #[test]
    fn a_rule_of_the_command_line_is_named_after_its_schedules() {
        let mut config = bare();
        let asked = grants(&[("strongdm", "prod"), ("strongdm", "role:dba"), ("strongdm", "prod")]);
        config.add_rule(&["P2".into(), "P1".into(), "P2".into()], &asked).expect("a rule");
        let [rule] = config.rules.as_slice() else { panic!("{:?}", config.rules) };
        assert_eq!((rule.name.as_str(), rule.source.as_str()), ("--schedule P1,P2", "pagerduty"));
        assert_eq!(rule.schedules, ["P1", "P2"]);
        assert_eq!(rule.grant, BTreeMap::from([("strongdm".into(), vec!["prod".into(), "role:dba".into()])]));
    }

    #[test]
    fn a_rule_of_the_command_line_names_what_it_cannot_use() {
        let schedule = ["P1".to_owned()];
        let refusal = |config: &mut Config, schedules: &[String], asked: &[(&str, &str)]| {
            config.add_rule(schedules, &grants(asked)).expect_err("refused").to_string()
        };
        let mut config = bare();
        assert_eq!(
            refusal(&mut config, &schedule, &[("strongdn", "prod")]),
            "`--grant strongdn=prod` names an unknown target; did you mean 'strongdm'?"
        );
        assert_eq!(refusal(&mut config, &schedule, &[("strongdm", "")]), "`--grant strongdm=` names no entitlement");
        assert_eq!(
            refusal(&mut config, &[], &[("strongdm", "prod")]),
            "a `--grant` needs a `--schedule` whose shifts it follows"
        );
        let source = config.sources["pagerduty"].clone();
        config.sources.insert("second".into(), source);
        assert_eq!(
            refusal(&mut config, &schedule, &[("strongdm", "prod")]),
            "`--schedule` with `--grant` cannot tell which source is meant ('pagerduty' and 'second'); write a [[rule]] \
             with its `source` into the config file (`--config`)"
        );
        assert!(config.rules.is_empty());
    }
}
