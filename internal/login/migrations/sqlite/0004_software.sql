-- Software of establishments that acts for professionals. Rows stay when they are revoked: entries name them.
CREATE TABLE software (
  client_id  BLOB PRIMARY KEY CHECK (length(client_id) = 16),
  name       TEXT NOT NULL,
  places     TEXT NOT NULL,    -- FINESS numbers, separated by spaces
  scopes     TEXT NOT NULL,    -- separated by spaces
  keys       TEXT NOT NULL,    -- public keys: JSON Web Key Set, empty when they are at an address
  keys_url   TEXT NOT NULL,
  since      INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL  -- 0 while it stands
) STRICT, WITHOUT ROWID;

-- Access tokens, by hash.
CREATE TABLE software_token (
  token       BLOB PRIMARY KEY CHECK (length(token) = 32), -- SHA-256
  token_id    BLOB NOT NULL,
  client_id   BLOB NOT NULL,
  actor_id    BLOB NOT NULL,    -- the professional
  place       TEXT NOT NULL,    -- FINESS
  scopes      TEXT NOT NULL,
  proof       BLOB NOT NULL,    -- thumbprint of the key that holds it; empty without
  certificate BLOB NOT NULL,    -- SHA-256 of the certificate that holds it; empty without
  expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX software_token_client ON software_token (client_id);
CREATE INDEX software_token_expiry ON software_token (expires_at);

-- Assertions and proofs that were used: each once.
CREATE TABLE software_used (
  hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX software_used_expiry ON software_used (expires_at);
