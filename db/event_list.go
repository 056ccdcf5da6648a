package db

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// EventFilter narrows the event log. A zero field does not narrow it.
type EventFilter struct {
	Events         []string // any of these types; "meeting.*" and "participant.*" stand for whole families
	MeetingID      string
	IncidentNumber int64     // events of its bridges
	Text           string    // the event contains all of its words; word* matches the start of a word
	After, Before  time.Time // arrived at After ≤ t < Before
	Stale          bool      // only those signed outside the time window
	Unread         bool      // only those that are not read yet or cannot be read
	Recovered      bool      // only those recovered from Zoom's log of deliveries
	Twin           bool      // only variants of earlier events
}

// EventRows returns the event log, newest first, without bodies and headers. If
// no index answers the filter, it looks at a limited number of events, see
// Page.SearchedTo.
func (s *Store) EventRows(ctx context.Context, f EventFilter, cursor string, limit int) (Page[incident.Event], error) {
	return s.eventRows(ctx, f, cursor, pageLimit(limit), false, false)
}

// EventRowsAfter returns the page before the one that starts after cursor: the
// next newer events, newest first. Page.Next leads to still newer ones.
func (s *Store) EventRowsAfter(ctx context.Context, f EventFilter, cursor string, limit int) (Page[incident.Event], error) {
	page, err := s.eventRows(ctx, f, cursor, pageLimit(limit), true, false)
	slices.Reverse(page.Items)
	return page, err
}

// How many rows of an export are read at once. A body can have 4 MiB, so few rows
// with bodies are read, to limit the memory.
const (
	exportPage  = 1000
	exportWhole = 16
)

// ExportEvents is EventRows with larger pages, and with bodies and headers if
// whole is true. An export reads all pages, each with one short read.
func (s *Store) ExportEvents(ctx context.Context, f EventFilter, cursor string, whole bool) (Page[incident.Event], error) {
	n := exportPage
	if whole {
		n = exportWhole
	}
	return s.eventRows(ctx, f, cursor, n, false, whole)
}

func (s *Store) eventRows(ctx context.Context, f EventFilter, cursor string, n int, newer, whole bool) (page Page[incident.Event], err error) {
	var from int64
	if cursor != "" {
		if from, err = numberCursor(cursor); err != nil {
			return page, err
		}
	}
	q, err := s.search(ctx, f)
	if err != nil {
		return page, err
	}
	ctx, done := searchLimit(ctx, q)
	defer done(&err)
	columns, fields := eventColumns, eventFields
	if whole {
		columns, fields = wholeEventColumns, wholeEventFields
	}
	items, more, cut, err := scanEvents(ctx, s, q, columns, fields, func(e incident.Event) int64 { return e.ID }, from, newer, n)
	if err != nil {
		return page, err
	}
	page.Items = items
	if more != 0 {
		page.Next = strconv.FormatInt(more, 10)
	}
	if cut {
		page.SearchedTo = time.UnixMilli(more >> eventIDShift).UTC()
	}
	return page, nil
}

// eventMatch holds the part of an event that counting needs.
type eventMatch struct {
	id    int64
	event string
}

// eventMatches returns up to most of the newest events of a filter. If there
// may be others, more is the id of the oldest event that was looked at;
// otherwise it is 0.
func (s *Store) eventMatches(ctx context.Context, f EventFilter, most int) (matches []eventMatch, more int64, err error) {
	q, err := s.search(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	ctx, done := searchLimit(ctx, q)
	defer done(&err)
	matches, more, _, err = scanEvents(ctx, s, q, `e.id, e.event`, func(m *eventMatch) []any {
		return []any{&m.id, &m.event}
	}, func(m eventMatch) int64 { return m.id }, 0, false, most)
	return matches, more, err
}

// countTime limits how long the results of a text search are counted. Frequent
// words that rarely occur together would take longer.
const countTime = 100 * time.Millisecond

// CountMatches returns how many events match a filter, at most most. more is
// true if there are others, or if there may be others because counting took too
// long.
func (s *Store) CountMatches(ctx context.Context, f EventFilter, most int) (n int, more bool, err error) {
	q, err := s.search(ctx, f)
	if err != nil || q.nothing {
		return 0, false, err
	}
	if len(q.rest) == 0 { // the index has the answer
		limited := ctx
		if f.Text != "" {
			var cancel context.CancelFunc
			limited, cancel = context.WithTimeout(ctx, countTime)
			defer cancel()
		}
		rest, err := s.walk(q, 0, false, most+1, countTime, func(part wordPart, from int64) (int, int64, bool, error) {
			window, args := q.window(part, from, 0, false, most+1)
			count, err := one(limited, s.reader(q), "event", scalar[int], `SELECT COUNT(*) FROM (`+window+`) n`, args...)
			n += count
			return 0, 0, n > most, err
		})
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			return n, true, nil
		}
		return min(n, most), n > most || rest != 0, err
	}
	matches, rest, err := s.eventMatches(ctx, f, most)
	return len(matches), rest != 0, err
}

// IsZero reports whether the filter matches every event.
func (f EventFilter) IsZero() bool {
	return len(f.Events) == 0 && f.MeetingID == "" && f.IncidentNumber == 0 && f.Text == "" && f.After.IsZero() && f.Before.IsZero() &&
		!f.Stale && !f.Unread && !f.Recovered && !f.Twin
}

// eventTypes returns the event types that match the patterns; nil if there is
// no pattern. found is false if the patterns match no type.
func (s *Store) eventTypes(ctx context.Context, patterns []string) (types []string, found bool, err error) {
	if len(patterns) == 0 {
		return nil, true, nil
	}
	var known []string
	for _, p := range patterns {
		family, isFamily := strings.CutSuffix(p, ".*")
		if !isFamily {
			types = append(types, p)
			continue
		}
		prefix := family + "."
		if family == "participant" {
			prefix = "meeting.participant_"
		}
		if known == nil {
			if known, err = s.EventTypes(ctx); err != nil {
				return nil, false, err
			}
		}
		for _, t := range known {
			if strings.HasPrefix(t, prefix) {
				types = append(types, t)
			}
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	return types, len(types) > 0, nil
}

// The columns of an event without and with what was received. Reads join the
// bridge for the number of its incident.
const (
	eventColumns = `e.id, e.received_at, e.signed_at, e.slot, e.stale, e.origin, e.state, e.read_error, e.event, e.event_at,
	e.account_id, e.meeting_id, e.meeting_uuid, e.topic, e.who, e.bridge_id, e.twin_of, e.blanked_at, COALESCE(b.incident_number, 0)`
	wholeEventColumns = eventColumns + `, e.encoding, e.content`
	joinBridge        = ` LEFT JOIN bridges b ON b.id = e.bridge_id`
)

func eventFields(e *incident.Event) []any {
	return []any{&e.ID, timeOf(&e.ReceivedAt), timeOf(&e.SignedAt), &e.Slot, &e.Stale, &e.Origin, &e.State, &e.Problem, &e.Event, timeOf(&e.EventAt),
		&e.AccountID, &e.MeetingID, &e.MeetingUUID, &e.Topic, &e.Who, &e.BridgeID, numberOf(&e.TwinOf), timeOf(&e.BlankedAt), &e.IncidentNumber}
}

func wholeEventFields(e *incident.Event) []any {
	var encoding int
	return append(eventFields(e), &encoding, into(func(v any) (err error) {
		content, _ := v.([]byte)
		e.Headers, e.Body, err = unpackContent(encoding, bytes.Clone(content))
		return err
	}))
}

// Event returns the event with this id, with body and headers.
func (s *Store) Event(ctx context.Context, id int64) (incident.Event, error) {
	return one(ctx, s.r, "event", wholeEventFields, `SELECT `+wholeEventColumns+` FROM events e`+joinBridge+` WHERE e.id = $1`, id)
}

// newEventBytes is how many bytes of bodies NewEvents reads before it stops.
const newEventBytes = 8 << 20

// NewEvents returns up to limit unread events, oldest first, with bodies and
// headers. It returns fewer if their bodies are large.
func (s *Store) NewEvents(ctx context.Context, limit int) (events []incident.Event, err error) {
	size := 0
	err = each(ctx, s.r, func(r row) error {
		if size > newEventBytes {
			return nil
		}
		var e incident.Event
		err := r.Scan(wholeEventFields(&e)...)
		size += len(e.Body)
		events = append(events, e)
		return err
	}, `SELECT `+wholeEventColumns+` FROM events e`+joinBridge+`
		WHERE e.state = 'new' ORDER BY e.id LIMIT `+strconv.Itoa(max(limit, 1)))
	return events, err
}

// EventsAround returns up to n events of a meeting before the event id and up
// to n after it, each list oldest first.
func (s *Store) EventsAround(ctx context.Context, meetingID string, id int64, n int) (before, after []incident.Event, err error) {
	const query = `SELECT ` + eventColumns + ` FROM events e` + joinBridge + ` WHERE e.meeting_id = $1 AND e.meeting_id <> '' AND e.id `
	limit := strconv.Itoa(pageLimit(n))
	before, err = list(ctx, s.r, eventFields, query+`< $2 ORDER BY e.id DESC LIMIT `+limit, meetingID, id)
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(before)
	after, err = list(ctx, s.r, eventFields, query+`> $2 ORDER BY e.id LIMIT `+limit, meetingID, id)
	return before, after, err
}

// EventTwins returns the first few events that are variants of this one.
func (s *Store) EventTwins(ctx context.Context, id int64) ([]incident.Event, error) {
	// Variants are few and have an index of their own. The latest ones come from
	// Zoom's log of deliveries, which goes back less than 60 days.
	return list(ctx, s.r, eventFields, `SELECT `+eventColumns+` FROM events e`+joinBridge+`
		WHERE e.twin_of = $1 AND e.twin_of IS NOT NULL AND e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT 5`,
		id, id+FirstEventID(time.UnixMilli(0).Add(60*24*time.Hour)))
}

// EventTypes returns up to 200 event types that were ever read. It steps
// through the index from type to type.
func (s *Store) EventTypes(ctx context.Context) ([]string, error) {
	return list(ctx, s.r, scalar[string], `
		WITH RECURSIVE types (event) AS (
			SELECT MIN(event) FROM events WHERE event <> ''
			UNION ALL
			SELECT (SELECT MIN(e.event) FROM events e WHERE e.event > types.event AND e.event <> '') FROM types WHERE types.event IS NOT NULL
		)
		SELECT event FROM types WHERE event IS NOT NULL ORDER BY event LIMIT 200`)
}
