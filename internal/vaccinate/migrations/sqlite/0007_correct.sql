-- Who answers for an entry, and where it was entered; until now, who recorded it and where it was given.
ALTER TABLE dose ADD COLUMN responsible_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE dose ADD COLUMN recorded_in TEXT NOT NULL DEFAULT '';
UPDATE dose SET responsible_id = recorder_id, recorded_in = place_id;

-- 1 while an entry is said to be forged and nobody has confirmed it; standing is 2 once it is annulled.
ALTER TABLE dose ADD COLUMN suspected INTEGER NOT NULL DEFAULT 0;
CREATE INDEX dose_suspected ON dose (place_id) WHERE suspected = 1;
CREATE INDEX dose_suspected_in ON dose (recorded_in) WHERE suspected = 1;

-- Who heads a place answers for what was entered there.
ALTER TABLE professional_place ADD COLUMN head INTEGER NOT NULL DEFAULT 0;

-- Why a professional sees a person who is not in their records.
CREATE TABLE care_link (
  person_id       BLOB NOT NULL,
  professional_id BLOB NOT NULL,
  session_id      BLOB NOT NULL,
  how             TEXT NOT NULL,  -- number, card, code, traits, creation, glass
  motive          BLOB NOT NULL,  -- sealed; empty unless how is glass
  at              INTEGER NOT NULL,
  PRIMARY KEY (person_id, professional_id, session_id)
) STRICT, WITHOUT ROWID;

-- Requests of people to have an entry corrected.
CREATE TABLE petition (
  person_id      BLOB NOT NULL,
  petition_id    BLOB NOT NULL,
  dose_id        BLOB NOT NULL,
  what           TEXT NOT NULL,    -- what is said to be wrong: codes between spaces
  words          BLOB NOT NULL,    -- sealed
  at             INTEGER NOT NULL,
  state          TEXT NOT NULL,    -- waiting, accepted, declined
  answer         BLOB NOT NULL,    -- sealed; empty without
  answered_by    BLOB NOT NULL,
  answered_at    INTEGER NOT NULL, -- 0 while it waits
  recorder_id    BLOB NOT NULL,
  responsible_id BLOB NOT NULL,
  place_id       TEXT NOT NULL,
  recorded_in    TEXT NOT NULL,
  PRIMARY KEY (person_id, petition_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX petition_state ON petition (state, answered_at);
CREATE INDEX petition_recorder ON petition (recorder_id);
CREATE INDEX petition_responsible ON petition (responsible_id);
CREATE INDEX petition_place ON petition (place_id);
CREATE INDEX petition_in ON petition (recorded_in);
