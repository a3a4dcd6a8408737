-- The audit log: what was decided and done, in order, each record carrying the hash of the one before. Never changed:
-- the triggers keep accidents out, and the hashes show whoever went around them.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body   TEXT NOT NULL, -- the event as JSON, byte for byte what was hashed
    hash   TEXT NOT NULL  -- SHA-256 over the hash before, the number and the body
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;
