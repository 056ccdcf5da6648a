package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// AddRefusals adds to the counts of rejected requests of a minute.
func (s *Store) AddRefusals(ctx context.Context, minute time.Time, byReason map[incident.Rejection]int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, reason := range slices.Sorted(maps.Keys(byReason)) {
			err := exec(ctx, tx, `
				INSERT INTO refusals (minute, reason, count) VALUES ($1, $2, $3)
				ON CONFLICT (minute, reason) DO UPDATE SET count = refusals.count + excluded.count`,
				minute.Truncate(time.Minute), reason, byReason[reason])
			if err != nil {
				return err
			}
		}
		return bump(ctx, tx, TopicEvents)
	})
}

// RefusalCount is how many webhook requests were rejected for one reason.
type RefusalCount struct {
	Reason incident.Rejection
	Count  int64
	LastAt time.Time // to the minute
}

// Refusals returns the counts of rejected webhook requests since a time, the
// most frequent reason first.
func (s *Store) Refusals(ctx context.Context, since time.Time) ([]RefusalCount, error) {
	return list(ctx, s.r, func(c *RefusalCount) []any {
		return []any{&c.Reason, &c.Count, timeOf(&c.LastAt)}
	}, `SELECT reason, CAST(SUM(count) AS BIGINT) AS total, MAX(minute) FROM refusals
		WHERE minute >= $1 GROUP BY reason ORDER BY total DESC, reason`, since.Truncate(time.Minute))
}

// DeleteRefusals deletes the counts of rejected requests from before a time.
func (s *Store) DeleteRefusals(ctx context.Context, before time.Time) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM refusals WHERE minute < $1`, before)
}
