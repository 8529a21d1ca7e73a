-- Somebody who died keeps a record; nobody logs in as them.
CREATE TABLE person_death (
  person_id   BLOB PRIMARY KEY,
  died_on     BLOB NOT NULL,     -- sealed
  recorded_at INTEGER NOT NULL   -- microseconds UTC
) STRICT, WITHOUT ROWID;

-- Which account of a login provider led to whom, last time.
CREATE TABLE person_login (
  account   BLOB PRIMARY KEY,    -- keyed hash of issuer and subject
  person_id BLOB NOT NULL,
  pivot     BLOB NOT NULL,       -- keyed hash of the identity that it brought
  seen_at   INTEGER NOT NULL     -- microseconds UTC
) STRICT, WITHOUT ROWID;
