//! What one `write` sends: a handful of statements, however many entries there are.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use tokio_postgres::types::{ToSql, Type};

use super::session::Statement;
use crate::audit::Record;
use crate::ledger::Entry;
use crate::ledger::row::{Row, text};

const INSERT: &str = r#"INSERT INTO oncall_sync.grants (target, grant_id, account, email, entitlement, entitlement_name, "from", until,
       reasons, intended_at, confirmed_at)
SELECT target, grant_id, account, email, entitlement, entitlement_name, "from", until, reasons, intended_at, confirmed_at
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
     AS new (target, grant_id, account, email, entitlement, entitlement_name, "from", until, reasons, intended_at, confirmed_at, place)
ORDER BY place RETURNING entry"#;

const INSERT_AS: &str = r#"INSERT INTO oncall_sync.grants (target, grant_id, account, email, entitlement, entitlement_name, "from", until,
       reasons, intended_at, confirmed_at, entry)
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"#;

const RECORD: &str = "INSERT INTO oncall_sync.audit (number, body, hash) SELECT * FROM unnest($1, $2, $3)";

/// Ends the transaction where one of the entries meant was not there to be changed.
macro_rules! each_of {
    ($wanted:literal, $change:literal) => {
        concat!(
            "WITH wanted AS (SELECT * FROM unnest(",
            $wanted,
            "), changed AS (",
            $change,
            " RETURNING grants.entry) \
             SELECT oncall_sync.ensure(count(changed.entry) = count(*), 'OCS02', \
             'there is no entry ' || min(wanted.entry) FILTER (WHERE changed.entry IS NULL)) \
             FROM wanted LEFT JOIN changed USING (entry)"
        )
    };
}

const CONFIRM: &str = each_of!(
    "$1, $2) AS given (entry, grant_id)",
    "UPDATE oncall_sync.grants SET grant_id = wanted.grant_id, confirmed_at = $3 FROM wanted WHERE grants.entry = wanted.entry"
);

const RETIME: &str = each_of!(
    r#"$1, $2, $3, $4) AS given (entry, "from", until, reasons)"#,
    r#"UPDATE oncall_sync.grants SET "from" = wanted."from", until = wanted.until, reasons = wanted.reasons
       FROM wanted WHERE grants.entry = wanted.entry"#
);

const FORGET: &str =
    each_of!("$1) AS given (entry)", "DELETE FROM oncall_sync.grants USING wanted WHERE grants.entry = wanted.entry");

/// Entries that are changed by one statement of each kind; none of them is in it twice.
#[derive(Default)]
struct Round {
    confirm: (Vec<i64>, Vec<String>),
    retime: (Vec<i64>, Vec<String>, Vec<String>, Vec<String>),
    forget: Vec<i64>,
}

/// The statements for `entries`, and whether the first of them answers the numbers of new ones.
pub(super) fn statements(entries: &[Entry], at: DateTime<Utc>) -> Result<(Vec<Statement<'static>>, bool)> {
    let mut new = Vec::new();
    let mut rounds: Vec<Round> = Vec::new();
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    for entry in entries {
        let mut round = |number: i64| {
            let turn = seen.entry(number).or_default();
            *turn += 1;
            if rounds.len() < *turn {
                rounds.push(Round::default());
            }
            *turn - 1
        };
        match entry {
            Entry::Intend { target, grant, reasons } => new.push(Row::new(target, grant, reasons, None, at)?),
            Entry::Adopt { target, grant, reasons, id } => new.push(Row::new(target, grant, reasons, Some(id), at)?),
            Entry::Confirm { entry, id } => {
                let turn = round(*entry);
                let (numbers, ids) = &mut rounds[turn].confirm;
                numbers.push(*entry);
                ids.push(id.0.clone());
            }
            Entry::Retime { entry, period, reasons } => {
                let turn = round(*entry);
                let (numbers, starts, ends, all) = &mut rounds[turn].retime;
                numbers.push(*entry);
                starts.push(text(period.start()));
                ends.push(text(period.end()));
                all.push(serde_json::to_string(reasons)?);
            }
            Entry::Forget { entry } => {
                let turn = round(*entry);
                rounds[turn].forget.push(*entry);
            }
        }
    }
    let first = (!new.is_empty()).then(|| insert(&new, false));
    Ok((first.into_iter().chain(rounds.into_iter().flat_map(|round| changes(round, at))).collect(), !new.is_empty()))
}

fn changes(Round { confirm, retime, forget }: Round, at: DateTime<Utc>) -> impl Iterator<Item = Statement<'static>> {
    let confirm = (!confirm.0.is_empty()).then(|| Statement {
        sql: CONFIRM,
        parameters: vec![numbers(confirm.0), texts(confirm.1), (Box::new(text(at)), Type::TEXT)],
    });
    let retime = (!retime.0.is_empty()).then(|| Statement {
        sql: RETIME,
        parameters: vec![numbers(retime.0), texts(retime.1), texts(retime.2), texts(retime.3)],
    });
    let forget = (!forget.is_empty()).then(|| Statement { sql: FORGET, parameters: vec![numbers(forget)] });
    confirm.into_iter().chain(retime).chain(forget)
}

/// Rows as they are; under the numbers that they have, or new ones.
pub(super) fn insert(rows: &[Row], as_numbered: bool) -> Statement<'static> {
    let column = |of: fn(&Row) -> &String| texts(rows.iter().map(|row| of(row).clone()).collect());
    let maybe = |of: fn(&Row) -> &Option<String>| -> Parameter {
        (Box::new(rows.iter().map(|row| of(row).clone()).collect::<Vec<_>>()), Type::TEXT_ARRAY)
    };
    let mut parameters = vec![
        column(|row| &row.target),
        maybe(|row| &row.grant_id),
        column(|row| &row.account),
        column(|row| &row.email),
        column(|row| &row.entitlement),
        column(|row| &row.entitlement_name),
        column(|row| &row.from),
        column(|row| &row.until),
        column(|row| &row.reasons),
        column(|row| &row.intended_at),
        maybe(|row| &row.confirmed_at),
    ];
    if as_numbered {
        parameters.push(numbers(rows.iter().map(|row| row.entry).collect()));
    }
    Statement { sql: if as_numbered { INSERT_AS } else { INSERT }, parameters }
}

pub(super) fn append(records: &[Record]) -> Statement<'static> {
    let parameters = vec![
        numbers(records.iter().map(|record| record.number).collect()),
        texts(records.iter().map(|record| record.body.clone()).collect()),
        texts(records.iter().map(|record| record.hash.clone()).collect()),
    ];
    Statement { sql: RECORD, parameters }
}

type Parameter = (Box<dyn ToSql + Sync + Send>, Type);

fn numbers(numbers: Vec<i64>) -> Parameter {
    (Box::new(numbers), Type::INT8_ARRAY)
}

fn texts(texts: Vec<String>) -> Parameter {
    (Box::new(texts), Type::TEXT_ARRAY)
}
