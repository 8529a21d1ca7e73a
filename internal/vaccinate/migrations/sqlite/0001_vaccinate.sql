-- The directory: who vaccinates, and where. Reference tables of low write rate.
CREATE TABLE professional (
  professional_id BLOB PRIMARY KEY, -- UUIDv8 of a keyed hash of the national number
  number          BLOB NOT NULL,    -- sealed
  family_name     BLOB NOT NULL,    -- sealed
  given_name      BLOB NOT NULL,    -- sealed
  profession      TEXT NOT NULL,
  vaccinator      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE professional_key (
  professional_id BLOB PRIMARY KEY,
  wrapped         BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE place (
  place_id TEXT PRIMARY KEY, -- FINESS
  name     TEXT NOT NULL,
  commune  TEXT NOT NULL,
  country  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE professional_place (
  professional_id BLOB NOT NULL,
  place_id        TEXT NOT NULL,
  PRIMARY KEY (professional_id, place_id)
) STRICT, WITHOUT ROWID;

-- What happened to a person's doses: recorded, corrected, cancelled. Append-only.
CREATE TABLE dose_event (
  person_id BLOB NOT NULL,
  event_id  BLOB NOT NULL,  -- UUIDv7
  dose_id   BLOB NOT NULL,
  kind      TEXT NOT NULL,  -- record, correct, cancel
  idem      BLOB NOT NULL,  -- idempotency key, made when the form was shown
  actor_id  BLOB NOT NULL,
  at        INTEGER NOT NULL,
  body      BLOB NOT NULL,  -- sealed: the dose as it stands after the event, and the reason
  PRIMARY KEY (person_id, event_id),
  UNIQUE (person_id, idem)
) STRICT, WITHOUT ROWID;

-- The doses as they stand: a projection of the events, rebuilt from them at will.
CREATE TABLE dose (
  person_id   BLOB NOT NULL,
  dose_id     BLOB NOT NULL,
  vaccine     TEXT NOT NULL,
  lot         BLOB NOT NULL,    -- sealed
  lot_lookup  BLOB NOT NULL,    -- keyed hash, to find the doses of a lot
  given_on    INTEGER NOT NULL, -- days since 1970-01-01
  place_id    TEXT NOT NULL,
  body_site   TEXT NOT NULL,
  rank        INTEGER NOT NULL,
  expected    INTEGER NOT NULL,
  rank_reason TEXT NOT NULL,
  injector_id BLOB NOT NULL,
  recorder_id BLOB NOT NULL,
  recorded_at INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  standing    INTEGER NOT NULL, -- 0 once cancelled
  PRIMARY KEY (person_id, dose_id)
) STRICT, WITHOUT ROWID;

-- What other parts must hear of; removed once they have.
CREATE TABLE outbox (
  person_id BLOB NOT NULL,
  outbox_id BLOB NOT NULL,
  kind      TEXT NOT NULL,
  event_id  BLOB NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (person_id, outbox_id)
) STRICT, WITHOUT ROWID;
