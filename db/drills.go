package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const drillColumns = `id, runbook_id, runbook_name, started_at, finished_at, started_by, incident_number, stages, result`

func drillFields(d *incident.Drill) []any {
	return []any{&d.ID, &d.RunbookID, &d.RunbookName, timeOf(&d.StartedAt), timeOf(&d.FinishedAt), &d.StartedBy, numberOf(&d.IncidentNumber), jsonOf(&d.Stages), &d.Result}
}

// InsertDrill implements incident.Drills.
func (s *Store) InsertDrill(ctx context.Context, d incident.Drill, job incident.Job, audit incident.AuditEntry) (bool, error) {
	err := s.change(ctx, audit, []string{TopicDrills}, func(tx *sql.Tx) error {
		// The row of the topic is the lock: two servers look for a drill that runs one after
		// the other.
		if err := bump(ctx, tx, TopicDrills); err != nil {
			return err
		}
		n, err := execRows(ctx, tx, `INSERT INTO drills (`+drillColumns+`) VALUES (`+placeholders(1, 9)+`) ON CONFLICT (id) DO NOTHING`,
			d.ID, d.RunbookID, d.RunbookName, d.StartedAt, d.FinishedAt, d.StartedBy, numberOrNull(d.IncidentNumber), asJSON(d.Stages), d.Result)
		if err != nil {
			return err
		}
		if n == 0 {
			return errKnown
		}
		_, running, err := first(ctx, tx, scalar[string], `SELECT id FROM drills WHERE finished_at IS NULL AND id <> $1 LIMIT 1`, d.ID)
		if err != nil {
			return err
		}
		if running {
			return conflict("A drill is running. Wait until it has finished.")
		}
		return insertJobs(ctx, tx, []incident.Job{job})
	})
	if errors.Is(err, errKnown) {
		return false, nil
	}
	return err == nil, err
}

func numberOrNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// UpdateDrill implements incident.Drills. It returns Conflict if the drill has finished.
func (s *Store) UpdateDrill(ctx context.Context, d incident.Drill) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicDrills}, func(tx *sql.Tx) error {
		return execOne(ctx, tx, conflict("The drill has finished."), `
			UPDATE drills SET runbook_id = $2, runbook_name = $3, finished_at = $4, incident_number = $5, stages = $6, result = $7
			WHERE id = $1 AND finished_at IS NULL`,
			d.ID, d.RunbookID, d.RunbookName, d.FinishedAt, numberOrNull(d.IncidentNumber), asJSON(d.Stages), d.Result)
	})
}

// Drill returns the drill with this id.
func (s *Store) Drill(ctx context.Context, id string) (incident.Drill, error) {
	return one(ctx, s.r, "drill", drillFields, `SELECT `+drillColumns+` FROM drills WHERE id = $1`, id)
}

// Drills returns the newest drills that started at the time or later, newest first.
func (s *Store) Drills(ctx context.Context, from time.Time, limit int) ([]incident.Drill, error) {
	return list(ctx, s.r, drillFields, `SELECT `+drillColumns+` FROM drills WHERE started_at >= $1
		ORDER BY started_at DESC, id DESC LIMIT `+strconv.Itoa(limit), from)
}

// LastDrill returns the last drill that has finished, and false if there is none.
func (s *Store) LastDrill(ctx context.Context) (incident.Drill, bool, error) {
	return first(ctx, s.r, drillFields, `SELECT `+drillColumns+` FROM drills WHERE finished_at IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 1`)
}

// FirstEventOf implements incident.Drills.
func (s *Store) FirstEventOf(ctx context.Context, meetingIDs []string, from time.Time) (sent, received time.Time, err error) {
	w := where{conditions: []string{`meeting_id <> ''`}} // which the index needs
	addIn(&w, "meeting_id", meetingIDs)
	w.add(`received_at >= $?`, from)
	type times struct{ sent, received time.Time }
	t, _, err := first(ctx, s.r, func(t *times) []any { return []any{timeOf(&t.sent), timeOf(&t.received)} },
		`SELECT event_at, received_at FROM events`+w.String()+` ORDER BY received_at, id LIMIT 1`, w.args...)
	return t.sent, t.received, err
}

// DrillPlan implements incident.Drills.
func (s *Store) DrillPlan(ctx context.Context) (incident.DrillPlan, error) {
	p, found, err := first(ctx, s.r, func(p *incident.DrillPlan) []any { return []any{&p.Schedule, &p.Hour, &p.Runbook, timeOf(&p.SavedAt)} },
		`SELECT schedule, hour, runbook, saved_at FROM drill_plan WHERE id = $1`, accountID)
	if err == nil && !found {
		p = incident.DefaultDrillPlan
	}
	return p, err
}

// SaveDrillPlan implements incident.Drills.
func (s *Store) SaveDrillPlan(ctx context.Context, p incident.DrillPlan, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicDrills}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `
			INSERT INTO drill_plan (id, schedule, hour, runbook, saved_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET schedule = excluded.schedule, hour = excluded.hour, runbook = excluded.runbook, saved_at = excluded.saved_at`,
			accountID, p.Schedule, p.Hour, p.Runbook, p.SavedAt)
	})
}
