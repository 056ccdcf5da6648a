package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const standbyColumns = `id, host_email, state, meeting, reason, looks, bridge_id, created_at, checked_at, try_at, claimed_at`

func standbyFields(m *incident.Standby) []any {
	return []any{&m.ID, &m.HostEmail, &m.State, jsonOf(&m.Meeting), jsonOf(&m.Reason), &m.Looks, &m.BridgeID,
		timeOf(&m.CreatedAt), timeOf(&m.CheckedAt), timeOf(&m.TryAt), timeOf(&m.ClaimedAt)}
}

// Standbys implements incident.Standbys.
func (s *Store) Standbys(ctx context.Context, refusedSince time.Time) ([]incident.Standby, error) {
	return list(ctx, s.r, standbyFields, `SELECT `+standbyColumns+` FROM standby_meetings
		WHERE state IN ('calling', 'unknown', 'made', 'ready', 'stale') OR created_at >= $1 AND state = 'refused'
		ORDER BY created_at, id`, refusedSince)
}

const (
	// standbyKept is how long standby meetings that are over are kept. They count against
	// the hosts' limits of a day.
	standbyKept = 7 * 24 * time.Hour
	// claimedKept is how long those of bridges are kept. Zoom forgets a meeting that nobody
	// uses for a year, and until then the sweep must know it.
	claimedKept = 400 * 24 * time.Hour
)

// SaveStandby implements incident.Standbys.
func (s *Store) SaveStandby(ctx context.Context, m incident.Standby, from incident.StandbyState) error {
	args := []any{m.ID, m.HostEmail, m.State, asJSON(m.Meeting), reasonJSON(m.Reason), m.Looks, m.BridgeID, m.CreatedAt, m.CheckedAt, m.TryAt, m.ClaimedAt}
	return s.change(ctx, incident.AuditEntry{}, []string{TopicAccount}, func(tx *sql.Tx) error {
		if from == "" {
			err := exec(ctx, tx, `DELETE FROM standby_meetings WHERE state IN ('gone', 'refused') AND created_at < $1 OR state = 'claimed' AND claimed_at < $2`,
				m.CreatedAt.Add(-standbyKept), m.CreatedAt.Add(-claimedKept))
			if err != nil {
				return err
			}
			return exec(ctx, tx, `INSERT INTO standby_meetings (`+standbyColumns+`) VALUES (`+placeholders(1, 11)+`)`, args...)
		}
		return execOne(ctx, tx, errMoved(), `
			UPDATE standby_meetings SET host_email = $2, state = $3, meeting = $4, reason = $5, looks = $6, bridge_id = $7,
				created_at = $8, checked_at = $9, try_at = $10, claimed_at = $11
			WHERE id = $1 AND state = $12 AND (checked_at IS NULL AND try_at > $9) IS NOT TRUE`, append(args, from)...)
	})
}

// DoubtStandbys implements incident.Standbys.
func (s *Store) DoubtStandbys(ctx context.Context, ids []string, at time.Time) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicAccount}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE standby_meetings SET checked_at = NULL, try_at = $1 WHERE state IN ('made', 'ready') AND id IN (`+placeholders(2, len(ids))+`)`, append([]any{at}, anys(ids)...)...)
	})
}

// claimStandby makes a standby meeting that of the change's bridge.
func claimStandby(ctx context.Context, tx *sql.Tx, c incident.BridgeChange) error {
	if c.Standby == "" {
		return nil
	}
	return execOne(ctx, tx, incident.ErrStandbyTaken, `
		UPDATE standby_meetings SET state = 'claimed', bridge_id = $2, claimed_at = $3 WHERE id = $1 AND state = 'ready'`,
		c.Standby, c.Bridge.ID, c.Bridge.UpdatedAt)
}

// BridgesBeingMade implements incident.Incidents.
func (s *Store) BridgesBeingMade(ctx context.Context, since time.Time) (int, error) {
	return one(ctx, s.r, "bridge", scalar[int], `SELECT COUNT(*) FROM bridges WHERE state IN ('new', 'creating') AND created_at >= $1`, since)
}

// EnsureJob implements incident.Standbys.
func (s *Store) EnsureJob(ctx context.Context, j incident.Job) error {
	_, err := s.writeRows(ctx, `
		INSERT INTO jobs (`+jobColumns+`) VALUES (`+placeholders(1, 9)+`)
		ON CONFLICT (id) DO UPDATE SET state = 'queued', run_at = excluded.run_at WHERE jobs.state <> 'running'`, jobValues(j)...)
	return err
}
