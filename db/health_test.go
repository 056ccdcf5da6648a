package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestDeliveryFacts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		day := int((24 * time.Hour).Seconds())
		f, err := s.DeliveryFacts(t.Context(), after(day))
		check(t, err)
		same(t, f, incident.DeliveryFacts{})

		b := addRunbook(t, s, "Outage")
		_, bridge := openIncident(t, s, b)
		bridge = readyBridge(t, s, bridge, "87685621847")
		addRead(t, s, 0, incident.Reading{Event: "meeting.created"}) // two days ago
		addRead(t, s, 2*day-60, incident.Reading{Event: "meeting.started", MeetingID: "87685621847", MeetingUUID: "u", BridgeID: bridge.ID,
			Instance: &incident.Instance{UUID: "u", StartedAt: after(2*day - 61)}})
		for i := range 3 {
			addRead(t, s, 2*day-30+i, incident.Reading{Event: "user.updated"})
		}
		unread := addEvent(t, s, 2*day-5, "unread")

		_, _, err = s.AppendEvent(t.Context(), incident.NewEvent{Origin: incident.OriginRecovered, ReceivedAt: after(2*day - 1), SignedAt: after(day), Body: []byte("{}")})
		check(t, err)

		f, err = s.DeliveryFacts(t.Context(), after(2*day))
		check(t, err)
		last, err := s.Event(t.Context(), unread)
		check(t, err)
		if !f.LastEventAt.Equal(last.ReceivedAt) {
			t.Errorf("last event %v, want %v", f.LastEventAt, last.ReceivedAt)
		}
		same(t, f.LastDay, []incident.EventCount{{Event: "user.updated", Count: 3}, {Event: "meeting.started", Count: 1}})
		same(t, f.Live, []incident.LiveCall{{IncidentNumber: 1, LastEventAt: after(2*day - 60)}})
		same(t, len(f.Started), 0) // its bridge is two days old
		if len(f.Recent) != 5 || !f.Recent[0].EventAt.IsZero() || !f.Recent[4].EventAt.Equal(after(2*day-60)) {
			t.Errorf("recent %v", fmt.Sprint(f.Recent))
		}
		f, err = s.DeliveryFacts(t.Context(), after(day-120))
		check(t, err)
		same(t, f.Started, []incident.StartedCall{{IncidentNumber: 1, At: after(2*day - 61), Told: true}})
	})
}
