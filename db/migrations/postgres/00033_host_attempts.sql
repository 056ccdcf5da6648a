-- +goose Up
-- The calls for the hosts that an incident may ask, and not for all of them.
CREATE INDEX bridge_attempts_host ON bridge_attempts (host_email, started_at);

-- +goose Down
