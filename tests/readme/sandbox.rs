//! A place in which a document's commands can run: the program, the examples, stand-ins for both platforms, one instant.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use crate::fakes::pagerduty::{self, PagerDuty};
use crate::fakes::strongdm::{self, ACCESS_KEY, SECRET_KEY, StrongDm};

/// The instant at which every command runs.
pub const NOW: &str = "2026-11-21T09:00:00Z";

/// The schedule that the documents name.
const SCHEDULE: &str = "PI7DH85";

/// A folder of its own, with both stand-ins running.
pub struct Sandbox {
    folder: TempDir,
    pub pager: pagerduty::Fake,
    pub strongdm: strongdm::Fake,
}

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    /// Alice is on call for two days and then Bob; both have accounts.
    pub fn new() -> Self {
        let now: DateTime<Utc> = NOW.parse().expect("an instant");
        let handover = now + TimeDelta::days(2);
        let pager = pagerduty::World::at(now)
            .person("PA", "Alice", "alice@example.com")
            .person("PB", "Bob", "bob@example.com")
            .schedule(SCHEDULE, "Database")
            .shift(SCHEDULE, "PA", now - TimeDelta::days(5), handover)
            .shift(SCHEDULE, "PB", handover, handover + TimeDelta::days(7));
        let strongdm = strongdm::World::at(now)
            .user("a-1", "alice@example.com")
            .user("a-2", "bob@example.com")
            .resource("rs-1", "prod-postgres");
        let sandbox = Self {
            folder: TempDir::new().expect("a folder"),
            pager: PagerDuty::start(pager),
            strongdm: StrongDm::start(strongdm),
        };
        sandbox.furnish();
        sandbox
    }

    fn furnish(&self) {
        for folder in ["bin", "empty", "home", "examples", "etc", "log"] {
            fs::create_dir(self.path(folder)).expect("a folder");
        }
        for example in ["quickstart.toml", "rota.toml"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
            fs::copy(from, self.path("examples").join(example)).expect("copied");
        }
        // Every command runs at the same instant, so that what it says does not depend on the day.
        let program = env!("CARGO_BIN_EXE_oncall-sync");
        self.write("bin/oncall-sync", &format!("#!/bin/sh\nexec '{program}' \"$@\" --now {NOW}\n"), 0o755);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).expect("written");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The starter config as a person fills it in, with the stand-ins' addresses.
    pub fn fill_in(&self, starter: &str) -> String {
        let mut text = starter.to_owned();
        for (from, to) in [
            ("PXXXXXX", SCHEDULE.to_owned()),
            ("# base_url = \"https://api.eu.pagerduty.com\"", format!("base_url = \"{}\"", self.pager.url())),
            ("# host = \"app.strongdm.com:443\"", format!("host = \"{}\"", self.strongdm.host())),
        ] {
            assert!(text.contains(from), "the starter config has no {from}");
            text = text.replace(from, &to);
        }
        text
    }

    /// The keys of the stand-ins.
    pub fn keys(&self) -> [(&'static str, String); 3] {
        [
            ("PAGERDUTY_API_KEY", self.pager.key().to_owned()),
            ("SDM_API_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("SDM_API_SECRET_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// Runs a shell's command in `folder`, with keys and addresses in the environment.
    pub fn run(&self, command: &str, folder: &str) -> Ended {
        let mut shell = self.shell(command, folder);
        shell.envs(self.keys()).env("PAGERDUTY_API_URL", self.pager.url()).env("SDM_API_HOST", self.strongdm.host());
        ended(shell.output().expect("a shell"))
    }

    /// Runs it as cron does: nothing in the environment but what the crontab sets.
    pub fn run_bare(&self, command: &str) -> Ended {
        ended(self.shell(command, "home").output().expect("a shell"))
    }

    fn shell(&self, command: &str, folder: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command).current_dir(self.path(folder)).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display())).env("HOME", self.path("home"));
        shell
    }
}

fn ended(Output { status, stdout, stderr }: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}
