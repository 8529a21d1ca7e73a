-- Who heads a place: known to the operator before the professional has ever logged in.
ALTER TABLE professional_place DROP COLUMN head;
CREATE TABLE place_head (
  professional_id BLOB NOT NULL,
  place_id        TEXT NOT NULL,
  head            INTEGER NOT NULL, -- 0 for somebody who no longer does
  PRIMARY KEY (professional_id, place_id)
) STRICT, WITHOUT ROWID;
