-- Who may type under the responsibility of a professional. Rows stay when they are revoked: entries name them.
CREATE TABLE delegate (
  actor_id    BLOB NOT NULL CHECK (length(actor_id) = 16), -- the professional
  delegate_id BLOB NOT NULL CHECK (length(delegate_id) = 16),
  name        BLOB NOT NULL,                               -- sealed under the professional's key
  since       INTEGER NOT NULL,
  revoked_at  INTEGER NOT NULL,                            -- 0 while it stands
  PRIMARY KEY (actor_id, delegate_id)
) STRICT, WITHOUT ROWID;

-- Their passkeys: public keys and counters.
CREATE TABLE delegate_passkey (
  delegate_id BLOB NOT NULL CHECK (length(delegate_id) = 16),
  passkey     BLOB NOT NULL,    -- id of the credential
  credential  TEXT NOT NULL,    -- public key, counter, flags: JSON
  created_at  INTEGER NOT NULL,
  used_at     INTEGER NOT NULL, -- 0 until it was
  PRIMARY KEY (delegate_id, passkey)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX delegate_passkey_once ON delegate_passkey (passkey);

-- Challenges under way: each is answered once.
CREATE TABLE delegate_challenge (
  challenge   BLOB PRIMARY KEY CHECK (length(challenge) = 32), -- SHA-256
  delegate_id BLOB NOT NULL CHECK (length(delegate_id) = 16),
  use         TEXT NOT NULL,                                   -- register, authorise
  body        TEXT NOT NULL,                                   -- what the answer is checked against: JSON
  expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX delegate_challenge_expiry ON delegate_challenge (expires_at);
