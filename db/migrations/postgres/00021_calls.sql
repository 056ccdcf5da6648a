-- +goose Up
-- When Zoom last said something about the call, and how: event, asked.
ALTER TABLE bridges ADD COLUMN told_at BIGINT;
ALTER TABLE bridges ADD COLUMN told_by TEXT NOT NULL DEFAULT '';
-- What Drawbridge knows of asking Zoom and of alarms, JSON; '': nothing.
ALTER TABLE bridges ADD COLUMN watch TEXT NOT NULL DEFAULT '';
-- When Zoom is asked about the call next; NULL: never.
ALTER TABLE bridges ADD COLUMN ask_at BIGINT;
-- What is wrong with the call now: stuck, empty, long, nobody; '': nothing. When the next alarm may begin.
ALTER TABLE bridges ADD COLUMN alarm TEXT NOT NULL DEFAULT '';
ALTER TABLE bridges ADD COLUMN alarm_since BIGINT;
ALTER TABLE bridges ADD COLUMN alarm_at BIGINT;
-- When a person last started the call again after it had ended.
ALTER TABLE bridges ADD COLUMN again_at BIGINT;
-- The passcode that people enter on a phone; it has only digits.
ALTER TABLE bridges ADD COLUMN phone_passcode TEXT NOT NULL DEFAULT '';

-- When Zoom first and last answered that the call runs, and first that it no longer does.
ALTER TABLE bridge_instances ADD COLUMN seen_at BIGINT;
ALTER TABLE bridge_instances ADD COLUMN runs_at BIGINT;
ALTER TABLE bridge_instances ADD COLUMN over_at BIGINT;
-- When Zoom's list of who was in it was read, or given up.
ALTER TABLE bridge_instances ADD COLUMN asked_at BIGINT;

UPDATE bridges SET ask_at = created_at, alarm_at = created_at
WHERE state IN ('ready', 'live') AND kind <> 'static' AND meeting_id IS NOT NULL
    AND (state = 'live' OR incident_number IN (SELECT number FROM incidents WHERE status = 'open'));
CREATE INDEX bridges_ask ON bridges (ask_at, id) WHERE ask_at IS NOT NULL;
CREATE INDEX bridges_alarm ON bridges (alarm_at, id) WHERE alarm_at IS NOT NULL;

-- +goose Down
