package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// keepLooks is how long missing-event checks are kept.
const keepLooks = 30 * 24 * time.Hour

// saveAppID stores the App ID. A different App ID resets the progress, because
// the log of another app says nothing about this one.
func saveAppID(ctx context.Context, tx *sql.Tx, appID string) error {
	return exec(ctx, tx, `
		INSERT INTO delivery_log (id, app_id, failed_validations) VALUES ($1, $2, 0)
		ON CONFLICT (id) DO UPDATE SET app_id = excluded.app_id, claimed_at = NULL, looked_to = NULL,
			failed_validations = 0, validation_failed_at = NULL
		WHERE delivery_log.app_id <> excluded.app_id`, accountID, appID)
}

// ClaimGapLook implements incident.Events. ok is also false if no App ID is
// known.
func (s *Store) ClaimGapLook(ctx context.Context, now, before time.Time) (lookedTo time.Time, ok bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		lookedTo, ok, err = first(ctx, tx, instant, `UPDATE delivery_log SET claimed_at = $2
			WHERE id = $1 AND app_id <> '' AND (claimed_at IS NULL OR claimed_at <= $3) RETURNING looked_to`, accountID, now, before)
		return err
	})
	return lookedTo, ok, err
}

// SaveGapLook stores a missing-event check and the time up to which deliveries
// are now compared. It deletes checks older than keepLooks.
func (s *Store) SaveGapLook(ctx context.Context, l incident.GapLook, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicAccount}, func(tx *sql.Tx) error {
		err := exec(ctx, tx, `
			INSERT INTO gap_looks (id, at, actor, deliveries, recovered, lost, problem) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			l.ID, l.At, l.Actor, l.Deliveries, l.Recovered, l.Lost, reasonJSON(l.Problem))
		if err != nil {
			return err
		}
		if err := exec(ctx, tx, `DELETE FROM gap_looks WHERE at < $1`, l.At.Add(-keepLooks)); err != nil {
			return err
		}
		return exec(ctx, tx, `
			UPDATE delivery_log SET looked_to = $3, failed_validations = $4, validation_failed_at = $5 WHERE id = $1 AND app_id = $2`,
			accountID, l.AppID, l.To, l.FailedValidations, l.ValidationFailedAt)
	})
}

// GapLooks returns the missing-event checks since a time, newest first.
func (s *Store) GapLooks(ctx context.Context, since time.Time) ([]incident.GapLook, error) {
	return list(ctx, s.r, func(l *incident.GapLook) []any {
		return []any{&l.ID, timeOf(&l.At), &l.Actor, &l.Deliveries, &l.Recovered, &l.Lost, jsonOf(&l.Problem)}
	}, `SELECT id, at, actor, deliveries, recovered, lost, problem FROM gap_looks
		WHERE at >= $1 ORDER BY at DESC, id DESC LIMIT 1000`, since)
}
