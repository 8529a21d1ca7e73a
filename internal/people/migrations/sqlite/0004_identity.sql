-- What a record without number needs, and names that a person had: sealed under the person's key.
ALTER TABLE person ADD COLUMN postcode BLOB;
ALTER TABLE person ADD COLUMN former BLOB;   -- earlier identities, a JSON list
ALTER TABLE person ADD COLUMN recall BLOB;   -- code printed for the person

-- What happened to an identity; append-only.
CREATE TABLE person_change (
  person_id   BLOB NOT NULL,
  change_id   BLOB NOT NULL,
  kind        TEXT NOT NULL,
  idem        BLOB NOT NULL,     -- idempotency key
  other_id    BLOB,              -- the record that it was joined to or separated from, the parent
  actor_id    BLOB NOT NULL,
  delegate_id BLOB,
  session_id  BLOB,
  at          INTEGER NOT NULL,  -- microseconds UTC
  body        BLOB NOT NULL,     -- sealed: identities before and after, document seen, reason
  PRIMARY KEY (person_id, change_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX person_change_idem ON person_change (person_id, idem, kind);

-- A record that was joined to another one: its doses are the other's as long as this row stands.
CREATE TABLE person_pointer (
  person_id BLOB PRIMARY KEY,
  into_id   BLOB NOT NULL,
  change_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_pointer_into ON person_pointer (into_id);

-- Children who are found by a parent's number until they are sixteen.
CREATE TABLE person_dependant (
  person_id BLOB NOT NULL,      -- the parent
  child_id  BLOB NOT NULL,
  change_id BLOB NOT NULL,
  PRIMARY KEY (person_id, child_id)
) STRICT, WITHOUT ROWID;
