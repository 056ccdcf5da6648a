package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// The columns of an event without and with what was received. Reads join the
// bridge for the number of its incident.
const (
	eventColumns = `e.id, e.received_at, e.signed_at, e.slot, e.stale, e.state, e.read_error, e.event, e.event_at,
	e.account_id, e.meeting_id, e.meeting_uuid, e.topic, e.who, e.bridge_id, COALESCE(b.incident_number, 0)`
	wholeEventColumns = eventColumns + `, e.body, e.headers`
	joinBridge        = ` LEFT JOIN bridges b ON b.id = e.bridge_id`
)

func eventFields(e *incident.Event) []any {
	return []any{&e.ID, timeOf(&e.ReceivedAt), timeOf(&e.SignedAt), &e.Slot, &e.Stale, &e.State, &e.ReadError, &e.Event, timeOf(&e.EventAt),
		&e.AccountID, &e.MeetingID, &e.MeetingUUID, &e.Topic, &e.Who, &e.BridgeID, &e.IncidentNumber}
}

func scanEvent(r row) (e incident.Event, err error) {
	err = r.Scan(eventFields(&e)...)
	return e, err
}

func scanWholeEvent(r row) (e incident.Event, err error) {
	err = r.Scan(append(eventFields(&e), &e.Body, jsonOf(&e.Headers))...)
	return e, err
}

// Event; see incident.Store.
func (s *Store) Event(ctx context.Context, id int64) (incident.Event, error) {
	return one(ctx, s.r, "event", scanWholeEvent, `SELECT `+wholeEventColumns+` FROM events e`+joinBridge+` WHERE e.id = $1`, id)
}

// NewEvents; see incident.Store.
func (s *Store) NewEvents(ctx context.Context, limit int) ([]incident.Event, error) {
	return list(ctx, s.r, scanWholeEvent, `SELECT `+wholeEventColumns+` FROM events e`+joinBridge+`
		WHERE e.state = 'new' ORDER BY e.id LIMIT `+strconv.Itoa(max(limit, 1)))
}

// ApplyReadings; see incident.Store. An event that is not new any more is left
// alone with all that would follow from it.
func (s *Store) ApplyReadings(ctx context.Context, readings []incident.Reading, at time.Time) error {
	var bridges []string
	for _, r := range readings {
		if r.BridgeID != "" {
			bridges = append(bridges, r.BridgeID)
		}
	}
	slices.Sort(bridges)
	bridges = slices.Compact(bridges)
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := s.lockBridges(ctx, tx, bridges); err != nil {
			return err
		}
		topics := []string{TopicEvents}
		for _, r := range readings {
			n, err := exec(ctx, tx, `
				UPDATE events SET state = $2, read_error = $3, event = $4, event_at = $5, account_id = $6,
					meeting_id = $7, meeting_uuid = $8, topic = $9, who = $10, bridge_id = $11
				WHERE id = $1 AND state = 'new'`,
				r.EventID, r.State, r.ReadError, r.Event, r.EventAt, r.AccountID,
				r.MeetingID, r.MeetingUUID, r.Topic, r.Who, r.BridgeID)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if r.BridgeID == "" {
				if err := awaitBridge(ctx, tx, r); err != nil {
					return err
				}
			}
			for _, e := range r.Timeline {
				if err := insertTimeline(ctx, tx, e); err != nil {
					return err
				}
				topics = append(topics, TopicIncident(e.IncidentNumber))
			}
			if r.BridgeID != "" {
				if err := applyToBridge(ctx, tx, r); err != nil {
					return err
				}
			}
		}
		for _, id := range bridges {
			if err := deriveBridge(ctx, tx, id, at); err != nil {
				return err
			}
			numbers, err := list(ctx, tx, scalar[int64], `SELECT incident_number FROM bridges WHERE id = $1`, id)
			if err != nil {
				return err
			}
			for _, number := range numbers {
				topics = append(topics, TopicBridges, TopicIncidents, TopicIncident(number))
			}
		}
		return bump(ctx, tx, topics...)
	})
}

// applyToBridge writes what one event says of its bridge's meeting.
func applyToBridge(ctx context.Context, tx *sql.Tx, r incident.Reading) error {
	if in := r.Instance; in != nil {
		_, err := exec(ctx, tx, `
			INSERT INTO bridge_instances (bridge_id, uuid, started_at, ended_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (bridge_id, uuid) DO UPDATE SET
				started_at = `+earlier("bridge_instances", "started_at")+`,
				ended_at = `+later("bridge_instances", "ended_at"),
			r.BridgeID, in.UUID, in.StartedAt, in.EndedAt)
		if err != nil {
			return err
		}
	}
	if p := r.Presence; p != nil {
		_, err := exec(ctx, tx, `
			INSERT INTO presences (bridge_id, uuid, session_id, person, name, email, joined_at, left_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (bridge_id, uuid, session_id) DO UPDATE SET
				person = CASE WHEN excluded.person <> '' THEN excluded.person ELSE presences.person END,
				name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE presences.name END,
				email = CASE WHEN excluded.email <> '' THEN excluded.email ELSE presences.email END,
				joined_at = `+later("presences", "joined_at")+`,
				left_at = `+later("presences", "left_at"),
			r.BridgeID, p.UUID, p.SessionID, p.Person, p.Name, p.Email, p.JoinedAt, p.LeftAt)
		if err != nil {
			return err
		}
	}
	if r.Deleted {
		if err := loseMeeting(ctx, tx, r); err != nil {
			return err
		}
	}
	if len(r.Recordings) == 0 {
		return nil
	}
	bridge, err := one(ctx, tx, "bridge", scanBridge, `SELECT `+bridgeColumns+` FROM bridges b WHERE b.id = $1`, r.BridgeID)
	if err != nil {
		return err
	}
	known := bridge.Recordings
	for _, rec := range r.Recordings {
		if !slices.ContainsFunc(known, func(k incident.RecordingLink) bool { return k.URL == rec.URL }) {
			known = append(known, rec)
		}
	}
	_, err = exec(ctx, tx, `UPDATE bridges SET recordings = $2 WHERE id = $1`, r.BridgeID, asJSON(known))
	return err
}

// earlier and later choose between a stored time and an offered one, of which
// either may be NULL. (The functions for it have other names in each database.)
func earlier(table, column string) string { return chooseTime(table, column, "<") }
func later(table, column string) string   { return chooseTime(table, column, ">") }

func chooseTime(table, column, sign string) string {
	stored := table + "." + column
	return `CASE WHEN ` + stored + ` IS NULL OR excluded.` + column + ` ` + sign + ` ` + stored +
		` THEN excluded.` + column + ` ELSE ` + stored + ` END`
}

// loseMeeting takes the link from a bridge that waits with a meeting that is
// deleted, so that a person can try again or give another.
func loseMeeting(ctx context.Context, tx *sql.Tx, r incident.Reading) error {
	const reason = "The meeting was deleted in Zoom."
	n, err := exec(ctx, tx, `
		UPDATE bridges SET state = 'failed', join_url = '', reason = $3, fix = $4
		WHERE id = $1 AND meeting_id = $2 AND state = 'ready'`,
		r.BridgeID, r.MeetingID, reason, "Try again, or use another link.")
	if err != nil || n == 0 {
		return err
	}
	_, err = exec(ctx, tx, `
		UPDATE step_runs SET state = 'failed', reason = $2
		WHERE id = (SELECT step_run_id FROM bridges WHERE id = $1)`, r.BridgeID, reason)
	return err
}

// awaitBridge lets an event be read anew when its bridge came to know its
// meeting while the event was read: the part of readAgain for events it could
// not see yet.
func awaitBridge(ctx context.Context, tx *sql.Tx, r incident.Reading) error {
	if r.MeetingID == "" {
		return nil
	}
	_, err := exec(ctx, tx, `
		UPDATE events SET state = 'new'
		WHERE id = $1 AND NOT stale AND EXISTS (
			SELECT 1 FROM bridges WHERE (meeting_id = $2 OR pmi = $2) AND created_at <= $3)`,
		r.EventID, r.MeetingID, r.EventAt.Add(time.Minute))
	return err
}

// readAgain lets events of a meeting be read anew that were read before its
// bridge knew the meeting: Zoom may tell of a meeting before it answers the call
// that makes it.
func readAgain(ctx context.Context, tx *sql.Tx, b incident.Bridge) error {
	_, err := exec(ctx, tx, `
		UPDATE events SET state = 'new'
		WHERE meeting_id = $1 AND id >= $2 AND bridge_id = '' AND state <> 'unreadable' AND NOT stale`,
		b.MeetingID, firstEventID(b.CreatedAt))
	return err
}

// ReprocessEvent; see incident.Store.
func (s *Store) ReprocessEvent(ctx context.Context, id int64, audit incident.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, `UPDATE events SET state = 'new', read_error = '', stale = $2 WHERE id = $1`, id, false)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("event")
		}
		if err := insertAudit(ctx, tx, audit); err != nil {
			return err
		}
		return bump(ctx, tx, TopicEvents)
	})
}

// EventFilter narrows the event log. Zero fields do not.
type EventFilter struct {
	Event          string // "meeting.started", or "meeting.*" for a family
	MeetingID      string
	IncidentNumber int64     // events of its bridges
	Text           string    // part of the topic, of who, or of the event
	After, Before  time.Time // of the arrival: After ≤ t < Before
	Stale          bool      // only those signed outside the time window
	Unread         bool      // only those not read, or not readable
}

// eventScan is how many events one page of a filter without an index looks at.
const eventScan = 20_000

// EventRows is the event log, newest first, without bodies and headers. A
// filter that no index serves looks at a bounded number of events: see
// Page.SearchedTo.
func (s *Store) EventRows(ctx context.Context, f EventFilter, cursor string, limit int) (Page[incident.Event], error) {
	var page Page[incident.Event]
	limit = pageLimit(limit)

	// What one index answers: an equality, and a range of ids.
	var w where
	family, isFamily := strings.CutSuffix(f.Event, "*")
	switch {
	case f.IncidentNumber != 0:
		w.add(`bridge_id IN (SELECT id FROM bridges WHERE incident_number = $?)`, f.IncidentNumber)
		w.conditions = append(w.conditions, `bridge_id <> ''`) // as the index says
	case f.MeetingID != "":
		w.add(`meeting_id = $?`, f.MeetingID)
	case f.Event != "" && !isFamily:
		w.add(`event = $?`, f.Event)
	}
	if !f.After.IsZero() {
		w.add(`id >= $?`, firstEventID(f.After))
	}
	if !f.Before.IsZero() {
		w.add(`id < $?`, firstEventID(f.Before))
	}
	if cursor != "" {
		id, err := numberCursor(cursor)
		if err != nil {
			return page, err
		}
		w.add(`id < $?`, id)
	}
	near := w.String() + ` ORDER BY id DESC LIMIT `
	nearArgs := w.args

	// All else is looked at row by row among the newest of those.
	w.conditions = nil
	if f.IncidentNumber != 0 && f.MeetingID != "" {
		w.add(`e.meeting_id = $?`, f.MeetingID)
	}
	if (f.IncidentNumber != 0 || f.MeetingID != "") && f.Event != "" && !isFamily {
		w.add(`e.event = $?`, f.Event)
	}
	if isFamily {
		w.add(`e.event LIKE $? ESCAPE '\'`, strings.TrimPrefix(likeText(family), "%"))
	}
	if f.Text != "" {
		w.add(`(LOWER(e.topic) LIKE $? ESCAPE '\' OR LOWER(e.who) LIKE $? ESCAPE '\' OR e.event LIKE $? ESCAPE '\')`, likeText(f.Text))
	}
	if f.Stale {
		w.add(`e.stale = $?`, true)
	}
	if f.Unread {
		w.add(`e.state <> $?`, incident.EventRead)
	}
	window := limit + 1
	if len(w.conditions) > 0 {
		window = eventScan
	}
	items, err := list(ctx, s.r, scanEvent, `
		SELECT `+eventColumns+` FROM (
			SELECT id, received_at, signed_at, slot, stale, state, read_error, event, event_at,
				account_id, meeting_id, meeting_uuid, topic, who, bridge_id
			FROM events`+near+strconv.Itoa(window)+`
		) e`+joinBridge+w.String()+` ORDER BY e.id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	if err != nil {
		return page, err
	}
	if len(items) > limit {
		page.Items = items[:limit]
		page.Next = strconv.FormatInt(items[limit-1].ID, 10)
		return page, nil
	}
	page.Items = items
	if window < eventScan {
		return page, nil
	}
	last, err := list(ctx, s.r, scalar[int64], `SELECT id FROM events`+near+`1 OFFSET `+strconv.Itoa(eventScan-1), nearArgs...)
	if len(last) > 0 {
		page.Next = strconv.FormatInt(last[0], 10)
		page.SearchedTo = time.UnixMilli(last[0] >> eventIDShift).UTC()
	}
	return page, err
}

// EventsAround are up to n events of a meeting before the event id and up to n
// after it, each oldest first.
func (s *Store) EventsAround(ctx context.Context, meetingID string, id int64, n int) (before, after []incident.Event, err error) {
	const query = `SELECT ` + eventColumns + ` FROM events e` + joinBridge + ` WHERE e.meeting_id = $1 AND e.id `
	limit := strconv.Itoa(pageLimit(n))
	before, err = list(ctx, s.r, scanEvent, query+`< $2 ORDER BY e.id DESC LIMIT `+limit, meetingID, id)
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(before)
	after, err = list(ctx, s.r, scanEvent, query+`> $2 ORDER BY e.id LIMIT `+limit, meetingID, id)
	return before, after, err
}

// HourCount is how many events of a family ("meeting", "recording"; "" for
// events not read) arrived in the hour that begins at Hour.
type HourCount struct {
	Hour   time.Time
	Family string
	Count  int64
}

// EventsPerHour counts events by hour and family, oldest first. Hours without
// events are left out.
func (s *Store) EventsPerHour(ctx context.Context, since time.Time) ([]HourCount, error) {
	// One step through the index for each type of event, and then only the part
	// of it that is young enough: the events themselves are not touched.
	hours, err := list(ctx, s.r, func(r row) (h HourCount, err error) {
		var hour int64
		err = r.Scan(&hour, &h.Family, &h.Count)
		h.Hour = time.UnixMilli(hour * time.Hour.Milliseconds()).UTC()
		h.Family = incident.EventFamily(h.Family)
		return h, err
	}, `
		WITH RECURSIVE types (event) AS (
			SELECT MIN(event) FROM events
			UNION ALL
			SELECT (SELECT MIN(e.event) FROM events e WHERE e.event > types.event) FROM types WHERE types.event IS NOT NULL
		)
		SELECT e.id / $2 AS hour, e.event, COUNT(*)
		FROM types JOIN events e ON e.event = types.event AND e.id >= $1
		GROUP BY 1, 2`, firstEventID(since), time.Hour.Milliseconds()<<eventIDShift)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hours, func(a, b HourCount) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Family, b.Family))
	})
	var sums []HourCount
	for _, h := range hours {
		if n := len(sums); n > 0 && sums[n-1].Hour.Equal(h.Hour) && sums[n-1].Family == h.Family {
			sums[n-1].Count += h.Count
		} else {
			sums = append(sums, h)
		}
	}
	return sums, nil
}

// CountEvents is how many events arrived since a time.
func (s *Store) CountEvents(ctx context.Context, since time.Time) (int64, error) {
	return one(ctx, s.r, "event", scalar[int64], `SELECT COUNT(*) FROM events WHERE id >= $1`, firstEventID(since))
}
