-- +goose Up
-- Meetings made in advance, so that a bridge exists while Zoom does not answer. The id is in the meeting's agenda.
CREATE TABLE standby_meetings (
    id         TEXT PRIMARY KEY,
    host_email TEXT NOT NULL,
    state      TEXT NOT NULL,
    meeting    TEXT NOT NULL,   -- as Zoom last gave it, as JSON
    reason     TEXT NOT NULL,   -- why it is not ready
    looks      INTEGER NOT NULL,
    bridge_id  TEXT NOT NULL,   -- of the bridge that has it, or ''
    created_at INTEGER NOT NULL,
    checked_at INTEGER,
    try_at     INTEGER,
    claimed_at INTEGER
) STRICT;
CREATE INDEX standby_meetings_created ON standby_meetings (created_at, host_email);
CREATE INDEX standby_meetings_kept ON standby_meetings (id) WHERE state IN ('calling', 'unknown', 'made', 'ready', 'stale');

-- How many new Zoom meetings one source gets in ten minutes.
ALTER TABLE accounts ADD COLUMN storm_limit INTEGER NOT NULL DEFAULT 5;

-- +goose Down
