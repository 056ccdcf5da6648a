-- +goose Up
-- Zoom's log of deliveries: the app whose log is read, and how far the log is
-- compared with the stored events. One row, id 'zoom'.
CREATE TABLE delivery_log (
    id                   TEXT PRIMARY KEY,
    app_id               TEXT NOT NULL,
    claimed_at           INTEGER,         -- when the last check started
    looked_to            INTEGER,         -- deliveries before this are compared
    failed_validations   INTEGER NOT NULL, -- in a row
    validation_failed_at INTEGER          -- the last one
) STRICT;

-- The checks for missing events.
CREATE TABLE gap_looks (
    id         TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,             -- '': Drawbridge
    deliveries INTEGER NOT NULL,          -- compared
    recovered  INTEGER NOT NULL,          -- events that were missing and are stored now
    lost       INTEGER NOT NULL,          -- events that are missing and whose bodies Zoom did not keep
    problem    TEXT NOT NULL,             -- '': the check finished
    fix        TEXT NOT NULL
) STRICT;
CREATE INDEX gap_looks_at ON gap_looks (at, id);

-- +goose Down
