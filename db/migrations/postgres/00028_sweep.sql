-- +goose Up
-- The last look for meetings that no incident uses any more. One row.
CREATE TABLE sweep (
    id          TEXT PRIMARY KEY,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,               -- NULL: it runs
    hosts       TEXT NOT NULL          -- JSON: the hosts that Zoom was asked about, with why it gave no answer
);

-- Meetings that Drawbridge created and no incident uses any more.
CREATE TABLE leftovers (
    meeting_id      TEXT PRIMARY KEY,
    host_email      TEXT NOT NULL,
    topic           TEXT NOT NULL,     -- as Zoom had it
    why             TEXT NOT NULL,     -- twin, replaced, unused, standby, unknown
    incident_number BIGINT,           -- NULL: none, or not known
    bridge_id       TEXT NOT NULL,     -- '': none, or not known
    outcome         TEXT NOT NULL,     -- checking, deleting, deleted, kept
    kept            TEXT NOT NULL,     -- why it was not deleted; '': it was
    reason          TEXT NOT NULL,     -- JSON: what Zoom answered; '': nothing to say
    created_at      BIGINT NOT NULL,
    looked_at       BIGINT NOT NULL
);

-- +goose Down
