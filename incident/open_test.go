package incident_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestOpenIncidentRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := outage()
	r.Variables = append(r.Variables,
		incident.Variable{Name: "ticket", Type: "number", Required: true},
		incident.Variable{Name: "day", Type: "date", Required: true},
		incident.Variable{Name: "size", Type: "choice", Choices: []string{"big", "small"}, Required: true})
	r = w.saveRunbook(r)
	disabled, archived := outage(), outage()
	disabled.Name, archived.Name = "Disabled", "Archived"
	disabled, archived = w.saveRunbook(disabled), w.saveRunbook(archived)
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, disabled.ID, true))
	archived.ArchivedAt = w.clock.Now()
	w.ok(w.store.UpdateRunbook(t.Context(), archived, incident.AuditEntry{}))
	entries := len(w.trail())

	good := func() incident.OpenRequest {
		return incident.OpenRequest{RunbookID: r.ID, Name: "db down", Vars: map[string]string{"customer": "Acme", "ticket": "7", "day": "2026-11-22", "size": "big"}}
	}
	vars := func(pairs ...string) func(*incident.OpenRequest) {
		return func(req *incident.OpenRequest) {
			for i := 0; i < len(pairs); i += 2 {
				req.Vars[pairs[i]] = pairs[i+1]
			}
		}
	}
	opened := func(email string) func(*incident.OpenRequest) {
		return func(req *incident.OpenRequest) { req.OpenerEmail = email }
	}
	long := strings.Repeat("ø", 5000)
	for _, test := range []struct {
		name   string
		change func(*incident.OpenRequest)
		want   []string
	}{
		{"no runbook", func(q *incident.OpenRequest) { q.RunbookID = "" }, []string{"runbook"}},
		{"unknown runbook id", func(q *incident.OpenRequest) { q.RunbookID = "nothing" }, []string{"runbook"}},
		{"unknown runbook name", func(q *incident.OpenRequest) { q.RunbookID, q.RunbookName = "", "Outrage" }, []string{"runbook"}},
		{"a disabled runbook", func(q *incident.OpenRequest) { q.RunbookID, q.Vars = disabled.ID, nil }, []string{"runbook"}},
		{"a disabled runbook by name", func(q *incident.OpenRequest) { q.RunbookID, q.RunbookName = "", "Disabled" }, []string{"runbook"}},
		{"an archived runbook", func(q *incident.OpenRequest) { q.RunbookID, q.Vars = archived.ID, nil }, []string{"runbook"}},
		{"an archived runbook by name", func(q *incident.OpenRequest) { q.RunbookID, q.RunbookName = "", "Archived" }, []string{"runbook"}},

		{"no name", func(q *incident.OpenRequest) { q.Name = " \t\n" }, []string{"name"}},
		{"F-34 name of 201 characters", func(q *incident.OpenRequest) { q.Name = long[:2*201] }, []string{"name"}},
		{"F-34 severity of 41 characters", func(q *incident.OpenRequest) { q.Severity = long[:2*41] }, []string{"severity"}},
		{"F-34 type of 101 characters", func(q *incident.OpenRequest) { q.Type = long[:2*101] }, []string{"type"}},
		{"F-34 description of 4001 characters", func(q *incident.OpenRequest) { q.Description = long[:2*4001] }, []string{"description"}},
		{"F-34 dedup key of 201 characters", func(q *incident.OpenRequest) { q.DedupKey = long[:2*201] }, []string{"dedup_key"}},
		{"F-34 form key of 201 characters", func(q *incident.OpenRequest) { q.FormKey = long[:2*201] }, []string{"form_key"}},
		{"NUL", func(q *incident.OpenRequest) { q.Name = "a\x00b" }, []string{"name"}},
		{"not UTF-8", func(q *incident.OpenRequest) { q.Description = "\xc3\x28" }, []string{"description"}},

		{"opener that is not an address", opened("ana"), []string{"opener_email"}},
		{"opener with a name", opened("Ana <ana@example.com>"), []string{"opener_email"}},
		{"opener of two lines", opened("ana@example.com\r\nX: y"), []string{"opener_email"}},
		{"opener that is a path", opened("../users/me@example.com"), []string{"opener_email"}},
		{"opener with a query", opened("ana@example.com?login_type=1"), []string{"opener_email"}},
		{"F-34 opener of 260 characters", opened(strings.Repeat("a", 250) + "@example.com"), []string{"opener_email"}},

		{"required text", vars("customer", "  "), []string{"vars.customer"}},
		{"required number, date and choice", vars("ticket", "", "day", "", "size", ""), []string{"vars.day", "vars.size", "vars.ticket"}},
		{"F-34 text of 1001 characters", vars("customer", long[:2*1001]), []string{"vars.customer"}},
		{"text with NUL", vars("customer", "a\x00b"), []string{"vars.customer"}},
		{"text that is not UTF-8", vars("customer", "a\xffb"), []string{"vars.customer"}},
		{"number in words", vars("affected", "many"), []string{"vars.affected"}},
		{"number with a unit", vars("affected", "7 users"), []string{"vars.affected"}},
		{"not a number", vars("affected", "NaN"), []string{"vars.affected"}},
		{"infinite number", vars("affected", "-Inf"), []string{"vars.affected"}},
		{"number out of range", vars("affected", "1e999"), []string{"vars.affected"}},
		{"hexadecimal number", vars("affected", "0x1p-2"), []string{"vars.affected"}},
		{"F-36 a day that does not exist", vars("since", "2026-02-30"), []string{"vars.since"}},
		{"F-36 a time", vars("since", "2026-02-03T24:00"), []string{"vars.since"}},
		{"F-36 a month that does not exist", vars("since", "2026-13-01"), []string{"vars.since"}},
		{"choice that is not offered", vars("region", "EU"), []string{"vars.region"}},
		{"variable that the runbook does not have", vars("role", "admin"), []string{"vars.role"}},
		{"everything at once", func(q *incident.OpenRequest) {
			q.Name, q.OpenerEmail, q.Vars = "", "x", map[string]string{"customer": "", "evil": "1"}
		}, []string{"name", "opener_email", "vars.customer", "vars.day", "vars.evil", "vars.size", "vars.ticket"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := good()
			test.change(&req)
			_, _, err := w.service.OpenIncident(t.Context(), anaIs, req)
			wantFields(t, err, test.want...)
		})
	}
	t.Run("guard: role", func(t *testing.T) {
		for _, actor := range []incident.Actor{viewer, {}, {Kind: "token", Email: "reader", Role: incident.Viewer}} {
			_, _, err := w.service.OpenIncident(t.Context(), actor, good())
			wantCode(t, err, incident.Forbidden)
		}
	})
	page, err := w.store.Incidents(t.Context(), db.IncidentFilter{}, "", 10)
	if err != nil || len(page.Items) > 0 || len(w.trail()) != entries || len(w.sim.Calls()) > 0 {
		t.Errorf("%d incidents, %d audit entries more, %d calls to Zoom; want nothing (%v)", len(page.Items), len(w.trail())-entries, len(w.sim.Calls()), err)
	}
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, _, err := w.service.OpenIncident(t.Context(), anaIs, good())
		wantCode(t, err, incident.Unavailable)
	})
}

func TestOpenIncidentKeeps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.saveRunbook(outage())
	i, _ := w.open(func(q *incident.OpenRequest) {
		q.RunbookID, q.RunbookName = "", r.Name
		q.Name, q.Severity, q.Description = "  db down\n", " SEV1 ", " It does not answer. "
		q.Vars = map[string]string{"customer": " Acme ", "affected": "-1.5e3", "since": "2024-02-29"}
		q.DedupKey, q.Source = "alert-7", "api"
	})
	stored, err := w.store.Incident(t.Context(), i.Number)
	w.ok(err)
	want := incident.Incident{
		Number: i.Number, RunbookID: r.ID, RunbookName: r.Name, RunbookVersion: 1, Name: "db down", Severity: "SEV1", Type: "outage", Description: "It does not answer.",
		Status: incident.StatusOpen, OpenerEmail: opener, OpenerName: "Ana", DedupKey: "alert-7", Source: "api", CreatedBy: opener, JoinKey: stored.JoinKey,
		Vars:      map[string]string{"customer": "Acme", "affected": "-1.5e3", "region": "eu", "since": "2024-02-29"},
		CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
	}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if len(stored.JoinKey) != 16 || !strings.HasSuffix(w.service.JoinPage(stored), "/j/"+i.Key()+"?k="+stored.JoinKey) {
		t.Errorf("join key %q, join page %q", stored.JoinKey, w.service.JoinPage(stored))
	}
	e := w.trail()[0]
	if e.Action != "incident.open" || e.Actor != opener || !slices.Contains(e.Changes, incident.Change{Field: "runbook", After: r.Name}) {
		t.Errorf("audit entry %+v", e)
	}
	if texts := w.timeline(i); texts[len(texts)-1] != `opened {"runbook":"Production outage"}` {
		t.Errorf("timeline %q", texts)
	}

	t.Run("join keys differ", func(t *testing.T) {
		other, _ := w.open()
		if other.JoinKey == stored.JoinKey {
			t.Error("two incidents have one join key")
		}
	})
	t.Run("opener", func(t *testing.T) {
		w.must(w.service.CreateUser(t.Context(), admin, "noor@example.com", "Noor", incident.Viewer, "correct horse battery"))
		script := incident.Actor{Kind: "token", Email: "monitoring", Role: incident.Responder}
		for _, test := range []struct {
			name            string
			actor           incident.Actor
			email           string
			wantEmail, want string
		}{
			{"oneself", anaIs, "", opener, "Ana"},
			{"a user", anaIs, " Noor@Example.com ", "noor@example.com", "Noor"},
			{"an unknown person", anaIs, "guest@partner.example", "guest@partner.example", ""},
			{"nobody: a script", script, "", "", ""},
			{"a script on behalf of a user", script, "noor@example.com", "noor@example.com", "Noor"},
			{"an address that is not ASCII", anaIs, "bjørn@example.com", "bjørn@example.com", ""},
		} {
			t.Run(test.name, func(t *testing.T) {
				i, _, err := w.service.OpenIncident(t.Context(), test.actor, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "x", OpenerEmail: test.email})
				w.ok(err)
				if i.OpenerEmail != test.wantEmail || i.OpenerName != test.want || i.CreatedBy != test.actor.Email {
					t.Errorf("opener %q (%q), created by %q; want %q (%q)", i.OpenerEmail, i.OpenerName, i.CreatedBy, test.wantEmail, test.want)
				}
				if b := w.bridge(i); b.State != incident.BridgeReady {
					t.Errorf("bridge is %s: %s", b.State, why(b))
				}
			})
		}
	})
	t.Run("a runbook without steps", func(t *testing.T) {
		none := outage()
		none.Name, none.Steps, none.Variables = "Nothing to do", nil, nil
		i, created, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.saveRunbook(none).ID, Name: "x"})
		w.ok(err)
		bridges, err := w.store.Bridges(t.Context(), i.Number)
		w.ok(err)
		if !created || len(bridges) > 0 {
			t.Errorf("created %v with %d bridges", created, len(bridges))
		}
	})
	t.Run("changing the runbook later does not change the incident", func(t *testing.T) {
		late := outage()
		late.Name, late.Variables = "Later", nil
		late.Steps[0].ExecuteAutomatically = false
		late = w.saveRunbook(late)
		i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: late.ID, Name: "x"})
		w.ok(err)
		late.Steps[0].Meeting.Topic, late.Name = "changed", "Renamed"
		w.saveRunbook(late)
		runs, err := w.store.StepRuns(t.Context(), i.Number)
		w.ok(err)
		w.ok(w.service.RunStep(t.Context(), anaIs, runs[0].ID))
		if got := w.bridge(i).Topic; got == "changed" {
			t.Errorf("topic %q is that of the runbook as it is now", got)
		}
		if e := w.trail()[0]; e.Action != "step.run" || e.Target != i.Key() {
			t.Errorf("audit entry %+v", e)
		}
		wantCode(t, w.service.RunStep(t.Context(), anaIs, runs[0].ID), incident.Conflict)
		wantCode(t, w.service.RunStep(t.Context(), viewer, runs[0].ID), incident.Forbidden)
		wantCode(t, w.service.RunStep(t.Context(), anaIs, "nothing"), incident.NotFound)
	})
}

// The person who runs a step hosts its bridge, then the opener, then the backup user.
func TestWhoRanTheStepHosts(t *testing.T) {
	t.Parallel()
	const ben = "ben@example.com"
	benIs := incident.Actor{Kind: "user", UserID: "u9", Email: ben, Role: incident.Responder}
	notInZoom := func(who string) string {
		return `{"code":"zoom","host":"` + who + `","zoom":{"code":"no_such_user"`
	}
	for _, test := range []struct {
		name     string
		opener   string // "": Ana, a Zoom user
		notZoom  bool   // Ben isn't a Zoom user
		actor    incident.Actor
		template func(*incident.MeetingTemplate)
		restart  bool // Zoom doesn't answer until the program has restarted
		wantHost string
		wantRung incident.Rung
		wantWhy  []string // beginnings of the reasons
	}{
		{name: "a Zoom user", actor: benIs, wantHost: ben, wantRung: "runner", wantWhy: []string{`{"code":"ran_step","host":"ben@example.com"}`}},
		{name: "the opener", actor: anaIs, wantHost: opener, wantRung: "runner"},
		{name: "not a Zoom user", notZoom: true, actor: benIs, wantHost: opener, wantRung: "opener", wantWhy: []string{notInZoom(ben)}},
		{name: "neither is a Zoom user", opener: "cara@example.com", notZoom: true, actor: benIs, wantHost: backup, wantRung: "backup_user", wantWhy: []string{notInZoom(ben), notInZoom("cara@example.com")}},
		{name: "a script", actor: incident.Actor{Kind: "token", Email: ben, Role: incident.Responder}, wantHost: opener, wantRung: "opener"},
		{name: "the runbook asks for the backup user", actor: benIs, template: func(m *incident.MeetingTemplate) { m.Host = incident.HostBackup },
			wantHost: backup, wantRung: "backup_user", wantWhy: []string{`{"code":"runbook"}`}},
		{name: "after a restart", actor: benIs, restart: true, wantHost: ben, wantRung: "runner", wantWhy: []string{`{"code":"ran_step"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r := outage()
			r.Variables, r.Steps[0].ExecuteAutomatically = nil, false
			if test.template != nil {
				test.template(&r.Steps[0].Meeting)
			}
			r = w.saveRunbook(r)
			if !test.notZoom {
				w.sim.AddUser(zoomsim.User{Email: ben, JoinBeforeHost: true})
			}
			i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: r.ID, Name: "x", OpenerEmail: test.opener})
			w.ok(err)
			runs, err := w.store.StepRuns(t.Context(), i.Number)
			w.ok(err)
			w.faults(zoomsim.Faults{Reset: test.restart})
			w.ok(w.service.RunStep(t.Context(), test.actor, runs[0].ID))
			if test.restart {
				w.faults(zoomsim.Faults{})
				w.service = w.another(w.store)
				w.work(time.Minute)
			}
			b := w.bridge(i)
			if b.HostEmail != test.wantHost || b.Rung != test.wantRung || b.UsedBackupUser != (test.wantHost == backup) {
				t.Errorf("hosted by %s on rung %s, want %s on %s: %s", b.HostEmail, b.Rung, test.wantHost, test.wantRung, why(b))
			}
			if len(b.Reasons) != len(test.wantWhy) {
				t.Fatalf("reasons %s, want %q", why(b), test.wantWhy)
			}
			for n, want := range test.wantWhy {
				if !strings.Contains(why(b), want) {
					t.Errorf("reason %d is not in %s, want %s", n, why(b), want)
				}
			}
			if len(test.wantWhy) > 0 && !strings.Contains(strings.Join(w.timeline(i), "\n"), `bridge_ready {"host":"`+test.wantHost+`","reasons":[{"code"`) {
				t.Errorf("the timeline lacks whose rung and why: %q", w.timeline(i))
			}
		})
	}
}

func TestResolveAndReopen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, _ := w.open()
	status := func() incident.Incident {
		t.Helper()
		i, err := w.store.Incident(t.Context(), i.Number)
		w.ok(err)
		return i
	}
	wantCode(t, w.service.ReopenIncident(t.Context(), anaIs, i.Number), incident.Conflict)
	wantCode(t, w.service.ResolveIncident(t.Context(), viewer, i.Number), incident.Forbidden)
	wantCode(t, w.service.ReopenIncident(t.Context(), viewer, i.Number), incident.Forbidden)
	wantCode(t, w.service.ResolveIncident(t.Context(), anaIs, 999), incident.NotFound)

	w.clock.Add(time.Hour)
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	if got := status(); got.Status != incident.StatusResolved || !got.ResolvedAt.Equal(w.clock.Now()) {
		t.Errorf("status %s at %s", got.Status, got.ResolvedAt)
	}
	wantEntry(t, w.trail()[0], "incident.resolved", i.Key(), incident.Change{Field: "status", Before: "open", After: "resolved"})
	if got := w.timeline(i)[0]; got != "resolved" {
		t.Errorf("the timeline says %q", got)
	}
	if b := w.bridge(i); b.State != incident.BridgeReady || b.JoinURL == "" {
		t.Errorf("resolving took the bridge: %s", b.State)
	}
	entries := len(w.trail())
	wantCode(t, w.service.ResolveIncident(t.Context(), anaIs, i.Number), incident.Conflict)
	if len(w.trail()) != entries || len(w.timeline(i)) == 0 || w.timeline(i)[0] != "resolved" {
		t.Error("a conflict was written down")
	}

	w.clock.Add(time.Minute)
	w.ok(w.service.ReopenIncident(t.Context(), anaIs, i.Number))
	if got := status(); got.Status != incident.StatusOpen || !got.ResolvedAt.IsZero() {
		t.Errorf("status %s at %s", got.Status, got.ResolvedAt)
	}
	if got := w.timeline(i)[0]; got != "reopened" {
		t.Errorf("the timeline says %q", got)
	}
	actions := map[incident.AuditAction]int{}
	for _, e := range w.trail() {
		actions[e.Action]++
	}
	if got := slices.Sorted(maps.Keys(actions)); actions["incident.resolved"] != 1 || actions["incident.reopened"] != 1 {
		t.Errorf("audit actions %q", got)
	}
}

// People are asked to correct a line break; programs can't.
func TestFormRefusesLineBreaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := meeting()
	r, _, err := w.service.SaveRunbook(t.Context(), admin, incident.Runbook{Name: "With a variable", IncidentType: "outage",
		Variables: []incident.Variable{{Name: "customer", Type: "text"}}, Steps: []incident.Step{{Kind: incident.StepCreateMeeting, Meeting: m}}})
	w.ok(err)
	_, _, err = w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{
		RunbookID: r.ID, Name: "db\ndown", Severity: "SEV\r1", Type: "out\u2028age", Description: "two\nlines", Source: incident.SourceForm, Vars: map[string]string{"customer": "A\nB"},
	})
	wantFields(t, err, "name", "severity", "type", "vars.customer")
}
