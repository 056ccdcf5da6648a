package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// daysAgo is a time before now, in seconds after it.
func daysAgo(n int) int { return -n * 24 * 3600 }

// addPerson stores an event about Jill, and reads it.
func addPerson(t testing.TB, s *db.Store, seconds int, event, bridgeID string) int64 {
	t.Helper()
	body := fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"object":{"topic":"Standup of jill@example.com","participant":{"user_name":"Jill Canary","email":"jill@example.com","public_ip":"192.0.2.77","user_id":%q}}}}`,
		event, after(seconds).UnixMilli(), id())
	e := addEvent(t, s, seconds, body)
	check(t, s.ApplyReadings(t.Context(), []incident.Reading{{
		EventID: e, State: incident.EventRead, Event: event, EventAt: after(seconds), Who: "Jill Canary", Topic: "Standup of jill@example.com",
		BridgeID: bridgeID, Text: zoom.EventText([]byte(body)),
	}}, now))
	return e
}

// left are the ids of the events in the log, oldest first.
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

func TestDeleteEvents(t *testing.T) {
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
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: broken, State: incident.EventUnreadable, ReadError: "no JSON"}}, now))
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

		// What is gone is found no more and counted no more.
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
		// A repeated delivery of what is gone is still a duplicate.
		_, duplicate, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte(`broken`)})
		check(t, err)
		same(t, duplicate, true)
	})
}

func TestDropEventMonths(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		// The months that have a partition are this one and the next ones.
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

func TestBlankEvents(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		ctx := t.Context()
		s := dbtest.Open(t, cfg)
		const event = "meeting.participant_joined"
		var old []int64
		for i := range 5 {
			old = append(old, addPerson(t, s, daysAgo(40)+i, event, ""))
		}
		other := addPerson(t, s, daysAgo(40)+10, "meeting.participant_left", "")
		young := addPerson(t, s, daysAgo(20), event, "")
		check(t, s.ReprocessEvent(ctx, old[3], entry("event.reprocess"))) // somebody reads it just now
		blank := func() (int64, error) { return s.BlankEvents(ctx, event, after(daysAgo(30)), now, 2) }

		same(t, all(t, blank), int64(3))
		for i, id := range append(old, other, young) {
			e, err := s.Event(ctx, id)
			check(t, err)
			blanked := i < 3
			same(t, !e.BlankedAt.IsZero(), blanked)
			same(t, e.Who == "", blanked)
			for _, person := range []string{"Jill", "jill@", "192.0.2.77"} {
				if strings.Contains(string(e.Body)+e.Topic, person) == blanked && !(person == "Jill" && !blanked) {
					t.Errorf("event %d: %s, topic %s", i, e.Body, e.Topic)
				}
			}
			same(t, e.Headers["X-Zm-Trackingid"], "t1")
		}
		page, err := s.EventRows(ctx, db.EventFilter{Text: "canary"}, "", 10)
		check(t, err)
		same(t, len(page.Items), 4)
		page, err = s.EventRows(ctx, db.EventFilter{Text: "standup"}, "", 10)
		check(t, err)
		same(t, len(page.Items), 7)

		// When it was read, it follows; and what was done is not done again.
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: old[3], State: incident.EventRead, Event: event, EventAt: now, Again: true}}, now))
		same(t, all(t, blank), int64(2))
		progress, err := s.RetentionProgress(ctx)
		check(t, err)
		same(t, progress, db.RetentionProgress{Blanked: 5})

		// Who read an event before it was blanked is too late.
		check(t, s.ReprocessEvent(ctx, old[0], entry("event.reprocess")))
		late := incident.Reading{EventID: old[0], State: incident.EventRead, Event: event, EventAt: now, Who: "Jill Canary", Text: "Jill Canary", Again: true}
		check(t, s.ApplyReadings(ctx, []incident.Reading{late}, now))
		e, err := s.Event(ctx, old[0])
		check(t, err)
		same(t, []any{e.State, e.Who}, []any{incident.EventNew, ""})
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: old[0], State: incident.EventRead, Event: event, EventAt: now, Again: true, Nameless: true}}, now))
		e, err = s.Event(ctx, old[0])
		check(t, err)
		same(t, e.State, incident.EventRead)

		broken := addEvent(t, s, daysAgo(19), `"Jill Canary"`)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: broken, State: incident.EventUnreadable, Text: "Jill Canary"}}, now))
		same(t, all(t, func() (int64, error) { return s.BlankEvents(ctx, "", now, now, 2) }), int64(1))
		e, err = s.Event(ctx, broken)
		check(t, err)
		same(t, string(e.Body), "")
	})
}

func TestRetentionEffects(t *testing.T) {
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

func TestBlankBridge(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		runbook := addRunbook(t, s, "Outage")
		i, bridge := openIncident(t, s, runbook)
		join := func(seconds int, session, name string) incident.Reading {
			e := addEvent(t, s, seconds, fmt.Sprintf(`{"n":%q}`, id()))
			return incident.Reading{
				EventID: e, State: incident.EventRead, Event: "meeting.participant_joined", EventAt: after(seconds), BridgeID: bridge.ID, Who: name,
				Instance: &incident.Instance{UUID: "u", StartedAt: after(daysAgo(40)), EndedAt: after(daysAgo(39))},
				Presence: &incident.Presence{UUID: "u", SessionID: session, Person: session, Name: name, Email: "jill@example.com", JoinedAt: after(seconds), LeftAt: after(seconds + 60)},
				Timeline: []incident.TimelineEntry{{ID: id(), IncidentNumber: i.Number, BridgeID: bridge.ID, At: after(seconds), Kind: "joined", Text: name + " joined."}},
			}
		}
		check(t, s.ApplyReadings(ctx, []incident.Reading{join(daysAgo(40), "1", "Jill"), join(daysAgo(40)+1, "Arya", "Arya")}, now))
		blank := func() (int64, error) { return s.BlankBridge(ctx, after(daysAgo(30)), now) }
		same(t, all(t, blank), int64(0)) // its incident is open
		check(t, s.SetIncidentStatus(ctx, i.Number, "open", "resolved", now, incident.TimelineEntry{ID: id(), IncidentNumber: i.Number, At: now, Kind: "resolved", Text: "Resolved."}, incident.AuditEntry{}))
		same(t, all(t, blank), int64(1))

		people := func() (got []string) {
			presences, err := s.Presences(ctx, bridge.ID)
			check(t, err)
			for _, p := range presences {
				got = append(got, p.SessionID+"/"+p.Person+"/"+p.Name+"/"+p.Email)
			}
			slices.Sort(got)
			return got
		}
		texts := func() (got []string) {
			entries, err := s.Timeline(ctx, i.Number, 100)
			check(t, err)
			for _, e := range entries {
				got = append(got, e.Text)
			}
			return got
		}
		wantPeople := []string{"1/1//", "blanked 1/blanked 1//"}
		wantTexts := []string{"Resolved.", "Opened.", "Somebody joined.", "Somebody joined."}
		same(t, people(), wantPeople)
		same(t, texts(), wantTexts)

		// Events that are read anew do not bring the names back.
		check(t, s.ApplyReadings(ctx, []incident.Reading{join(daysAgo(40)+2, "1", "Jill"), join(daysAgo(40)+3, "Arya", "Arya")}, now))
		same(t, people(), wantPeople)
		same(t, texts(), append(wantTexts, "Somebody joined.", "Somebody joined."))
		b, err := s.Bridge(ctx, bridge.ID)
		check(t, err)
		same(t, []any{b.State, b.InsideMost}, []any{incident.BridgeEnded, 2})
	})
}

// What was blanked is not left in free pages of the file. In the search index it
// is marked as deleted, and gone when its parts are next merged.
func TestBlankLeavesNoTrace(t *testing.T) {
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	addPerson(t, s, daysAgo(40), "meeting.participant_joined", "")
	same(t, all(t, func() (int64, error) { return s.BlankEvents(t.Context(), "meeting.participant_joined", now, now, 10) }), int64(1))
	conn := raw(t, cfg)
	conn.SetMaxOpenConns(1)
	for _, statement := range []string{`PRAGMA secure_delete = 1`, `INSERT INTO event_words (event_words) VALUES ('optimize')`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		_, err := conn.Exec(statement)
		check(t, err)
	}
	file, err := os.ReadFile(filepath.Join(cfg.DataDir, db.SQLiteFile))
	check(t, err)
	for _, person := range []string{"Jill", "Canary", "canary", "jill"} {
		if strings.Contains(string(file), person) {
			t.Errorf("%s is left in the file", person)
		}
	}
}
