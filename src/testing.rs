//! What inline tests share.

use proptest::test_runner::{Config, FileFailurePersistence};

/// So many cases (`PROPTEST_CASES` asks for more), and before them those that failed once, kept beside the test's file.
pub fn kept(cases: u32) -> Config {
    let beside = FileFailurePersistence::WithSource("seeds");
    let cases = Config::default().cases.max(cases);
    Config { cases, failure_persistence: Some(Box::new(beside)), ..Config::default() }
}
