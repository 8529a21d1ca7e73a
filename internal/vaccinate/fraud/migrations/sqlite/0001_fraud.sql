-- What was out of the ordinary in a session: which signal, how much, against which limit. Ids and
-- figures, nobody's identity.
CREATE TABLE fraud_finding (
  finding_id  BLOB PRIMARY KEY CHECK (length(finding_id) = 16), -- UUIDv7
  session_id  BLOB NOT NULL,
  actor_id    BLOB NOT NULL,    -- professional whose session it is
  delegate_id BLOB NOT NULL,    -- who typed; empty when the professional did
  place_id    TEXT NOT NULL,
  at          INTEGER NOT NULL, -- microseconds UTC
  signal      TEXT NOT NULL,
  value       INTEGER NOT NULL,
  bound       INTEGER NOT NULL, -- the limit that it crossed
  points      INTEGER NOT NULL,
  score       INTEGER NOT NULL, -- of the session, with it
  step        TEXT NOT NULL,
  policy      INTEGER NOT NULL  -- first day of the policy, days since 1970-01-01
) STRICT, WITHOUT ROWID;

CREATE INDEX fraud_finding_session ON fraud_finding (session_id, at);
CREATE INDEX fraud_finding_actor ON fraud_finding (actor_id, at);
CREATE INDEX fraud_finding_at ON fraud_finding (at);

-- What was done about it: verdicts, confirmations, stops, orders. Append-only.
CREATE TABLE fraud_answer (
  answer_id    BLOB PRIMARY KEY CHECK (length(answer_id) = 16), -- UUIDv7
  kind         TEXT NOT NULL,
  finding_id   BLOB NOT NULL,    -- of a verdict; empty else
  session_id   BLOB NOT NULL,    -- empty for an order about an account
  professional BLOB NOT NULL,    -- whose session or account
  actor_id     BLOB NOT NULL,    -- who answered; empty for the program
  role         TEXT NOT NULL,
  at           INTEGER NOT NULL,
  verdict      TEXT NOT NULL,
  reason       BLOB NOT NULL,    -- sealed under the professional's key; empty without words
  doses        INTEGER NOT NULL  -- of an order
) STRICT, WITHOUT ROWID;

CREATE INDEX fraud_answer_session ON fraud_answer (session_id, at);
CREATE INDEX fraud_answer_professional ON fraud_answer (professional, at);
CREATE INDEX fraud_answer_finding ON fraud_answer (finding_id);
CREATE INDEX fraud_answer_at ON fraud_answer (at);

-- Certificates had right after the entry, for the watch that starts again.
CREATE INDEX certificate_issued ON certificate (issued_at);
