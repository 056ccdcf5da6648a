-- +goose Up
-- How many meetings the person may run at the same time; 0: not known.
ALTER TABLE host_checks ADD COLUMN at_once BIGINT NOT NULL DEFAULT 0;

-- +goose Down
