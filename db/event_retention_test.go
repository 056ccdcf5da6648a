package db_test

import (
	"fmt"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// daysAgo returns a time before now, in seconds relative to now.
func daysAgo(n int) int { return -n * 24 * 3600 }

// addPerson stores an event about Jill and reads it.
func addPerson(t testing.TB, s *db.Store, seconds int, event, bridgeID string) int64 {
	t.Helper()
	body := fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"object":{"topic":"Standup of jill@example.com","participant":{"user_name":"Jill Canary","email":"jill@example.com","public_ip":"192.0.2.77","user_id":%q}}}}`,
		event, after(seconds).UnixMilli(), id())
	e := addEvent(t, s, seconds, body)
	check(t, s.ApplyReadings(t.Context(), []incident.Reading{{
		EventID: e, State: incident.EventRead, Event: event, EventAt: after(seconds), Who: "Jill Canary", Topic: "Standup of jill@example.com",
		BridgeID: bridgeID, Text: zoom.EventText([]byte(body)),
	}}, now, incident.FollowEvents))
	return e
}

// left returns the ids of the events in the log, oldest first.
func left(t testing.TB, s *db.Store) (ids []int64) {
	t.Helper()
	page, err := s.EventRows(t.Context(), db.EventFilter{}, "", 200)
	check(t, err)
	for _, e := range page.Items {
		ids = append([]int64{e.ID}, ids...)
	}
	return ids
}

// all calls slice until nothing is left.
func all(t testing.TB, slice func() (int64, error)) (total int64) {
	t.Helper()
	for range 1000 {
		n, err := slice()
		check(t, err)
		if n == 0 {
			return total
		}
		total += n
	}
	t.Fatal("it does not come to an end")
	return 0
}

func TestRetentionRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		rules := []incident.RetentionRule{{KeepDays: 400}, {Family: "participant", KeepDays: 90, BlankDays: 30}}
		check(t, s.SaveRetention(t.Context(), rules, entry("retention.save")))
		got, err := s.Retention(t.Context())
		check(t, err)
		same(t, got, rules)
		check(t, s.SaveRetention(t.Context(), rules[1:], entry("retention.save")))
		got, err = s.Retention(t.Context())
		check(t, err)
		same(t, got, rules[1:])
		same(t, actions(t, s), []string{"retention.save", "retention.save"})
	})
}

func TestRetentionEffects(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
		for i := range 3 {
			addPerson(t, s, daysAgo(40)+3600*i, "meeting.participant_joined", "")
			addPerson(t, s, daysAgo(40)+3600*i+1, "recording.completed", "")
		}
		addPerson(t, s, daysAgo(39), "meeting.participant_joined", bridge.ID)
		addPerson(t, s, daysAgo(20), "meeting.participant_joined", "")
		addPerson(t, s, daysAgo(2), "meeting.participant_joined", "")
		cuts := incident.RetentionCuts(
			[]incident.RetentionRule{{Family: "participant", KeepDays: 30, BlankDays: 10}, {Family: "recording", BlankDays: 10}},
			[]string{"meeting.participant_joined", "recording.completed"}, now)
		effects := func(want ...db.RetentionEffect) {
			t.Helper()
			got, err := s.RetentionEffects(ctx, cuts)
			check(t, err)
			same(t, got, want)
		}
		effects(db.RetentionEffect{},
			db.RetentionEffect{Remove: 3, Held: 1, Blank: 1, Oldest: after(daysAgo(20))},
			db.RetentionEffect{Blank: 3, Oldest: after(daysAgo(40))})

		all(t, func() (int64, error) { return s.DeleteEventsOfType(ctx, cuts[1].Event, cuts[1].Remove, 100) })
		all(t, func() (int64, error) { return s.BlankEvents(ctx, cuts[1].Event, cuts[1].Blank, now, 100) })
		all(t, func() (int64, error) { return s.BlankEvents(ctx, cuts[2].Event, cuts[2].Blank, now, 1) })
		effects(db.RetentionEffect{},
			db.RetentionEffect{Held: 1, Oldest: after(daysAgo(20))},
			db.RetentionEffect{Oldest: after(daysAgo(40))})
	})
}
