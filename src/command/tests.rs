//! Programs that hang, flood, close early and leave daemons behind.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use secrecy::SecretString;
use tempfile::TempDir;

use super::*;

// A `tail -f` ends by itself once nobody reads its pipe; so one that has to be killed writes to none.

/// Longer than any of these takes, and the end of one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn bare() -> BTreeMap<OsString, OsString> {
    BTreeMap::from([("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())])
}

/// A shell script in a folder of its own, in which it may leave marks.
fn script(text: &str) -> (TempDir, Program) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Own { folder: folder.path().to_owned(), variables: bare() };
    let argv = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
    (folder, Program { argv, place })
}

async fn run(text: &str, input: &[u8], most: usize) -> (Result<Ended, Fault>, Said) {
    let (_folder, program) = script(text);
    let said = Said::default();
    let ended = tokio::time::timeout(PATIENCE, program.run(input, most, &said)).await.expect("it ends");
    (ended, said)
}

async fn output(text: &str, input: &[u8]) -> String {
    let (ended, said) = run(text, input, 1 << 20).await;
    let ended = ended.expect("it runs");
    assert!(ended.status.success(), "{said:?}");
    String::from_utf8(ended.output).expect("UTF-8")
}

/// How it ended; fails where it does not.
async fn ended(program: &Program, most: usize, said: &Said) -> Result<Ended, Fault> {
    tokio::time::timeout(PATIENCE, program.run(&[], most, said)).await.expect("it ends")
}

/// Waits until `check` holds; fails where it never does.
async fn until(check: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !check() {
        assert!(tokio::time::Instant::now() < end, "it never came about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs: one that is gone, or only waits for its parent to look, does not.
fn runs(pid: &str) -> bool {
    let asked = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid.trim()]).output();
    let stat = match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => stat.rsplit(')').next().expect("a state").to_owned(),
        Err(_) => asked.map(|asked| String::from_utf8(asked.stdout).expect("text")).unwrap_or_default(),
    };
    !stat.trim().is_empty() && !stat.trim().starts_with('Z')
}

/// Whether the system knows a process still, though it has ended: a child of ours that nobody has looked after.
fn is_there(pid: &str) -> bool {
    let asked = std::process::Command::new("kill").args(["-0", pid.trim()]).output().expect("kill");
    asked.status.success()
}

#[tokio::test]
async fn what_is_asked_goes_in_and_what_is_answered_comes_out() {
    assert_eq!(output("cat; echo; pwd -P >&2", b"hello").await, "hello\n");
    let large = vec![b'x'; 3 << 20];
    let (ended, _) = run("cat", &large, 4 << 20).await;
    assert_eq!(ended.expect("it runs").output.len(), large.len(), "both ways at once");
}

#[tokio::test]
async fn no_shell_reads_the_arguments() {
    let (_folder, mut program) = script("");
    program.argv = ["echo", "$HOME; echo two", "*"].map(str::to_owned).to_vec();
    let ended = ended(&program, 100, &Said::default()).await.expect("it runs");
    assert_eq!(ended.output, b"$HOME; echo two *\n");
}

#[tokio::test]
async fn nothing_of_our_environment_is_there() {
    // What a shell sets by itself is its own.
    let shown = output("env", b"").await;
    let names: Vec<_> = shown.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    assert!(names.iter().all(|name| ["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)), "{names:?}");
}

#[tokio::test]
async fn a_program_with_a_slash_is_beside_the_config_file() {
    let (folder, mut program) = script("");
    std::fs::create_dir(folder.path().join("bin")).expect("a folder");
    let path = folder.path().join("bin/where");
    std::fs::write(&path, "#!/bin/sh\npwd -P\n").expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    program.argv = vec!["bin/where".to_owned()];
    let mut ran = ended(&program, 1000, &Said::default()).await;
    // Another test's child may hold the file open for writing for a moment.
    while matches!(&ran, Err(Fault::Start(error)) if error.kind() == ErrorKind::ExecutableFileBusy) {
        tokio::task::yield_now().await;
        ran = ended(&program, 1000, &Said::default()).await;
    }
    let folder = folder.path().canonicalize().expect("a path");
    assert_eq!(String::from_utf8(ran.expect("it runs").output).expect("UTF-8").trim(), folder.to_str().expect("UTF-8"));

    program.argv = vec!["./absent".to_owned()];
    let absent = ended(&program, 1000, &Said::default()).await.expect_err("absent");
    assert!(matches!(absent, Fault::Start(error) if error.kind() == ErrorKind::NotFound));
}

#[tokio::test]
async fn whoever_does_not_listen_may_not() {
    let large = vec![b'x'; 4 << 20];
    let (ended, _) = run("exec <&-; echo done", &large, 100).await;
    assert_eq!(ended.expect("it runs").output, b"done\n");
    let (ended, _) = run("exit 3", &large, 100).await;
    assert_eq!(ended.expect("it runs").status.code(), Some(3));
}

#[tokio::test]
async fn a_flood_of_answers_ends_the_program() {
    let (folder, program) = script("echo $$ > pid; exec cat /dev/zero");
    let flood = ended(&program, 1 << 20, &Said::default()).await.expect_err("a flood");
    assert!(matches!(flood, Fault::TooMuch(most) if most == 1 << 20), "{flood:?}");
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("a pid");
    until(|| !is_there(&pid)).await;
}

#[tokio::test]
async fn a_flood_of_words_is_heard_to_the_end_and_kept_in_bounds() {
    let words = "head -c 3000000 /dev/zero | tr '\\0' x >&2; yes word 2>/dev/null | head -c 3000000 >&2; echo last >&2; echo ok";
    let (ended, said) = run(words, b"", 100).await;
    assert_eq!(ended.expect("it runs").output, b"ok\n");
    assert_eq!(said.last().as_deref(), Some("last"));
    assert!(said.first().expect("a line").len() <= 8 * 1024);
}

#[tokio::test]
async fn the_last_words_need_no_line_of_their_own() {
    let (_, said) = run("printf 'first\\n\\nlast' >&2", b"", 100).await;
    assert_eq!((said.first().as_deref(), said.last().as_deref()), (Some("first"), Some("last")));
}

#[tokio::test]
async fn a_secret_is_taken_out_of_what_is_said() {
    let (_folder, program) = script("echo \"no such user: hunter2\" >&2");
    let secret = SecretString::from("hunter2");
    let said = Said::told("x", Hidden::new([("TOKEN", &secret)]));
    ended(&program, 100, &said).await.expect("it runs");
    assert_eq!(said.last().as_deref(), Some("no such user: $TOKEN"));
}

#[tokio::test]
async fn whoever_is_given_up_ends_with_all_that_it_started() {
    let (folder, program) =
        script("sh -c 'echo $$ > child; exec tail -f /dev/null >/dev/null 2>&1' & echo $$ > pid; wait");
    let said = Said::default();
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    {
        let begun = until(|| file("child").ends_with('\n') && file("pid").ends_with('\n'));
        tokio::select! {
            ended = program.run(&[], 100, &said) => panic!("{ended:?}"),
            () = begun => {}
        }
    }
    until(|| !is_there(&file("pid")) && !runs(&file("child"))).await;
}

#[tokio::test]
async fn what_a_program_started_ends_with_it_however_it_ends() {
    for status in [0, 1] {
        let (folder, program) = script(&format!(
            "sh -c 'echo $$ > child; exec tail -f /dev/null >/dev/null 2>&1' & until test -s child; do :; done; exit {status}"
        ));
        let ended = ended(&program, 100, &Said::default()).await.expect("it runs");
        assert_eq!(ended.status.code(), Some(status));
        let child = std::fs::read_to_string(folder.path().join("child")).expect("a pid");
        until(|| !runs(&child)).await;
    }
}

#[tokio::test]
async fn the_words_of_one_that_ends_after_its_parent_are_heard() {
    for status in [0, 1] {
        // As a log that the program pipes itself through. It ends only once it is told that its parent has.
        let parent = "for word in one two; do echo $word; done; echo gone > fifo; exit";
        let (_folder, program) =
            script(&format!("mkfifo fifo; {{ read gone < fifo; echo late; }} & {parent} {status}"));
        let ended = ended(&program, 100, &Said::default()).await.expect("it runs");
        assert_eq!((ended.status.code(), &*ended.output), (Some(status), &b"one\ntwo\nlate\n"[..]));
    }
}

#[tokio::test]
async fn a_daemon_that_keeps_the_pipes_is_not_waited_for() {
    let daemon = "setsid sh -c 'echo $$ > pid; exec tail -f /dev/null' &";
    let (folder, program) = script(&format!("{daemon} until test -s pid; do :; done; echo '{{}}'"));
    let begun = Instant::now();
    let ended = ended(&program, 100, &Said::default()).await.expect("it runs");
    assert_eq!((ended.status.code(), &*ended.output), (Some(0), &b"{}\n"[..]));
    assert!(begun.elapsed() < PATIENCE);
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("a pid");
    assert!(runs(&pid), "what has left the group lives on");
    std::process::Command::new("kill").arg(pid.trim()).status().expect("kill");
}

#[tokio::test]
async fn a_process_that_is_about_to_exit_takes_all_with_it() {
    let (folder, program) = script("echo $$ > pid; exec tail -f /dev/null");
    let file = || std::fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
    let said = Said::default();
    let mut running = Box::pin(program.run(&[], 100, &said));
    tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        () = until(|| file().ends_with('\n')) => {}
    }
    // `kill_all` would end other tests' programs too: this is what it does to each.
    let leader = Pid::from_raw(file().trim().parse().expect("a number")).expect("a process");
    assert!(super::running().contains(&leader), "it is known while it runs");
    kill_process_group(leader, Signal::KILL).expect("it runs");
    let ended = running.await.expect("it ended");
    assert!(!ended.status.success());
    assert!(!super::running().contains(&leader), "and forgotten afterwards");
}
