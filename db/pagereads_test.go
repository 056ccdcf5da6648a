package db_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestReadsOfPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		counts := func(open int, hosts, types []string) {
			t.Helper()
			n, err := s.CountIncidents(ctx, db.IncidentFilter{Status: incident.StatusOpen})
			check(t, err)
			if n != open {
				t.Errorf("%d incidents are open, want %d", n, open)
			}
			got, err := s.BridgeHosts(ctx)
			check(t, err)
			same(t, got, hosts)
			got, err = s.EventTypes(ctx)
			check(t, err)
			same(t, got, types)
		}
		counts(0, nil, nil)

		r := addRunbook(t, s, "outage")
		first, b := openIncident(t, s, r)
		_, other := openIncident(t, s, r)
		openIncident(t, s, r) // its bridge has no host yet
		b = readyBridge(t, s, b, "111")
		other = readyBridge(t, s, other, "222")
		other.HostEmail = "Ola%_'\"<b>@example.com"
		check(t, s.ChangeBridge(ctx, incident.BridgeChange{Bridge: other, From: []incident.BridgeState{incident.BridgeReady}}))
		addEvent(t, s, 1, "not read yet")
		for i, event := range []string{"recording.completed", "meeting.started", "meeting.started", "meeting.ended", "<script>", "zoom.of_2031"} {
			addRead(t, s, 2+i, incident.Reading{Event: event})
		}
		counts(3, []string{"Ola%_'\"<b>@example.com", "ana@example.com"}, []string{"<script>", "meeting.ended", "meeting.started", "recording.completed", "zoom.of_2031"})

		check(t, s.SetIncidentStatus(ctx, first.Number, incident.StatusOpen, incident.StatusResolved, now,
			incident.TimelineEntry{ID: id(), At: now, Kind: "resolved"}, incident.AuditEntry{}))
		if n, err := s.CountIncidents(ctx, db.IncidentFilter{Status: incident.StatusOpen}); n != 2 || err != nil {
			t.Errorf("after one is resolved %d are open (%v), want 2", n, err)
		}

		join := func(second int, session, name, email string) {
			addRead(t, s, second, incident.Reading{Event: "meeting.participant_joined", BridgeID: b.ID, MeetingID: "111", MeetingUUID: "u1",
				Instance: &incident.Instance{UUID: "u1", StartedAt: after(9)},
				Presence: &incident.Presence{UUID: "u1", SessionID: session, Person: email, Name: name, Email: email, JoinedAt: after(second)}})
		}
		inside := func(want ...string) {
			t.Helper()
			people, _, err := s.People(ctx, b.ID)
			check(t, err)
			var got []string
			for _, p := range people {
				got = append(got, p.Name)
			}
			same(t, got, want)
		}
		inside()
		join(12, "s2", "Ben", "ben@example.com")
		join(11, "s1", "Ana", "ana@example.com") // arrives late, came first
		join(13, "s3", "Ana’s phone", "ana@example.com")
		inside("Ana", "Ben")
		addRead(t, s, 14, incident.Reading{Event: "meeting.participant_left", BridgeID: b.ID, MeetingID: "111", MeetingUUID: "u1",
			Presence: &incident.Presence{UUID: "u1", SessionID: "s2", LeftAt: after(14)}})
		inside("Ana")
		addRead(t, s, 15, incident.Reading{Event: "meeting.ended", BridgeID: b.ID, MeetingID: "111", MeetingUUID: "u1",
			Instance: &incident.Instance{UUID: "u1", EndedAt: after(15)}})
		inside()
		people, _, err := s.People(ctx, "no such bridge")
		check(t, err)
		same(t, people, []incident.Presence{})

		// A list of choices stays short, whatever the log contains.
		var readings []incident.Reading
		for i := range 201 {
			readings = append(readings, incident.Reading{EventID: addEvent(t, s, 20, fmt.Sprint(i)), State: incident.EventRead, Event: fmt.Sprintf("a.%03d", i)})
		}
		check(t, s.ApplyReadings(ctx, readings, after(30), incident.FollowEvents))
		types, err := s.EventTypes(ctx)
		check(t, err)
		if len(types) != 200 {
			t.Errorf("%d types to choose from, want 200", len(types))
		}

		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, _, noPeople := s.People(ended, b.ID)
		for name, err := range map[string]error{
			"CountIncidents": second(s.CountIncidents(ended, db.IncidentFilter{Status: incident.StatusOpen})), "BridgeHosts": second(s.BridgeHosts(ended)),
			"People": noPeople, "EventTypes": second(s.EventTypes(ended)),
		} {
			if err == nil {
				t.Errorf("%s: no error although nobody waits for it", name)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
