-- +goose Up
-- The access token that all servers on the database use. There is a row for each
-- version of the account, '…/version'; saving the account deletes it.
CREATE TABLE zoom_tokens (
    account     TEXT PRIMARY KEY,
    version     BIGINT NOT NULL,          -- of the token; 0: none yet
    sealed      TEXT NOT NULL,             -- AES-256-GCM, bound to this row
    expires_at  BIGINT,
    lease_until BIGINT NOT NULL            -- until then one server requests the next token
);

-- The columns of the table of Zoom's sample that stores webhooks in PostgreSQL.
CREATE VIEW zoom_events (id, name, accountid, meetingid) AS
SELECT id, event, account_id, meeting_id FROM events WHERE event <> '';

-- +goose Down
