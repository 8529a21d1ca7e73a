-- Phones of the sandbox and what they are asked. Times are milliseconds since 1970.
CREATE TABLE device (
	id       TEXT PRIMARY KEY,
	person   TEXT NOT NULL,
	name     TEXT NOT NULL,              -- as its owner calls it
	key      BLOB NOT NULL,              -- public key, SubjectPublicKeyInfo
	passkey  BLOB NOT NULL,              -- public key that unlocks approvals; empty for none
	salt     BLOB NOT NULL,
	code     BLOB NOT NULL,              -- argon2id of the peppered code
	enrolled INTEGER NOT NULL,
	used     INTEGER NOT NULL,           -- last proof
	wrong    INTEGER NOT NULL DEFAULT 0, -- codes in a row
	locked   INTEGER NOT NULL DEFAULT 0, -- until
	state    TEXT NOT NULL DEFAULT 'active',
	noticed  INTEGER NOT NULL DEFAULT 0, -- last event that its owner has seen
	push     TEXT NOT NULL DEFAULT ''    -- subscription, JSON
) STRICT;
CREATE INDEX device_person ON device (person);

CREATE TABLE enrolment (
	token   BLOB PRIMARY KEY,            -- SHA-256
	person  TEXT NOT NULL,
	expires INTEGER NOT NULL
) STRICT;

CREATE TABLE request (
	id       TEXT PRIMARY KEY,           -- what the phone knows it by
	ref      BLOB NOT NULL UNIQUE,       -- SHA-256 of what the client knows it by
	client   TEXT NOT NULL,
	title    TEXT NOT NULL,              -- registered name of the client
	person   TEXT NOT NULL,              -- empty: nobody has the number
	binding  TEXT NOT NULL,              -- emptied with the decision
	context  TEXT NOT NULL,
	session  BLOB NOT NULL,              -- of the engine
	pull     INTEGER NOT NULL,           -- it does not ring
	created  INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	state    TEXT NOT NULL DEFAULT 'pending',
	shown    INTEGER NOT NULL DEFAULT 0,
	decided  INTEGER NOT NULL DEFAULT 0,
	device   TEXT NOT NULL DEFAULT '',
	sid      TEXT NOT NULL,              -- of the login, when it is approved
	interval INTEGER NOT NULL,
	polled   INTEGER NOT NULL DEFAULT 0,
	told     INTEGER NOT NULL DEFAULT 0, -- the client knows that it was refused
	used     INTEGER NOT NULL DEFAULT 0  -- tokens were given for it
) STRICT;
CREATE INDEX request_person ON request (person, state, expires);
CREATE INDEX request_expires ON request (expires);

CREATE TABLE event (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	person  TEXT NOT NULL,
	device  TEXT NOT NULL,
	request TEXT NOT NULL,
	kind    TEXT NOT NULL,
	at      INTEGER NOT NULL,
	young   INTEGER NOT NULL             -- the device was enrolled less than a day before
) STRICT;
CREATE INDEX event_person ON event (person, at);

CREATE TABLE logout (                    -- what a client must still be told
	sid      TEXT PRIMARY KEY,
	client   TEXT NOT NULL,
	person   TEXT NOT NULL,
	reported INTEGER NOT NULL,
	ref      BLOB NOT NULL,
	approved INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 1;
