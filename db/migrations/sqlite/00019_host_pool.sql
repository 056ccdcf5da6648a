-- +goose Up
-- The host pool: several backup users, as a JSON list.
ALTER TABLE accounts RENAME COLUMN backup_user TO backup_users;
UPDATE accounts SET backup_users = CASE WHEN backup_users = '' THEN '' ELSE json_array(backup_users) END;

-- The calls of the last day, which count against each host's limit.
CREATE INDEX bridge_attempts_started ON bridge_attempts (started_at, host_email);

-- +goose Down
