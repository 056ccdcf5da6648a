-- +goose Up
-- Sessions get columns of their own. People stay logged in.
DELETE FROM sessions WHERE user_id = '';

ALTER TABLE sessions ADD COLUMN began_at BIGINT, ADD COLUMN seen_at BIGINT;
UPDATE sessions SET began_at = expires_at - 604800000,
    seen_at = COALESCE(CAST(CAST(convert_from(data, 'UTF8') AS JSON) -> 'values' ->> 'seen' AS BIGINT), 0) * 1000;
UPDATE sessions SET expires_at = LEAST(expires_at, seen_at + 43200000);
ALTER TABLE sessions ALTER COLUMN began_at SET NOT NULL, ALTER COLUMN seen_at SET NOT NULL, DROP COLUMN data;

-- +goose Down
