-- +goose Up
-- When the bridge left its meeting for another link; NULL: it did not.
ALTER TABLE bridge_instances ADD COLUMN left_at BIGINT;
UPDATE bridge_instances SET left_at = (SELECT ready_at FROM bridges WHERE id = bridge_id) WHERE bridge_id IN (SELECT id FROM bridges WHERE kind = 'static');

-- +goose Down
