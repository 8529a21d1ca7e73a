-- The numbers of the forms that places printed. They say nothing about anybody.
CREATE TABLE paper_form (
  serial     TEXT PRIMARY KEY,
  place_id   TEXT NOT NULL,
  idem       BLOB NOT NULL,     -- of what asked for them
  line       INTEGER NOT NULL,  -- place in what was asked for, from 0
  printed_at INTEGER NOT NULL,
  actor_id   BLOB NOT NULL,
  taken_at   INTEGER NOT NULL,  -- 0 while no dose was entered from it
  dose_id    BLOB NOT NULL      -- that took it; empty while none did
) STRICT, WITHOUT ROWID;

CREATE INDEX paper_form_idem ON paper_form (idem);
CREATE INDEX paper_form_place ON paper_form (place_id, printed_at);
