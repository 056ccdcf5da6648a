-- +goose Up
-- What each save made of a runbook. A version from before this table is added before the next save.
CREATE TABLE runbook_versions (
    runbook_id TEXT NOT NULL REFERENCES runbooks (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,          -- '': not known
    actor      TEXT NOT NULL,
    body       TEXT NOT NULL,          -- JSON of the runbook
    PRIMARY KEY (runbook_id, version)
) STRICT;

-- The version of the runbook that an incident runs; 0: not known.
ALTER TABLE incidents ADD COLUMN runbook_version INTEGER NOT NULL DEFAULT 0;

-- +goose Down
