package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// storedEvent is an event that comes into the log as it is to be there, and not
// as a webhook that is read later.
type storedEvent struct {
	incident.Event
	text string // in whose words it is found
}

// insertStored stores events with their keys, words and counts, and returns how
// many that were: those whose body is in the log already are left out.
func (s *Store) insertStored(ctx context.Context, tx *sql.Tx, events []storedEvent) (n int64, err error) {
	ctx = s.unwatched(ctx)
	q := &repeated{tx, map[string]*sql.Stmt{}}
	var counts eventCounts
	for _, e := range events {
		fresh := int64(0)
		for i, k := range keysOf(e.Body, e.Headers[requestID]) {
			taken, err := exec(ctx, q, `INSERT INTO event_keys (at, key, event_id) VALUES ($1, $2, $3) ON CONFLICT (at, key) DO NOTHING`, k.at, k.hash[:], e.ID)
			if err != nil {
				return 0, err
			}
			if i == 0 {
				fresh = taken
			}
		}
		if fresh == 0 {
			continue
		}
		encoding, content := packContent(e.Headers, e.Body)
		_, err := exec(ctx, q, `
			INSERT INTO events (id, received_at, signed_at, slot, stale, origin, state, read_error, event, event_at,
				account_id, meeting_id, meeting_uuid, topic, who, bridge_id, twin_of, blanked_at, encoding, content)
			VALUES (`+placeholders(1, 20)+`)`,
			e.ID, e.ReceivedAt, e.SignedAt, e.Slot, e.Stale, e.Origin, e.State, e.ReadError, e.Event.Event, e.EventAt,
			e.AccountID, e.MeetingID, e.MeetingUUID, e.Topic, e.Who, e.BridgeID, nullableNumber(e.TwinOf), e.BlankedAt, encoding, content)
		if err != nil {
			return 0, err
		}
		n++
		if e.State == incident.EventNew {
			continue
		}
		if err := s.indexWords(ctx, q, e.ID, e.Event.Event, e.text, false); err != nil {
			return 0, err
		}
		counts.add(e.ID, e.Event.Event)
	}
	return n, counts.write(ctx, tx)
}
