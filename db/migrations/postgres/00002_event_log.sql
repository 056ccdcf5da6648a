-- +goose Up
-- A new log for tens of millions of events: with compressed bodies, a separate
-- table that recognizes redeliveries and can be cleaned up, and a search index.
-- Version 7 moves the events here.
DROP INDEX events_new;
DROP INDEX events_event;
DROP INDEX events_meeting;
DROP INDEX events_bridge;
ALTER TABLE events RENAME TO events_1;
ALTER INDEX events_pkey RENAME TO events_1_pkey;

-- Ids grow with time: milliseconds shifted left by 12 bits, below 2^53. There
-- is a partition for each month (see event_months.go), so that an old month can be
-- dropped as a whole. Events of other months are in events_rest.
CREATE TABLE events (
    id           BIGINT PRIMARY KEY,
    received_at  BIGINT NOT NULL,
    signed_at    BIGINT NOT NULL,
    slot         BIGINT NOT NULL,
    stale        BOOLEAN NOT NULL,
    origin       TEXT NOT NULL,           -- webhook, recovered, imported
    state        TEXT NOT NULL,           -- new, read, unreadable
    read_error   TEXT NOT NULL,
    event        TEXT NOT NULL,
    event_at     BIGINT,
    account_id   TEXT NOT NULL,
    meeting_id   TEXT NOT NULL,
    meeting_uuid TEXT NOT NULL,
    topic        TEXT NOT NULL,
    who          TEXT NOT NULL,
    bridge_id    TEXT NOT NULL,
    twin_of      BIGINT,                  -- the earlier event of which this is a variant
    blanked_at   BIGINT,                  -- when personal data was erased
    encoding     BIGINT NOT NULL,         -- of content
    content      BYTEA NOT NULL           -- headers, and the body as received
) PARTITION BY RANGE (id);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
-- Every index is partial. Until an event is read, which happens after it was
-- acknowledged, it is only in the first one.
CREATE INDEX events_new ON events (id) WHERE state = 'new';
CREATE INDEX events_event ON events (event, id) WHERE event <> '';
CREATE INDEX events_meeting ON events (meeting_id, id) WHERE meeting_id <> '';
CREATE INDEX events_bridge ON events (bridge_id, id) WHERE bridge_id <> '';
CREATE INDEX events_stale ON events (id) WHERE stale;
CREATE INDEX events_unreadable ON events (id) WHERE state = 'unreadable';
CREATE INDEX events_twin ON events (id) WHERE twin_of IS NOT NULL;
CREATE INDEX events_origin ON events (origin, id) WHERE origin <> 'webhook';

-- What has arrived: a kind and the first 15 bytes of a SHA-256 of the body (b),
-- of Zoom's request id (r), or of the meaning of the event (e). at is the
-- event_ts in the body, which is the same in every delivery. New keys are
-- therefore added at the end of the index.
CREATE TABLE event_keys (
    at       BIGINT NOT NULL,
    key      BYTEA NOT NULL,
    event_id BIGINT NOT NULL,
    PRIMARY KEY (at, key)
);

-- The number of events that arrived in the minute or hour that begins at start and were read.
CREATE TABLE event_counts (
    width BIGINT NOT NULL,                -- milliseconds
    start BIGINT NOT NULL,
    event TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (width, start, event)
);

-- The words of an event, for searching, in partitions like the events.
CREATE TABLE event_words (
    event_id BIGINT PRIMARY KEY,
    words    TSVECTOR NOT NULL
) PARTITION BY RANGE (event_id);
CREATE TABLE event_words_rest PARTITION OF event_words DEFAULT;
CREATE INDEX event_words_words ON event_words USING GIN (words);

-- +goose Down
