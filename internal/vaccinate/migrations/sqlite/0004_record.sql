-- Everything that a record says. What people are shown of a dose without its trace has columns of
-- its own; the rest is sealed together.
ALTER TABLE dose ADD COLUMN not_given TEXT NOT NULL DEFAULT '';  -- why none was given; empty for an injection
ALTER TABLE dose ADD COLUMN evidence TEXT NOT NULL DEFAULT '';   -- how well it is known; empty when entered by those who gave it
ALTER TABLE dose ADD COLUMN country TEXT NOT NULL DEFAULT '';    -- of a dose given elsewhere
ALTER TABLE dose ADD COLUMN rules TEXT NOT NULL DEFAULT '';      -- version of the catalogue that gave the rank
ALTER TABLE dose ADD COLUMN run_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE dose ADD COLUMN detail BLOB NOT NULL DEFAULT x'';    -- sealed: product, expiry, consent, note ...

CREATE INDEX dose_place ON dose (place_id, recorded_at);
CREATE INDEX dose_event_session ON dose_event (session_id);
