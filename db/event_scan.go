package db

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// eventBranch is a part of the log that one index returns in the order of ids:
// a condition on a table. Its arguments are numbered in the argument list of
// the query. {table} stands for a part of SQLite's search index.
type eventBranch struct {
	table, id, condition string
}

// eventSearch is a filter as a query: the branches of the best index, and the
// conditions that must be checked event by event.
type eventSearch struct {
	branches  []eventBranch
	parts     []wordPart // {table} stands for each of them in turn; nil: no branch has {table}
	where     where      // the range of ids, for each branch; its arguments start with those of the branches
	low, high int64      // the range: low ≤ id < high
	rest      []func(w *where)
	nothing   bool // no event can match
	starts    bool // it searches for starts of words
	guessed   bool // nobody asked for that
}

// search chooses the index for a filter.
func (s *Store) search(ctx context.Context, f EventFilter) (q eventSearch, err error) {
	f = f.understood()
	q.high = math.MaxInt64
	if !f.After.IsZero() {
		q.low = FirstEventID(f.After)
	}
	if !f.Before.IsZero() {
		q.high = FirstEventID(f.Before)
	}
	types, found, err := s.eventTypes(ctx, f.Events)
	if err != nil || !found {
		q.nothing = true
		return q, err
	}
	// The first condition of the filter gives the branches, the others are the
	// rest.
	branch := func(table, id, condition string, args ...any) {
		for _, arg := range args {
			q.where.args = append(q.where.args, arg)
			condition = strings.ReplaceAll(condition, "$?", "$"+strconv.Itoa(len(q.where.args)))
		}
		q.branches = append(q.branches, eventBranch{table, id, condition})
	}
	narrow := func(index string, rest string, args ...any) {
		if q.branches == nil {
			branch("events", "id", index, args...)
			return
		}
		q.rest = append(q.rest, func(w *where) {
			if len(args) == 0 {
				w.conditions = append(w.conditions, rest)
			} else {
				w.add(rest, args[0])
			}
		})
	}
	if f.Text != "" {
		// The search index also contains the types and the meeting ids as
		// words.
		var typeWords []string
		for _, t := range types {
			typeWords = append(typeWords, typeWord(t))
		}
		meetings, err := s.meetingWords(ctx, f)
		if err != nil {
			return q, err
		}
		if err := s.addSearch(ctx, &q, f.Text, typeWords, meetings); err != nil || q.nothing {
			return q, err
		}
		types = nil // the search is already limited to them
	}
	// The indexes are partial, so each condition repeats the one of its index.
	if f.IncidentNumber != 0 {
		const ofIncident = `bridge_id IN (SELECT id FROM bridges WHERE incident_number = $?)`
		narrow(ofIncident+` AND bridge_id <> ''`, `e.`+ofIncident, f.IncidentNumber)
	}
	if f.MeetingID != "" {
		ids, err := s.idsInEvents(ctx, f.MeetingID)
		if err != nil {
			return q, err
		}
		if q.branches == nil {
			for _, id := range ids {
				branch("events", "id", `meeting_id = $? AND meeting_id <> ''`, id)
			}
		} else {
			q.rest = append(q.rest, func(w *where) { addIn(w, `e.meeting_id`, ids) })
		}
	}
	if f.Twin {
		narrow(`twin_of IS NOT NULL`, `e.twin_of IS NOT NULL`)
	}
	if f.Recovered {
		narrow(`origin = $? AND origin <> 'webhook'`, `e.origin = $?`, incident.OriginRecovered)
	}
	if f.Stale {
		narrow(`stale`, `e.stale`)
	}
	if f.Unread && q.branches == nil {
		branch("events", "id", `state = 'new'`)
		branch("events", "id", `state = 'unreadable'`)
	} else if f.Unread {
		narrow("", `e.state <> 'read'`)
	}
	if len(types) > 0 && q.branches == nil {
		for _, t := range types {
			branch("events", "id", `event = $? AND event <> ''`, t)
		}
	} else if len(types) > 0 {
		q.rest = append(q.rest, func(w *where) { addIn(w, `e.event`, types) })
	}
	if q.branches == nil {
		branch("events", "id", "")
	}
	if q.low > 0 {
		q.where.add(`{id} >= $?`, q.low)
	}
	if q.high < math.MaxInt64 {
		q.where.add(`{id} < $?`, q.high)
	}
	return q, nil
}

// searchParts adds to a search the parts of SQLite's index that are in its
// range. Words that are older than every event belong to deleted events and
// just have not been removed from the index yet.
func (s *Store) searchParts(ctx context.Context, q *eventSearch) error {
	oldest, found, err := first(ctx, s.r, scalar[int64], `SELECT id FROM events ORDER BY id LIMIT 1`)
	if err != nil || !found {
		q.nothing = true
		return err
	}
	q.low = max(q.low, oldest)
	parts, err := s.wordParts(ctx, s.r)
	q.parts = slices.DeleteFunc(parts, func(p wordPart) bool { return p.next <= q.low || p.first >= q.high })
	return err
}

// meetingWords returns the ids of the meetings that a filter is about. They
// narrow the search; whether an event belongs to the meeting is checked
// afterwards.
func (s *Store) meetingWords(ctx context.Context, f EventFilter) ([]string, error) {
	if f.IncidentNumber != 0 {
		return list(ctx, s.r, scalar[string], `
			SELECT meeting_id FROM bridges WHERE incident_number = $1 AND meeting_id <> ''
			UNION SELECT pmi FROM bridges WHERE incident_number = $1 AND pmi <> ''`, f.IncidentNumber)
	}
	if f.MeetingID == "" {
		return nil, nil
	}
	ids, err := s.idsInEvents(ctx, f.MeetingID)
	return wordsOf(strings.Join(ids, " ")), err
}

// idsInEvents returns the ids that events of a meeting have: the meeting's own and, if a
// bridge takes place in its host's personal room, the id of that room.
func (s *Store) idsInEvents(ctx context.Context, meetingID string) ([]string, error) {
	rooms, err := list(ctx, s.r, scalar[string], `SELECT DISTINCT pmi FROM bridges WHERE meeting_id = $1 AND pmi <> '' AND pmi <> $1`, meetingID)
	return append([]string{meetingID}, rooms...), err
}

// window returns a query for the ids of the next n events of the branches in a
// part of the index, starting after the id from and ending with the id to. 0
// means no limit. It goes up if newer is true, otherwise down.
func (q eventSearch) window(part wordPart, from, to int64, newer bool, n int) (query string, args []any) {
	w := where{conditions: slices.Clone(q.where.conditions), args: slices.Clone(q.where.args)}
	order := " DESC"
	switch {
	case newer:
		w.add(`{id} > $?`, from)
		order = ""
	case from != 0:
		w.add(`{id} < $?`, from)
	}
	if to != 0 && newer {
		w.add(`{id} <= $?`, to)
	} else if to != 0 {
		w.add(`{id} >= $?`, to)
	}
	var each []string
	for _, b := range q.branches {
		conditions := w.conditions
		if b.condition != "" {
			conditions = append([]string{b.condition}, conditions...)
		}
		one := where{conditions: conditions}
		text := fmt.Sprintf(`SELECT %[1]s AS id FROM %[2]s%[3]s ORDER BY %[1]s%[4]s LIMIT %[5]d`,
			b.id, b.table, strings.ReplaceAll(one.String(), `{id}`, b.id), order, n)
		each = append(each, strings.ReplaceAll(text, `{table}`, part.table()))
	}
	if len(each) == 1 {
		return each[0], w.args
	}
	return fmt.Sprintf(`SELECT id FROM (SELECT id FROM (%s) x) y ORDER BY id%s LIMIT %d`, strings.Join(each, `) x UNION ALL SELECT id FROM (`), order, n), w.args
}

// walk goes through the windows of a search, size ids each, starting after the
// id from, part by part. look examines one window and returns how many ids it
// had, the last of them, and whether that is enough. If walk stops because it
// looked at many events or took long, more is the id from which to continue;
// otherwise it is 0.
func (s *Store) walk(q eventSearch, from int64, newer bool, size int, limit time.Duration,
	look func(part wordPart, from int64) (count int, last int64, enough bool, err error)) (more int64, err error) {
	if q.nothing {
		return 0, nil
	}
	parts := slices.Clone(q.parts)
	if parts == nil {
		parts = []wordPart{{next: math.MaxInt64}}
	} else if !newer {
		slices.Reverse(parts)
	}
	begin := s.now()
	for looked, i := 0, 0; i < len(parts); {
		p := parts[i]
		if newer && from >= p.next-1 || !newer && from != 0 && from <= p.first {
			i++
			continue
		}
		count, last, enough, err := look(p, from)
		switch {
		case enough || err != nil:
			return 0, err
		case count == size:
			from, looked = last, looked+size
		case newer:
			from, i = p.next-1, i+1
		default:
			from, i = p.first, i+1
		}
		if i < len(parts) && (looked >= eventScan || s.now().Sub(begin) > limit) {
			return from, nil
		}
	}
	return 0, nil
}

// scanEvents returns up to n matching events, starting after the id from.
// columns and fields are those of an event. more is the id from which to
// continue; 0 means that there are no more. cut means that it stopped because
// it looked at many events.
func scanEvents[T any](ctx context.Context, s *Store, q eventSearch, columns string, fields func(*T) []any, idOf func(T) int64,
	from int64, newer bool, n int) (items []T, more int64, cut bool, err error) {
	order, last := " DESC", `MIN(id)`
	if newer {
		order, last = "", `MAX(id)`
	}
	size := n + 1
	if len(q.rest) > 0 {
		size = eventWindow
	}
	more, err = s.walk(q, from, newer, size, eventScanTime, func(part wordPart, from int64) (int, int64, bool, error) {
		type edge struct {
			count int
			last  int64
		}
		var e edge
		window, args := q.window(part, from, 0, newer, size)
		limit := `` // the window is no larger, and sorting the few rows here is faster
		if len(q.rest) > 0 {
			// First find out which events are looked at, because others may arrive or be
			// deleted before the rows are read.
			var err error
			e, err = one(ctx, s.reader(q), "event", func(e *edge) []any {
				return []any{&e.count, numberOf(&e.last)}
			}, `SELECT COUNT(*), `+last+` FROM (`+window+`) z`, args...)
			if err != nil || e.count == 0 {
				return 0, 0, false, err
			}
			window, args = q.window(part, from, e.last, newer, math.MaxInt32)
			limit = ` ORDER BY e.id` + order + ` LIMIT ` + strconv.Itoa(n+1-len(items))
		}
		rest := where{args: slices.Clone(args)}
		for _, add := range q.rest {
			add(&rest)
		}
		some, err := list(ctx, s.reader(q), fields, `SELECT `+columns+` FROM (`+window+`) n JOIN events e ON e.id = n.id`+joinBridge+
			rest.String()+limit, rest.args...)
		if err != nil {
			return 0, 0, false, err
		}
		slices.SortFunc(some, func(a, b T) int {
			if newer {
				return cmp.Compare(idOf(a), idOf(b))
			}
			return cmp.Compare(idOf(b), idOf(a))
		})
		items = append(items, some...)
		return e.count, e.last, len(items) > n, nil
	})
	if err != nil {
		return nil, 0, false, err
	}
	if len(items) > n {
		return items[:n], idOf(items[n-1]), false, nil
	}
	return items, more, more != 0, nil
}

// reader returns where to run the statements of a search. Those of the index
// parts are too many to keep prepared.
func (s *Store) reader(q eventSearch) queryer {
	if q.parts != nil {
		return s.r.DB
	}
	return s.r
}

// How much one call looks at, event by event, if no index has the answer.
const (
	eventScan     = 20_000
	eventScanTime = 150 * time.Millisecond
	eventWindow   = 1_000
)

// prefixTime limits a search for the starts of words. How many words have the
// same start is known only after all of them were looked up.
const prefixTime = 400 * time.Millisecond

// searchLimit returns ctx with this limit if the search has such words. done
// turns the resulting error into one for people, or into no event if nobody asked
// for such words.
func searchLimit(ctx context.Context, q eventSearch) (limited context.Context, done func(err *error)) {
	if !q.starts {
		return ctx, func(*error) {}
	}
	limited, cancel := context.WithTimeout(ctx, prefixTime)
	return limited, func(err *error) {
		if timedOut := *err != nil && limited.Err() != nil && ctx.Err() == nil; timedOut && q.guessed {
			*err = nil
		} else if timedOut {
			*err = &incident.Error{Code: incident.Invalid, Message: "Too many words start like this. Type more of the word, or the whole word without the *.",
				Fields: map[string]string{"q": "Too many words start like this. Type more of the word, or the whole word without the *."}, Err: *err}
		}
		cancel()
	}
}
