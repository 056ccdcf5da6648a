-- +goose Up
-- Times are Unix milliseconds; NULL means "not yet". Ids are UUIDv7 texts unless a comment says otherwise.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE,   -- trimmed, lower case
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,          -- admin, responder, viewer
    password_hash TEXT NOT NULL,          -- argon2id
    disabled_at   BIGINT,
    last_seen_at  BIGINT,
    created_at    BIGINT NOT NULL
);

CREATE TABLE setup_links (
    token_hash TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL,             -- '' before login
    data       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_failures (
    key     TEXT PRIMARY KEY,             -- account and address prefix
    count   BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    token_hash   TEXT NOT NULL UNIQUE,    -- hex SHA-256
    scopes       TEXT NOT NULL,           -- space separated
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT
);

CREATE TABLE audit_entries (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL,
    address    TEXT NOT NULL
);
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
    standby_meetings     BIGINT NOT NULL,
    static_links         TEXT NOT NULL,   -- JSON
    webhook_validated_at BIGINT,
    check_report         TEXT NOT NULL,   -- JSON; '': never checked
    version              BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL
);

CREATE TABLE secrets (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    sealed     TEXT NOT NULL,             -- AES-256-GCM, bound to this row
    set_at     BIGINT NOT NULL,
    set_by     TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE runbooks (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    incident_type TEXT NOT NULL,
    description   TEXT NOT NULL,
    variables     TEXT NOT NULL,          -- JSON
    disabled_at   BIGINT,
    archived_at   BIGINT,
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX runbooks_name ON runbooks (name) WHERE archived_at IS NULL;

CREATE TABLE steps (
    id                    TEXT PRIMARY KEY,
    runbook_id            TEXT NOT NULL REFERENCES runbooks (id) ON DELETE CASCADE,
    position              BIGINT NOT NULL,
    kind                  TEXT NOT NULL,
    execute_automatically BOOLEAN NOT NULL,
    settings              TEXT NOT NULL,  -- JSON, by kind
    conditions            TEXT NOT NULL,  -- JSON; '': always
    schedule              TEXT NOT NULL   -- JSON; '': at once
);
CREATE INDEX steps_runbook ON steps (runbook_id, position);

-- Counters that must not skip or repeat a number. 'incident' has the number of the last incident.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE incidents (
    number       BIGINT PRIMARY KEY,
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
    created_at   BIGINT NOT NULL,
    resolved_at  BIGINT,
    updated_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX incidents_dedup ON incidents (dedup_key) WHERE status = 'open';
CREATE INDEX incidents_status ON incidents (status, number);
CREATE INDEX incidents_runbook ON incidents (runbook_id, number);

CREATE TABLE step_runs (
    id              TEXT PRIMARY KEY,
    incident_number BIGINT NOT NULL REFERENCES incidents (number),
    position        BIGINT NOT NULL,
    step            TEXT NOT NULL,        -- JSON: the step when the incident was opened
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    started_at      BIGINT,
    finished_at     BIGINT
);
CREATE INDEX step_runs_incident ON step_runs (incident_number, position);

CREATE TABLE bridges (
    id               TEXT PRIMARY KEY,
    incident_number  BIGINT NOT NULL REFERENCES incidents (number),
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
    used_backup_user BOOLEAN NOT NULL,
    dial_in          TEXT NOT NULL,       -- JSON
    findings         TEXT NOT NULL,       -- JSON
    worst_finding    TEXT NOT NULL,       -- '', amber, red
    reason           TEXT NOT NULL,
    fix              TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    ready_at         BIGINT,
    started_at       BIGINT,
    ended_at         BIGINT,
    updated_at       BIGINT NOT NULL,
    inside           BIGINT NOT NULL,
    inside_most      BIGINT NOT NULL,
    recordings       TEXT NOT NULL        -- JSON
);
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
    code        BIGINT NOT NULL,
    cause       TEXT NOT NULL,
    looks       BIGINT NOT NULL,     -- searches that Zoom answered and that did not find its meeting
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX bridge_attempts_bridge ON bridge_attempts (bridge_id, id);

CREATE TABLE bridge_instances (
    bridge_id  TEXT NOT NULL REFERENCES bridges (id),
    uuid       TEXT NOT NULL,
    started_at BIGINT,
    ended_at   BIGINT,
    PRIMARY KEY (bridge_id, uuid)
);
CREATE INDEX bridge_instances_uuid ON bridge_instances (uuid);

CREATE TABLE presences (
    bridge_id  TEXT NOT NULL REFERENCES bridges (id),
    uuid       TEXT NOT NULL,             -- of the instance
    session_id TEXT NOT NULL,
    person     TEXT NOT NULL,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL,
    joined_at  BIGINT,
    left_at    BIGINT,
    PRIMARY KEY (bridge_id, uuid, session_id)
);

CREATE TABLE timeline_entries (
    id              TEXT PRIMARY KEY,
    incident_number BIGINT NOT NULL REFERENCES incidents (number),
    bridge_id       TEXT NOT NULL,
    at              BIGINT NOT NULL,
    kind            TEXT NOT NULL,
    text            TEXT NOT NULL,
    actor           TEXT NOT NULL
);
CREATE INDEX timeline_entries_incident ON timeline_entries (incident_number, at, id);

-- Ids grow with time: milliseconds shifted left by 12 bits, below 2^53.
CREATE TABLE events (
    id           BIGINT PRIMARY KEY,
    received_at  BIGINT NOT NULL,
    signed_at    BIGINT NOT NULL,
    slot         BIGINT NOT NULL,
    stale        BOOLEAN NOT NULL,
    body_hash    BYTEA NOT NULL UNIQUE,    -- SHA-256; one row for each body
    body         BYTEA NOT NULL,           -- as received
    headers      TEXT NOT NULL,           -- JSON
    state        TEXT NOT NULL,           -- new, read, unreadable
    read_error   TEXT NOT NULL,
    event        TEXT NOT NULL,
    event_at     BIGINT,
    account_id   TEXT NOT NULL,
    meeting_id   TEXT NOT NULL,
    meeting_uuid TEXT NOT NULL,
    topic        TEXT NOT NULL,
    who          TEXT NOT NULL,
    bridge_id    TEXT NOT NULL
);
CREATE INDEX events_new ON events (id) WHERE state = 'new';
CREATE INDEX events_event ON events (event, id);
CREATE INDEX events_meeting ON events (meeting_id, id);
CREATE INDEX events_bridge ON events (bridge_id, id) WHERE bridge_id <> '';

CREATE TABLE refusals (
    minute BIGINT NOT NULL,              -- start of the minute
    reason TEXT NOT NULL,
    count  BIGINT NOT NULL,
    PRIMARY KEY (minute, reason)
);

CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    state       TEXT NOT NULL,            -- queued, running, done, dead
    run_at      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    worker      TEXT NOT NULL,
    last_error  TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state IN ('queued', 'running');

-- The content of a page has changed if the version of one of its topics has.
CREATE TABLE topics (
    topic   TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);

-- +goose Down
