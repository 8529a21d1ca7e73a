-- Fields marked sealed are closed under the person's own key (protect/keyring).
CREATE TABLE person (
  person_id   BLOB PRIMARY KEY,  -- UUIDv8 of a keyed hash of the number, or UUIDv7 without number
  nir         BLOB,              -- sealed
  birth_name  BLOB NOT NULL,     -- sealed
  used_name   BLOB,              -- sealed
  given_names BLOB NOT NULL,     -- sealed, one per line
  birth_date  BLOB NOT NULL,     -- sealed
  sex         BLOB NOT NULL,     -- sealed
  birth_place BLOB NOT NULL,     -- sealed
  recorded_at INTEGER NOT NULL   -- microseconds UTC
) STRICT, WITHOUT ROWID;

-- Apart from the person's row, so that its backups can expire sooner than the data's.
CREATE TABLE person_key (
  person_id BLOB PRIMARY KEY,
  wrapped   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How a person is found: keyed hashes of the number and of name with birth date.
CREATE TABLE person_alias (
  lookup    BLOB NOT NULL,
  person_id BLOB NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (lookup, person_id)
) STRICT, WITHOUT ROWID;
