-- What became of each row of an import: which dose, or that a human must look. No text of the row but for those that wait.
CREATE TABLE import_entry (
  row_key   BLOB NOT NULL,    -- keyed hash of what the row is known by
  person_id BLOB NOT NULL,
  dose_id   BLOB NOT NULL,    -- empty while it waits, and when it was dropped
  state     TEXT NOT NULL,    -- settled, review, dropped
  digest    BLOB NOT NULL,    -- keyed hash of its content
  print     BLOB NOT NULL,    -- keyed hash of the dose as the import left it
  run_id    BLOB NOT NULL,
  place_id  TEXT NOT NULL,    -- where a review is decided
  reason    TEXT NOT NULL,    -- of a review
  other_id  BLOB NOT NULL,    -- of a review: the dose that it is near to
  at        INTEGER NOT NULL, -- microseconds UTC
  waiting   BLOB NOT NULL,    -- of a review: the row, sealed under the key of the person who is there
  PRIMARY KEY (row_key, person_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_entry_review ON import_entry (place_id, at) WHERE state = 'review';

-- One import, or one trial: who, when, from where, how many rows.
CREATE TABLE import_run (
  run_id     BLOB PRIMARY KEY, -- UUIDv7
  actor_id   BLOB NOT NULL,
  place_id   TEXT NOT NULL,
  source     TEXT NOT NULL,
  digest     BLOB NOT NULL,    -- SHA-256 of the file
  trial      INTEGER NOT NULL,
  begun_at   INTEGER NOT NULL, -- microseconds UTC
  changed_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL, -- 0 while it goes on
  rows       INTEGER NOT NULL,
  counts     TEXT NOT NULL     -- JSON, by status
) STRICT, WITHOUT ROWID;

CREATE INDEX import_run_actor ON import_run (actor_id, run_id);

-- A file between two pages, and its answer.
CREATE TABLE import_part (
  actor_id BLOB NOT NULL,
  run_id   BLOB NOT NULL,
  kind     TEXT NOT NULL,     -- file, answer
  n        INTEGER NOT NULL,
  body     BLOB NOT NULL,     -- sealed under the professional's key
  at       INTEGER NOT NULL,  -- microseconds UTC
  PRIMARY KEY (actor_id, run_id, kind, n)
) STRICT, WITHOUT ROWID;
