-- Who typed for the professional, and in which session; empty when the professional did.
ALTER TABLE dose_event ADD COLUMN delegate_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE dose_event ADD COLUMN session_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE dose ADD COLUMN delegate_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE dose ADD COLUMN contested INTEGER NOT NULL DEFAULT 0;      -- 1 once the professional contests the entry

CREATE INDEX dose_event_actor ON dose_event (actor_id, at);
