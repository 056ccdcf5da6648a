-- +goose Up
-- When nobody joins, everybody left or a call runs for long, that is an alarm of new incidents.
UPDATE steps SET settings = json_set(settings, '$.alarm_nobody_minutes', 10, '$.alarm_empty_minutes', 15, '$.alarm_long_hours', 4) WHERE kind = 'create_meeting';

-- +goose Down
