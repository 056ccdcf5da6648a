-- +goose Up
-- The name of the room that a static bridge leads to, and when people were last sent to another link.
ALTER TABLE bridges ADD COLUMN link_name TEXT NOT NULL DEFAULT '';
ALTER TABLE bridges ADD COLUMN link_changed_at INTEGER;
-- A filter of the bridge log that few bridges match. BridgeFilter repeats this condition word for word.
CREATE INDEX bridges_static ON bridges (created_at, id) WHERE kind = 'static';

-- +goose Down
