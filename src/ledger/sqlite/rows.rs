//! Rows of `grants`, in and out.

use anyhow::Result;
use rusqlite::{Connection, Transaction, params};

use crate::ledger::row::Row;

/// The number of the new row.
pub(super) fn insert(transaction: &Transaction<'_>, row: &Row) -> Result<Option<i64>> {
    let mut insert = transaction.prepare_cached(
        r#"INSERT INTO grants (entry, target, grant_id, account, email, entitlement, entitlement_name, "from", until,
                               reasons, intended_at, confirmed_at)
           VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"#,
    )?;
    Ok(Some(insert.insert(params![
        row.entry,
        row.target,
        row.grant_id,
        row.account,
        row.email,
        row.entitlement,
        row.entitlement_name,
        row.from,
        row.until,
        row.reasons,
        row.intended_at,
        row.confirmed_at,
    ])?))
}

/// Every entry as it is kept, in order.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(
        r#"SELECT entry, target, grant_id, account, email, entitlement, entitlement_name, "from", until, reasons,
                  intended_at, confirmed_at
           FROM grants ORDER BY entry"#,
    )?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row {
            entry: row.get(0)?,
            target: row.get(1)?,
            grant_id: row.get(2)?,
            account: row.get(3)?,
            email: row.get(4)?,
            entitlement: row.get(5)?,
            entitlement_name: row.get(6)?,
            from: row.get(7)?,
            until: row.get(8)?,
            reasons: row.get(9)?,
            intended_at: row.get(10)?,
            confirmed_at: row.get(11)?,
        })
    };
    statement.query_map([], row)?.collect()
}
