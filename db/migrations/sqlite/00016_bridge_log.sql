-- +goose Up
-- Filters of the bridge log that few bridges match. BridgeFilter repeats these conditions word for word.
CREATE INDEX bridges_backup ON bridges (created_at, id) WHERE used_backup_user;
CREATE INDEX bridges_nobody ON bridges (created_at, id) WHERE ready_at IS NOT NULL AND started_at IS NULL AND inside_most = 0 AND kind <> 'static';

-- +goose Down
