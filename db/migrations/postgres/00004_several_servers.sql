-- +goose Up
-- The access token that all servers on the database use; a row for each version
-- of the account, '…/version', gone when the account is saved.
CREATE TABLE zoom_tokens (
    account     TEXT PRIMARY KEY,
    version     BIGINT NOT NULL,          -- of the token; 0 = none yet
    sealed      TEXT NOT NULL,             -- AES-256-GCM, bound to this row
    expires_at  BIGINT,
    lease_until BIGINT NOT NULL            -- until then one server asks Zoom for the next
);

-- As in the table of Zoom's sample that stores webhooks into PostgreSQL.
CREATE VIEW zoom_events (id, name, accountid, meetingid) AS
SELECT id, event, account_id, meeting_id FROM events WHERE event <> '';

-- +goose Down
