-- +goose Up
-- Zoom's log of deliveries: the app whose log is read, and how far the log is
-- compared with the stored events. One row, id 'zoom'.
CREATE TABLE delivery_log (
    id                   TEXT PRIMARY KEY,
    app_id               TEXT NOT NULL,
    claimed_at           BIGINT,         -- when the last check started
    looked_to            BIGINT,         -- deliveries before this are compared
    failed_validations   BIGINT NOT NULL, -- in a row
    validation_failed_at BIGINT          -- the last one
);

-- The checks for missing events.
CREATE TABLE gap_looks (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,             -- '': Drawbridge
    deliveries BIGINT NOT NULL,          -- compared
    recovered  BIGINT NOT NULL,          -- events that were missing and are stored now
    lost       BIGINT NOT NULL,          -- events that are missing and whose bodies Zoom did not keep
    problem    TEXT NOT NULL,             -- '': the check finished
    fix        TEXT NOT NULL
);
CREATE INDEX gap_looks_at ON gap_looks (at, id);

-- +goose Down
