//! A command that speaks the protocol of `exec`, and is strict about what it is asked.
//!
//! It is this very test binary, run anew for each call: nothing else is on every machine. Its world is a file, which the test
//! reads and changes between calls. What a request holds that the protocol does not know is written down as a violation.

mod serve;
mod world;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use serve::understood;
use world::Trouble;
pub use world::{Fault, Tenure, World};

/// The variable in which the fake wants [`TOKEN`], where its world has one.
pub const VARIABLE: &str = "COMMAND_TOKEN";

/// What it is given to know us by.
pub const TOKEN: &str = "s3cret-of-the-stand-in";

/// What is not accepted in its place.
const WRONG: &str = "another-s3cret";

/// A command and the file that is its world.
pub struct Fake {
    folder: TempDir,
}

impl Fake {
    pub fn start(world: World) -> Self {
        let fake = Self { folder: tempfile::tempdir().expect("a folder") };
        secret(&fake.folder.path().join("token"), TOKEN);
        secret(&fake.folder.path().join("wrong"), WRONG);
        world.create(&fake.path());
        fake
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("world.json")
    }

    /// Looks at the world, or changes it, while no call does.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        World::change(&self.path(), change)
    }

    /// Brings trouble to the next call of `verb`; `*` is any.
    pub fn trouble(&self, verb: &str, fault: Fault) {
        self.trouble_times(verb, fault, 1);
    }

    pub fn trouble_times(&self, verb: &str, fault: Fault, times: usize) {
        self.change(|world| world.troubles.push(Trouble { verb: verb.to_owned(), fault, times }));
    }

    /// The verbs called so far, those that failed included.
    pub fn calls(&self) -> Vec<String> {
        self.change(|world| world.calls.clone())
    }

    /// Its table in a config, without the head.
    pub fn toml(&self) -> String {
        self.toml_with("token")
    }

    /// The same with a token that is not accepted.
    pub fn wrong_toml(&self) -> (String, &'static str) {
        (self.toml_with("wrong"), WRONG)
    }

    fn toml_with(&self, token: &str) -> String {
        let program = std::env::current_exe().expect("this program");
        // The test harness speaks on standard output, so the answer goes around it.
        let script = "exec \"$@\" 3>&1 >/dev/null";
        let words =
            ["/bin/sh", "-c", script, "sh", program.to_str().expect("UTF-8"), "--exact", "--nocapture", serve::NAME];
        let words: Vec<String> =
            words.iter().map(ToString::to_string).chain([self.path().display().to_string()]).collect();
        let token = self.folder.path().join(token);
        format!(
            "kind = 'exec'\ncommand = {words:?}\nenv = {{ {VARIABLE} = {{ file = '{}' }} }}\ntimeout = '20s'\n",
            token.display()
        )
    }
}

/// A file for its owner alone.
fn secret(path: &Path, content: &str) {
    fs::write(path, content).expect("a file");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a mode");
}
