package db

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// seedBatch is how many generated events one transaction stores.
const seedBatch = 2000

// SeedEvents fills the log with count generated events that arrived at from ≤ t
// < to, as if they had been received and read. It calls progress after each
// batch. It is for measurements: types, names and meetings are distributed as
// in a busy company.
func (s *Store) SeedEvents(ctx context.Context, count int, from, to time.Time, progress func(done int)) error {
	if !s.postgres {
		// Losing generated events in a power cut does not matter.
		if _, err := s.w.ExecContext(ctx, `PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 20000`); err != nil {
			return coded(err)
		}
	}
	random := rand.New(rand.NewPCG(uint64(from.UnixNano()), uint64(count)))
	step := to.Sub(from) / time.Duration(max(count, 1))
	for done := 0; done < count; {
		batch := make([]storedEvent, 0, seedBatch)
		for len(batch) < min(seedBatch, count-done) {
			n := done + len(batch)
			at := from.Add(time.Duration(n) * step)
			body := seedBody(random, n, at)
			z, err := zoom.ReadEvent(body)
			if err != nil {
				return err
			}
			e := storedEvent{text: zoom.EventText(body), Event: incident.Event{
				ID: FirstEventID(at) + int64(n%(1<<eventIDShift)), State: incident.EventRead,
				Event: z.Name, EventAt: z.At, AccountID: z.AccountID,
				NewEvent: incident.NewEvent{Origin: incident.OriginWebhook, ReceivedAt: at, SignedAt: at, Body: body, Headers: map[string]string{
					"Content-Type": "application/json; charset=utf-8", "User-Agent": "Zoom Marketplace/1.0a",
					"X-Zm-Request-Id":        fmt.Sprintf("%08x_%04x_%04x_%04x_%012x", random.Uint32(), random.Uint32N(1<<16), random.Uint32N(1<<16), random.Uint32N(1<<16), random.Uint64N(1<<48)),
					"X-Zm-Request-Timestamp": fmt.Sprint(at.Unix()),
				}},
			}}
			if m := z.Meeting; m != nil {
				e.MeetingID, e.MeetingUUID, e.Topic = m.ID, m.UUID, m.Topic
			}
			if p := z.Participant; p != nil {
				e.Who = p.Name
			}
			batch = append(batch, e)
		}
		err := s.write(ctx, func(tx *sql.Tx) error {
			_, err := s.insertStored(ctx, tx, batch)
			return err
		})
		if err != nil {
			return err
		}
		done += len(batch)
		progress(done)
	}
	return s.write(ctx, func(tx *sql.Tx) error { return bump(ctx, tx, TopicEvents) })
}

var (
	seedFirst  = []string{"Ana", "Ravi", "Søren", "Mei", "Luca", "Fatima", "Jonas", "Priya", "Tomás", "Aiko", "Nia", "Oleg", "Zoë", "Kwame", "Ines", "Bo"}
	seedLast   = []string{"Lindqvist", "Okafor", "Tanaka", "García", "Novak", "Haddad", "O’Brien", "Iyer", "Schmidt", "Kowalski", "Rossi", "Nguyen"}
	seedTopics = []string{"Weekly planning", "SEV2 checkout slow", "Standup", "SEV1 db down", "Customer review", "Interview", "Budget round", "Bridge to Oslo", "All hands", "Design critique"}
)

// seedBody returns a webhook about one of many meetings: about a third are
// people who join, a third people who leave, and one in a hundred is a
// recording.
func seedBody(random *rand.Rand, n int, at time.Time) []byte {
	meeting := random.IntN(200_000)
	id := 80_000_000_000 + int64(meeting)*99_991
	uuid := fmt.Sprintf("%016x%06x==", uint64(meeting)*0x9e3779b97f4a7c15, meeting)
	topic := fmt.Sprintf("%s %d", seedTopics[meeting%len(seedTopics)], meeting%5000)
	stamp := at.UTC().Format(time.RFC3339)
	head := fmt.Sprintf(`"uuid":"%s","host_id":"h%021d","id":"%d","type":2,"topic":"%s","start_time":"%s","duration":60,"timezone":"Europe/Oslo"`,
		uuid, meeting%900, id, topic, stamp)
	event, object := "", head
	switch kind := random.IntN(100); {
	case kind < 70:
		event = []string{"meeting.participant_joined", "meeting.participant_left"}[kind%2]
		person := random.IntN(40_000)
		first, last := seedFirst[person%len(seedFirst)], seedLast[person/16%len(seedLast)]
		when := []string{"join_time", "leave_time"}[kind%2]
		object = fmt.Sprintf(`%s,"participant":{"user_id":"%d","user_name":"%s %s","participant_user_id":"p%020d","id":"p%020d","participant_uuid":"%032X","%s":"%s","email":"%s.%d@example.com","registrant_id":"","public_ip":"192.0.2.%d"}`,
			head, 16778240+random.IntN(1<<20), first, last, person, person, random.Uint64(), when, stamp, first, person, person%256)
	case kind < 80:
		event = "meeting.started"
	case kind < 90:
		event, object = "meeting.ended", head+`,"end_time":"`+stamp+`"`
	case kind < 95:
		event = "meeting.created"
	case kind < 98:
		event = "meeting.updated"
	case kind < 99:
		event = "recording.completed"
	default:
		event, object = "user.updated", fmt.Sprintf(`"id":"u%021d","email":"user.%d@example.com","dept":"Dept %d"`, meeting, meeting, meeting%40)
	}
	return fmt.Appendf(nil, `{"event":"%s","payload":{"account_id":"AAAAAABBBBCCCCDDDDEEEE","object":{%s}},"event_ts":%d}`, event, object, at.UnixMilli()-int64(n%400))
}
