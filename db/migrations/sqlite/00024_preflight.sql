-- +goose Up
-- Whom the pre-flight check looks at besides the host pool and openers: a JSON list of email addresses.
ALTER TABLE accounts ADD COLUMN on_call_users TEXT NOT NULL DEFAULT '';

-- What Zoom last said about each person who may host a bridge.
CREATE TABLE host_checks (
    email      TEXT PRIMARY KEY,
    zoom_id    TEXT NOT NULL,   -- '': unknown
    checked_at INTEGER NOT NULL,
    changed_at INTEGER,         -- when Zoom last told that the user has changed
    findings   TEXT NOT NULL    -- JSON
) STRICT;
CREATE INDEX host_checks_zoom_id ON host_checks (zoom_id);

-- +goose Down
