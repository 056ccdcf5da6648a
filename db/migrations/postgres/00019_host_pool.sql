-- +goose Up
-- The host pool: several backup users, as a JSON list.
ALTER TABLE accounts RENAME COLUMN backup_user TO backup_users;
UPDATE accounts SET backup_users = CASE WHEN backup_users = '' THEN '' ELSE '[' || to_json(backup_users)::text || ']' END;

-- The calls of the last day, which count against each host's limit.
CREATE INDEX bridge_attempts_started ON bridge_attempts (started_at, host_email);

-- +goose Down
