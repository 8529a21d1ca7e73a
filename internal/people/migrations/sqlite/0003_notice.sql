-- What a person is told in their own space: codes and dates, no identity, no lot, no free words.
CREATE TABLE notice (
  person_id BLOB NOT NULL,
  notice_id BLOB NOT NULL,
  kind      TEXT NOT NULL,
  dose_id   BLOB,              -- the dose that it is about
  args      TEXT NOT NULL,     -- values for the words, a JSON object
  at        INTEGER NOT NULL,  -- microseconds UTC
  read_at   INTEGER NOT NULL,  -- 0 while the person has not seen it
  PRIMARY KEY (person_id, notice_id)
) STRICT, WITHOUT ROWID;
