-- +goose Up
CREATE TABLE saved_filters (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    query      TEXT NOT NULL,             -- query of the URL /events
    created_by TEXT NOT NULL,             -- id of a user
    created_at BIGINT NOT NULL
);

-- +goose Down
