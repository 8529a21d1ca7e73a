-- A dose that staff suspect: no certificate is made of it until they release it.
ALTER TABLE dose ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;

-- What was entered since a time, for the watch that starts again.
CREATE INDEX dose_event_at ON dose_event (at);
