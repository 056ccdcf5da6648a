-- +goose Up
-- Synthetic incidents that try the whole way to a bridge.
CREATE TABLE drills (
    id              TEXT PRIMARY KEY,      -- UUIDv7, or drill- and the day of the schedule
    runbook_id      TEXT NOT NULL,         -- '': no runbook could be used
    runbook_name    TEXT NOT NULL,
    started_at      BIGINT NOT NULL,
    finished_at     BIGINT,                -- NULL: it runs
    started_by      TEXT NOT NULL,         -- email address; '': the schedule
    incident_number BIGINT,                -- NULL: not opened yet
    stages          TEXT NOT NULL,         -- JSON: the stages that are over
    result          TEXT NOT NULL          -- the worst level of its stages; '': it runs
);
CREATE INDEX drills_started ON drills (started_at);

-- When drills start by themselves.
CREATE TABLE drill_plan (
    id       TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,                -- off, daily, weekly
    hour     BIGINT NOT NULL,             -- 0 to 23, UTC
    saved_at BIGINT NOT NULL
);

-- +goose Down
