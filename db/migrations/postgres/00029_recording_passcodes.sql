-- +goose Up
-- The passcode that people enter to see a recording, sealed with the master key.
CREATE TABLE recording_passcodes (
    bridge_id TEXT NOT NULL REFERENCES bridges (id),
    uuid      TEXT NOT NULL,           -- of the instance
    sealed    TEXT NOT NULL,
    said_at   BIGINT NOT NULL,         -- when Zoom said so
    PRIMARY KEY (bridge_id, uuid)
);

-- +goose Down
