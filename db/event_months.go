package db

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// On PostgreSQL the events and their words are in partitions, one for each month
// of their ids, so that old ones are dropped instead of deleted row by row.
// SQLite reuses the space of deleted rows and needs no partitions.

// partitioned are the tables with a partition for each month.
var partitioned = []string{"events", "event_words"}

// monthsAhead is for how many months partitions are created in advance. An
// event of a month without a partition goes to a default table, which works as
// well, except that it cannot be dropped.
const monthsAhead = 3

// PrepareMonths creates the partitions of this month and the following ones.
func (s *Store) PrepareMonths(ctx context.Context) error {
	if !s.postgres {
		return nil
	}
	known, err := s.months(ctx)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	for ahead := range monthsAhead + 1 {
		month := time.Date(now.Year(), now.Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC)
		if known[month] {
			continue
		}
		if err := s.makeMonth(ctx, month); err != nil {
			return fmt.Errorf("create the partition of %s: %w", month.Format("January 2006"), err)
		}
	}
	return nil
}

// makeMonth creates a month's partitions. If events of that month are already
// in the default table, PostgreSQL would refuse the partition, so makeMonth
// does nothing; that is not an error.
func (s *Store) makeMonth(ctx context.Context, month time.Time) error {
	from, to := FirstEventID(month), FirstEventID(month.AddDate(0, 1, 0))
	return s.write(ctx, func(tx *sql.Tx) error {
		// Only one server at a time: IF NOT EXISTS alone fails if two create it
		// at once.
		if err := exec(ctx, tx, `LOCK TABLE topics IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		_, early, err := first(ctx, tx, scalar[int64], `SELECT id FROM events_rest WHERE id >= $1 AND id < $2 LIMIT 1`, from, to)
		if err != nil || early {
			return err
		}
		for _, table := range partitioned {
			err := exec(ctx, tx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM (%d) TO (%d)`,
				monthTable(table, month), table, from, to))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DropMonthsBefore drops the partitions of months that ended before an id, with
// all their events, and returns how many months. It does nothing on SQLite.
func (s *Store) DropMonthsBefore(ctx context.Context, beforeID int64) (months int64, err error) {
	if !s.postgres {
		return 0, nil
	}
	known, err := s.months(ctx)
	for month := range known {
		if err != nil || FirstEventID(month.AddDate(0, 1, 0)) > beforeID {
			continue
		}
		err = s.write(ctx, func(tx *sql.Tx) error {
			for _, table := range partitioned {
				if err := exec(ctx, tx, `DROP TABLE IF EXISTS `+monthTable(table, month)); err != nil {
					return err
				}
			}
			return bump(ctx, tx, TopicEvents)
		})
		months++
	}
	return months, err
}

// months returns the months that have partitions.
func (s *Store) months(ctx context.Context) (map[time.Time]bool, error) {
	names, err := list(ctx, s.r, scalar[string], `
		SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
		WHERE p.relname = 'events'`)
	known := map[time.Time]bool{}
	for _, name := range names {
		year, month, _ := strings.Cut(strings.TrimPrefix(name, "events_"), "_")
		y, yErr := strconv.Atoi(year)
		m, mErr := strconv.Atoi(month)
		if yErr == nil && mErr == nil {
			known[time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC)] = true
		}
	}
	return known, err
}

func monthTable(table string, month time.Time) string {
	return table + month.Format("_2006_01")
}
