-- Logins under way: found by the hash of their state, taken out once, bound to one browser.
CREATE TABLE login_attempt (
  attempt    BLOB PRIMARY KEY CHECK (length(attempt) = 32), -- SHA-256 of the state
  browser    BLOB NOT NULL CHECK (length(browser) = 32),    -- SHA-256 of the cookie
  site       TEXT NOT NULL,
  sealed     BLOB NOT NULL,                                 -- nonce, verifier, path: opened by the cookie only
  created_at INTEGER NOT NULL,                              -- microseconds, UTC
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_attempt_expiry ON login_attempt (expires_at);

CREATE TABLE session (
  token      BLOB PRIMARY KEY CHECK (length(token) = 32),   -- SHA-256 of the cookie
  session_id BLOB NOT NULL CHECK (length(session_id) = 16),
  actor_id   BLOB NOT NULL CHECK (length(actor_id) = 16),
  site       TEXT NOT NULL,
  role       TEXT NOT NULL,
  sealed     BLOB NOT NULL,                                 -- name, subject, ID token: opened by the cookie only
  created_at INTEGER NOT NULL,
  last_seen  INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_actor ON session (actor_id, session_id);
CREATE INDEX session_expiry ON session (expires_at);
