-- +goose Up
-- How long events are kept. No row for a family: as the family ''; no row for
-- that: for ever, and never blanked.
CREATE TABLE retention (
    family     TEXT PRIMARY KEY,          -- '' = all families without a row
    keep_days  INTEGER NOT NULL,          -- 0 = for ever
    blank_days INTEGER NOT NULL           -- 0 = personal data is never blanked
) STRICT;

-- How far that is done, for each type of event.
CREATE TABLE retention_progress (
    event      TEXT PRIMARY KEY,          -- '' = events that cannot be read
    blanked_to INTEGER NOT NULL,          -- id up to which personal data is out
    removed    INTEGER NOT NULL,          -- events since the rules were saved
    blanked    INTEGER NOT NULL           -- events since the rules were saved
) STRICT;

-- The names of those who were on the bridge were taken out.
ALTER TABLE bridges ADD COLUMN blanked_at INTEGER;

-- +goose Down
