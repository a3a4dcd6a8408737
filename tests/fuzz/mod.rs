//! Broken and hostile input: what comes from outside is changed at random and read through the program's own doors.
//!
//! Each target starts from the files of its corpus (`tests/fuzz/corpus/NAME`), as they are and then changed, by their
//! structure and byte by byte. A plain `cargo test` takes the same few cases each time. A long run takes new ones for so
//! many seconds, and says how many:
//!
//! ```sh
//! ONCALL_SYNC_FUZZ_SECONDS=600 cargo test --test suite fuzz::config -- --nocapture
//! ```
//!
//! A failure prints the smallest input that still fails. Once mended, that input is a new file of the corpus.

mod change;
mod config;
mod document;
mod exec;
mod ledger;
mod pagerduty;
mod rota;
mod strongdm;

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oncall_sync::harmless::{is_harmful, message};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use tempfile::TempDir;

use change::{Change, Format};

/// Inputs are cut here: enough for every limit of a parser's depth or count, and quick to change.
const LONGEST_INPUT: usize = 64 << 10;

/// No input of this size takes a second in a release; a debug build on a busy machine is twenty times slower.
const LONGEST_CASE: Duration = Duration::from_secs(20);

/// What an error may say of an input of [`LONGEST_INPUT`]: each fault repeats a name of it, and faults are counted from a
/// hundred on.
const LONGEST_ERROR: usize = 256 * LONGEST_INPUT;

/// The most memory that a long run's process ever held, in KiB; most of it is the test's own.
const MOST_MEMORY: u64 = 1 << 20;

/// One format of the outside world.
struct Fuzz {
    /// The folder of its corpus, too.
    name: &'static str,
    format: Format,
    /// Words of the format, put in beside those that are hostile everywhere.
    words: &'static [&'static str],
    /// Of a plain run.
    cases: u32,
}

impl Fuzz {
    /// Holds every input against `check`, which panics where the program breaks a promise.
    fn run(&self, check: impl Fn(&[u8])) {
        let corpus = self.corpus();
        let (longest, cases) = (Cell::new(Duration::ZERO), Cell::new(0_u64));
        let check = |input: &[u8]| {
            let begun = Instant::now();
            check(input);
            cases.set(cases.get() + 1);
            longest.set(longest.get().max(begun.elapsed()));
            assert!(begun.elapsed() < LONGEST_CASE, "it took {:?}", begun.elapsed());
        };
        corpus.iter().for_each(|(_, input)| check(input));
        let inputs: Vec<&[u8]> = corpus.iter().map(|(_, input)| input.as_slice()).collect();
        let input = |(seed, changes): &(Index, Vec<Change>)| {
            let mut input = seed.get(&inputs).to_vec();
            for change in changes {
                input = change.apply(input, self.format, self.words, &inputs);
                input.truncate(LONGEST_INPUT);
            }
            input
        };
        let long = seconds();
        let config =
            Config { cases: self.cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
        let begun = Instant::now();
        loop {
            // A runner is done with its cases; the next one begins elsewhere.
            let mut runner = match long {
                None => TestRunner::new_with_rng(config.clone(), TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
                Some(_) => TestRunner::new(config.clone()),
            };
            let strategy = (any::<Index>(), proptest::collection::vec(Change::any(), 0..8));
            let outcome = runner.run(&strategy, |case| {
                check(&input(&case));
                Ok(())
            });
            if let Err(TestError::Fail(why, case)) = outcome {
                panic!("{}: {why}\nby the input b\"{}\"", self.name, input(&case).escape_ascii());
            }
            if long.is_none_or(|seconds| begun.elapsed() >= seconds) {
                break;
            }
        }
        if long.is_some() {
            let memory = memory();
            let took = begun.elapsed().as_secs();
            let line = format!(
                "fuzz {}: {} cases in {took} s, the longest {:?}, at most {memory} KiB held\n",
                self.name,
                cases.get(),
                longest.get()
            );
            std::io::stderr().write_all(line.as_bytes()).expect("standard error");
            assert!(memory < MOST_MEMORY, "{line}");
        }
    }

    fn corpus(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(self.name);
        let paths = fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("an entry").path());
        let mut corpus: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
        corpus.sort();
        corpus
    }
}

/// How long a long run lasts.
fn seconds() -> Option<Duration> {
    #[expect(clippy::disallowed_methods, reason = "a test is told so from outside")]
    let seconds = std::env::var("ONCALL_SYNC_FUZZ_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("ONCALL_SYNC_FUZZ_SECONDS is a number")))
}

/// The most memory that this process ever held, in KiB; 0 where the system does not tell.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// A folder in memory where there is such a place: a case is a file or more.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// An error is a sentence: it says something, not endlessly, and nothing that a terminal would obey once it is told.
#[track_caller]
fn is_sentence(error: &str) {
    assert!(error.chars().any(char::is_alphabetic), "{error:?} says nothing");
    assert!(error.len() <= LONGEST_ERROR, "{} bytes are no sentence", error.len());
    let told = message(error);
    assert!(!told.contains(|c| c != '\n' && is_harmful(c)), "{told:?}");
    assert!(told.lines().skip(1).all(|line| line.starts_with("    ")), "{told:?}");
}

/// A runtime for the doors that are asynchronous.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
