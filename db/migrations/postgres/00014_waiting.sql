-- +goose Up
-- Who waits, or waited, to get into the meeting of a bridge.
CREATE TABLE waits (
    bridge_id TEXT NOT NULL REFERENCES bridges (id),
    uuid      TEXT NOT NULL,             -- of the instance
    place     TEXT NOT NULL,             -- host, room
    person    TEXT NOT NULL,
    name      TEXT NOT NULL,
    email     TEXT NOT NULL,
    since     BIGINT,
    until     BIGINT,
    PRIMARY KEY (bridge_id, uuid, place, person)
);

ALTER TABLE bridges ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0;

-- What Zoom changed after the bridge was created, JSON; '': nothing.
ALTER TABLE bridges ADD COLUMN later TEXT NOT NULL DEFAULT '';

-- When Zoom last said that a user whom the stored check is about has changed.
ALTER TABLE accounts ADD COLUMN hosts_changed_at BIGINT;

-- +goose Down
