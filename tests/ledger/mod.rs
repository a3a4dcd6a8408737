//! Each kind of ledger, and what only one of them can get wrong.

mod contract;
mod postgres;

use oncall_sync::ledger::LedgerConfig;
use oncall_sync::stop::Stop;
use tempfile::TempDir;
use tokio::time::{Duration, Instant};

fn stop() -> Stop {
    Stop::at(Instant::now() + Duration::from_secs(600))
}

fn file() -> (TempDir, LedgerConfig) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = LedgerConfig::File(folder.path().join("ledger.db"));
    (folder, place)
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    contract::run(file).await;
}
