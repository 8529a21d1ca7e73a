-- European certificates beside the attestations, and the names under which a document is revoked: for each a byte for
-- the kind and the bytes of the hash (package hcert/revocation). Rows from before are attestations.
ALTER TABLE certificate ADD COLUMN kind TEXT NOT NULL DEFAULT '2d-doc';
ALTER TABLE certificate ADD COLUMN names BLOB NOT NULL DEFAULT x'';
ALTER TABLE certificate ADD COLUMN receipt BLOB;   -- sealed: identifier, digest and signature of an HC1
ALTER TABLE revocation ADD COLUMN names BLOB NOT NULL DEFAULT x'';
UPDATE certificate SET names = x'04' || document;
UPDATE revocation SET names = x'04' || document;

-- No identifier is given twice, whoever the two people are.
CREATE UNIQUE INDEX certificate_identifier ON certificate (document) WHERE kind = 'hc1';
