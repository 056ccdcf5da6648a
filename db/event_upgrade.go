package db

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/pressly/goose/v3"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// fillEvents is version 7 of the schema. It moves the events of version 1 into
// the log of version 2, which compresses them and makes them searchable.
func (s *Store) fillEvents() *goose.Migration {
	return goose.NewGoMigration(7, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		const columns = `id, received_at, signed_at, slot, stale, state, read_error, event, event_at,
			account_id, meeting_id, meeting_uuid, topic, who, bridge_id, body, headers`
		type old struct {
			storedEvent
			body    []byte
			headers string
		}
		if err := s.makeWordParts(ctx, tx); err != nil { // before version 8, because words are stored in a part
			return err
		}
		for last, done := int64(0), false; !done; {
			events, err := list(ctx, tx, func(o *old) []any {
				return []any{&o.ID, timeOf(&o.ReceivedAt), timeOf(&o.SignedAt), &o.Slot, &o.Stale, &o.State, &o.Problem, &o.Event.Event, timeOf(&o.EventAt),
					&o.AccountID, &o.MeetingID, &o.MeetingUUID, &o.Topic, &o.Who, &o.BridgeID, &o.body, &o.headers}
			}, `SELECT `+columns+` FROM events_1 WHERE id > $1 ORDER BY id LIMIT 500`, last)
			if err != nil {
				return err
			}
			done = len(events) < 500
			batch := make([]storedEvent, len(events))
			for i, o := range events {
				last = o.ID
				o.Origin, o.Body = incident.OriginWebhook, o.body
				if err := json.Unmarshal([]byte(o.headers), &o.Headers); err != nil {
					return err
				}
				if o.State != incident.EventNew {
					o.text = zoom.EventText(o.Body)
				}
				batch[i] = o.storedEvent
			}
			if _, err := s.insertStored(ctx, tx, batch); err != nil {
				return err
			}
		}
		return exec(ctx, tx, `DROP TABLE events_1`)
	}}, nil)
}
