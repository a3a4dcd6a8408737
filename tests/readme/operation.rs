//! The examples for cron, systemd and CI do what they say.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use oncall_sync::cli::Cli;
use oncall_sync::config::STARTER;

use super::sandbox::{Ended, Sandbox};
use crate::fakes::postgres;

const CRONTAB: &str = include_str!("../../crontab.example");
const SERVICE: &str = include_str!("../../examples/systemd/oncall-sync.service");
const TIMER: &str = include_str!("../../examples/systemd/oncall-sync.timer");
const WORKFLOW: &str = include_str!("../../examples/github-actions.yml");
const PIPELINE: &str = include_str!("../../examples/gitlab-ci.yml");
const CRONJOB: &str = include_str!("../../examples/kubernetes/cronjob.yaml");
const CONTAINERFILE: &str = include_str!("../../examples/kubernetes/Containerfile");

/// The lowest and highest value of each of cron's five fields (crontab(5)).
const FIELDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

/// The commands of the crontab.
fn jobs() -> Vec<&'static str> {
    let lines = CRONTAB.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter(|line| !is_setting(line)).map(|line| line.splitn(6, ' ').nth(5).expect("a command")).collect()
}

fn is_setting(line: &str) -> bool {
    ["SHELL=", "PATH=", "MAILTO="].iter().any(|name| line.starts_with(name))
}

/// Whether cron takes `field`: `*`, a number, a range, a list of them, each perhaps with a step.
fn is_field(field: &str, (low, high): (u32, u32)) -> bool {
    let number = |text: &str| text.parse().is_ok_and(|number: u32| (low..=high).contains(&number));
    field.split(',').all(|part| {
        let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
        let span = match span.split_once('-') {
            Some((from, to)) => number(from) && number(to),
            None => span == "*" || number(span),
        };
        span && step.is_none_or(|step| step.parse().is_ok_and(|step: u32| step > 0))
    })
}

/// A sandbox furnished as the crontab's comments say.
fn furnished() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("etc/config.toml", &format!("ledger = 'ledger.db'\n{}", sandbox.fill_in(STARTER)), 0o644);
    let keys = sandbox.keys().map(|(name, key)| format!("{name}='{key}'")).join(" ");
    sandbox.write("etc/env", &format!("export {keys}\n"), 0o600);
    sandbox
}

/// Runs a crontab's command as cron would, with its folders moved into the sandbox.
fn cron(sandbox: &Sandbox, job: &str) -> Ended {
    let moved = job
        .replace("/etc/oncall-sync", &sandbox.path("etc").display().to_string())
        .replace("/var/log/oncall-sync", &sandbox.path("log").display().to_string());
    sandbox.run_bare(&moved)
}

/// What cron would send.
fn mail(ended: &Ended) -> String {
    format!("{}{}", ended.stdout, ended.stderr)
}

#[test]
fn every_line_of_the_crontab_is_one_that_cron_takes() {
    for line in CRONTAB.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !is_setting(line)) {
        let fields: Vec<&str> = line.split(' ').take(5).collect();
        for (field, bounds) in fields.iter().zip(FIELDS) {
            assert!(is_field(field, bounds), "{field:?} in {line:?}");
        }
        assert!(!line.contains('%'), "cron makes a newline of % in {line:?}");
    }
    assert!(CRONTAB.lines().any(|line| line.starts_with("MAILTO=")) && CRONTAB.ends_with('\n'));
    assert_eq!(jobs().len(), 2);
}

#[test]
fn a_field_that_cron_refuses_is_refused() {
    for bad in ["60", "*/0", "a", "1-70", "", "-1"] {
        assert!(!is_field(bad, FIELDS[0]), "{bad:?}");
    }
}

#[test]
fn a_run_that_ends_well_mails_nothing_and_logs_what_changed() {
    let sandbox = furnished();
    for job in jobs() {
        let ended = cron(&sandbox, job);
        assert_eq!((mail(&ended).as_str(), ended.code), ("", Some(0)), "{job}");
    }
    assert!(sandbox.read("log/sync.log").contains("Done: 2 given."), "{}", sandbox.read("log/sync.log"));
    assert_eq!(sandbox.strongdm.grants().len(), 2);
    let before = sandbox.read("log/sync.log");
    cron(&sandbox, jobs()[0]);
    assert_eq!(sandbox.read("log/sync.log"), before, "a run that changes nothing logs nothing");
}

#[test]
fn a_run_that_fails_mails_its_exit_code_and_logs_why() {
    let sandbox = furnished();
    sandbox.write("etc/env", "export PAGERDUTY_API_KEY=x\n", 0o600);
    let sync = cron(&sandbox, jobs()[0]);
    assert!(mail(&sync).contains("exit code 2: see "), "{}", mail(&sync));
    assert!(sandbox.read("log/sync.log").contains("SDM_API_ACCESS_KEY is not set"));
    assert!(mail(&cron(&sandbox, jobs()[1])).contains("SDM_API_ACCESS_KEY is not set"));
}

#[test]
fn a_run_without_its_environment_file_mails_that() {
    let sandbox = furnished();
    std::fs::remove_file(sandbox.path("etc/env")).expect("removed");
    for job in jobs() {
        assert!(mail(&cron(&sandbox, job)).contains("etc/env"), "{job}");
    }
    assert!(sandbox.strongdm.grants().is_empty());
}

#[test]
fn a_second_run_meanwhile_exits_with_5_and_changes_nothing() {
    let sandbox = furnished();
    let lock = File::create(sandbox.path("etc/ledger.db.lock")).expect("a lock file");
    lock.try_lock().expect("locked");
    let ended = cron(&sandbox, jobs()[0]);
    assert!(mail(&ended).contains("exit code 5"), "{}", mail(&ended));
    assert!(sandbox.strongdm.grants().is_empty());
    assert!(!CRONTAB.lines().any(|line| !line.starts_with('#') && line.contains("flock")));
}

#[test]
fn the_commands_of_ci_jobs_run() {
    for (job, marker, count) in [(WORKFLOW, "run: ", 2), (PIPELINE, "- oncall-sync ", 1)] {
        let Some(database) = postgres::database() else { return };
        let sandbox = Sandbox::new();
        let config = format!("{}\n{}", ledger_line(job), sandbox.fill_in(STARTER));
        sandbox.write("empty/oncall-sync.toml", &config, 0o644);
        let variable = ledger_line(job).split('"').nth(1).expect("a name");
        let lines = job.lines().map(str::trim).filter(|line| line.starts_with(marker));
        let runs: Vec<&str> = lines.map(|line| &line[line.find("oncall-sync").expect("its program")..]).collect();
        assert_eq!(runs.len(), count, "{runs:?}");
        for run in &runs {
            let ended = sandbox.run(&format!("{variable}='{}' {run}", database.url()), "empty");
            assert_eq!(ended.code, Some(0), "`{run}` said: {}", mail(&ended));
        }
        assert_eq!(sandbox.strongdm.grants().len(), 2);
        let again = sandbox.run(&format!("{variable}='{}' {}", database.url(), runs[count - 1]), "empty");
        assert!(again.stdout.contains("Nothing to do"), "the ledger outlives the job: {}", mail(&again));
    }
}

#[test]
fn the_service_s_command_is_one_that_the_program_takes() {
    let started = SERVICE.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    Cli::try_parse_from(started.split(' ')).unwrap_or_else(|error| panic!("{started}: {error}"));
    // Each secret that systemd hands over is one that the comment's config reads.
    let loaded = SERVICE.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split(':').next());
    let read: Vec<bool> =
        loaded.map(|name| SERVICE.contains(&format!("/run/credentials/oncall-sync.service/{name}\" }}"))).collect();
    assert_eq!(read, [true; 3]);
}

/// What a command of systemd-analyze says of units with our names, and whether it was content; `None` where there is none
/// that can, after saying so.
fn systemd_analyze(arguments: &[&str], since: u32, service: &str) -> Option<(bool, String)> {
    let version = Command::new("systemd-analyze").arg("--version").output().ok().and_then(|output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.split_whitespace().nth(1)?.parse::<u32>().ok()
    });
    if version.is_none_or(|version| version < since) {
        // Past the test harness, which would keep it to itself.
        let skipped = format!("SKIPPED: there is no systemd-analyze {since} here, so nobody has run {arguments:?}\n");
        std::io::stderr().write_all(skipped.as_bytes()).expect("standard error");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("oncall-sync.service", &service.replace("/usr/local/bin/oncall-sync", env!("CARGO_BIN_EXE_oncall-sync")));
    write("oncall-sync.timer", TIMER);
    let units = ["oncall-sync.service", "oncall-sync.timer"].map(|name| folder.path().join(name));
    let units = &units[..if arguments == ["verify"] { 2 } else { 1 }];
    let ran = Command::new("systemd-analyze").args(arguments).args(units).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
    // It speaks of whatever units the machine has; only what it says of ours counts.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("oncall-sync")).collect();
    Some((ran.status.success(), ours.join("\n")))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let verify = |service: &str| systemd_analyze(&["verify"], 0, service);
    let Some(said) = verify(SERVICE) else { return };
    assert_eq!(said, (true, String::new()));
    let (_, said) = verify(&SERVICE.replace("ProtectHome=", "ProtectHouse=")).expect("as before");
    assert!(said.contains("ProtectHouse"), "it overlooked an unknown key: {said}");
}

/// systemd's own measure, in tenths: 0 is locked in, 100 is at large. It was 12 with systemd 252.
#[test]
fn systemd_finds_the_service_locked_in() {
    let exposure =
        |service: &str| systemd_analyze(&["security", "--offline=true", "--threshold=15", "--no-pager"], 250, service);
    let Some((content, said)) = exposure(SERVICE) else { return };
    assert!(content, "{said}");
    for lock in ["DynamicUser=", "CapabilityBoundingSet=", "SystemCallFilter="] {
        let lax: Vec<&str> = SERVICE.lines().filter(|line| !line.starts_with(lock)).collect();
        let (content, said) = exposure(&lax.join("\n")).expect("as before");
        assert!(!content, "nobody missed {lock}: {said}");
    }
}

/// The example of the form `ledger = …` in a comment of `text`.
fn ledger_line(text: &str) -> &str {
    text.lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .find(|line| line.starts_with("ledger = "))
        .expect("a ledger")
}

#[test]
fn jobs_hand_over_what_their_configs_read() {
    let names = Sandbox::new().keys().map(|(name, _)| name);
    for (job, text) in [("GitHub", WORKFLOW), ("GitLab", PIPELINE)] {
        let variable = ledger_line(text).split('"').nth(1).expect("a name");
        for name in names.iter().copied().chain([variable]) {
            let secret = format!("      {name}: ${{{{ secrets.{name} }}}}");
            let given = if job == "GitHub" { text.lines().any(|line| line == secret) } else { text.contains(name) };
            assert!(given, "{job} gives no {name}");
        }
    }
}

#[test]
fn the_image_is_built_from_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let toolchain = CONTAINERFILE.lines().find_map(|line| line.strip_prefix("FROM docker.io/library/rust:"));
    let version = toolchain.expect("a toolchain").split('-').next();
    assert_eq!(version, Some(env!("CARGO_PKG_RUST_VERSION")), "the oldest toolchain that will do");
    let copied =
        CONTAINERFILE.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with('-'));
    let sources: Vec<&str> = copied.flat_map(|line| line.rsplit_once(' ').expect("from, to").0.split(' ')).collect();
    assert_eq!(sources, ["Cargo.toml", "Cargo.lock", "src"]);
    assert!(sources.iter().all(|source| root.join(source).exists()));
    // The manifest asks for the image by the name and version that its comment builds.
    let image = format!("registry.example.com/oncall-sync:{}", env!("CARGO_PKG_VERSION"));
    for text in [CONTAINERFILE, PIPELINE, CRONJOB] {
        assert!(text.contains(&image), "{image}");
    }
}
