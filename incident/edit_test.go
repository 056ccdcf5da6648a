package incident_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// editable opens an incident whose runbook has variables.
func (w *world) editable() incident.Incident {
	w.Helper()
	r, _, err := w.service.SaveRunbook(w.Context(), admin, incident.Runbook{
		Name: "With variables", IncidentType: "outage",
		Variables: []incident.Variable{
			{Name: "customer", Label: "Customer", Type: "text", Required: true},
			{Name: "region", Type: "choice", Choices: []string{"eu", "us"}},
			{Name: "hosts", Type: "number"},
		},
	})
	w.ok(err)
	i, _, err := w.service.OpenIncident(w.Context(), anaIs, incident.OpenRequest{
		RunbookID: r.ID, Name: "db down", Severity: "SEV3", Description: "It does not answer.", Source: incident.SourceForm,
		Vars: map[string]string{"customer": "ACME", "region": "eu"},
	})
	w.ok(err)
	return i
}

func fields(pairs ...string) map[string]string {
	m := map[string]string{}
	for n := 0; n < len(pairs); n += 2 {
		m[pairs[n]] = pairs[n+1]
	}
	return m
}

func (w *world) now(i incident.Incident) incident.Incident {
	w.Helper()
	got, err := w.store.Incident(w.Context(), i.Number)
	w.ok(err)
	return got
}

func TestEditIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.service.CreateUser(w.Context(), admin, "bo@example.com", "Bo", incident.Responder, "correct horse battery"))
	i := w.editable()
	w.clock.Add(time.Minute)

	_, err := w.service.EditIncident(w.Context(), viewer, i.Number, incident.IncidentEdit{Fields: fields("name", "x")})
	wantCode(t, err, incident.Forbidden)
	_, err = w.service.EditIncident(w.Context(), anaIs, 99, incident.IncidentEdit{Fields: fields("name", "x")})
	wantCode(t, err, incident.NotFound)

	edited, err := w.service.EditIncident(w.Context(), anaIs, i.Number, incident.IncidentEdit{
		Source: incident.SourceForm, Note: "It is worse than it looked.",
		Fields: fields("name", " Payments are down ", "severity", "SEV1", "type", "", "description", "Line one\r\nline two", "opener_email", "Bo@Example.com", "vars.customer", "Initech", "vars.region", "eu"),
	})
	w.ok(err)
	want := i
	want.Name, want.Severity, want.Type, want.Description, want.OpenerEmail, want.OpenerName = "Payments are down", "SEV1", "", "Line one\nline two", "bo@example.com", "Bo"
	want.Vars = map[string]string{"customer": "Initech", "region": "eu", "hosts": ""}
	want.SeverityBefore, want.ChangedAt, want.UpdatedAt = "SEV3", w.clock.Now(), w.clock.Now()
	if diff := cmp.Diff(want, w.now(i)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, edited.Incident); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	changes := []incident.Change{
		{Field: "name", Before: "db down", After: "Payments are down"}, {Field: "severity", Before: "SEV3", After: "SEV1"}, {Field: "type", Before: "outage"},
		{Field: "description", Before: "It does not answer.", After: "Line one\nline two"}, {Field: "opener_email", Before: opener, After: "bo@example.com"},
		{Field: "vars.customer", Before: "ACME", After: "Initech"},
	}
	entries, err := w.store.Timeline(t.Context(), i.Number, 2)
	w.ok(err)
	if entries[0].Kind != incident.EntryNote || entries[0].Data.Text != "It is worse than it looked." || entries[1].Kind != incident.EntryEdited || entries[1].Actor != opener {
		t.Errorf("timeline %+v", entries)
	}
	if diff := cmp.Diff(changes, entries[1].Data.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	trail := w.trail()
	wantEntry(t, trail[0], incident.AuditIncidentNote, i.Key())
	wantEntry(t, trail[1], incident.AuditIncidentEdit, i.Key(), changes...)

	// A severity that stays the same is no change of it.
	w.clock.Add(time.Minute)
	edited, err = w.service.EditIncident(w.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: fields("severity", "SEV1", "type", "Outage")})
	w.ok(err)
	if len(edited.Changes) != 1 || edited.SeverityBefore != "SEV3" || !edited.ChangedAt.Equal(want.ChangedAt) {
		t.Errorf("edited %+v", edited)
	}
	w.ok(w.service.ResolveIncident(w.Context(), anaIs, i.Number))
	if got := w.now(i); !got.ChangedAt.Equal(w.clock.Now()) || got.SeverityBefore != "SEV3" {
		t.Errorf("resolved at %v, changed %v", w.clock.Now(), got.ChangedAt)
	}
}

// What changes nothing writes nothing, and a note is added all the same.
func TestEditNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.editable()
	w.clock.Add(time.Minute)
	before, lines, trail := w.now(i), w.timeline(i), len(w.trail())
	versions := w.pulse(i)
	for _, source := range []incident.Source{incident.SourceForm, incident.SourceAPI} {
		for name, e := range map[string]incident.IncidentEdit{
			"nothing":          {},
			"the same":         {Fields: fields("name", "db down ", "severity", "SEV3", "description", "It does not answer.\r\n", "opener_email", " ANA@example.com", "vars.customer", "ACME")},
			"only spaces":      {Note: " \r\n "},
			"left as it stood": {Fields: fields("name", "old", "vars.region", "us"), Seen: fields("name", "old", "vars.region", "us")},
		} {
			if e.Source = source; source == incident.SourceAPI && e.Seen != nil {
				continue
			}
			edited, err := w.service.EditIncident(t.Context(), anaIs, i.Number, e)
			if w.ok(err); len(edited.Changes) > 0 || len(edited.Adjusted) > 0 || len(w.trail()) != trail {
				t.Errorf("%s: %+v", name, edited)
			}
		}
	}
	if diff := cmp.Diff(before, w.now(i)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(lines, w.timeline(i)); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(versions, w.pulse(i)); diff != "" {
		t.Errorf("open pages are told (-want +got):\n%s", diff)
	}

	note := incident.IncidentEdit{Fields: fields("severity", "SEV3"), Note: "Nothing new.", NoteKey: "k"}
	for range 2 { // the form is sent twice
		w.must(w.service.EditIncident(t.Context(), anaIs, i.Number, note))
	}
	if diff := cmp.Diff(append([]string{`note {"text":"Nothing new."}`}, lines...), w.timeline(i)); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	wantEntry(t, w.trail()[0], incident.AuditIncidentNote, i.Key())
	if got := len(w.trail()); got != trail+1 {
		t.Errorf("%d audit entries, want %d", got, trail+1)
	}
}

func (w *world) pulse(i incident.Incident) map[string]int64 {
	w.Helper()
	versions, err := w.store.Pulse(w.Context(), []string{db.TopicIncidents, db.TopicBridges, db.TopicIncident(i.Number)})
	w.ok(err)
	return versions
}

// What a person typed is refused as at opening, and then nothing is changed.
func TestEditRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.editable()
	for _, tt := range []struct {
		name string
		edit incident.IncidentEdit
		want []string
	}{
		{"no name", incident.IncidentEdit{Fields: fields("name", " ", "severity", "SEV1")}, []string{"name"}},
		{"two lines", incident.IncidentEdit{Fields: fields("name", "a\nb", "severity", "a\rb", "type", "a\nb", "vars.customer", "a\nb")}, []string{"name", "severity", "type", "vars.customer"}},
		{"too long", incident.IncidentEdit{Fields: fields("name", strings.Repeat("ø", 201), "severity", strings.Repeat("x", 41), "type", strings.Repeat("x", 101), "description", strings.Repeat("x", 4001), "vars.customer", strings.Repeat("x", 1001)),
			Note: strings.Repeat("x", 4001)}, []string{"name", "severity", "type", "description", "vars.customer", "note"}},
		{"no address", incident.IncidentEdit{Fields: fields("opener_email", "Ana <ana@example.com>")}, []string{"opener_email"}},
		{"what can’t be stored", incident.IncidentEdit{Fields: fields("description", "a\x00b", "vars.customer", "\xff")}, []string{"description", "vars.customer"}},
		{"variables", incident.IncidentEdit{Fields: fields("vars.customer", "", "vars.region", "mars", "vars.hosts", "many", "vars.other", "x")}, []string{"vars.customer", "vars.region", "vars.hosts", "vars.other"}},
		{"no such field", incident.IncidentEdit{Fields: fields("status", "resolved")}, []string{"status"}},
		{"a note with a long key", incident.IncidentEdit{Note: "x", NoteKey: strings.Repeat("k", 201)}, []string{"dedup_key"}},
	} {
		tt.edit.Source = incident.SourceForm
		_, err := w.service.EditIncident(t.Context(), anaIs, i.Number, tt.edit)
		t.Run(tt.name, func(t *testing.T) { wantFields(t, err, tt.want...) })
	}
	if got := w.now(i); !cmp.Equal(got, i) || len(w.timeline(i)) != 1 {
		t.Errorf("something was changed: %+v %q", got, w.timeline(i))
	}

	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	_, err := w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: fields("severity", "SEV1"), Note: "late"})
	if wantCode(t, err, incident.Conflict); err == nil || !strings.Contains(err.Error(), "Reopen it") {
		t.Errorf("resolved: %v", err)
	}
	w.ok(w.service.AddNote(t.Context(), anaIs, i.Number, "late", ""))
}

// What a program sends is made usable as at opening. What can't be used stays as it was,
// and the answer and the timeline say so.
func TestEditOfProgram(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name   string
		fields map[string]string
		want   map[string]string // what changes
		codes  []incident.AdjustmentCode
	}{
		{"usable", fields("severity", "SEV1", "opener_email", "Bo <bo@example.com>"), fields("severity", "SEV1", "opener_email", "bo@example.com"), nil},
		{"too long", fields("name", long), fields("name", long[:199]+"…"), []incident.AdjustmentCode{incident.AdjustedCut}},
		{"two lines", fields("name", "a\nb"), fields("name", "a b"), []incident.AdjustmentCode{incident.AdjustedLines}},
		{"no name", fields("name", " ", "type", "x"), fields("type", "x"), []incident.AdjustmentCode{incident.AdjustedValue}},
		{"nothing that can be stored", fields("name", "\x00", "severity", "\xff"), nil, []incident.AdjustmentCode{incident.AdjustedValue, incident.AdjustedValue}},
		{"no address", fields("opener_email", "the pager"), nil, []incident.AdjustmentCode{incident.AdjustedValue}},
		{"cleared", fields("severity", "", "opener_email", "", "description", "", "vars.region", ""), fields("severity", "", "opener_email", "", "description", "", "vars.region", ""), nil},
		{"a required variable", fields("vars.customer", ""), fields("vars.customer", ""), []incident.AdjustmentCode{incident.AdjustedMissing}},
		{"no such value", fields("vars.region", "mars"), nil, []incident.AdjustmentCode{incident.AdjustedValue}},
		{"no such variable", fields("vars.planet", "mars"), nil, []incident.AdjustmentCode{incident.AdjustedVariable}},
		{"fixed", fields("runbook", "Another", "dedup_key", "k2"), nil, []incident.AdjustmentCode{incident.AdjustedFixed, incident.AdjustedFixed}},
		{"fixed, and the same", fields("runbook", "With variables", "dedup_key", ""), nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i := w.editable()
			before := map[string]string{}
			for field := range tt.fields {
				before[field] = i.Field(field)
			}
			edited, err := w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Source: incident.SourceAPI, Fields: tt.fields})
			w.ok(err)
			var codes []incident.AdjustmentCode
			for _, a := range edited.Adjusted {
				codes = append(codes, a.Code)
			}
			if diff := cmp.Diff(tt.codes, codes); diff != "" {
				t.Errorf("adjustments (-want +got):\n%s", diff)
			}
			got := w.now(i)
			for field := range tt.fields {
				want, changes := tt.want[field]
				if !changes {
					want = before[field]
				}
				if got.Field(field) != want && field != "runbook" && field != "dedup_key" {
					t.Errorf("%s is %q, want %q", field, got.Field(field), want)
				}
			}
			if entry := w.timeline(i)[0]; len(tt.want) > 0 && (!strings.HasPrefix(entry, "edited ") || strings.Contains(entry, `"adjusted"`) != (tt.codes != nil)) || len(tt.want) == 0 && len(w.timeline(i)) > 1 {
				t.Errorf("timeline %q", w.timeline(i))
			}
		})
	}

	w := newWorld(t)
	i := w.editable()
	note := strings.Repeat("n", 4001)
	w.must(w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Source: incident.SourceAPI, Note: note}))
	if got := w.timeline(i)[0]; !strings.HasPrefix(got, "note ") || !strings.Contains(got, `"`+note+`"`) {
		t.Errorf("the note is cut, and its whole is lost: %.200s", got)
	}
}

// Two people who change different fields both win. Who changes the same field is told.
func TestEditTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.editable()
	shown := fields("name", "db down", "severity", "SEV3", "description", "It does not answer.", "vars.customer", "ACME")
	edit := func(pairs ...string) (incident.Edited, error) {
		e := incident.IncidentEdit{Source: incident.SourceForm, Fields: fields("name", "db down", "severity", "SEV3", "description", "It does not answer.", "vars.customer", "ACME"), Seen: shown}
		for field, value := range fields(pairs...) {
			e.Fields[field] = value
		}
		return w.service.EditIncident(t.Context(), anaIs, i.Number, e)
	}
	w.must(edit("severity", "SEV1"))
	w.must(edit("name", "Payments are down")) // with the form that shows SEV3
	w.must(edit("severity", "SEV1"))          // as somebody else had it already
	if got := w.now(i); got.Severity != "SEV1" || got.Name != "Payments are down" {
		t.Fatalf("stored %+v", got)
	}
	before := w.timeline(i)
	_, err := edit("severity", "SEV2", "name", "", "vars.customer", "Initech")
	var refused *incident.Error
	if wantCode(t, err, incident.Conflict); !errors.As(err, &refused) || len(refused.Fields) != 2 || refused.Fields["severity"] == "" || refused.Fields["name"] == "" {
		t.Errorf("refused %+v", refused)
	}
	if diff := cmp.Diff(before, w.timeline(i)); diff != "" || w.now(i).Vars["customer"] != "ACME" {
		t.Errorf("half of it was saved:\n%s", diff)
	}

	// At once, on two servers.
	other := incident.New(w.cfg)
	var wait sync.WaitGroup
	for n, s := range []*incident.Service{w.service, other} {
		wait.Go(func() {
			for range 10 {
				e := incident.IncidentEdit{Fields: map[string]string{"vars.customer": "Umbrella"}}
				if n == 1 {
					e.Fields = map[string]string{"description": "All of it."}
				}
				if _, err := s.EditIncident(t.Context(), anaIs, i.Number, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if got := w.now(i); got.Vars["customer"] != "Umbrella" || got.Description != "All of it." {
		t.Errorf("stored %+v", got)
	}
	if got := len(w.timeline(i)) - len(before); got != 2 {
		t.Errorf("%d entries for two changes", got)
	}
}

// A runbook that changed since keeps nobody from editing what its incident has.
func TestEditAfterRunbookChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.editable()
	r, err := w.store.Runbook(t.Context(), i.RunbookID)
	w.ok(err)
	r.Variables = []incident.Variable{{Name: "region", Type: "choice", Choices: []string{"asia"}}, {Name: "team", Type: "text", Required: true}}
	_, _, err = w.service.SaveRunbook(t.Context(), admin, r)
	w.ok(err)
	edit := func(pairs ...string) error {
		_, err := w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Source: incident.SourceForm, Fields: fields(pairs...)})
		return err
	}
	w.ok(edit("severity", "SEV2", "vars.region", "eu", "vars.team", "")) // as they are
	w.ok(edit("vars.customer", "Initech", "vars.team", "db"))
	wantFields(t, edit("vars.team", "", "vars.region", "us"), "vars.team", "vars.region")
	if diff := cmp.Diff(map[string]string{"customer": "Initech", "region": "eu", "hosts": "", "team": "db"}, w.now(i).Vars); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	w.must(w.service.DeleteRunbook(t.Context(), admin, r.ID))
	w.ok(edit("vars.customer", "Umbrella"))
}

// The memory from which the join page works follows.
func TestEditIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, _ := w.open()
	w.must(w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: fields("name", "Payments are down", "description", "secret")}))
	w.ok(w.store.Close())
	call, err := w.service.RecallCall(t.Context(), anaIs, i.Number)
	if w.ok(err); call.AsOf.IsZero() || call.Incident.Name != "Payments are down" || call.Incident.Description != "" {
		t.Errorf("recalled %+v", call.Incident)
	}
	_, err = w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: fields("name", "x")})
	wantCode(t, err, incident.Unavailable)
}

// The next meeting is hosted by the new opener. A meeting that exists keeps its topic.
func TestEditAndMeetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runbook
	r.Steps = append(r.Steps, incident.Step{Kind: incident.StepCreateMeeting, Meeting: meeting()})
	r, _, err := w.service.SaveRunbook(t.Context(), admin, r)
	w.ok(err)
	i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: r.ID, Name: "db down", Severity: "SEV3", OpenerEmail: backup, Source: incident.SourceForm})
	w.ok(err)
	w.must(w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: fields("name", "Payments are down", "opener_email", opener)}))
	runs, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)
	w.ok(w.service.RunStep(t.Context(), incident.Actor{Kind: "token", Email: "pager", Role: incident.Responder}, runs[1].ID))
	bridges, err := w.store.Bridges(t.Context(), i.Number)
	w.ok(err)
	var got []string
	for _, b := range bridges {
		got = append(got, b.Topic+" · "+b.HostEmail)
	}
	if diff := cmp.Diff([]string{"SEV3 db down · " + backup, "SEV3 Payments are down · " + opener}, got); diff != "" {
		t.Errorf("meetings (-want +got):\n%s", diff)
	}
}

// Nobody becomes another person in Zoom by making themselves the opener.
func TestEditOpenerStartsNoMeetingOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bo := incident.Actor{Kind: "user", UserID: "u9", Email: "bo@example.com", Role: incident.Responder}
	for _, host := range []string{opener, backup} {
		i, b := w.open(func(q *incident.OpenRequest) { q.OpenerEmail = host })
		w.must(w.service.EditIncident(t.Context(), bo, i.Number, incident.IncidentEdit{Fields: fields("opener_email", bo.Email)}))
		want := incident.Code("")
		if host == opener {
			want = incident.Forbidden
		}
		_, err := w.service.StartURL(t.Context(), bo, b.ID)
		wantCode(t, err, want)
	}
}
