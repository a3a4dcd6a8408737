-- What is ours: one row for each grant that was given, or is about to be.
--
-- AUTOINCREMENT: the number of an entry is never used twice, so that a number in an old report stays unambiguous.
-- Instants are RFC 3339 in UTC, so that a person can read them with any SQLite shell.
CREATE TABLE grants (
    entry            INTEGER PRIMARY KEY AUTOINCREMENT,
    target           TEXT NOT NULL,
    grant_id         TEXT,          -- the target's own id; null: an intent whose outcome was never written down
    account          TEXT NOT NULL, -- the target's own id
    email            TEXT NOT NULL,
    entitlement      TEXT NOT NULL, -- the target's own id
    entitlement_name TEXT NOT NULL,
    "from"           TEXT NOT NULL,
    until            TEXT NOT NULL,
    reasons          TEXT NOT NULL, -- a JSON list
    intended_at      TEXT NOT NULL,
    confirmed_at     TEXT,
    CHECK ((grant_id IS NULL) = (confirmed_at IS NULL))
) STRICT;
