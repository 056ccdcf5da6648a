package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

var now = dbtest.Now

// after returns a time this number of seconds after now.
func after(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }

func id() string { return uuid.Must(uuid.NewV7()).String() }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless err has the code and, if there is a code, a
// sentence.
func wantCode(t testing.TB, err error, code incident.Code) {
	t.Helper()
	if got := incident.CodeOf(err); got != code {
		t.Fatalf("got code %q, want %q: %v", got, code, err)
	}
}

func same(t testing.TB, got, want any, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmpopts.EquateEmpty(), cmp.Comparer(incident.Secret.Equal))
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Fatalf("want -, got +:\n%s", diff)
	}
}

func entry(action incident.AuditAction) incident.AuditEntry {
	return incident.AuditEntry{ID: id(), At: now, ActorKind: "user", Actor: "root@example.com", Action: action,
		Target: "something", Changes: []incident.Change{{Field: "name", Before: "old", After: "new\nrole: admin"}}, Address: "192.0.2.1"}
}

// actions returns the actions of the audit trail, newest first.
func actions(t testing.TB, s *db.Store) []string {
	t.Helper()
	page, err := s.Audit(t.Context(), db.AuditFilter{}, "", 0)
	check(t, err)
	var list []string
	for _, e := range page.Items {
		list = append(list, string(e.Action))
	}
	return list
}

func addRunbook(t testing.TB, s *db.Store, name string) incident.Runbook {
	t.Helper()
	b := incident.Runbook{
		ID: id(), Name: name, IncidentType: "outage", Description: "When it is down",
		Variables: []incident.Variable{{Name: "customer", Label: "Customer", Type: "choice", Choices: []string{"a", "b"}}},
		Steps: []incident.Step{
			{ID: id(), Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: incident.NewMeetingTemplate()},
			{ID: id(), Kind: incident.StepCreateMeeting, Meeting: incident.NewMeetingTemplate(), Schedule: incident.Schedule{Wait: 5}},
		},
		CreatedAt: now, UpdatedAt: now,
	}
	check(t, s.InsertRunbook(t.Context(), b, incident.AuditEntry{}))
	b.Version = 1
	return b
}

// newIncident returns an incident with one step that runs automatically.
func newIncident(b incident.Runbook) incident.NewIncident {
	run := incident.StepRun{ID: id(), Step: b.Steps[0], State: incident.StepScheduled}
	return incident.NewIncident{
		Incident: incident.Incident{
			RunbookID: b.ID, RunbookName: b.Name, RunbookVersion: b.Version, Name: "db down", Severity: "SEV1", Type: "outage", Description: "all of it",
			Status: incident.StatusOpen, OpenerEmail: "ana@example.com", OpenerName: "Ana",
			Vars: map[string]string{"customer": "a"}, Source: "api", CreatedBy: "alerts",
			CreatedAt: now, UpdatedAt: now,
		},
		StepRuns: []incident.StepRun{run},
		Bridges: []incident.Bridge{{
			ID: id(), StepRunID: run.ID, Kind: incident.KindMeeting, State: incident.BridgeNew,
			Asked: b.Steps[0].Meeting, CreatedAt: now, UpdatedAt: now,
		}},
		Jobs:     []incident.Job{{ID: id(), Kind: incident.JobRunStep, Subject: run.ID, State: incident.JobQueued, RunAt: now, CreatedAt: now}},
		Timeline: []incident.TimelineEntry{{ID: id(), At: now, Kind: incident.EntryOpened, Data: incident.TimelineData{Runbook: "Outage"}, Actor: "alerts"}},
		Audit:    entry("incident.open"),
	}
}

// openIncident opens an incident and returns it with its bridge.
func openIncident(t testing.TB, s *db.Store, b incident.Runbook) (incident.Incident, incident.Bridge) {
	t.Helper()
	i, created, err := s.OpenIncident(t.Context(), newIncident(b))
	check(t, err)
	if !created {
		t.Fatal("the incident exists already")
	}
	bridges, err := s.Bridges(t.Context(), i.Number)
	check(t, err)
	return i, bridges[0]
}

// readyBridge gives a bridge a meeting.
func readyBridge(t testing.TB, s *db.Store, b incident.Bridge, meetingID string) incident.Bridge {
	t.Helper()
	from := b.State
	b.State, b.MeetingID, b.MeetingUUID = incident.BridgeReady, meetingID, "uuid-"+meetingID
	b.JoinURL, b.HostEmail, b.ReadyAt = "https://zoom.us/j/"+meetingID, "ana@example.com", now
	check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{from}}))
	return b
}

// addEvent stores an event that arrived this number of seconds after now.
func addEvent(t testing.TB, s *db.Store, seconds int, body string) int64 {
	t.Helper()
	id, duplicate, err := s.AppendEvent(t.Context(), incident.NewEvent{
		ReceivedAt: after(seconds), SignedAt: after(seconds - 1), Body: []byte(body), Headers: map[string]string{"X-Zm-Trackingid": "t1"},
	})
	check(t, err)
	if duplicate {
		t.Fatalf("%s is a duplicate", body)
	}
	return id
}

// addRead stores an event and reads it.
func addRead(t testing.TB, s *db.Store, seconds int, r incident.Reading) int64 {
	t.Helper()
	r.EventID = addEvent(t, s, seconds, fmt.Sprintf(`{"event":%q,"n":%q}`, r.Event, id()))
	r.State, r.EventAt, r.Text = incident.EventRead, after(seconds), r.Event+" "+r.Topic+" "+r.Who+" "+r.MeetingID
	check(t, s.ApplyReadings(t.Context(), []incident.Reading{r}, after(seconds), incident.FollowEvents))
	return r.EventID
}

// topics calls do and returns the topics that it changed.
func topics(t testing.TB, s *db.Store, do func()) []string {
	t.Helper()
	all := []string{db.TopicAccount, db.TopicBridges, db.TopicDrills, db.TopicEvents, db.TopicIncident(1), db.TopicIncidents, db.TopicLeftovers, db.TopicRunbooks}
	before, err := s.Pulse(t.Context(), all)
	check(t, err)
	do()
	now, err := s.Pulse(t.Context(), all)
	check(t, err)
	var changed []string
	for _, topic := range all {
		if now[topic] > before[topic] {
			changed = append(changed, topic)
		}
	}
	return changed
}
