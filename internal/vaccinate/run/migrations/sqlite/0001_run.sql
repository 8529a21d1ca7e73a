-- Same vaccine, next person: what is kept from one entry to the next, for each one who types.
CREATE TABLE run (
  actor_id    BLOB NOT NULL,    -- professional who answers
  run_id      BLOB NOT NULL,    -- UUIDv7
  delegate_id BLOB NOT NULL,    -- who types; empty when the professional does
  place_id    TEXT NOT NULL,
  body        BLOB NOT NULL,    -- sealed under the professional's key: product, lot, injector
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL, -- 0 while it is open
  ended       TEXT NOT NULL,    -- why
  version     INTEGER NOT NULL, -- one more each time the lot changes
  PRIMARY KEY (actor_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_open ON run (actor_id, delegate_id, ended_at);

-- The entries of a run, by idempotency key: what its counter shows.
CREATE TABLE run_entry (
  run_id BLOB NOT NULL,
  idem   BLOB NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (run_id, idem)
) STRICT, WITHOUT ROWID;

-- What was typed and not yet recorded.
CREATE TABLE entry_draft (
  person_id   BLOB NOT NULL,
  idem        BLOB NOT NULL,    -- idempotency key of the entry
  actor_id    BLOB NOT NULL,    -- professional who answers
  delegate_id BLOB NOT NULL,
  body        BLOB NOT NULL,    -- sealed under the person's key
  saved_at    INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (person_id, idem)
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_draft_actor ON entry_draft (actor_id, saved_at);
CREATE INDEX entry_draft_expires ON entry_draft (expires_at);

-- Codes of boxes that no catalogue knows, and what a place said they hold.
CREATE TABLE known_pack (
  place_id TEXT NOT NULL,
  gtin     TEXT NOT NULL,
  vaccine  TEXT NOT NULL,
  actor_id BLOB NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (place_id, gtin)
) STRICT, WITHOUT ROWID;
