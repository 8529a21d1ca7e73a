-- Which documents were issued: their fingerprint, never their bytes (they are signed again on demand).
CREATE TABLE certificate (
  person_id      BLOB NOT NULL,
  certificate_id BLOB NOT NULL,   -- UUIDv7
  dose_id        BLOB NOT NULL,
  document       BLOB NOT NULL,   -- SHA-256 of header and message: the identity of a 2D-Doc
  authority      TEXT NOT NULL,
  key_id         TEXT NOT NULL,
  issued_at      INTEGER NOT NULL, -- microseconds UTC
  PRIMARY KEY (person_id, certificate_id)
) STRICT, WITHOUT ROWID;
