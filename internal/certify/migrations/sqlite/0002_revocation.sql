-- Documents that were revoked, one event each; nothing takes an event back.
CREATE TABLE revocation (
  person_id      BLOB NOT NULL,
  revocation_id  BLOB NOT NULL,   -- UUIDv7
  certificate_id BLOB NOT NULL,
  dose_id        BLOB NOT NULL,
  document       BLOB NOT NULL,   -- SHA-256 of header and message
  idem           BLOB NOT NULL,   -- of the command; one command may revoke several documents
  scope          TEXT NOT NULL,   -- document, dose or person: what the command asked for
  reason         TEXT NOT NULL,
  actor_id       BLOB NOT NULL,
  at             INTEGER NOT NULL, -- microseconds UTC
  PRIMARY KEY (person_id, revocation_id),
  UNIQUE (person_id, document)
) STRICT, WITHOUT ROWID;

-- Before a document is issued.
CREATE INDEX revocation_document ON revocation (document);

-- An operator knows the document, not the person.
CREATE INDEX certificate_document ON certificate (document);

-- The newest list of revoked documents, as published: one row, replaced by the next.
CREATE TABLE revocation_list (
  slot        INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
  number      INTEGER NOT NULL,
  issued_at   INTEGER NOT NULL,   -- microseconds UTC
  body        BLOB NOT NULL       -- signed
) STRICT;
