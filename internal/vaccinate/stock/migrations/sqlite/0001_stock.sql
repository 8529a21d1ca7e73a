-- What happened to the lots of a place: delivered, changed. Append-only.
CREATE TABLE stock_event (
  place_id    TEXT NOT NULL,
  event_id    BLOB NOT NULL,    -- UUIDv7
  lot_id      BLOB NOT NULL,
  kind        TEXT NOT NULL,    -- deliver, change
  idem        BLOB NOT NULL,    -- idempotency key, made when the form was shown
  actor_id    BLOB NOT NULL,
  delegate_id BLOB NOT NULL,    -- who typed for the actor; empty when the actor did
  at          INTEGER NOT NULL,
  body        TEXT NOT NULL,    -- the lot as it stands after the event: JSON
  PRIMARY KEY (place_id, event_id),
  UNIQUE (place_id, idem)
) STRICT, WITHOUT ROWID;

-- The lots as they stand. The number is printed on every box: it is no secret of a person.
CREATE TABLE stock_lot (
  place_id    TEXT NOT NULL,
  lot_id      BLOB NOT NULL,
  vaccine     TEXT NOT NULL,
  number      TEXT NOT NULL,
  gtin        TEXT NOT NULL,
  expires_on  INTEGER NOT NULL, -- days since 1970-01-01
  use_by      INTEGER NOT NULL, -- the same, once thawed; 0 when it is kept as delivered
  received    INTEGER NOT NULL, -- doses; 0 when nobody counted
  supplier    TEXT NOT NULL,
  depleted_on INTEGER NOT NULL, -- 0 while there is some left
  added_at    INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  PRIMARY KEY (place_id, lot_id),
  UNIQUE (place_id, vaccine, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE lot_recall (
  recall_id BLOB PRIMARY KEY,
  vaccine   TEXT NOT NULL,
  number    TEXT NOT NULL,
  place_id  TEXT NOT NULL,      -- empty: everywhere
  reason    TEXT NOT NULL,
  at        INTEGER NOT NULL,
  actor_id  BLOB NOT NULL,      -- empty: the operator
  UNIQUE (vaccine, number, place_id)
) STRICT, WITHOUT ROWID;

-- Whom a recall concerns, and what has become of it. A row means that the person was told.
CREATE TABLE recall_follow (
  person_id  BLOB NOT NULL,
  recall_id  BLOB NOT NULL,
  dose_id    BLOB NOT NULL,
  place_id   TEXT NOT NULL,     -- where the dose was given
  state      TEXT NOT NULL,     -- to-contact, reached, unreachable
  told_at    INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by BLOB NOT NULL,
  PRIMARY KEY (person_id, recall_id, dose_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recall_follow_place ON recall_follow (recall_id, place_id);

-- The doses of a lot, to count them at a place and to find whom a recall concerns.
CREATE INDEX dose_lot ON dose (lot_lookup, place_id);
