-- What a session tells its owner, and by what it can be ended.
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';        -- family
ALTER TABLE session ADD COLUMN origin BLOB NOT NULL DEFAULT x'';        -- keyed hash of the network
ALTER TABLE session ADD COLUMN sid BLOB NOT NULL DEFAULT x'';           -- keyed hash of issuer and sid; empty without
ALTER TABLE session ADD COLUMN subject BLOB NOT NULL DEFAULT x'';       -- keyed hash of issuer and subject
ALTER TABLE session ADD COLUMN delegate_id BLOB NOT NULL DEFAULT x'';   -- who types; empty when it is the actor
ALTER TABLE session ADD COLUMN presence TEXT NOT NULL DEFAULT '';

CREATE INDEX session_sid ON session (sid) WHERE sid <> x'';
CREATE INDEX session_subject ON session (subject) WHERE subject <> x'';
CREATE INDEX session_delegate ON session (delegate_id) WHERE delegate_id <> x'';

-- A request to a phone: one for each browser and site.
CREATE TABLE login_call (
  browser    BLOB NOT NULL CHECK (length(browser) = 32), -- SHA-256 of the cookie
  site       TEXT NOT NULL,
  call_id    BLOB NOT NULL CHECK (length(call_id) = 16),
  actor_id   BLOB NOT NULL CHECK (length(actor_id) = 16), -- keyed hash of the number that was typed
  lane       INTEGER NOT NULL,
  ended      TEXT NOT NULL,
  sealed     BLOB NOT NULL,                              -- request at the provider, number to type: opened by the cookie only
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  next_poll  INTEGER NOT NULL,                           -- 0 until the number was shown
  PRIMARY KEY (browser, site)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_call_actor ON login_call (actor_id);
CREATE INDEX login_call_expiry ON login_call (expires_at);

-- An identity that a provider vouched for and that no session has yet.
CREATE TABLE login_hold (
  browser    BLOB NOT NULL CHECK (length(browser) = 32),
  site       TEXT NOT NULL,
  hold_id    BLOB NOT NULL CHECK (length(hold_id) = 16),
  sealed     BLOB NOT NULL,                              -- opened by the cookie only
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (browser, site)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_hold_expiry ON login_hold (expires_at);

-- When the next request of a key would arrive, had they come evenly (GCRA).
CREATE TABLE login_limit (
  name TEXT NOT NULL,
  key  BLOB NOT NULL CHECK (length(key) = 32), -- keyed hash
  tat  INTEGER NOT NULL,                       -- microseconds, UTC
  PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_limit_tat ON login_limit (tat);

-- Browsers from which somebody has logged in.
CREATE TABLE login_browser (
  browser    BLOB NOT NULL CHECK (length(browser) = 32), -- SHA-256 of a cookie of 90 days
  actor_id   BLOB NOT NULL CHECK (length(actor_id) = 16),
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (browser, actor_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_browser_actor ON login_browser (actor_id);
CREATE INDEX login_browser_expiry ON login_browser (expires_at);

-- Networks that may not ask for a number, after its owner reported a request.
CREATE TABLE login_block (
  actor_id   BLOB NOT NULL CHECK (length(actor_id) = 16),
  origin     BLOB NOT NULL CHECK (length(origin) = 32),
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (actor_id, origin)
) STRICT, WITHOUT ROWID;

-- The history of requests, 90 days: no number, no address.
CREATE TABLE login_event (
  actor_id      BLOB NOT NULL CHECK (length(actor_id) = 16),
  event_id      BLOB NOT NULL CHECK (length(event_id) = 16),
  call_id       BLOB NOT NULL,
  at            INTEGER NOT NULL,
  kind          TEXT NOT NULL,
  site          TEXT NOT NULL,
  origin        BLOB NOT NULL,    -- keyed hash of the network
  place         TEXT NOT NULL,    -- department or country
  country       TEXT NOT NULL,
  browser       TEXT NOT NULL,    -- family
  establishment TEXT NOT NULL,
  known         INTEGER NOT NULL,
  quiet         INTEGER NOT NULL,
  digits        INTEGER NOT NULL,
  took          INTEGER NOT NULL, -- microseconds
  reasons       TEXT NOT NULL,    -- separated by spaces
  session_id    BLOB NOT NULL,
  delegate_id   BLOB NOT NULL,
  PRIMARY KEY (actor_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_event_at ON login_event (at);
CREATE INDEX login_event_kind ON login_event (kind, at);
CREATE INDEX login_event_origin ON login_event (origin, at);

-- When a professional vaccinates.
CREATE TABLE login_hours (
  actor_id BLOB PRIMARY KEY CHECK (length(actor_id) = 16),
  hours    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
