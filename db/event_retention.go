package db

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Retention; see incident.Store.
func (s *Store) Retention(ctx context.Context) ([]incident.RetentionRule, error) {
	return list(ctx, s.r, func(r row) (rule incident.RetentionRule, err error) {
		err = r.Scan(&rule.Family, &rule.KeepDays, &rule.BlankDays)
		return rule, err
	}, `SELECT family, keep_days, blank_days FROM retention ORDER BY family`)
}

// SaveRetention; see incident.Store.
func (s *Store) SaveRetention(ctx context.Context, rules []incident.RetentionRule, audit incident.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, `DELETE FROM retention`); err != nil {
			return err
		}
		for _, r := range rules {
			if _, err := exec(ctx, tx, `INSERT INTO retention (family, keep_days, blank_days) VALUES ($1, $2, $3)`, r.Family, r.KeepDays, r.BlankDays); err != nil {
				return err
			}
		}
		if _, err := exec(ctx, tx, `UPDATE retention_progress SET removed = 0, blanked = 0`); err != nil {
			return err
		}
		if err := insertAudit(ctx, tx, audit); err != nil {
			return err
		}
		return bump(ctx, tx, TopicRetention)
	})
}

// TellRetention; see incident.Store.
func (s *Store) TellRetention(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error { return bump(ctx, tx, TopicRetention) })
}

// mayGo is the condition under which an event may be removed: it was read, and
// is not of a bridge whose incident is open.
const mayGo = `state <> 'new' AND (bridge_id = '' OR bridge_id NOT IN (` + openBridges + `))`

const openBridges = `SELECT b.id FROM bridges b JOIN incidents i ON i.number = b.incident_number WHERE i.status = 'open'`

// DropEventMonths; see incident.Store. It does nothing on SQLite.
// How many events went is known from the counts.
func (s *Store) DropEventMonths(ctx context.Context, arrivedBefore time.Time) (int64, error) {
	if !s.postgres {
		return 0, nil
	}
	stays, err := s.firstToStay(ctx)
	if err != nil {
		return 0, err
	}
	cut := min(firstEventID(arrivedBefore), stays) // not a month with an event that has to stay
	before, err := s.months(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := s.DropMonthsBefore(ctx, cut); err != nil {
		return 0, err
	}
	after, err := s.months(ctx)
	dropped := int64(len(before) - len(after))
	if err != nil || dropped <= 0 {
		return 0, err
	}
	first, err := list(ctx, s.r, scalar[int64], `SELECT id FROM events ORDER BY id LIMIT 1`)
	if err != nil {
		return 0, err
	}
	if len(first) > 0 {
		cut = min(cut, first[0])
	}
	return dropped, s.write(ctx, func(tx *sql.Tx) error {
		type gone struct {
			event string
			count int64
		}
		counts, err := list(ctx, tx, func(r row) (g gone, err error) {
			var width int64
			err = r.Scan(&width, &g.event, &g.count)
			if width != hourWidth {
				g.count = 0
			}
			return g, err
		}, `DELETE FROM event_counts WHERE start + width <= $1 RETURNING width, event, count`, cut>>eventIDShift)
		if err != nil {
			return err
		}
		removed := map[string]int64{}
		for _, g := range counts {
			removed[g.event] += g.count
		}
		return addProgress(ctx, tx, "removed", removed)
	})
}

// firstToStay is the lowest id of the events that may not be removed, however old.
func (s *Store) firstToStay(ctx context.Context) (int64, error) {
	ids, err := list(ctx, s.r, scalar[int64], `
		SELECT id FROM (SELECT id FROM events WHERE state = 'new' ORDER BY id LIMIT 1) n
		UNION ALL
		SELECT id FROM (SELECT id FROM events WHERE bridge_id <> '' AND bridge_id IN (`+openBridges+`) ORDER BY id LIMIT 1) b`)
	return slices.Min(append(ids, math.MaxInt64)), err
}

// DeleteEventsBefore; see incident.Store.
func (s *Store) DeleteEventsBefore(ctx context.Context, before time.Time, limit int) (int64, error) {
	cut := firstEventID(before)
	wordsFrom, err := s.wordsStay(ctx, cut)
	if err != nil {
		return 0, err
	}
	return s.deleteEvents(ctx, wordsFrom, limit, `id < $1 AND `+mayGo, cut)
}

// DeleteEventsOfType; see incident.Store.
func (s *Store) DeleteEventsOfType(ctx context.Context, event string, before time.Time, limit int) (int64, error) {
	condition := ofType
	if event == "" {
		condition = ofNoType
	}
	return s.deleteEvents(ctx, 0, limit, condition+` AND id < $2 AND `+mayGo, event, firstEventID(before))
}

// The conditions for events of the type $1, as the indexes have them.
const (
	ofType   = `event = $1 AND event <> ''`
	ofNoType = `event = $1 AND state = 'unreadable'`
)

// deleteEvents looks for the next events, and where they are in the index by meeting,
// before it takes the write connection: nobody waits while that comes from the disk.
// The words of those before the id wordsFrom it leaves.
func (s *Store) deleteEvents(ctx context.Context, wordsFrom int64, limit int, condition string, args ...any) (n int64, err error) {
	warm := `0`
	if !s.postgres {
		warm = `(SELECT m.id FROM events m INDEXED BY events_meeting WHERE m.meeting_id = events.meeting_id AND m.meeting_id <> '' AND m.id >= events.id LIMIT 1)`
	}
	ids, err := list(ctx, s.r, func(r row) (id int64, err error) {
		var found int64
		err = r.Scan(&id, numberOf(&found))
		return id, err
	}, `SELECT id, `+warm+` FROM events WHERE `+condition+` ORDER BY id LIMIT `+strconv.Itoa(limit), args...)
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
			gone, err := list(ctx, q, func(r row) (d deleted, err error) {
				err = r.Scan(&d.id, &d.event)
				return d, err
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
		stays := int64(len(events)) < n // one is to be read anew, and so its part
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
		return addProgress(ctx, tx, "removed", removed)
	})
	if err == nil {
		s.mergeWords(ctx, worded)
	}
	return n, err
}

// holdTime is after how long a slice of removing or blanking ends: on SQLite
// nothing else is written meanwhile.
const holdTime = 8 * time.Millisecond

func anys(ids []int64) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	return list
}

// uncount takes events out of the counts by the hour, in one order. (Those by
// the minute are of the last days.)
func uncount(ctx context.Context, tx *sql.Tx, hours map[eventCount]int64) error {
	for _, k := range slices.SortedFunc(maps.Keys(hours), func(a, b eventCount) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.event, b.event))
	}) {
		_, err := exec(ctx, tx, `UPDATE event_counts SET count = count - $4 WHERE width = $1 AND start = $2 AND event = $3`, k.width, k.start, k.event, hours[k])
		if err == nil {
			_, err = exec(ctx, tx, `DELETE FROM event_counts WHERE width = $1 AND start = $2 AND event = $3 AND count <= 0`, k.width, k.start, k.event)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addProgress adds to the column removed or blanked of types of events.
func addProgress(ctx context.Context, tx *sql.Tx, column string, byType map[string]int64) error {
	for _, event := range slices.Sorted(maps.Keys(byType)) {
		_, err := exec(ctx, tx, `
			INSERT INTO retention_progress (event, blanked_to, removed, blanked) VALUES ($1, 0, $2, $3)
			ON CONFLICT (event) DO UPDATE SET `+column+` = retention_progress.`+column+` + $4`,
			event, only(column == "removed", byType[event]), only(column == "blanked", byType[event]), byType[event])
		if err != nil {
			return err
		}
	}
	return nil
}

func only(yes bool, n int64) int64 { return n * oneIf(yes) }

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// blankWindow is how many events BlankEvents passes at most in search of those
// that are not blanked.
const blankWindow = 2_000

// BlankEvents; see incident.Store. It goes on where it stopped, and stops before
// an event that is new: whoever reads it has its old body in hand.
func (s *Store) BlankEvents(ctx context.Context, event string, before, at time.Time, limit int) (int64, error) {
	condition := ofType
	if event == "" {
		condition = ofNoType
	}
	from, err := list(ctx, s.r, scalar[int64], `SELECT blanked_to FROM retention_progress WHERE event = $1`, event)
	if err != nil {
		return 0, err
	}
	if len(from) == 0 {
		from = []int64{0}
	}
	type candidate struct {
		id      int64
		state   incident.EventState
		blanked bool
	}
	window, err := list(ctx, s.r, func(r row) (c candidate, err error) {
		err = r.Scan(&c.id, &c.state, &c.blanked)
		return c, err
	}, `SELECT id, state, blanked_at IS NOT NULL FROM events WHERE `+condition+` AND id > $2 AND id < $3 ORDER BY id LIMIT `+strconv.Itoa(blankWindow),
		event, from[0], firstEventID(before))
	if err != nil {
		return 0, err
	}
	to, passed := from[0], int64(0)
	var ids []int64
	for _, c := range window {
		if c.state == incident.EventNew || (!c.blanked && len(ids) == limit) {
			break
		}
		to = c.id
		passed++
		if !c.blanked {
			ids = append(ids, c.id)
		}
	}
	if passed == 0 {
		return 0, nil
	}
	if passed < blankWindow && passed == int64(len(window)) {
		to = firstEventID(before) - 1 // all of them
	}
	blanks, err := s.blankContents(ctx, ids)
	if err != nil {
		return 0, err
	}
	var done []int64
	err = s.write(ctx, func(tx *sql.Tx) error {
		to, began := to, s.now()
		done = nil
		for _, b := range blanks {
			if len(done) > 0 && s.now().Sub(began) > holdTime/2 { // the words take as long
				to = min(to, b.id-1)
				break
			}
			n, err := exec(ctx, tx, `
				UPDATE events SET encoding = $2, content = $3, topic = $4, who = '', blanked_at = $5
				WHERE id = $1 AND state <> 'new'`, b.id, b.encoding, b.content, b.topic, at)
			if err != nil {
				return err
			}
			if n == 0 { // removed meanwhile, or to be read anew: the next slice finds out
				to = min(to, b.id-1)
				break
			}
			done = append(done, b.id)
		}
		if err := s.dropWords(ctx, tx, done); err != nil { // together: the index writes what it has gathered for each
			return err
		}
		texts := make([]eventText, len(done))
		for i, b := range blanks[:len(done)] {
			texts[i] = eventText{b.id, b.event, b.text, false}
		}
		if err := s.indexWords(ctx, tx, texts); err != nil {
			return err
		}
		_, err := exec(ctx, tx, `
			INSERT INTO retention_progress (event, blanked_to, removed, blanked) VALUES ($1, $2, 0, $3)
			ON CONFLICT (event) DO UPDATE SET blanked = retention_progress.blanked + excluded.blanked,
				blanked_to = `+later("retention_progress", "blanked_to"), event, to, len(done))
		return err
	})
	if err == nil {
		s.mergeWords(ctx, done)
	}
	return passed, err
}

// blankedEvent is what an event is to be without personal data.
type blankedEvent struct {
	id           int64
	event, topic string
	text         string // in whose words it is found
	encoding     int
	content      []byte
}

func (s *Store) blankContents(ctx context.Context, ids []int64) ([]blankedEvent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return list(ctx, s.r, func(r row) (b blankedEvent, err error) {
		var encoding int
		var content []byte
		if err := r.Scan(&b.id, &b.event, &b.topic, &encoding, &content); err != nil {
			return b, err
		}
		headers, body, err := unpackContent(encoding, content)
		if err != nil { // it is damaged, and not readable for anybody
			headers, body = nil, nil
		}
		body = zoom.Blank(body)
		b.topic, b.text = zoom.BlankText(b.topic), zoom.EventText(body)
		b.encoding, b.content = packContent(headers, body)
		return b, nil
	}, `SELECT id, event, topic, encoding, content FROM events WHERE id IN (`+placeholders(1, len(ids))+`) ORDER BY id`, anys(ids)...)
}

// mayBlank is the condition for bridges whose people are to be blanked, that
// ended before $1.
const mayBlank = `b.blanked_at IS NULL AND i.status <> 'open' AND COALESCE(b.ended_at, i.resolved_at) < $1`

// BlankBridge; see incident.Store.
func (s *Store) BlankBridge(ctx context.Context, before, at time.Time) (n int64, err error) {
	type ended struct {
		id     string
		number int64
	}
	bridges, err := list(ctx, s.r, func(r row) (e ended, err error) {
		err = r.Scan(&e.id, &e.number)
		return e, err
	}, `
		SELECT b.id, b.incident_number FROM bridges b JOIN incidents i ON i.number = b.incident_number
		WHERE `+mayBlank+` LIMIT 1`, before)
	if err != nil || len(bridges) == 0 {
		return 0, err
	}
	b := bridges[0]
	return 1, s.write(ctx, func(tx *sql.Tx) error {
		// A session that had no id was told from others by the name.
		named, err := list(ctx, tx, func(r row) (k [2]string, err error) {
			err = r.Scan(&k[0], &k[1])
			return k, err
		}, `SELECT uuid, session_id FROM presences WHERE bridge_id = $1 AND name <> '' AND session_id = name ORDER BY uuid, session_id`, b.id)
		if err != nil {
			return err
		}
		for i, k := range named {
			_, err := exec(ctx, tx, `UPDATE presences SET session_id = $4, person = $4 WHERE bridge_id = $1 AND uuid = $2 AND session_id = $3`,
				b.id, k[0], k[1], fmt.Sprintf("blanked %d", i+1))
			if err != nil {
				return err
			}
		}
		if _, err := exec(ctx, tx, `UPDATE presences SET name = '', email = '' WHERE bridge_id = $1`, b.id); err != nil {
			return err
		}
		for _, p := range incident.PeopleSentences {
			_, err := exec(ctx, tx, `UPDATE timeline_entries SET text = $3
				WHERE incident_number = $1 AND bridge_id = $2 AND kind = $4 AND text LIKE $5`,
				b.number, b.id, incident.Somebody+p.Ending, p.Kind, "%"+p.Ending)
			if err != nil {
				return err
			}
		}
		if _, err := exec(ctx, tx, `UPDATE bridges SET blanked_at = $2 WHERE id = $1`, b.id, at); err != nil {
			return err
		}
		return bump(ctx, tx, TopicBridges, TopicIncident(b.number))
	})
}

// blankedBridges are those of the ids whose people were blanked.
func (s *Store) blankedBridges(ctx context.Context, tx *sql.Tx, ids []string) (map[string]bool, error) {
	blanked := map[string]bool{}
	if len(ids) == 0 {
		return blanked, nil
	}
	var w where
	w.addIn("id", ids)
	w.conditions = append(w.conditions, "blanked_at IS NOT NULL")
	found, err := list(ctx, tx, scalar[string], `SELECT id FROM bridges`+w.String(), w.args...)
	for _, id := range found {
		blanked[id] = true
	}
	return blanked, err
}

// RetentionProgress is how many events were removed and blanked since the rules
// were saved.
type RetentionProgress struct {
	Removed, Blanked int64
}

// RetentionProgress says what was done.
func (s *Store) RetentionProgress(ctx context.Context) (RetentionProgress, error) {
	return one(ctx, s.r, "progress", func(r row) (p RetentionProgress, err error) {
		err = r.Scan(&p.Removed, &p.Blanked)
		return p, err
	}, `SELECT COALESCE(CAST(SUM(removed) AS BIGINT), 0), COALESCE(CAST(SUM(blanked) AS BIGINT), 0) FROM retention_progress`)
}

// RetentionEffect is what a cut would do now, or has still to do. The numbers
// are by the count of events that were read.
type RetentionEffect struct {
	Remove int64     // events that go
	Held   int64     // events that would go if their incident were not open, at most heldLimit
	Blank  int64     // events that stay and lose what says who somebody was
	Oldest time.Time // the hour of the oldest event that stays; zero = none does
}

const heldLimit = 10_000

// RetentionEffects says what each cut would do, in their order.
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
	_, err := list(ctx, s.r, func(r row) (struct{}, error) {
		var event string
		var to int64
		err := r.Scan(&event, &to)
		if i, ok := byType[event]; ok {
			blankedTo[i] = time.UnixMilli((to + 1) >> eventIDShift)
		}
		return struct{}{}, err
	}, `SELECT event, blanked_to FROM retention_progress`)
	if err != nil {
		return nil, err
	}
	_, err = list(ctx, s.r, func(r row) (struct{}, error) {
		var start time.Time
		var event string
		var n int64
		err := r.Scan(timeOf(&start), &event, &n)
		i, ok := byType[event]
		if !ok {
			return struct{}{}, err
		}
		e, cut := &effects[i], cuts[i]
		if start.Before(cut.Remove) {
			e.Remove += n
			return struct{}{}, err
		}
		if e.Oldest.IsZero() {
			e.Oldest = start
		}
		if start.Before(cut.Blank) && start.Add(time.Hour).After(blankedTo[i]) {
			e.Blank += n
		}
		return struct{}{}, err
	}, `SELECT start, event, count FROM event_counts WHERE width = $1 ORDER BY start`, hourWidth)
	if err != nil || last.IsZero() {
		return effects, err
	}
	_, err = list(ctx, s.r, func(r row) (struct{}, error) {
		var id int64
		var event string
		err := r.Scan(&id, &event)
		if i, ok := byType[event]; ok && id < firstEventID(cuts[i].Remove) {
			effects[i].Held++
			effects[i].Remove = max(effects[i].Remove-1, 0)
		}
		return struct{}{}, err
	}, `SELECT id, event FROM events WHERE bridge_id <> '' AND bridge_id IN (`+openBridges+`) AND id < $1 LIMIT `+strconv.Itoa(heldLimit), firstEventID(last))
	return effects, err
}

// BridgesToBlank is how many bridges BlankBridge would blank.
func (s *Store) BridgesToBlank(ctx context.Context, before time.Time) (int64, error) {
	return one(ctx, s.r, "bridge", scalar[int64], `SELECT COUNT(*) FROM bridges b JOIN incidents i ON i.number = b.incident_number WHERE `+mayBlank, before)
}
