-- Who typed for the actor; all zero when the actor did.
ALTER TABLE journal ADD COLUMN delegate_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
