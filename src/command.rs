//! A program of the user's: run without a shell, bounded in what it may say, and never left running.

mod hidden;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::MutexGuard;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use crate::mutex::Mutex;

pub use hidden::Hidden;
pub use said::Said;

/// How long after its end a program's words are waited for. What it wrote itself is there already; whoever still holds
/// the pipe is a daemon that it left behind.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// One step of reading: as much as a pipe holds on Linux.
const CHUNK: usize = 64 * 1024;

/// The leaders of the groups that run now, for the one way out on which nothing is dropped.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A program and where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    pub place: Place,
}

/// What a program has of ours.
#[derive(Debug, Clone)]
pub enum Place {
    /// Terminal, environment and folder, as a password manager needs them to ask.
    Ours,
    /// This folder and these variables, and a process group of its own, which ends as a whole.
    Own { folder: PathBuf, variables: BTreeMap<OsString, OsString> },
}

/// How a program ended by itself, and what it wrote to standard output.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub output: Vec<u8>,
}

/// Why a program has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    #[error("it writes more than {0} bytes")]
    TooMuch(usize),
    #[error("cannot talk with it")]
    Talk(#[from] std::io::Error),
}

impl Program {
    /// Runs it with `input` on standard input, which is empty in a place of ours. Standard output may be `most` bytes;
    /// standard error is `said`.
    ///
    /// When this is over, by its end, by too many words or because nobody waits any more, its whole group is killed: what
    /// goes on after the answer would change things while another run is at work. A daemon is in a group of its own.
    pub async fn run(&self, input: &[u8], most: usize, said: &Said) -> Result<Ended, Fault> {
        let (mut child, _group) = self.start()?;
        talk(&mut child, input, most, said).await
    }

    /// The same, and `None` where it does not end within `time`; it is gone when this returns.
    pub async fn run_within(&self, time: Duration, most: usize, said: &Said) -> Option<Result<Ended, Fault>> {
        let (mut child, mut group) = match self.start() {
            Ok(started) => started,
            Err(fault) => return Some(Err(fault)),
        };
        let ended = tokio::time::timeout(time, talk(&mut child, &[], most, said)).await;
        if ended.is_err() {
            group.kill();
            let _gone = child.kill().await;
        }
        ended.ok()
    }

    fn start(&self) -> Result<(Child, Group), Fault> {
        let child = self.spawn().map_err(Fault::Start)?;
        let group = Group::of(&child, &self.place);
        Ok((child, group))
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.argv.split_first().ok_or(ErrorKind::InvalidInput)?;
        let mut command = match &self.place {
            Place::Ours => {
                let mut command = tokio::process::Command::new(program);
                command.stdin(Stdio::null());
                command
            }
            Place::Own { folder, variables } => {
                let mut command = tokio::process::Command::new(found(program, folder));
                command.current_dir(folder).env_clear().envs(variables).process_group(0).stdin(Stdio::piped());
                command
            }
        };
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()
    }
}

/// Gives `input`, and hears what it says until it has ended.
async fn talk(child: &mut Child, input: &[u8], most: usize, said: &Said) -> Result<Ended, Fault> {
    let (stdin, stdout, stderr) = pipes(child);
    let mut output = Vec::new();
    let status = {
        let talk = async {
            tokio::try_join!(feed(stdin, input), fill(stdout, &mut output, most), said.hear(stderr)).map(drop)
        };
        tokio::pin!(talk);
        tokio::select! {
            talked = &mut talk => {
                talked?;
                child.wait().await?
            }
            status = child.wait() => {
                let status = status?;
                if let Ok(talked) = tokio::time::timeout(AFTERWARDS, &mut talk).await {
                    talked?;
                }
                status
            }
        }
    };
    said.end();
    Ok(Ended { status, output })
}

/// Where the program is: a relative path is relative to the folder, a bare name is looked for along `PATH`.
fn found(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { program.into() }
}

/// Kills every group that still runs: for a process that is about to exit without dropping anything.
pub fn kill_all() {
    for leader in std::mem::take(&mut *running()) {
        let _gone = kill_process_group(leader, Signal::KILL);
    }
}

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock()
}

/// A program's own process group, killed when this is dropped; none where the program shares ours.
struct Group {
    leader: Option<Pid>,
}

impl Group {
    fn of(child: &Child, place: &Place) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let leader = id.filter(|_| matches!(place, Place::Own { .. }));
        running().extend(leader);
        Self { leader }
    }

    fn kill(&mut self) {
        if let Some(leader) = self.forget() {
            // Nobody may be left in it, which is as good.
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }

    fn forget(&mut self) -> Option<Pid> {
        let leader = self.leader.take()?;
        let mut running = running();
        let place = running.iter().position(|other| *other == leader)?;
        Some(running.swap_remove(place))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pipes(child: &mut Child) -> (Option<ChildStdin>, ChildStdout, ChildStderr) {
    let asked = "it was asked to be a pipe";
    (child.stdin.take(), child.stdout.take().expect(asked), child.stderr.take().expect(asked))
}

/// Writes all of it and closes the pipe. A program that does not read to the end need not.
async fn feed(to: Option<impl AsyncWrite + Unpin>, input: &[u8]) -> Result<(), Fault> {
    let Some(mut to) = to else { return Ok(()) };
    match to.write_all(input).await {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Reads to the end, or until there is too much.
async fn fill(mut from: impl AsyncRead + Unpin, output: &mut Vec<u8>, most: usize) -> Result<(), Fault> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        output.extend_from_slice(&chunk[..read]);
        if output.len() > most {
            return Err(Fault::TooMuch(most));
        }
    }
}
