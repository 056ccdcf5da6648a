-- +goose Up
-- Zoom's own log of its deliveries: which app it is asked for, and how far it
-- was compared with the events here. One row, id 'zoom'.
CREATE TABLE delivery_log (
    id                   TEXT PRIMARY KEY,
    app_id               TEXT NOT NULL,
    claimed_at           INTEGER,         -- when a look last began
    looked_to            INTEGER,         -- what was delivered before is compared
    failed_validations   INTEGER NOT NULL, -- in a row, up to the last
    validation_failed_at INTEGER          -- the last
) STRICT;

-- Looks into it.
CREATE TABLE gap_looks (
    id         TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,             -- '' = the program
    deliveries INTEGER NOT NULL,          -- compared
    recovered  INTEGER NOT NULL,          -- events that were not here, and are now
    lost       INTEGER NOT NULL,          -- events whose bodies Zoom did not keep
    problem    TEXT NOT NULL,             -- '' = it came to its end
    fix        TEXT NOT NULL
) STRICT;
CREATE INDEX gap_looks_at ON gap_looks (at, id);

-- +goose Down
