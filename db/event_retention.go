package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Retention returns the rules, sorted by family.
func (s *Store) Retention(ctx context.Context) ([]incident.RetentionRule, error) {
	return list(ctx, s.r, func(rule *incident.RetentionRule) []any {
		return []any{&rule.Family, &rule.KeepDays, &rule.BlankDays}
	}, `SELECT family, keep_days, blank_days FROM retention ORDER BY family`)
}

// SaveRetention implements incident.Retention.
func (s *Store) SaveRetention(ctx context.Context, rules []incident.RetentionRule, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicRetention}, func(tx *sql.Tx) error {
		if err := exec(ctx, tx, `DELETE FROM retention`); err != nil {
			return err
		}
		for _, r := range rules {
			if err := exec(ctx, tx, `INSERT INTO retention (family, keep_days, blank_days) VALUES ($1, $2, $3)`, r.Family, r.KeepDays, r.BlankDays); err != nil {
				return err
			}
		}
		return exec(ctx, tx, `UPDATE retention_progress SET removed = 0, blanked = 0`)
	})
}

// TellRetention updates the pages that show the progress.
func (s *Store) TellRetention(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error { return bump(ctx, tx, TopicRetention) })
}

// addRemoved counts deleted events by type.
func addRemoved(ctx context.Context, tx *sql.Tx, byType map[string]int64) error {
	for _, event := range slices.Sorted(maps.Keys(byType)) {
		err := exec(ctx, tx, `
			INSERT INTO retention_progress (event, blanked_to, removed, blanked) VALUES ($1, 0, $2, 0)
			ON CONFLICT (event) DO UPDATE SET removed = retention_progress.removed + excluded.removed`, event, byType[event])
		if err != nil {
			return err
		}
	}
	return nil
}

// RetentionProgress is how many events were deleted and blanked since the rules
// were saved.
type RetentionProgress struct {
	Removed, Blanked int64
}

// RetentionProgress returns what was done since the rules were saved.
func (s *Store) RetentionProgress(ctx context.Context) (RetentionProgress, error) {
	return one(ctx, s.r, "progress", func(p *RetentionProgress) []any {
		return []any{&p.Removed, &p.Blanked}
	}, `SELECT COALESCE(CAST(SUM(removed) AS BIGINT), 0), COALESCE(CAST(SUM(blanked) AS BIGINT), 0) FROM retention_progress`)
}

// RetentionEffect is what a cut would do now, or still has to do. Its numbers
// come from the counts of events that were read.
type RetentionEffect struct {
	Remove int64     // events that are deleted
	Held   int64     // events that stay only because their incident is open; at most heldLimit
	Blank  int64     // events that stay and lose their personal data
	Oldest time.Time // the hour of the oldest event that stays; zero: none stays
}

const heldLimit = 10_000

// RetentionEffects returns what each cut would do, in the order of cuts.
func (s *Store) RetentionEffects(ctx context.Context, cuts []incident.RetentionCut) ([]RetentionEffect, error) {
	effects := make([]RetentionEffect, len(cuts))
	byType := map[string]int{}
	var last time.Time
	for i, c := range cuts {
		byType[c.Event] = i
		if c.Remove.After(last) {
			last = c.Remove
		}
	}
	blankedTo := make([]time.Time, len(cuts))
	err := each(ctx, s.r, func(r row) error {
		var event string
		var to int64
		err := r.Scan(&event, &to)
		if i, ok := byType[event]; ok {
			blankedTo[i] = time.UnixMilli((to + 1) >> eventIDShift)
		}
		return err
	}, `SELECT event, blanked_to FROM retention_progress`)
	if err != nil {
		return nil, err
	}
	err = each(ctx, s.r, func(r row) error {
		var start time.Time
		var event string
		var n int64
		err := r.Scan(timeOf(&start), &event, &n)
		i, ok := byType[event]
		if !ok {
			return err
		}
		e, cut := &effects[i], cuts[i]
		if start.Before(cut.Remove) {
			e.Remove += n
			return err
		}
		if e.Oldest.IsZero() {
			e.Oldest = start
		}
		if start.Before(cut.Blank) && start.Add(time.Hour).After(blankedTo[i]) {
			e.Blank += n
		}
		return err
	}, `SELECT start, event, count FROM event_counts WHERE width = $1 ORDER BY start`, hourWidth)
	if err != nil || last.IsZero() {
		return effects, err
	}
	err = each(ctx, s.r, func(r row) error {
		var id int64
		var event string
		err := r.Scan(&id, &event)
		if i, ok := byType[event]; ok && id < FirstEventID(cuts[i].Remove) {
			effects[i].Held++
			effects[i].Remove = max(effects[i].Remove-1, 0)
		}
		return err
	}, `SELECT id, event FROM events WHERE bridge_id <> '' AND bridge_id IN (`+openBridges+`) AND id < $1 LIMIT `+strconv.Itoa(heldLimit), FirstEventID(last))
	return effects, err
}

// BridgesToBlank returns how many bridges BlankBridge would blank.
func (s *Store) BridgesToBlank(ctx context.Context, before time.Time) (int64, error) {
	return one(ctx, s.r, "bridge", scalar[int64], `SELECT COUNT(*) FROM bridges b JOIN incidents i ON i.number = b.incident_number WHERE `+mayBlank, before)
}
