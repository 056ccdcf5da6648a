-- +goose Up
-- The calls that run now, by host: Zoom lets a host run only so many at the same time.
CREATE INDEX bridges_running ON bridges (host_email) WHERE state = 'live';

-- +goose Down
