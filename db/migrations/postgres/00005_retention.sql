-- +goose Up
-- How long events are kept. A family without a row follows the row of ''. If that
-- is missing, events are kept forever and never blanked.
CREATE TABLE retention (
    family     TEXT PRIMARY KEY,          -- '': all families without a row
    keep_days  BIGINT NOT NULL,           -- 0: forever
    blank_days BIGINT NOT NULL            -- 0: never
);

-- The progress, for each event type.
CREATE TABLE retention_progress (
    event      TEXT PRIMARY KEY,          -- '': events that cannot be read
    blanked_to BIGINT NOT NULL,           -- id up to which personal data is erased
    removed    BIGINT NOT NULL,           -- events since the rules were saved
    blanked    BIGINT NOT NULL            -- events since the rules were saved
);

-- When the names of the people on the bridge were erased.
ALTER TABLE bridges ADD COLUMN blanked_at BIGINT;

-- +goose Down
