package db

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// storedEvent is an event that is stored with all its columns, unlike a
// webhook, whose columns are filled in when it is read.
type storedEvent struct {
	incident.Event
	text string // the text in which a search finds it
}

var storedTypes = []string{"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BOOLEAN", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT",
	"TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BYTEA"}

// insertStored stores events with their keys, words and counts, and returns how
// many it stored. It skips events whose body is already in the log.
func (s *Store) insertStored(ctx context.Context, tx *sql.Tx, events []storedEvent) (int64, error) {
	ctx = s.unwatched(ctx)
	q := &repeated{tx, map[string]*sql.Stmt{}}
	fresh, err := s.freshEvents(ctx, q, events)
	if err != nil {
		return 0, err
	}
	var counts eventCounts
	var keys, rows []any
	var texts []eventText
	for _, e := range fresh {
		for _, k := range keysOf(e.Body, e.Headers[requestID])[1:] {
			keys = append(keys, k.at, k.hash[:], e.ID)
		}
		encoding, content := packContent(e.Headers, e.Body)
		rows = append(rows, e.ID, millis(e.ReceivedAt), millis(e.SignedAt), int64(e.Slot), e.Stale, e.Origin, e.State, e.Problem, e.Event.Event, millis(e.EventAt),
			e.AccountID, e.MeetingID, e.MeetingUUID, e.Topic, e.Who, e.BridgeID, e.TwinOf, millis(e.BlankedAt), int64(encoding), content)
		if e.State != incident.EventNew {
			texts = append(texts, eventText{e.ID, e.Event.Event, e.text, false})
			counts.add(e.ID, e.Event.Event)
		}
	}
	if _, err := s.takeKeys(ctx, q, keys); err != nil {
		return 0, err
	}
	const columns = `id, received_at, signed_at, slot, stale, origin, state, read_error, event, event_at,
		account_id, meeting_id, meeting_uuid, topic, who, bridge_id, twin_of, blanked_at, encoding, content`
	const insert = `INSERT INTO events (` + columns + `)`
	if _, err := s.execEach(ctx, q, storedTypes, insert+`
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF($10, 0), $11, $12, $13, $14, $15, $16, NULLIF($17, 0), NULLIF($18, 0), $19, $20)`, insert+`
		SELECT id, received_at, signed_at, slot, stale, origin, state, read_error, event, NULLIF(event_at, 0),
			account_id, meeting_id, meeting_uuid, topic, who, bridge_id, NULLIF(twin_of, 0), NULLIF(blanked_at, 0), encoding, content
		FROM `+unnest(1, storedTypes)+` AS u (`+columns+`)`, rows); err != nil {
		return 0, err
	}
	if err := s.indexWords(ctx, q, texts); err != nil {
		return 0, err
	}
	return int64(len(fresh)), counts.write(ctx, tx)
}

// freshEvents stores the keys of the events' bodies and returns the events
// whose body was not in the log yet.
func (s *Store) freshEvents(ctx context.Context, q queryer, events []storedEvent) ([]storedEvent, error) {
	var args []any
	for _, e := range events {
		k := keysOf(e.Body, "")[0]
		args = append(args, k.at, k.hash[:], e.ID)
	}
	const returning = ` RETURNING event_id`
	took := map[int64]bool{}
	note := func(ids []int64, err error) error {
		for _, id := range ids {
			took[id] = true
		}
		return err
	}
	if s.postgres && len(args) > 0 {
		err := note(list(ctx, q, scalar[int64], insertKeys+` SELECT * FROM `+unnest(1, keyTypes)+` AS u`+keysOnConflict+returning, arrays(keyTypes, args)...))
		if err != nil {
			return nil, err
		}
	} else {
		for row := range slices.Chunk(args, len(keyTypes)) {
			if err := note(list(ctx, q, scalar[int64], insertKeys+` VALUES ($1, $2, $3)`+keysOnConflict+returning, row...)); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(events), func(e storedEvent) bool { return !took[e.ID] }), nil
}

// millis returns a time in Unix milliseconds; 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
