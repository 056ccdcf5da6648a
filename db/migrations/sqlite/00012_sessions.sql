-- +goose Up
-- Sessions get columns of their own. People stay logged in.
ALTER TABLE sessions RENAME TO sessions_1;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,          -- hex SHA-256
    user_id    TEXT NOT NULL,
    began_at   INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,          -- updated at most once a minute
    expires_at INTEGER NOT NULL           -- unless it is used again
) STRICT;

INSERT INTO sessions (token_hash, user_id, began_at, seen_at, expires_at)
SELECT token_hash, user_id, expires_at - 604800000, seen_at, MIN(expires_at, seen_at + 43200000) FROM (
    SELECT *, COALESCE(CAST(json_extract(CAST(data AS TEXT), '$.values.seen') AS INTEGER), 0) * 1000 AS seen_at FROM sessions_1)
WHERE user_id <> '';

DROP TABLE sessions_1;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- +goose Down
