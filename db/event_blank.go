package db

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// blankWindow is how many events BlankEvents looks at in one call, in search of
// events that are not blanked.
const blankWindow = 2_000

// BlankEvents erases personal data from up to limit events of a type that
// arrived before a time, and from the search index. It returns how many events
// it looked at; 0 means that none is left. It continues where it stopped last
// time, and stops before a new event, because a reader already has the old body
// of that event.
func (s *Store) BlankEvents(ctx context.Context, event string, before, at time.Time, limit int) (int64, error) {
	condition := ofType
	if event == "" {
		condition = ofNoType
	}
	from, _, err := first(ctx, s.r, scalar[int64], `SELECT blanked_to FROM retention_progress WHERE event = $1`, event)
	if err != nil {
		return 0, err
	}
	type candidate struct {
		id      int64
		state   incident.EventState
		blanked bool
	}
	window, err := list(ctx, s.r, func(c *candidate) []any {
		return []any{&c.id, &c.state, &c.blanked}
	}, `SELECT id, state, blanked_at IS NOT NULL FROM events WHERE `+condition+` AND id > $2 AND id < $3 ORDER BY id LIMIT `+strconv.Itoa(blankWindow),
		event, from, FirstEventID(before))
	if err != nil {
		return 0, err
	}
	to, passed := from, int64(0)
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
		to = FirstEventID(before) - 1 // all of them
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
			if len(done) > 0 && s.now().Sub(began) > holdTime/2 { // updating the words takes as long again
				to = min(to, b.id-1)
				break
			}
			n, err := execRows(ctx, tx, `
				UPDATE events SET encoding = $2, content = $3, topic = $4, who = '', blanked_at = $5
				WHERE id = $1 AND state <> 'new'`, b.id, b.encoding, b.content, b.topic, at)
			if err != nil {
				return err
			}
			if n == 0 { // it was deleted or made new meanwhile; the next slice handles that
				to = min(to, b.id-1)
				break
			}
			done = append(done, b.id)
		}
		if err := s.dropWords(ctx, tx, done); err != nil { // in one call, because the index flushes its buffer for each
			return err
		}
		texts := make([]eventText, len(done))
		for i, b := range blanks[:len(done)] {
			texts[i] = eventText{b.id, b.event, b.text, false}
		}
		if err := s.indexWords(ctx, tx, texts); err != nil {
			return err
		}
		return exec(ctx, tx, `
			INSERT INTO retention_progress (event, blanked_to, removed, blanked) VALUES ($1, $2, 0, $3)
			ON CONFLICT (event) DO UPDATE SET blanked = retention_progress.blanked + excluded.blanked,
				blanked_to = `+later("retention_progress", "blanked_to"), event, to, len(done))
	})
	if err == nil {
		s.mergeWords(ctx, done)
	}
	return passed, err
}

// blankedEvent is an event without personal data.
type blankedEvent struct {
	id           int64
	event, topic string
	text         string // the text in which a search finds it
	encoding     int
	content      []byte
}

func (s *Store) blankContents(ctx context.Context, ids []int64) ([]blankedEvent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	events, err := list(ctx, s.r, func(b *blankedEvent) []any {
		return []any{&b.id, &b.event, &b.topic, &b.encoding, &b.content}
	}, `SELECT id, event, topic, encoding, content FROM events WHERE id IN (`+placeholders(1, len(ids))+`) ORDER BY id`, anys(ids)...)
	for i := range events {
		b := &events[i]
		headers, body, err := unpackContent(b.encoding, b.content)
		if err != nil { // it is damaged and nobody can read it
			headers, body = nil, nil
		}
		body = zoom.Blank(body)
		b.topic, b.text = zoom.BlankText(b.topic), zoom.EventText(body)
		b.encoding, b.content = packContent(headers, body)
	}
	return events, err
}

// mayBlank is the condition for a bridge whose people can be blanked because it
// ended before $1.
const mayBlank = `b.blanked_at IS NULL AND i.status <> 'open' AND COALESCE(b.ended_at, i.resolved_at) < $1`

// BlankBridge implements incident.Retention. The bridge must have ended before
// a time.
func (s *Store) BlankBridge(ctx context.Context, before, at time.Time) (n int64, err error) {
	type ended struct {
		id     string
		number int64
	}
	b, ok, err := first(ctx, s.r, func(e *ended) []any { return []any{&e.id, &e.number} }, `
		SELECT b.id, b.incident_number FROM bridges b JOIN incidents i ON i.number = b.incident_number
		WHERE `+mayBlank+` LIMIT 1`, before)
	if err != nil || !ok {
		return 0, err
	}
	return 1, s.write(ctx, func(tx *sql.Tx) error {
		// Sessions and waits without an id are identified by the name of the person.
		named, err := list(ctx, tx, func(k *[2]string) []any {
			return []any{&k[0], &k[1]}
		}, `SELECT uuid, session_id FROM presences WHERE bridge_id = $1 AND name <> '' AND session_id = name ORDER BY uuid, session_id`, b.id)
		if err != nil {
			return err
		}
		for i, k := range named {
			err := exec(ctx, tx, `UPDATE presences SET session_id = $4, person = $4 WHERE bridge_id = $1 AND uuid = $2 AND session_id = $3`,
				b.id, k[0], k[1], fmt.Sprintf("blanked %d", i+1))
			if err != nil {
				return err
			}
		}
		if err := exec(ctx, tx, `UPDATE presences SET name = '', email = '' WHERE bridge_id = $1`, b.id); err != nil {
			return err
		}
		named, err = list(ctx, tx, func(k *[2]string) []any {
			return []any{&k[0], &k[1]}
		}, `SELECT DISTINCT uuid, person FROM waits WHERE bridge_id = $1 AND name <> '' AND person = name ORDER BY uuid, person`, b.id)
		if err != nil {
			return err
		}
		for i, k := range named {
			err := exec(ctx, tx, `UPDATE waits SET person = $4 WHERE bridge_id = $1 AND uuid = $2 AND person = $3`,
				b.id, k[0], k[1], fmt.Sprintf("blanked %d", i+1))
			if err != nil {
				return err
			}
		}
		if err := exec(ctx, tx, `UPDATE waits SET name = '', email = '' WHERE bridge_id = $1`, b.id); err != nil {
			return err
		}
		entries, err := list(ctx, tx, timelineFields, `SELECT `+timelineColumns+` FROM timeline_entries WHERE incident_number = $1 AND bridge_id = $2`, b.number, b.id)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Data.Who == "" {
				continue
			}
			if err := exec(ctx, tx, `UPDATE timeline_entries SET data = $2 WHERE id = $1`, e.ID, asJSON(e.Blanked().Data)); err != nil {
				return err
			}
		}
		if err := exec(ctx, tx, `UPDATE bridges SET blanked_at = $2 WHERE id = $1`, b.id, at); err != nil {
			return err
		}
		return bump(ctx, tx, TopicBridges, TopicIncident(b.number))
	})
}
