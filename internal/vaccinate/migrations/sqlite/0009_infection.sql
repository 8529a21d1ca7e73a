-- Diseases that people had, as far as they change which doses are needed. A row is never changed but
-- to say that it was withdrawn.
CREATE TABLE infection (
  person_id    BLOB NOT NULL,
  infection_id BLOB NOT NULL,
  disease      TEXT NOT NULL,    -- code of the catalogue
  had_on       INTEGER NOT NULL, -- days since 1970-01-01
  evidence     TEXT NOT NULL,    -- proof, stated
  idem         BLOB NOT NULL,
  recorder_id  BLOB NOT NULL,
  recorded_at  INTEGER NOT NULL,
  withdrawn_at INTEGER NOT NULL, -- 0 while it stands
  withdrawn_by BLOB NOT NULL,
  PRIMARY KEY (person_id, infection_id)
) STRICT, WITHOUT ROWID;
