package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// HostChecks implements incident.Accounts.
func (s *Store) HostChecks(ctx context.Context) ([]incident.HostCheck, error) {
	return list(ctx, s.r, func(h *incident.HostCheck) []any {
		return []any{&h.Email, &h.ZoomID, timeOf(&h.At), timeOf(&h.ChangedAt), jsonOf(&h.Lines)}
	}, `SELECT email, zoom_id, checked_at, changed_at, findings FROM host_checks ORDER BY email`)
}

// SaveHostCheck implements incident.Accounts.
func (s *Store) SaveHostCheck(ctx context.Context, h incident.HostCheck) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicAccount}, func(tx *sql.Tx) error {
		return exec(ctx, tx, `
			INSERT INTO host_checks (email, zoom_id, checked_at, findings, at_once) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (email) DO UPDATE SET zoom_id = excluded.zoom_id, checked_at = excluded.checked_at, findings = excluded.findings, at_once = excluded.at_once`,
			h.Email, h.ZoomID, h.At, asJSON(h.Lines), h.AtOnce())
	})
}

// KeepHostChecks implements incident.Accounts.
func (s *Store) KeepHostChecks(ctx context.Context, emails []string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		known, err := list(ctx, tx, scalar[string], `SELECT email FROM host_checks`)
		if err != nil {
			return err
		}
		keep := map[string]bool{}
		for _, e := range emails {
			keep[e] = true
		}
		for _, e := range known {
			if !keep[e] {
				if err := exec(ctx, tx, `DELETE FROM host_checks WHERE email = $1`, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// markHost marks the check of a user as out of date, and queues its job if there is one.
func markHost(ctx context.Context, tx *sql.Tx, c incident.ChangedHost) error {
	w := where{args: []any{c.At}}
	condition := `LOWER(zoom_id) = $? AND zoom_id <> ''`
	w.add(condition, c.ZoomID)
	if len(c.Emails) > 0 {
		in := placeholders(len(w.args)+1, len(c.Emails))
		w.args = append(w.args, anys(c.Emails)...)
		w.conditions = []string{`(` + w.conditions[0] + ` OR email IN (` + in + `))`}
	}
	w.conditions = append(w.conditions, `(changed_at IS NULL OR changed_at < $1)`, `checked_at < $1`)
	n, err := execRows(ctx, tx, `UPDATE host_checks SET changed_at = $1`+w.String(), w.args...)
	if err != nil || n == 0 {
		return err
	}
	return queueJob(ctx, tx, c.Job)
}

// SaveOnCall implements incident.Accounts.
func (s *Store) SaveOnCall(ctx context.Context, emails []string, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicAccount}, func(tx *sql.Tx) error {
		return execOne(ctx, tx, notFound("Zoom account"), `UPDATE accounts SET on_call_users = $2 WHERE id = $1`, accountID, asJSON(emails))
	})
}
