//! A secret from the environment, a file or a command; never shown.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use crate::command::{Ended, Fault, Place, Program, Said};
use crate::describe::Resolve;

/// More than any token or key that a service here hands out (an RSA key in PEM is about 3 KiB).
const LARGEST: u64 = 64 * 1024;

/// A password manager's own network timeout is shorter; the run has only minutes.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Enough of a command's complaint to know what is wrong, on one line of a report.
const COMPLAINT_LENGTH: usize = 200;

const HOW: &str = "say where the secret is kept: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", \"ARGUMENT\"] }";

/// Where a secret is kept. A secret itself, written out in the config file, is refused.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// A file that nobody but its owner (and group) can read; one newline at its end is dropped.
    File(PathBuf),
    /// A program and its arguments, run without a shell; its standard output is the secret, one newline dropped.
    Command(Vec<String>),
}

impl Resolve for SecretRef {
    fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            path.resolve(folder);
        }
    }
}

impl SecretRef {
    /// The secret itself. Errors say where it was looked for, and never what was found.
    pub async fn read(&self) -> Result<SecretString> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "one of the two rooms that read the environment")]
            Self::Env(name) => from_environment(name, std::env::var_os(name)),
            Self::File(path) => from_file(path),
            Self::Command(argv) => from_command(argv, COMMAND_TIMEOUT).await,
        }
    }
}

fn from_environment(name: &str, value: Option<std::ffi::OsString>) -> Result<SecretString> {
    let Some(value) = value else { bail!("the environment variable {name} is not set; export it for this program") };
    ensure!(!value.is_empty(), "the environment variable {name} is empty; give it its value");
    match value.into_string() {
        Ok(value) => Ok(value.into()),
        Err(_) => bail!("the environment variable {name} holds bytes that are not UTF-8"),
    }
}

fn from_file(path: &Path) -> Result<SecretString> {
    let shown = path.display();
    // Opening a pipe that nobody writes to would wait for ever.
    let kind = std::fs::metadata(path).with_context(|| format!("cannot read the secret file {shown}"))?;
    ensure!(kind.is_file(), "the secret file {shown} is not a regular file");
    let file = std::fs::File::open(path).with_context(|| format!("cannot read the secret file {shown}"))?;
    refuse_readable_by_all(path, &file)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read the secret file {shown}"))?;
    secret(bytes, &format!("the secret file {shown}"))
}

#[cfg(unix)]
fn refuse_readable_by_all(path: &Path, file: &std::fs::File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let shown = path.display();
    let mode = file.metadata().with_context(|| format!("cannot read the mode of {shown}"))?.permissions().mode();
    ensure!(
        mode & 0o004 == 0,
        "everybody on this machine can read the secret file {shown} (mode {:04o}); run: chmod o-rwx '{shown}' \
         (in Kubernetes, set `defaultMode: 0440` on the volume)",
        mode & 0o7777
    );
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_all(_: &Path, _: &std::fs::File) -> Result<()> {
    Ok(())
}

async fn from_command(argv: &[String], timeout: Duration) -> Result<SecretString> {
    let [program, ..] = argv else { bail!("a secret's `command` is empty; name a program") };
    let said = Said::default();
    let run = Program { argv: argv.to_vec(), place: Place::Ours };
    let Some(ended) = run.run_within(timeout, LARGEST as usize, &said).await else {
        bail!("the command '{program}' that prints a secret was stopped after {} s", timeout.as_secs_f32());
    };
    let what = format!("the output of the command '{program}'");
    let Ended { status, output } = ended.or_else(|fault| match fault {
        Fault::Start(error) => {
            Err(error).with_context(|| format!("cannot start the command '{program}' that prints a secret"))
        }
        Fault::Talk(error) => {
            Err(error).with_context(|| format!("cannot read from the command '{program}' that prints a secret"))
        }
        Fault::TooMuch(_) => Err(too_large(&what)),
    })?;
    ensure!(
        status.success(),
        "the command '{program}' that prints a secret failed ({status}){}",
        said.first().map(|line| complaint(&line)).unwrap_or_default()
    );
    secret(output, &what)
}

fn complaint(line: &str) -> String {
    format!(": {}", line.chars().filter(|c| !c.is_control()).take(COMPLAINT_LENGTH).collect::<String>())
}

fn too_large(what: &str) -> anyhow::Error {
    anyhow!("{what} is larger than {} KiB, which no secret here is", LARGEST / 1024)
}

/// The bytes as a secret, less one newline at the end; `what` names where they came from.
fn secret(mut bytes: Vec<u8>, what: &str) -> Result<SecretString> {
    if bytes.len() as u64 > LARGEST {
        return Err(too_large(what));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    ensure!(!bytes.is_empty(), "{what} is empty");
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => bail!("{what} holds bytes that are not UTF-8"),
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RefVisitor)
    }
}

/// Reads by hand, because serde's own messages repeat the value, which may be the secret.
struct RefVisitor;

/// Refuses a bare value of each kind without a word about it.
macro_rules! refuse {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E: de::Error>(self, _: $kind) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("a secret is not written into the config file; {HOW}")))
        })*
    };
}

impl<'de> de::Visitor<'de> for RefVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HOW)
    }

    refuse!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128, visit_f64: f64, visit_str: &str);

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(de::Error::custom(HOW))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let Some(place) = map.next_key::<String>()? else { return Err(de::Error::custom(HOW)) };
        let value = map.next_value::<Plain>()?;
        let found = match (place.as_str(), value) {
            ("env", Plain::Text(name)) if is_variable(&name) => SecretRef::Env(name),
            ("env", _) => return Err(de::Error::custom("`env` takes the name of an environment variable")),
            ("file", Plain::Text(path)) if !path.is_empty() => SecretRef::File(path.into()),
            ("file", _) => return Err(de::Error::custom("`file` takes the path of a file")),
            ("command", Plain::List(argv)) if argv.first().is_some_and(|program| !program.is_empty()) => {
                SecretRef::Command(argv)
            }
            ("command", _) => {
                return Err(de::Error::custom(
                    "`command` takes a list, the program and its arguments: [\"pass\", \"show\", \"NAME\"]",
                ));
            }
            _ => return Err(de::Error::custom(HOW)),
        };
        match map.next_key::<String>()? {
            None => Ok(found),
            Some(_) => Err(de::Error::custom(format_args!("a secret is kept in one place only; {HOW}"))),
        }
    }
}

/// Whether it can be the name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A string or a list of strings; anything else is `Other`, whose value is dropped unseen.
#[derive(Deserialize)]
#[serde(untagged)]
enum Plain {
    Text(String),
    List(Vec<String>),
    Other(de::IgnoredAny),
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    /// Marks what must never be shown.
    const SECRET: &str = "hunter2secret";

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).to_vec()
    }

    fn file(bytes: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, bytes).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        (folder, path)
    }

    fn refusal(result: Result<SecretString>) -> String {
        let shown = format!("{:#}", result.expect_err("refused"));
        assert!(!shown.contains(SECRET), "{shown}");
        shown
    }

    #[test]
    fn an_unset_or_empty_variable_is_an_error_that_names_it() {
        assert_eq!(
            refusal(from_environment("TOKEN", None)),
            "the environment variable TOKEN is not set; export it for this program"
        );
        assert_eq!(
            refusal(from_environment("TOKEN", Some("".into()))),
            "the environment variable TOKEN is empty; give it its value"
        );
        let secret = from_environment("TOKEN", Some(SECRET.into())).expect("a secret");
        assert_eq!(secret.expose_secret(), SECRET);
        assert!(!format!("{secret:?}").contains(SECRET));
    }

    #[tokio::test]
    async fn a_file_loses_one_newline_and_no_more() {
        for (bytes, kept) in
            [("abc\n", "abc"), ("abc\r\n", "abc"), ("abc\n\n", "abc\n"), (" abc ", " abc "), ("abc\r", "abc\r")]
        {
            let (_folder, path) = file(bytes.as_bytes(), 0o440);
            assert_eq!(SecretRef::File(path).read().await.expect("a secret").expose_secret(), kept);
        }
    }

    #[test]
    fn a_file_that_everybody_can_read_is_refused() {
        let (_folder, path) = file(SECRET.as_bytes(), 0o644);
        let shown = path.display();
        assert_eq!(
            refusal(from_file(&path)),
            format!(
                "everybody on this machine can read the secret file {shown} (mode 0644); run: chmod o-rwx '{shown}' \
                 (in Kubernetes, set `defaultMode: 0440` on the volume)"
            )
        );
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_is_refused() {
        let (folder, empty) = file(b"\n", 0o400);
        assert_eq!(refusal(from_file(&empty)), format!("the secret file {} is empty", empty.display()));
        assert!(refusal(from_file(folder.path())).ends_with("is not a regular file"));
        assert!(refusal(from_file(&folder.path().join("absent"))).starts_with("cannot read the secret file"));
        let (_folder, large) = file(&vec![b'a'; 64 * 1024 + 1], 0o400);
        assert!(refusal(from_file(&large)).ends_with("is larger than 64 KiB, which no secret here is"));
        let (_folder, binary) = file(&[0xff, 0xfe], 0o400);
        assert!(refusal(from_file(&binary)).ends_with("holds bytes that are not UTF-8"));
    }

    #[tokio::test]
    async fn a_commands_output_is_the_secret() {
        let secret = SecretRef::Command(sh("echo noise >&2; echo hunter2secret")).read().await.expect("a secret");
        assert_eq!(secret.expose_secret(), SECRET);
    }

    #[tokio::test]
    async fn a_command_runs_without_a_shell() {
        let argv = ["echo", "$HOME; echo two"].map(String::from);
        let secret = from_command(&argv, COMMAND_TIMEOUT).await.expect("a secret");
        assert_eq!(secret.expose_secret(), "$HOME; echo two");
    }

    #[tokio::test]
    async fn a_failed_command_shows_its_complaint_and_never_its_output() {
        let script = sh("echo hunter2secret; echo 'vault is sealed' >&2; echo more >&2; exit 3");
        let failed = from_command(&script, COMMAND_TIMEOUT);
        assert_eq!(
            refusal(failed.await),
            "the command 'sh' that prints a secret failed (exit status: 3): vault is sealed"
        );
        assert_eq!(
            refusal(from_command(&sh("true"), COMMAND_TIMEOUT).await),
            "the output of the command 'sh' is empty"
        );
        let absent = from_command(&["/nonexistent/pass".into()], COMMAND_TIMEOUT).await;
        assert!(refusal(absent).starts_with("cannot start the command '/nonexistent/pass' that prints a secret"));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("pid");
        let script = format!("echo $$ > '{}'; exec tail -f /dev/null", pid_file.display());
        let hung = from_command(&sh(&script), Duration::from_secs(1)).await;
        assert_eq!(refusal(hung), "the command 'sh' that prints a secret was stopped after 1 s");
        let pid = std::fs::read_to_string(pid_file).expect("the command had started");
        let running = std::process::Command::new("kill").args(["-0", pid.trim()]).output().expect("kill");
        assert!(!running.status.success(), "the command still runs");
    }

    #[test]
    fn a_reference_is_read_from_any_of_the_three_forms() {
        let read = |json: &str| serde_json::from_str::<SecretRef>(json).expect(json);
        assert_eq!(read(r#"{"env": "TOKEN"}"#), SecretRef::Env("TOKEN".into()));
        assert_eq!(read(r#"{"file": "token"}"#), SecretRef::File("token".into()));
        assert_eq!(read(r#"{"command": ["pass", "show"]}"#), SecretRef::Command(vec!["pass".into(), "show".into()]));
    }

    #[test]
    fn a_secret_written_out_is_refused_and_not_repeated() {
        for json in [
            r#""hunter2secret""#,
            r#"["hunter2secret"]"#,
            r#"{"env": "hunter2secret-with-a-dash"}"#,
            r#"{"env": ["hunter2secret"]}"#,
            r#"{"command": "hunter2secret"}"#,
            r#"{"value": "hunter2secret"}"#,
            r#"{"hunter2secret": "value"}"#,
            r#"{"env": "A", "hunter2secret": "value"}"#,
            r#"{"env": "A", "value": "hunter2secret"}"#,
        ] {
            let shown = serde_json::from_str::<SecretRef>(json).expect_err(json).to_string();
            assert!(!shown.contains(SECRET), "{shown}");
        }
        let shown = serde_json::from_str::<SecretRef>("8472910563").expect_err("a number").to_string();
        assert!(shown.starts_with("a secret is not written into the config file; say where"), "{shown}");
        assert!(!shown.contains("8472910563"), "{shown}");
    }
}
