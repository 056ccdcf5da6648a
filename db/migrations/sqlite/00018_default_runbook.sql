-- +goose Up
-- The runbook that takes incidents whose runbook doesn't exist. There is at most one.
ALTER TABLE runbooks ADD COLUMN is_default INTEGER NOT NULL DEFAULT FALSE;
CREATE UNIQUE INDEX runbooks_default ON runbooks (is_default) WHERE is_default;

-- +goose Down
