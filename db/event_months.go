package db

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// On PostgreSQL the events and their words lie in a partition for each month of
// their ids, so that old ones are dropped and not deleted row by row. (SQLite
// gives the room of deleted rows to new ones and needs no such thing.)

// partitioned are the tables with a partition for each month.
var partitioned = []string{"events", "event_words"}

// monthsAhead is how many months have their partition before they begin. What
// is in none of them goes to a table of its own and is as good; only it cannot
// be dropped.
const monthsAhead = 3

// PrepareMonths makes the partitions of this month and the next ones.
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
			return fmt.Errorf("make the partition of %s: %w", month.Format("January 2006"), err)
		}
	}
	return nil
}

// makeMonth makes a month's partitions. Events of that month that came before
// them lie in the rest; then there is to be none, and that is no mistake.
func (s *Store) makeMonth(ctx context.Context, month time.Time) error {
	from, to := FirstEventID(month), FirstEventID(month.AddDate(0, 1, 0))
	return s.write(ctx, func(tx *sql.Tx) error {
		// One server at a time: IF NOT EXISTS alone fails when two make it at once.
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
// all their events, and returns how many events that were, about. It does
// nothing on SQLite.
func (s *Store) DropMonthsBefore(ctx context.Context, beforeID int64) (n int64, err error) {
	if !s.postgres {
		return 0, nil
	}
	known, err := s.months(ctx)
	if err != nil {
		return 0, err
	}
	for month := range known {
		if FirstEventID(month.AddDate(0, 1, 0)) > beforeID {
			continue
		}
		events, _, err := first(ctx, s.r, scalar[int64], `SELECT CAST(GREATEST(reltuples, 0) AS BIGINT) FROM pg_class WHERE relname = $1`, monthTable("events", month))
		if err != nil {
			return n, err
		}
		err = s.write(ctx, func(tx *sql.Tx) error {
			for _, table := range partitioned {
				if err := exec(ctx, tx, `DROP TABLE IF EXISTS `+monthTable(table, month)); err != nil {
					return err
				}
			}
			return bump(ctx, tx, TopicEvents)
		})
		if err != nil {
			return n, err
		}
		n += events
	}
	return n, nil
}

// months are the months that have partitions.
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
