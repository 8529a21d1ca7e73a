-- Where the traits of a person come from and when that source last confirmed them: the purpose under
-- which they were written ("enrolment", "identification", "import") or confirmed ("login").
ALTER TABLE person ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN refreshed_at INTEGER NOT NULL DEFAULT 0; -- microseconds UTC; 0: recorded before this was kept
