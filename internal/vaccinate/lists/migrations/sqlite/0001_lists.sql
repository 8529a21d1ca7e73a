-- Lists of people to see again: asked for with a purpose, deleted when their time is over.
CREATE TABLE worklist (
  list_id    BLOB PRIMARY KEY,
  place_id   TEXT NOT NULL,
  actor_id   BLOB NOT NULL,     -- who asked, and alone reads it
  idem       BLOB NOT NULL UNIQUE,
  kind       TEXT NOT NULL,
  disease    TEXT NOT NULL,     -- of the catalogue; empty for every one
  mine       INTEGER NOT NULL,  -- 1: people whom the actor injected or recorded
  motive     TEXT NOT NULL,
  cut        INTEGER NOT NULL,  -- 1: there were more people than a list holds
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX worklist_actor ON worklist (actor_id, created_at);

CREATE TABLE worklist_row (
  person_id  BLOB NOT NULL,
  list_id    BLOB NOT NULL,
  dose_id    BLOB NOT NULL,     -- the entry that the line is about
  why        TEXT NOT NULL,
  due_on     INTEGER NOT NULL,  -- days since 1970-01-01; 0 when there is no day
  state      TEXT NOT NULL,     -- to-contact, reached, unreachable
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (person_id, list_id, dose_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX worklist_row_list ON worklist_row (list_id);
