package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestBlankEvents(t *testing.T) {
	t.Parallel()
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
		check(t, s.ReprocessEvent(ctx, old[3], entry("event.reprocess"))) // someone reads it just now
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

		// Once the event is read it is blanked too, and nothing is blanked
		// twice.
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: old[3], State: incident.EventRead, Event: event, EventAt: now, Again: true}}, now, incident.FollowEvents))
		same(t, all(t, blank), int64(2))
		progress, err := s.RetentionProgress(ctx)
		check(t, err)
		same(t, progress, db.RetentionProgress{Blanked: 5})

		// A reading from before the event was blanked is not applied.
		check(t, s.ReprocessEvent(ctx, old[0], entry("event.reprocess")))
		late := incident.Reading{EventID: old[0], State: incident.EventRead, Event: event, EventAt: now, Who: "Jill Canary", Text: "Jill Canary", Again: true}
		check(t, s.ApplyReadings(ctx, []incident.Reading{late}, now, incident.FollowEvents))
		e, err := s.Event(ctx, old[0])
		check(t, err)
		same(t, []any{e.State, e.Who}, []any{incident.EventNew, ""})
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: old[0], State: incident.EventRead, Event: event, EventAt: now, Again: true, Nameless: true}}, now, incident.FollowEvents))
		e, err = s.Event(ctx, old[0])
		check(t, err)
		same(t, e.State, incident.EventRead)

		broken := addEvent(t, s, daysAgo(19), `"Jill Canary"`)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: broken, State: incident.EventUnreadable, Text: "Jill Canary"}}, now, incident.FollowEvents))
		same(t, all(t, func() (int64, error) { return s.BlankEvents(ctx, "", now, now, 2) }), int64(1))
		e, err = s.Event(ctx, broken)
		check(t, err)
		same(t, string(e.Body), "")
	})
}

func TestBlankBridge(t *testing.T) {
	t.Parallel()
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
				Wait:     &incident.Wait{UUID: "v", Place: incident.WaitsInRoom, Person: session, Name: name, Email: "jill@example.com", Since: after(seconds)},
				Timeline: []incident.TimelineEntry{{ID: id(), IncidentNumber: i.Number, BridgeID: bridge.ID, At: after(seconds), Kind: incident.EntryJoined, Data: incident.TimelineData{Who: name}}},
			}
		}
		check(t, s.ApplyReadings(ctx, []incident.Reading{join(daysAgo(40), "1", "Jill"), join(daysAgo(40)+1, "Arya", "Arya")}, now, incident.FollowEvents))
		// A note is free text, like the incident's description, and stays.
		check(t, s.AddNote(ctx, incident.TimelineEntry{ID: id(), IncidentNumber: i.Number, At: after(daysAgo(39)), Kind: incident.EntryNote, Data: incident.TimelineData{Text: "Jill knows more."}}, entry("incident.note")))
		blank := func() (int64, error) { return s.BlankBridge(ctx, after(daysAgo(30)), now) }
		same(t, all(t, blank), int64(0)) // its incident is open
		check(t, s.SetIncidentStatus(ctx, i.Number, "open", "resolved", now, incident.TimelineEntry{ID: id(), IncidentNumber: i.Number, At: now, Kind: incident.EntryResolved}, incident.AuditEntry{}))
		same(t, all(t, blank), int64(1))

		people := func() (got []string) {
			presences, err := s.Presences(ctx, bridge.ID)
			check(t, err)
			for _, p := range presences {
				got = append(got, p.SessionID+"/"+p.Person+"/"+p.Name+"/"+p.Email)
			}
			_, waiting, err := s.People(ctx, bridge.ID)
			check(t, err)
			for _, w := range waiting {
				got = append(got, "waits "+w.Person+"/"+w.Name+"/"+w.Email)
			}
			slices.Sort(got)
			return got
		}
		texts := func() (got []string) {
			entries, err := s.Timeline(ctx, i.Number, 100)
			check(t, err)
			for _, e := range entries {
				got = append(got, string(e.Kind)+e.Data.Who+e.Data.Text)
			}
			return got
		}
		wantPeople := []string{"1/1//", "blanked 1/blanked 1//", "waits 1//", "waits blanked 1//"}
		wantTexts := []string{"resolved", "opened", "over_for_long", "noteJill knows more.", "joined", "joined"}
		same(t, people(), wantPeople)
		same(t, texts(), wantTexts)

		// Events that are read again do not bring the names back.
		check(t, s.ApplyReadings(ctx, []incident.Reading{join(daysAgo(40)+2, "1", "Jill"), join(daysAgo(40)+3, "Arya", "Arya")}, now, incident.FollowEvents))
		same(t, people(), wantPeople)
		same(t, texts(), append(wantTexts, "joined", "joined"))
		b, err := s.Bridge(ctx, bridge.ID)
		check(t, err)
		same(t, []any{b.State, b.InsideMost}, []any{incident.BridgeEnded, 2})
	})
}

// Blanked data is not left in free pages of the file. The search index marks it
// as deleted and drops it when its parts are merged next.
func TestBlankLeavesNoTrace(t *testing.T) {
	t.Parallel()
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
