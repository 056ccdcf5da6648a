-- +goose Up
-- severity_before is the severity before its last change; changed_at is when severity or status last changed.
ALTER TABLE incidents ADD COLUMN severity_before TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN changed_at INTEGER;

-- +goose Down
