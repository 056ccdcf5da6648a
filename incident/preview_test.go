package incident_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// previews asks for a preview as the opener. It fails if that writes or calls anything.
func (w *world) previews(r incident.Runbook, of incident.Pretend) []incident.Preview {
	w.Helper()
	calls := len(w.sim.Calls())
	all, err := w.service.Preview(w.Context(), anaIs, r, of)
	w.ok(err)
	cfg := w.cfg
	cfg.Store = w.store.ReadOnly()
	if _, err := incident.New(cfg).Preview(w.Context(), anaIs, r, of); err != nil {
		w.Errorf("the preview writes: %v", err)
	}
	if n := len(w.sim.Calls()) - calls; n > 0 {
		w.Errorf("the preview made %d calls", n)
	}
	return all
}

// preview is the preview of a runbook with one step.
func (w *world) preview(m incident.MeetingTemplate, vars []incident.Variable, of incident.Pretend) incident.Preview {
	w.Helper()
	return w.previews(incident.Runbook{Variables: vars, Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: m}}}, of)[0]
}

var attemptID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// written are the calls since n that change something in Zoom, as a preview shows them.
func (w *world) written(n int) (calls []zoom.Call) {
	for _, c := range w.sim.Calls()[n:] {
		if c.Method == "GET" || strings.HasPrefix(c.Path, "/oauth/") {
			continue
		}
		calls = append(calls, zoom.Call{Method: c.Method, Path: strings.TrimPrefix(c.Path, "/v2"), Body: attemptID.ReplaceAllString(c.Body, incident.MarkerExample)})
	}
	return calls
}

// TestPreviewIsTheRun compares what a preview says with what the same runbook then does.
func TestPreviewIsTheRun(t *testing.T) {
	t.Parallel()
	warRoom := incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war"}
	inactive := func(w *world, email string) {
		w.sim.SetUser(email, func(u *zoomsim.User) { u.Status = "inactive" })
	}
	for _, test := range []struct {
		name  string
		setup func(w *world)
		step  func(m *incident.MeetingTemplate)
		want  string // rung, host or name of the link, and the reasons
	}{
		{name: "the opener", want: "opener ana@example.com []"},
		{name: "a long agenda, markup and quotes", setup: func(w *world) {
			w.sim.AddUser(zoomsim.User{Email: "bo@example.com"})
		}, step: func(m *incident.MeetingTemplate) {
			m.Topic, m.Agenda = "<b>{{ incident.name }}</b> & \"quoted\" ø", strings.Repeat("{{ incident.description }} å\n", 60)
			m.AlternativeHosts, m.WaitingRoom = []string{" Bo@Example.com "}, true
		}, want: "opener ana@example.com []"},
		{name: "the runbook asks for the backup user", step: backupHosts, want: "backup_user oncall@example.com []"},
		{name: "the opener is in a call", setup: func(w *world) { w.open() }, want: "backup_user oncall@example.com [host_busy]"},
		{name: "the opener cannot host, as the pre-flight check knows", setup: func(w *world) {
			w.resolve(secondOf(w.open()))
			w.work(2 * time.Hour)
			inactive(w, opener)
			w.must(w.service.CheckConnection(w.Context(), admin))
			w.ok(w.service.StartPreflight(w.Context(), admin))
			w.work(time.Second)
		}, want: "backup_user oncall@example.com []"},
		{name: "a backup user rests", setup: func(w *world) {
			w.pool("a@example.com", "b@example.com")
			inactive(w, "a@example.com")
			w.resolve(w.byStranger())
		}, step: backupHosts, want: "backup_user b@example.com [host_rests]"},
		{name: "Zoom is silent and a standby meeting is ready", setup: func(w *world) {
			w.standby(3)
			w.faults(zoomsim.Faults{Reset: true})
			for range 2 {
				w.resolve(secondOf(w.open()))
			}
		}, want: "standby oncall@example.com [zoom_silent]"},
		{name: "no app", setup: func(w *world) {
			w.links(warRoom)
			w.saveAccount(func(f *incident.AccountForm) { f.Auth = "webhook_only" })
		}, want: "static War room [only_events]"},
		{name: "all hosts rest and a standby meeting is ready", setup: func(w *world) {
			w.standby(2)
			inactive(w, backup)
			w.resolve(w.byStranger())
			w.work(0)
		}, step: backupHosts, want: "standby oncall@example.com [host_rests]"},
		{name: "the storm brake", setup: func(w *world) {
			w.links(warRoom)
			for range incident.DefaultStormLimit {
				w.resolve(secondOf(w.open()))
			}
		}, want: "static War room [storm]"},
		{name: "nobody", setup: func(w *world) { w.saveAccount(func(f *incident.AccountForm) { f.BackupUsers = nil }) }, step: backupHosts, want: "  [nobody_hosts]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.setup != nil {
				test.setup(w)
			}
			m := meeting()
			m.Topic, m.Agenda = "{{ incident.name }}, {{ runbook.name }}", "{{ incident.description }}"
			if test.step != nil {
				test.step(&m)
			}
			r := w.save(m)
			p := w.previews(r, incident.Pretend{})[0]
			codes := []string{}
			for _, h := range p.Hosts {
				if h.Why.Code != "" {
					codes = append(codes, string(h.Why.Code))
				}
			}
			for _, why := range p.Why {
				codes = append(codes, string(why.Code))
			}
			if got := fmt.Sprintf("%s %s %v", p.Rung, p.Host+p.LinkName, codes); got != test.want {
				t.Errorf("the preview says %q, want %q", got, test.want)
			}

			calls, sample := len(w.sim.Calls()), incident.SampleTemplateData()
			_, b := w.open(func(q *incident.OpenRequest) {
				q.RunbookID, q.Name, q.Severity, q.Description = r.ID, sample.Name, sample.Severity, sample.Description
			})
			w.faults(zoomsim.Faults{})
			w.work(0)
			if b.Rung != p.Rung || b.HostEmail+b.LinkName != p.Host+p.LinkName {
				t.Errorf("the preview says %s %s, the run did %s %s%s: %s", p.Rung, p.Host+p.LinkName, b.Rung, b.HostEmail, b.LinkName, why(b))
			}
			made := slices.DeleteFunc(w.written(calls), func(c zoom.Call) bool { return strings.Contains(c.Body, "db down") }) // for the incidents before
			if diff := cmp.Diff(p.Calls, made); diff != "" {
				t.Errorf("calls of the preview (-) and of the run (+):\n%s", diff)
			}
		})
	}
}

func backupHosts(m *incident.MeetingTemplate) { m.Host = incident.HostBackup }

func secondOf(_ incident.Incident, b incident.Bridge) incident.Bridge { return b }

// A step that waits for a person is hosted by who runs it; an earlier incident keeps its
// own values.
func TestPreviewOfAnIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := meeting()
	m.Topic, m.Agenda = "{{ incident.key }} {{ vars.customer }} {{ vars.region }}", "{{ incident.join_page }} {{ incident.opener.email }}"
	r, _, err := w.service.SaveRunbook(t.Context(), admin, incident.Runbook{
		Name: "By hand", Variables: []incident.Variable{{Name: "customer"}, {Name: "region", Default: "eu"}},
		Steps: []incident.Step{{Kind: incident.StepCreateMeeting, Meeting: m}},
	})
	w.ok(err)
	i, _, err := w.service.OpenIncident(t.Context(), admin, incident.OpenRequest{RunbookID: r.ID, Name: "x", Source: "form", Vars: map[string]string{"customer": "Acme & Co"}})
	w.ok(err)
	p := w.previews(r, incident.Pretend{Number: i.Number})[0]
	steps, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)
	calls := len(w.sim.Calls())
	w.ok(w.service.RunStep(t.Context(), anaIs, steps[0].ID))
	if p.Rung != incident.RungRunner || p.Host != opener || p.Topic != "INC-1 Acme & Co eu" {
		t.Errorf("got %s %s %q", p.Rung, p.Host, p.Topic)
	}
	if diff := cmp.Diff(p.Calls, w.written(calls)); diff != "" {
		t.Errorf("calls of the preview (-) and of the run (+):\n%s", diff)
	}
}

func TestPreviewSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	three := incident.Runbook{}
	for range 3 {
		three.Steps = append(three.Steps, incident.Step{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()})
	}
	three.Steps[2].Meeting.DurationMinutes = -1
	var hosts []string
	for _, p := range w.previews(three, incident.Pretend{Opener: " " + strings.ToUpper(opener)}) {
		hosts = append(hosts, p.Host)
		if p.Refused != (len(p.Calls) == 0) {
			t.Errorf("refused %v with calls %v", p.Refused, p.Calls)
		}
	}
	if want := []string{opener, backup, ""}; !slices.Equal(hosts, want) {
		t.Errorf("hosts %q, want %q: one host has one meeting at a time", hosts, want)
	}
}
