package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestDeleteEvents(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
		var old []int64
		for i := range 5 {
			old = append(old, addPerson(t, s, daysAgo(40)+i, "meeting.participant_joined", ""))
		}
		held := addPerson(t, s, daysAgo(40)+10, "meeting.participant_left", bridge.ID)
		recording := addPerson(t, s, daysAgo(40)+11, "recording.completed", "")
		unread := addEvent(t, s, daysAgo(40)+12, `{"unread":1}`)
		broken := addEvent(t, s, daysAgo(40)+13, `broken`)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: broken, State: incident.EventUnreadable, Problem: incident.ReadNotJSON}}, now, incident.FollowEvents))
		young := addPerson(t, s, daysAgo(20), "meeting.participant_joined", "")
		cut := after(daysAgo(30))

		n, err := s.DeleteEventsOfType(ctx, "meeting.participant_joined", cut, 3)
		check(t, err)
		same(t, n, int64(3))
		same(t, left(t, s), []int64{old[3], old[4], held, recording, unread, broken, young})
		same(t, all(t, func() (int64, error) { return s.DeleteEventsOfType(ctx, "meeting.participant_joined", cut, 3) }), int64(2))
		same(t, all(t, func() (int64, error) { return s.DeleteEventsOfType(ctx, "meeting.participant_left", cut, 3) }), int64(0))
		same(t, all(t, func() (int64, error) { return s.DeleteEventsOfType(ctx, "", cut, 3) }), int64(1))
		same(t, left(t, s), []int64{held, recording, unread, young})

		// A deleted event is neither found nor counted.
		page, err := s.EventRows(ctx, db.EventFilter{Text: "canary"}, "", 10)
		check(t, err)
		same(t, len(page.Items), 3)
		total, err := s.EventTotal(ctx)
		check(t, err)
		same(t, total, int64(4))

		same(t, all(t, func() (int64, error) { return s.DeleteEventsBefore(ctx, cut, 2) }), int64(1))
		same(t, left(t, s), []int64{held, unread, young})
		check(t, s.SetIncidentStatus(ctx, 1, "open", "resolved", now, incident.TimelineEntry{ID: id(), IncidentNumber: 1, At: now}, incident.AuditEntry{}))
		same(t, all(t, func() (int64, error) { return s.DeleteEventsBefore(ctx, cut, 2) }), int64(1))
		same(t, left(t, s), []int64{unread, young})

		progress, err := s.RetentionProgress(ctx)
		check(t, err)
		same(t, progress, db.RetentionProgress{Removed: 8})
		// A redelivery of a deleted event is still a duplicate.
		_, duplicate, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte(`broken`)})
		check(t, err)
		same(t, duplicate, true)
	})
}

func TestDropEventMonths(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		// This month and the following ones have a partition.
		next := int(time.Date(2026, 12, 10, 0, 0, 0, 0, time.UTC).Sub(now) / time.Second)
		this := addPerson(t, s, 0, "meeting.started", "")
		later := addPerson(t, s, next, "meeting.started", "")
		n, err := s.DropEventMonths(ctx, after(next))
		check(t, err)
		if s.Engine() == "sqlite" {
			same(t, n, int64(0))
			same(t, left(t, s), []int64{this, later})
			return
		}
		same(t, n, int64(1))
		same(t, left(t, s), []int64{later})
		total, err := s.EventTotal(ctx)
		check(t, err)
		same(t, total, int64(1))
		progress, err := s.RetentionProgress(ctx)
		check(t, err)
		same(t, progress, db.RetentionProgress{Removed: 1})

		_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
		held := addPerson(t, s, next+1, "meeting.started", bridge.ID)
		same(t, all(t, func() (int64, error) { return s.DropEventMonths(ctx, after(next+40*24*3600)) }), int64(0))
		same(t, left(t, s), []int64{later, held})
	})
}
