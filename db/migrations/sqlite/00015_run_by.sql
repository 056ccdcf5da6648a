-- +goose Up
-- The user who started a step by hand, who is the first choice as host.
ALTER TABLE step_runs ADD COLUMN run_by TEXT NOT NULL DEFAULT '';

-- +goose Down
