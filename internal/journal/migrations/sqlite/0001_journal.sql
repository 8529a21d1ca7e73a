-- Append-only. No name, no number, no contact: ids and codes.
CREATE TABLE journal (
  person_id    BLOB NOT NULL,   -- all zero when the access is not about one known person
  entry_id     BLOB NOT NULL,   -- UUIDv7
  at           INTEGER NOT NULL, -- microseconds UTC
  line         INTEGER NOT NULL, -- 0 for the decision, then one more for each entry of its access
  kind         TEXT NOT NULL,
  object       TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  actor_id     BLOB NOT NULL,
  actor_role   TEXT NOT NULL,
  organisation TEXT NOT NULL,
  session_id   BLOB NOT NULL,
  purpose      TEXT NOT NULL,
  decision_id  BLOB NOT NULL,
  register     TEXT NOT NULL,   -- SHA-256 of the register that decided
  PRIMARY KEY (person_id, entry_id)
) STRICT, WITHOUT ROWID;
