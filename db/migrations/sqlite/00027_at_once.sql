-- +goose Up
-- How many meetings the person may run at the same time; 0: not known.
ALTER TABLE host_checks ADD COLUMN at_once INTEGER NOT NULL DEFAULT 0;
-- The name of the runbook of drills that start by themselves; '': the default one.
ALTER TABLE drill_plan ADD COLUMN runbook TEXT NOT NULL DEFAULT '';

-- +goose Down
