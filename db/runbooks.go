package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// runbookColumns are the columns of a runbook and one of its steps. A query
// returns one row for each step.
const runbookColumns = `r.id, r.name, r.incident_type, r.description, r.variables, r.is_default, r.disabled_at, r.archived_at,
	r.version, r.created_at, r.updated_at,
	s.id, s.kind, s.execute_automatically, s.settings`

// stepSettings is the column settings of a step: what the kind of the step says and when
// it runs.
type stepSettings struct {
	Name string `json:"name,omitempty"`
	incident.MeetingTemplate
	Schedule   incident.Schedule `json:"timing,omitzero"`
	Text       string            `json:"text,omitempty"`
	WithPeople bool              `json:"with_people,omitempty"`
}

// runbooks runs a query for runbookColumns whose rows are ordered by runbook
// and by position.
func runbooks(ctx context.Context, q queryer, query string, args ...any) ([]incident.Runbook, error) {
	var found []incident.Runbook
	err := each(ctx, q, func(r row) error {
		var b incident.Runbook
		var step incident.Step
		var settings stepSettings
		var automatic sql.NullBool
		err := r.Scan(&b.ID, &b.Name, &b.IncidentType, &b.Description, jsonOf(&b.Variables), &b.Default, timeOf(&b.DisabledAt), timeOf(&b.ArchivedAt),
			&b.Version, timeOf(&b.CreatedAt), timeOf(&b.UpdatedAt),
			textOf(&step.ID), textOf(&step.Kind), &automatic, jsonOf(&settings))
		if len(found) == 0 || found[len(found)-1].ID != b.ID {
			found = append(found, b)
		}
		if step.ID != "" {
			step.Name, step.Meeting, step.ExecuteAutomatically = settings.Name, settings.MeetingTemplate, automatic.Bool
			step.Schedule, step.Text, step.WithPeople = settings.Schedule, settings.Text, settings.WithPeople
			last := &found[len(found)-1]
			last.Steps = append(last.Steps, step)
		}
		return err
	}, query, args...)
	return found, err
}

// runbookWhere returns one runbook, or none.
func runbookWhere(ctx context.Context, q queryer, condition string, args ...any) ([]incident.Runbook, error) {
	return runbooks(ctx, q, `
		SELECT `+runbookColumns+`
		FROM runbooks r LEFT JOIN steps s ON s.runbook_id = r.id
		WHERE `+condition+` ORDER BY s.position`, args...)
}

func (s *Store) oneRunbook(ctx context.Context, condition string, args ...any) (incident.Runbook, error) {
	found, err := runbookWhere(ctx, s.r, condition, args...)
	if err == nil && len(found) == 0 {
		err = notFound("runbook")
	}
	if err != nil {
		return incident.Runbook{}, err
	}
	return found[0], nil
}

// Runbook returns the runbook with this id, archived or not, with its steps in
// order.
func (s *Store) Runbook(ctx context.Context, id string) (incident.Runbook, error) {
	return s.oneRunbook(ctx, `r.id = $1`, id)
}

// RunbookByName returns the runbook with this name that is not archived.
func (s *Store) RunbookByName(ctx context.Context, name string) (incident.Runbook, error) {
	return s.oneRunbook(ctx, `r.name = $1 AND r.archived_at IS NULL`, name)
}

// DefaultRunbook returns the default runbook.
func (s *Store) DefaultRunbook(ctx context.Context) (incident.Runbook, error) {
	return s.oneRunbook(ctx, `r.is_default`)
}

// ActiveRunbooks implements incident.Runbooks.
func (s *Store) ActiveRunbooks(ctx context.Context) ([]incident.Runbook, error) {
	return s.runbooksOf(ctx, false)
}

func (s *Store) runbooksOf(ctx context.Context, archived bool) ([]incident.Runbook, error) {
	condition := `r.archived_at IS NULL`
	if archived {
		condition = `r.archived_at IS NOT NULL`
	}
	return runbooks(ctx, s.r, `
		SELECT `+runbookColumns+`
		FROM runbooks r LEFT JOIN steps s ON s.runbook_id = r.id
		WHERE `+condition+` ORDER BY LOWER(r.name), r.id, s.position`)
}

// RunbookRow is one runbook in the list of runbooks.
type RunbookRow struct {
	incident.Runbook
	Incidents int
	LastRunAt time.Time // zero: never
}

// Runbooks returns all archived runbooks, or all others, sorted by name.
func (s *Store) Runbooks(ctx context.Context, archived bool) ([]RunbookRow, error) {
	found, err := s.runbooksOf(ctx, archived)
	if err != nil {
		return nil, err
	}
	rows := make([]RunbookRow, len(found))
	at := make(map[string]*RunbookRow, len(found))
	for i := range found {
		rows[i].Runbook = found[i]
		at[found[i].ID] = &rows[i]
	}
	err = each(ctx, s.r, func(r row) error {
		var id string
		var count int
		var last time.Time
		err := r.Scan(&id, &count, timeOf(&last))
		if row := at[id]; row != nil {
			row.Incidents, row.LastRunAt = count, last
		}
		return err
	}, `SELECT runbook_id, COUNT(*), MAX(created_at) FROM incidents GROUP BY runbook_id`)
	return rows, err
}

// InsertRunbook stores a new runbook with its steps, as version 1. It returns
// Conflict if another runbook that is not archived has the name.
func (s *Store) InsertRunbook(ctx context.Context, b incident.Runbook, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicRunbooks}, func(tx *sql.Tx) error {
		if err := freeDefault(ctx, tx, b, audit); err != nil {
			return err
		}
		err := exec(ctx, tx, `
			INSERT INTO runbooks (id, name, incident_type, description, variables, disabled_at, archived_at, version, created_at, updated_at, is_default)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10)`,
			b.ID, b.Name, b.IncidentType, b.Description, asJSON(b.Variables), b.DisabledAt, b.ArchivedAt, b.CreatedAt, b.UpdatedAt, b.Default)
		if err != nil {
			return nameTaken(err)
		}
		if err := insertSteps(ctx, tx, b); err != nil {
			return err
		}
		return keepVersion(ctx, tx, b.ID, audit)
	})
}

// UpdateRunbook implements incident.Runbooks. It also returns Conflict if
// another runbook has the name.
func (s *Store) UpdateRunbook(ctx context.Context, b incident.Runbook, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicRunbooks}, func(tx *sql.Tx) error {
		changed := conflict("The runbook was changed or deleted since this page was opened. Open it again in another tab and copy your changes there.")
		if err := freeDefault(ctx, tx, b, audit); err != nil {
			return err
		}
		// The plan of drills names its runbook, as the YAML file does.
		err := exec(ctx, tx, `UPDATE drill_plan SET runbook = $2 WHERE runbook <> '' AND runbook = (SELECT name FROM runbooks WHERE id = $1)`, b.ID, b.Name)
		if err != nil {
			return err
		}
		return newVersion(ctx, tx, b.ID, audit, func() error {
			err := execOne(ctx, tx, changed, `
				UPDATE runbooks SET name = $3, incident_type = $4, description = $5, variables = $6,
					disabled_at = $7, archived_at = $8, updated_at = $9, is_default = $10, version = version + 1
				WHERE id = $1 AND version = $2`,
				b.ID, b.Version, b.Name, b.IncidentType, b.Description, asJSON(b.Variables), b.DisabledAt, b.ArchivedAt, b.UpdatedAt, b.Default)
			if err != nil {
				return nameTaken(err)
			}
			if err := exec(ctx, tx, `DELETE FROM steps WHERE runbook_id = $1`, b.ID); err != nil {
				return err
			}
			return insertSteps(ctx, tx, b)
		})
	})
}

// freeDefault takes the default from the runbook that has it, if b shall have it. A form
// of that runbook which is open somewhere must not take it back.
func freeDefault(ctx context.Context, tx *sql.Tx, b incident.Runbook, by incident.AuditEntry) error {
	if !b.Default {
		return nil
	}
	id, found, err := first(ctx, tx, scalar[string], `SELECT id FROM runbooks WHERE is_default AND id <> $1`, b.ID)
	if err != nil || !found {
		return err
	}
	return newVersion(ctx, tx, id, by, func() error {
		return exec(ctx, tx, `UPDATE runbooks SET is_default = FALSE, updated_at = $2, version = version + 1 WHERE id = $1 AND is_default`, id, b.UpdatedAt)
	})
}

func insertSteps(ctx context.Context, tx *sql.Tx, b incident.Runbook) error {
	for i, step := range b.Steps {
		err := exec(ctx, tx, `
			INSERT INTO steps (id, runbook_id, position, kind, execute_automatically, settings)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			step.ID, b.ID, i, step.Kind, step.ExecuteAutomatically, asJSON(stepSettings{step.Name, step.Meeting, step.Schedule, step.Text, step.WithPeople}))
		if err != nil {
			return err
		}
	}
	return nil
}

func nameTaken(err error) error {
	if !isUnique(err) {
		return err
	}
	return &incident.Error{Code: incident.Conflict, Message: "Another runbook has this name.",
		Fields: map[string]string{"name": "Another runbook has this name."}, Err: err}
}

// DeleteRunbook implements incident.Runbooks. An archived runbook counts as not
// found.
func (s *Store) DeleteRunbook(ctx context.Context, id string, at time.Time, audit incident.AuditEntry) (archived bool, err error) {
	err = s.change(ctx, audit, []string{TopicRunbooks}, func(tx *sql.Tx) error {
		// The row is locked, so that no incident is opened between the check and the
		// deletion.
		_, err := one(ctx, tx, "runbook", scalar[string], `SELECT id FROM runbooks WHERE id = $1 AND archived_at IS NULL`+s.forUpdate(), id)
		if err != nil {
			return err
		}
		_, archived, err = first(ctx, tx, scalar[int64], `SELECT number FROM incidents WHERE runbook_id = $1 LIMIT 1`, id)
		if err != nil {
			return err
		}
		if archived {
			return newVersion(ctx, tx, id, audit, func() error {
				return exec(ctx, tx, `UPDATE runbooks SET archived_at = $2, updated_at = $2, is_default = FALSE, version = version + 1 WHERE id = $1`, id, at)
			})
		}
		return exec(ctx, tx, `DELETE FROM runbooks WHERE id = $1`, id)
	})
	return archived, err
}
