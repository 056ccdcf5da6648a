-- +goose Up
-- Times are Unix milliseconds; NULL means "not yet". Ids are UUIDv7 texts unless a comment says otherwise.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE,   -- trimmed, lower case
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,          -- admin, responder, viewer
    password_hash TEXT NOT NULL,          -- argon2id
    disabled_at   INTEGER,
    last_seen_at  INTEGER,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE setup_links (
    token_hash TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL,             -- '' before login
    data       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_failures (
    key     TEXT PRIMARY KEY,             -- account and address prefix
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    token_hash   TEXT NOT NULL UNIQUE,    -- hex SHA-256
    scopes       TEXT NOT NULL,           -- space separated
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE TABLE audit_entries (
    id         TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL,
    address    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_entries_at ON audit_entries (at, id);

-- One row, id 'zoom'.
CREATE TABLE accounts (
    id                   TEXT PRIMARY KEY,
    auth                 TEXT NOT NULL,   -- server_to_server, jwt
    zoom_account_id      TEXT NOT NULL,
    client_id            TEXT NOT NULL,
    api_key              TEXT NOT NULL,
    cluster              TEXT NOT NULL,
    backup_user          TEXT NOT NULL,
    standby_meetings     INTEGER NOT NULL,
    static_links         TEXT NOT NULL,   -- JSON
    webhook_validated_at INTEGER,
    check_report         TEXT NOT NULL,   -- JSON; '': never checked
    version              INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;

CREATE TABLE secrets (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    sealed     TEXT NOT NULL,             -- AES-256-GCM, bound to this row
    set_at     INTEGER NOT NULL,
    set_by     TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT;

CREATE TABLE runbooks (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    incident_type TEXT NOT NULL,
    description   TEXT NOT NULL,
    variables     TEXT NOT NULL,          -- JSON
    disabled_at   INTEGER,
    archived_at   INTEGER,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX runbooks_name ON runbooks (name) WHERE archived_at IS NULL;

CREATE TABLE steps (
    id                    TEXT PRIMARY KEY,
    runbook_id            TEXT NOT NULL REFERENCES runbooks (id) ON DELETE CASCADE,
    position              INTEGER NOT NULL,
    kind                  TEXT NOT NULL,
    execute_automatically INTEGER NOT NULL,
    settings              TEXT NOT NULL,  -- JSON, by kind
    conditions            TEXT NOT NULL,  -- JSON; '': always
    schedule              TEXT NOT NULL   -- JSON; '': at once
) STRICT;
CREATE INDEX steps_runbook ON steps (runbook_id, position);

-- Counters that must not skip or repeat a number. 'incident' has the number of the last incident.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE incidents (
    number       INTEGER PRIMARY KEY,
    runbook_id   TEXT NOT NULL REFERENCES runbooks (id),
    runbook_name TEXT NOT NULL,
    name         TEXT NOT NULL,
    severity     TEXT NOT NULL,
    type         TEXT NOT NULL,
    description  TEXT NOT NULL,
    status       TEXT NOT NULL,           -- open, resolved
    opener_email TEXT NOT NULL,
    opener_name  TEXT NOT NULL,
    dedup_key    TEXT,
    form_key     TEXT UNIQUE,
    vars         TEXT NOT NULL,           -- JSON
    source       TEXT NOT NULL,           -- form, api
    created_by   TEXT NOT NULL,
    join_key     TEXT NOT NULL,           -- with it the join page needs no login
    created_at   INTEGER NOT NULL,
    resolved_at  INTEGER,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX incidents_dedup ON incidents (dedup_key) WHERE status = 'open';
CREATE INDEX incidents_status ON incidents (status, number);
CREATE INDEX incidents_runbook ON incidents (runbook_id, number);

CREATE TABLE step_runs (
    id              TEXT PRIMARY KEY,
    incident_number INTEGER NOT NULL REFERENCES incidents (number),
    position        INTEGER NOT NULL,
    step            TEXT NOT NULL,        -- JSON: the step when the incident was opened
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    started_at      INTEGER,
    finished_at     INTEGER
) STRICT;
CREATE INDEX step_runs_incident ON step_runs (incident_number, position);

CREATE TABLE bridges (
    id               TEXT PRIMARY KEY,
    incident_number  INTEGER NOT NULL REFERENCES incidents (number),
    step_run_id      TEXT NOT NULL UNIQUE REFERENCES step_runs (id),
    kind             TEXT NOT NULL,       -- meeting, standby, static
    state            TEXT NOT NULL,
    rung             TEXT NOT NULL,
    asked            TEXT NOT NULL,       -- JSON: what was asked for
    meeting_id       TEXT,
    meeting_uuid     TEXT,
    pmi              TEXT,
    topic            TEXT NOT NULL,
    agenda           TEXT NOT NULL,
    recording        TEXT NOT NULL,
    join_url         TEXT NOT NULL,
    passcode         TEXT NOT NULL,
    host_email       TEXT NOT NULL,
    used_backup_user INTEGER NOT NULL,
    dial_in          TEXT NOT NULL,       -- JSON
    findings         TEXT NOT NULL,       -- JSON
    worst_finding    TEXT NOT NULL,       -- '', amber, red
    reason           TEXT NOT NULL,
    fix              TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    ready_at         INTEGER,
    started_at       INTEGER,
    ended_at         INTEGER,
    updated_at       INTEGER NOT NULL,
    inside           INTEGER NOT NULL,
    inside_most      INTEGER NOT NULL,
    recordings       TEXT NOT NULL        -- JSON
) STRICT;
CREATE INDEX bridges_created ON bridges (created_at, id);
CREATE INDEX bridges_state ON bridges (state, created_at);
CREATE INDEX bridges_incident ON bridges (incident_number);
CREATE INDEX bridges_host ON bridges (host_email, created_at);
CREATE INDEX bridges_meeting ON bridges (meeting_id, created_at);
CREATE INDEX bridges_uuid ON bridges (meeting_uuid);
CREATE INDEX bridges_pmi ON bridges (pmi, created_at);

CREATE TABLE bridge_attempts (
    id          TEXT PRIMARY KEY,
    bridge_id   TEXT NOT NULL REFERENCES bridges (id),
    rung        TEXT NOT NULL,
    host_email  TEXT NOT NULL,
    state       TEXT NOT NULL,
    meeting_id  TEXT NOT NULL,
    code        INTEGER NOT NULL,
    cause       TEXT NOT NULL,
    looks       INTEGER NOT NULL,     -- searches that Zoom answered and that did not find its meeting
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX bridge_attempts_bridge ON bridge_attempts (bridge_id, id);

CREATE TABLE bridge_instances (
    bridge_id  TEXT NOT NULL REFERENCES bridges (id),
    uuid       TEXT NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER,
    PRIMARY KEY (bridge_id, uuid)
) STRICT;
CREATE INDEX bridge_instances_uuid ON bridge_instances (uuid);

CREATE TABLE presences (
    bridge_id  TEXT NOT NULL REFERENCES bridges (id),
    uuid       TEXT NOT NULL,             -- of the instance
    session_id TEXT NOT NULL,
    person     TEXT NOT NULL,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL,
    joined_at  INTEGER,
    left_at    INTEGER,
    PRIMARY KEY (bridge_id, uuid, session_id)
) STRICT;

CREATE TABLE timeline_entries (
    id              TEXT PRIMARY KEY,
    incident_number INTEGER NOT NULL REFERENCES incidents (number),
    bridge_id       TEXT NOT NULL,
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    text            TEXT NOT NULL,
    actor           TEXT NOT NULL
) STRICT;
CREATE INDEX timeline_entries_incident ON timeline_entries (incident_number, at, id);

-- Ids grow with time: milliseconds shifted left by 12 bits, below 2^53.
CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    received_at  INTEGER NOT NULL,
    signed_at    INTEGER NOT NULL,
    slot         INTEGER NOT NULL,
    stale        INTEGER NOT NULL,
    body_hash    BLOB NOT NULL UNIQUE,    -- SHA-256; one row for each body
    body         BLOB NOT NULL,           -- as received
    headers      TEXT NOT NULL,           -- JSON
    state        TEXT NOT NULL,           -- new, read, unreadable
    read_error   TEXT NOT NULL,
    event        TEXT NOT NULL,
    event_at     INTEGER,
    account_id   TEXT NOT NULL,
    meeting_id   TEXT NOT NULL,
    meeting_uuid TEXT NOT NULL,
    topic        TEXT NOT NULL,
    who          TEXT NOT NULL,
    bridge_id    TEXT NOT NULL
) STRICT;
CREATE INDEX events_new ON events (id) WHERE state = 'new';
CREATE INDEX events_event ON events (event, id);
CREATE INDEX events_meeting ON events (meeting_id, id);
CREATE INDEX events_bridge ON events (bridge_id, id) WHERE bridge_id <> '';

CREATE TABLE refusals (
    minute INTEGER NOT NULL,              -- start of the minute
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (minute, reason)
) STRICT;

CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    state       TEXT NOT NULL,            -- queued, running, done, dead
    run_at      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    worker      TEXT NOT NULL,
    last_error  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state IN ('queued', 'running');

-- The content of a page has changed if the version of one of its topics has.
CREATE TABLE topics (
    topic   TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;

-- +goose Down
