-- +goose Up
-- When a step runs is part of its settings.
ALTER TABLE steps DROP COLUMN conditions;
ALTER TABLE steps DROP COLUMN schedule;

ALTER TABLE step_runs ADD COLUMN times BIGINT NOT NULL DEFAULT 0; -- how often it ran by itself
ALTER TABLE step_runs ADD COLUMN due_at BIGINT;                   -- when its last run was due
ALTER TABLE step_runs ADD COLUMN seen TEXT NOT NULL DEFAULT '';    -- JSON: what its conditions were about then
ALTER TABLE step_runs ADD COLUMN said TEXT NOT NULL DEFAULT '';    -- the text of its last run

-- The incidents with steps that may run by themselves later, and when to look at them.
CREATE TABLE step_looks (
    incident_number BIGINT PRIMARY KEY REFERENCES incidents (number),
    look_at         BIGINT,          -- NULL: when something changes
    changes         BIGINT NOT NULL  -- how often something changed
);
CREATE INDEX step_looks_due ON step_looks (look_at) WHERE look_at IS NOT NULL;

-- +goose Down
