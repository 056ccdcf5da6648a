package db

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// mayGo is the condition for an event that may be deleted: it was read, and it
// does not belong to a bridge of an open incident.
const mayGo = `state <> 'new' AND (bridge_id = '' OR bridge_id NOT IN (` + openBridges + `))`

const openBridges = `SELECT b.id FROM bridges b JOIN incidents i ON i.number = b.incident_number WHERE i.status = 'open'`

// DropEventMonths deletes whole months of events that arrived before a time,
// and returns the number of months. It keeps a month that contains an event
// that must stay. It does nothing on SQLite.
func (s *Store) DropEventMonths(ctx context.Context, arrivedBefore time.Time) (int64, error) {
	if !s.postgres {
		return 0, nil
	}
	stays, err := s.firstToStay(ctx)
	if err != nil {
		return 0, err
	}
	cut := min(FirstEventID(arrivedBefore), stays) // not a month with an event that must stay
	dropped, err := s.DropMonthsBefore(ctx, cut)
	if err != nil || dropped == 0 {
		return 0, err
	}
	oldest, found, err := first(ctx, s.r, scalar[int64], `SELECT id FROM events ORDER BY id LIMIT 1`)
	if err != nil {
		return 0, err
	}
	if found {
		cut = min(cut, oldest)
	}
	return dropped, s.write(ctx, func(tx *sql.Tx) error {
		removed := map[string]int64{}
		err := each(ctx, tx, func(r row) error {
			var width, count int64
			var event string
			err := r.Scan(&width, &event, &count)
			if width == hourWidth {
				removed[event] += count
			}
			return err
		}, `DELETE FROM event_counts WHERE start + width <= $1 RETURNING width, event, count`, cut>>eventIDShift)
		if err != nil {
			return err
		}
		return addRemoved(ctx, tx, removed)
	})
}

// firstToStay returns the lowest id of the events that must stay, however old
// they are.
func (s *Store) firstToStay(ctx context.Context) (int64, error) {
	ids, err := list(ctx, s.r, scalar[int64], `
		SELECT id FROM (SELECT id FROM events WHERE state = 'new' ORDER BY id LIMIT 1) n
		UNION ALL
		SELECT id FROM (SELECT id FROM events WHERE bridge_id <> '' AND bridge_id IN (`+openBridges+`) ORDER BY id LIMIT 1) b`)
	return slices.Min(append(ids, math.MaxInt64)), err
}

// DeleteEventsBefore deletes up to limit events that arrived before a time,
// oldest first, and returns how many it looked at; 0 means that none is left.
// Unread events and events of open incidents stay.
func (s *Store) DeleteEventsBefore(ctx context.Context, before time.Time, limit int) (int64, error) {
	cut := FirstEventID(before)
	wordsFrom, err := s.wordsStay(ctx, cut)
	if err != nil {
		return 0, err
	}
	return s.deleteEvents(ctx, wordsFrom, limit, `id < $1 AND `+mayGo, cut)
}

// DeleteEventsOfType is DeleteEventsBefore for one type; "" means events that
// cannot be read.
func (s *Store) DeleteEventsOfType(ctx context.Context, event string, before time.Time, limit int) (int64, error) {
	condition := ofType
	if event == "" {
		condition = ofNoType
	}
	return s.deleteEvents(ctx, 0, limit, condition+` AND id < $2 AND `+mayGo, event, FirstEventID(before))
}

// The conditions for events of type $1. They repeat the conditions of the indexes.
const (
	ofType   = `event = $1 AND event <> ''`
	ofNoType = `event = $1 AND state = 'unreadable'`
)

// deleteEvents reads the next events, and their places in the index by meeting,
// before it takes the write connection, so that nobody waits while these come
// from disk. It does not delete the words of events before the id wordsFrom.
func (s *Store) deleteEvents(ctx context.Context, wordsFrom int64, limit int, condition string, args ...any) (n int64, err error) {
	warm := `0`
	if !s.postgres {
		warm = `(SELECT m.id FROM events m INDEXED BY events_meeting WHERE m.meeting_id = events.meeting_id AND m.meeting_id <> '' AND m.id >= events.id LIMIT 1)`
	}
	var found int64
	ids, err := list(ctx, s.r, func(id *int64) []any { return []any{id, numberOf(&found)} }, `SELECT id, `+warm+` FROM events WHERE `+condition+` ORDER BY id LIMIT `+strconv.Itoa(limit), args...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	type deleted struct {
		id    int64
		event string
	}
	var worded []int64
	err = s.write(ctx, func(tx *sql.Tx) error {
		began, q := s.now(), &repeated{tx, map[string]*sql.Stmt{}}
		var events []deleted
		n, worded = 0, nil
		for some := range slices.Chunk(ids, 50) {
			if n > 0 && s.now().Sub(began) > holdTime {
				break
			}
			gone, err := list(ctx, q, func(d *deleted) []any {
				return []any{&d.id, &d.event}
			}, `DELETE FROM events WHERE id IN (`+placeholders(1, len(some))+`) AND `+mayGo+` RETURNING id, event`, anys(some)...)
			if err != nil {
				return err
			}
			events = append(events, gone...)
			n += int64(len(some))
		}
		if len(events) == 0 {
			return nil
		}
		removed := map[string]int64{}
		hours := map[eventCount]int64{}
		stays := int64(len(events)) < n // one was made new again, so its part of the index stays too
		for _, d := range events {
			if d.id >= wordsFrom || stays {
				worded = append(worded, d.id)
			}
			removed[d.event]++
			at := d.id >> eventIDShift
			hours[eventCount{hourWidth, at - at%hourWidth, d.event}]++
		}
		if err := s.dropWords(ctx, tx, worded); err != nil {
			return err
		}
		if err := uncount(ctx, tx, hours); err != nil {
			return err
		}
		return addRemoved(ctx, tx, removed)
	})
	if err == nil {
		s.mergeWords(ctx, worded)
	}
	return n, err
}

// holdTime is how long one slice of deleting or blanking may take. On SQLite
// nothing else can be written meanwhile.
const holdTime = 8 * time.Millisecond

// uncount subtracts events from the counts by the hour, in a fixed order.
// Counts by the minute are all too recent to matter.
func uncount(ctx context.Context, tx *sql.Tx, hours map[eventCount]int64) error {
	for _, k := range slices.SortedFunc(maps.Keys(hours), func(a, b eventCount) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.event, b.event))
	}) {
		err := exec(ctx, tx, `UPDATE event_counts SET count = count - $4 WHERE width = $1 AND start = $2 AND event = $3`, k.width, k.start, k.event, hours[k])
		if err == nil {
			err = exec(ctx, tx, `DELETE FROM event_counts WHERE width = $1 AND start = $2 AND event = $3 AND count <= 0`, k.width, k.start, k.event)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
