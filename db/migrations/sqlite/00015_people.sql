-- +goose Up
-- The user who started a step by hand, who is the first choice as host.
ALTER TABLE step_runs ADD COLUMN run_by TEXT NOT NULL DEFAULT '';
-- The user who sets a password with the link; '' for the link of the first admin.
ALTER TABLE setup_links ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN suffix TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN expires_at INTEGER;

-- +goose Down
