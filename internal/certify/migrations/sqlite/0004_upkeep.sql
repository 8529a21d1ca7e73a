-- What a document states of each dose, as fingerprints: a correction that changes it revokes the document.
ALTER TABLE certificate ADD COLUMN basis BLOB NOT NULL DEFAULT x'';

-- How many documents were issued: public, and about nobody.
CREATE TABLE issuance (
  day  INTEGER NOT NULL,   -- days since 1970-01-01, Paris
  kind TEXT NOT NULL,
  n    INTEGER NOT NULL,
  PRIMARY KEY (day, kind)
) STRICT, WITHOUT ROWID;
