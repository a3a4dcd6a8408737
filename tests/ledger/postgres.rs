//! A ledger in a real PostgreSQL server.

use oncall_sync::ledger::LedgerConfig;

use super::contract;
use crate::fakes::postgres::{self, Database};

fn place(database: &Database) -> LedgerConfig {
    LedgerConfig::Url(database.url())
}

fn fresh() -> (Database<'static>, LedgerConfig) {
    let database = postgres::database().expect("asked before");
    let place = place(&database);
    (database, place)
}

#[tokio::test]
async fn a_database_keeps_the_contract() {
    if postgres::server().is_some() {
        contract::run(fresh).await;
    }
}
