package db

import (
	"bytes"
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Sweep implements incident.Sweeps.
func (s *Store) Sweep(ctx context.Context) (incident.Sweep, error) {
	w, _, err := first(ctx, s.r, func(w *incident.Sweep) []any {
		return []any{timeOf(&w.StartedAt), timeOf(&w.FinishedAt), jsonOf(&w.Hosts)}
	}, `SELECT started_at, finished_at, hosts FROM sweep WHERE id = $1`, accountID)
	return w, err
}

// StartSweep implements incident.Sweeps.
func (s *Store) StartSweep(ctx context.Context, w incident.Sweep, idle, stuck, deleted time.Time, job incident.Job, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicLeftovers}, func(tx *sql.Tx) error {
		err := execOne(ctx, tx, conflict("Drawbridge is checking for left-over meetings. Wait until it has finished."), `
			INSERT INTO sweep (id, started_at, finished_at, hosts) VALUES ($1, $2, NULL, $3)
			ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, finished_at = NULL, hosts = excluded.hosts
			WHERE sweep.started_at <= $4 AND (sweep.finished_at IS NOT NULL OR sweep.started_at <= $5)`,
			accountID, w.StartedAt, asJSON(w.Hosts), idle, stuck)
		if err != nil {
			return err
		}
		if err := exec(ctx, tx, `DELETE FROM leftovers WHERE outcome = $1 AND looked_at < $2`, incident.LeftoverDeleted, deleted); err != nil {
			return err
		}
		return insertJobs(ctx, tx, []incident.Job{job})
	})
}

// UpdateSweep implements incident.Sweeps.
func (s *Store) UpdateSweep(ctx context.Context, w incident.Sweep) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicLeftovers}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE sweep SET finished_at = $3, hosts = $4 WHERE id = $1 AND started_at = $2`, accountID, w.StartedAt, w.FinishedAt, asJSON(w.Hosts))
	})
}

// MeetingHosts implements incident.Sweeps.
func (s *Store) MeetingHosts(ctx context.Context, since time.Time) ([]string, error) {
	return list(ctx, s.r, scalar[string], `
		SELECT host_email FROM bridge_attempts WHERE started_at >= $1
		UNION SELECT host_email FROM standby_meetings
		UNION SELECT host_email FROM leftovers WHERE outcome <> 'deleted'
		ORDER BY host_email`, since)
}

// AllStandbys implements incident.Sweeps.
func (s *Store) AllStandbys(ctx context.Context) ([]incident.Standby, error) {
	return list(ctx, s.r, standbyFields, `SELECT `+standbyColumns+` FROM standby_meetings ORDER BY created_at, id`)
}

const leftoverColumns = `meeting_id, host_email, topic, why, incident_number, bridge_id, outcome, kept, reason, created_at, looked_at`

// Leftovers implements incident.Sweeps.
func (s *Store) Leftovers(ctx context.Context) ([]incident.Leftover, error) {
	return list(ctx, s.r, func(l *incident.Leftover) []any {
		return []any{&l.MeetingID, &l.HostEmail, &l.Topic, &l.Why, numberOf(&l.IncidentNumber), &l.BridgeID, &l.Outcome, &l.Kept, jsonOf(&l.Reason), timeOf(&l.CreatedAt), timeOf(&l.LookedAt)}
	}, `SELECT `+leftoverColumns+` FROM leftovers ORDER BY created_at DESC, meeting_id`)
}

// SaveLeftover implements incident.Sweeps.
func (s *Store) SaveLeftover(ctx context.Context, l incident.Leftover) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicLeftovers}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `INSERT INTO leftovers (`+leftoverColumns+`) VALUES (`+placeholders(1, 11)+`)
			ON CONFLICT (meeting_id) DO UPDATE SET host_email = excluded.host_email, topic = excluded.topic, why = excluded.why,
				incident_number = excluded.incident_number, bridge_id = excluded.bridge_id, outcome = excluded.outcome, kept = excluded.kept,
				reason = excluded.reason, created_at = excluded.created_at, looked_at = excluded.looked_at`,
			l.MeetingID, l.HostEmail, l.Topic, l.Why, numberOrNull(l.IncidentNumber), l.BridgeID, l.Outcome, l.Kept, reasonJSON(l.Reason), l.CreatedAt, l.LookedAt)
	})
}

// DeleteLeftover implements incident.Sweeps.
func (s *Store) DeleteLeftover(ctx context.Context, meetingID string) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicLeftovers}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `DELETE FROM leftovers WHERE meeting_id = $1`, meetingID)
	})
}

// unreadMost is how many unread events UnreadAbout looks at.
const unreadMost = 5000

// UnreadAbout implements incident.Sweeps. Only the body of an unread event says which
// meeting it is about.
func (s *Store) UnreadAbout(ctx context.Context, state incident.EventState, meetingID string, since time.Time) (named bool, err error) {
	condition := `e.state = 'new'` // as in the partial index of each
	if state == incident.EventUnreadable {
		condition = `e.state = 'unreadable'`
	}
	n := 0
	err = each(ctx, s.r, func(r row) error {
		var e incident.Event
		if n++; named || n > unreadMost {
			return nil
		}
		err := r.Scan(wholeEventFields(&e)...)
		named = bytes.Contains(e.Body, []byte(meetingID))
		return err
	}, `SELECT `+wholeEventColumns+` FROM events e`+joinBridge+`
		WHERE `+condition+` AND e.id >= $1 ORDER BY e.id LIMIT `+strconv.Itoa(unreadMost+1), FirstEventID(since))
	return named || n > unreadMost, err
}

// UnappliedAbout implements incident.Sweeps.
func (s *Store) UnappliedAbout(ctx context.Context, meetingID string, since time.Time) (bool, error) {
	_, stale, err := first(ctx, s.r, scalar[int64], `
		SELECT id FROM events WHERE meeting_id = $1 AND meeting_id <> '' AND id >= $2 AND stale LIMIT 1`, meetingID, FirstEventID(since))
	if err != nil || stale {
		return stale, err
	}
	return s.UnreadAbout(ctx, incident.EventUnreadable, meetingID, since)
}

// EventsOf implements incident.Sweeps.
func (s *Store) EventsOf(ctx context.Context, meetingID string) ([]string, error) {
	return list(ctx, s.r, scalar[string], `SELECT DISTINCT event FROM events WHERE meeting_id = $1 AND meeting_id <> '' AND event <> '' ORDER BY event`, meetingID)
}
