-- One mark for each reader of the outbox: 1 while it has to look at the notice.
ALTER TABLE outbox ADD COLUMN certify INTEGER NOT NULL DEFAULT 1;
CREATE INDEX outbox_certify ON outbox (certify, outbox_id);
