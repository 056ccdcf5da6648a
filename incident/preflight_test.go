package incident_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// board returns what the pre-flight check found about everybody: the findings that aren't
// fine, and whether somebody locks them.
func (w *world) board() map[string][]string {
	w.Helper()
	a := w.account()
	openers, err := w.store.Openers(w.Context(), w.clock.Now().Add(-incident.OpenersSince))
	w.ok(err)
	checks, err := w.store.HostChecks(w.Context())
	w.ok(err)
	all := map[string][]string{}
	for _, h := range incident.PossibleHosts(a, openers, checks) {
		said := []string{}
		for _, role := range h.Roles {
			said = append(said, string(role))
		}
		if h.Outdated() {
			said = append(said, "outdated")
		}
		for _, l := range h.Lines {
			if l.Level == incident.LevelOK {
				continue
			}
			text := string(l.Level) + " " + string(l.Code)
			if l.Locked {
				text += " locked"
			}
			said = append(said, text)
		}
		all[h.Email] = said
	}
	return all
}

func (w *world) wantBoard(want map[string][]string) {
	w.Helper()
	if diff := cmp.Diff(want, w.board()); diff != "" {
		w.Errorf("(-want +got)\n%s", diff)
	}
}

const (
	pmiHost  = "pmi@example.com"
	basic    = "basic@example.com"
	stranger = "stranger@example.com"
)

// preflightWorld has a backup user who is fine, an opener with settings that don't suit, a
// basic user on call and somebody on call whom Zoom does not know.
func preflightWorld(t *testing.T) *world {
	w := newWorld(t)
	w.sim.AddUser(zoomsim.User{Email: pmiHost, UsePMIForScheduled: true, WaitingRoom: true, CloudRecording: true, JoinBeforeHost: true})
	w.sim.AddUser(zoomsim.User{Email: basic, Type: zoom.UserBasic, JoinBeforeHost: true})
	w.must(w.service.CheckConnection(t.Context(), admin))
	w.ok(w.service.SaveOnCall(t.Context(), admin, []string{"Basic@example.com ", stranger, basic}))
	w.must(openBy(w, pmiHost))
	w.work(time.Second)
	return w
}

func openBy(w *world, email string) (incident.Incident, error) {
	i, _, err := w.service.OpenIncident(w.Context(), admin, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "x", OpenerEmail: email, Source: incident.SourceForm})
	return i, err
}

var preflightFound = map[string][]string{
	backup:   {"pool"},
	basic:    {"on_call", "warning user_basic", "warning cloud_recording"},
	stranger: {"on_call", "warning user_unknown"},
	pmiHost:  {"opener", "warning pmi_scheduled", "warning waiting_room"},
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	w := preflightWorld(t)
	w.work(2 * time.Hour) // the opener is found by the hourly look
	w.wantBoard(preflightFound)

	t.Run("nobody is asked again within a day", func(t *testing.T) {
		before := w.reads()
		w.work(3 * time.Hour)
		if got := w.reads() - before; got != 0 {
			t.Errorf("Zoom was asked %d times", got)
		}
	})
	t.Run("everybody is asked after a day", func(t *testing.T) {
		w.sim.SetUser(pmiHost, func(u *zoomsim.User) { u.WaitingRoom = false })
		before := w.reads()
		w.work(25 * time.Hour)
		w.work(time.Second)
		if got := w.reads() - before; got != 4 {
			t.Errorf("Zoom was asked about %d people, want 4", got)
		}
		if got := w.board()[pmiHost]; !slices.Equal(got, []string{"opener", "warning pmi_scheduled"}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("on demand", func(t *testing.T) {
		w.sim.SetUser(pmiHost, func(u *zoomsim.User) { u.Status = "inactive" })
		w.ok(w.service.StartPreflight(t.Context(), admin))
		w.ok(w.service.StartPreflight(t.Context(), admin)) // pressed twice
		before := w.reads()
		w.work(0)
		if got := w.board()[pmiHost]; !slices.Contains(got, "bad user_inactive") || w.reads()-before != 4 {
			t.Errorf("got %q after %d calls", got, w.reads()-before)
		}
		if err := w.service.StartPreflight(t.Context(), anaIs); incident.CodeOf(err) != incident.Forbidden {
			t.Errorf("a responder: %v", err)
		}
	})
	t.Run("an event about one of them", func(t *testing.T) {
		w.sim.SetUser(pmiHost, func(u *zoomsim.User) { u.Status = "active" })
		w.clock.Add(time.Minute)
		w.send(incident.Bridge{}, `{"event":"user.activated","payload":{"account_id":"acc","object":{"id":"x","email":"PMI@example.com"}},"event_ts":$MS}`)
		w.must(w.service.ReadEvents(t.Context()))
		if got := w.board()[pmiHost]; !slices.Contains(got, "outdated") {
			t.Errorf("after the event the board says %q", got)
		}
		before := w.reads()
		w.work(2 * time.Minute)
		if got := w.board()[pmiHost]; !slices.Equal(got, []string{"opener", "warning pmi_scheduled"}) || w.reads()-before != 1 {
			t.Errorf("got %q after %d calls, want one", got, w.reads()-before)
		}
	})
	t.Run("Zoom is down: what is known stays", func(t *testing.T) {
		want := w.board()
		w.faults(zoomsim.Faults{Down: true})
		w.clock.Add(time.Second)
		w.ok(w.service.StartPreflight(t.Context(), admin))
		w.work(time.Second)
		w.wantBoard(want)
		w.faults(zoomsim.Faults{})
		before := w.reads()
		w.work(10 * time.Minute)
		if got := w.reads() - before; got != 4 {
			t.Errorf("later Zoom was asked %d times", got)
		}
	})
	t.Run("who is no longer concerned is forgotten", func(t *testing.T) {
		w.ok(w.service.SaveOnCall(t.Context(), admin, nil))
		w.ok(w.service.StartPreflight(t.Context(), admin))
		w.work(time.Second)
		checks, err := w.store.HostChecks(t.Context())
		w.ok(err)
		if len(checks) != 2 {
			t.Errorf("%d checks are kept", len(checks))
		}
	})
}

// A large company does not get all its calls at once.
func TestPreflightInBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.service.CheckConnection(t.Context(), admin))
	var many []string
	for n := range 23 {
		many = append(many, fmt.Sprintf("person%02d@example.com", n))
		w.sim.AddUser(zoomsim.User{Email: many[n]})
	}
	w.ok(w.service.SaveOnCall(t.Context(), admin, many))
	before := w.reads()
	w.must(w.service.RunOnce(t.Context()))
	if got := w.reads() - before; got != 5 {
		t.Errorf("at first %d people are checked, want 5", got)
	}
	for range 4 {
		w.work(time.Second)
	}
	if got := w.reads() - before; got != 23 {
		t.Errorf("%d people are checked", got)
	}
}

func TestSaveOnCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.service.CheckConnection(t.Context(), admin))
	for _, tt := range []struct{ name, in, want string }{
		{"no address", "oncall", "“oncall” isn’t an email address. Enter one address a line."},
		{"too many", strings.TrimSuffix(strings.Repeat("a%d@example.com,", 201), ","), "Enter at most 200 addresses. You entered 201."},
	} {
		emails := strings.Split(tt.in, ",")
		for n := range emails {
			emails[n] = strings.ReplaceAll(emails[n], "%d", fmt.Sprint(n))
		}
		err := w.service.SaveOnCall(t.Context(), admin, emails)
		var refused *incident.Error
		if !errors.As(err, &refused) || refused.Fields["on_call_emails"] != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	checked := w.account().Check.At
	w.ok(w.service.SaveOnCall(t.Context(), admin, []string{" Ana@Example.com", "", "ana@example.com"}))
	if a := w.account(); !slices.Equal(a.OnCallUsers, []string{opener}) || a.Report(w.clock.Now()).At != checked {
		t.Errorf("on call are %q, and the account's check is of %v", a.OnCallUsers, a.Report(w.clock.Now()).At)
	}
	if err := w.service.SaveOnCall(t.Context(), anaIs, nil); incident.CodeOf(err) != incident.Forbidden {
		t.Errorf("a responder: %v", err)
	}
}

func TestFixHosts(t *testing.T) {
	t.Parallel()
	w := preflightWorld(t)
	w.work(2 * time.Hour)
	checks, err := w.store.HostChecks(t.Context())
	w.ok(err)
	all := map[string][]incident.FindingCode{}
	for _, h := range checks {
		if codes := h.Fixable(); codes != nil {
			all[h.Email] = codes
		}
	}
	// Cloud recording needs a license, so nothing can be mended for the basic user.
	if diff := cmp.Diff(map[string][]incident.FindingCode{pmiHost: {incident.FoundPMIScheduled, incident.FoundWaitingRoom}}, all); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if _, err := w.service.FixHosts(t.Context(), anaIs, all); incident.CodeOf(err) != incident.Forbidden {
		t.Errorf("a responder: %v", err)
	}
	// Somebody else's address, a code that can't be mended and one that is fine change nothing.
	done, err := w.service.FixHosts(t.Context(), admin, map[string][]incident.FindingCode{
		opener: {incident.FoundWaitingRoom}, pmiHost: {incident.FoundUser, incident.FoundJoinBeforeHost}, backup: {incident.FoundPMIScheduled}})
	if err != nil || len(done) != 0 {
		t.Errorf("did %+v, %v", done, err)
	}

	w.sim.SetUser(pmiHost, func(u *zoomsim.User) { u.WaitingRoomLock = zoomsim.LockedOn })
	done, err = w.service.FixHosts(t.Context(), admin, all)
	w.ok(err)
	want := []incident.HostFix{{Email: pmiHost, Fixed: []incident.FindingCode{incident.FoundPMIScheduled}, Kept: []incident.FindingCode{incident.FoundWaitingRoom}}}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.board()[pmiHost]; !slices.Equal(got, []string{"opener", "warning waiting_room locked"}) {
		t.Errorf("afterwards the board says %q", got)
	}
	checks, err = w.store.HostChecks(t.Context())
	w.ok(err)
	if i := slices.IndexFunc(checks, func(h incident.HostCheck) bool { return h.Email == pmiHost }); !slices.Contains(checks[i].Fixable(), incident.FoundWaitingRoom) || !checks[i].Locked(incident.FoundWaitingRoom) {
		t.Error("what Zoom kept can’t be tried again")
	}
	for _, u := range w.sim.Users() {
		if u.Email == pmiHost && u.UsePMIForScheduled {
			t.Error("nothing changed in Zoom")
		}
	}
	page, err := w.store.Audit(t.Context(), db.AuditFilter{Actions: []incident.AuditAction{incident.AuditHostFix}}, "", 10)
	w.ok(err)
	if len(page.Items) != 1 || page.Items[0].Target != pmiHost || len(page.Items[0].Changes) != 1 {
		t.Errorf("audit trail %+v", page.Items)
	}
	// A lock that Zoom told once is known until the setting changes.
	w.work(25 * time.Hour)
	if got := w.board()[pmiHost]; !slices.Equal(got, []string{"opener", "warning waiting_room locked"}) {
		t.Errorf("a day later the board says %q", got)
	}

	t.Run("Zoom refuses", func(t *testing.T) {
		w.sim.SetUser(pmiHost, func(u *zoomsim.User) { u.WaitingRoomLock, u.UsePMIForScheduled = zoomsim.LockedOff, true })
		w.clock.Add(time.Second)
		w.ok(w.service.StartPreflight(t.Context(), admin))
		w.work(time.Second)
		w.faults(zoomsim.Faults{MissingScopes: []string{"user:update:settings:admin", "user:write:admin"}})
		done, err := w.service.FixHosts(t.Context(), admin, map[string][]incident.FindingCode{pmiHost: {incident.FoundPMIScheduled}})
		w.ok(err)
		if len(done) != 1 || done[0].Zoom == nil || done[0].Zoom.Code != zoom.ProblemMissingScopes {
			t.Errorf("got %+v", done)
		}
	})
}

// Somebody who opens their first incident is checked at once, and how many meetings they may
// run at the same time counts for the next incident.
func TestPreflightOfNewOpener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.SetUser(opener, func(u *zoomsim.User) { u.ConcurrentMeetings = 2 })
	w.must(w.service.CheckConnection(t.Context(), admin))
	w.work(0)
	calls := len(w.sim.Calls())
	if _, b := w.open(); b.HostEmail != opener {
		t.Fatalf("the first is hosted by %s", b.HostEmail)
	}
	w.work(time.Second)
	if got := w.board()[opener]; !slices.Equal(got, []string{"opener"}) {
		t.Errorf("the board says %q", got)
	}
	if p := w.preview(meeting(), nil, incident.Pretend{}); p.Host != opener || p.Hosts[0].AtOnce != 2 {
		t.Errorf("the preview says %+v", p.Hosts)
	}
	if _, b := w.open(); b.HostEmail != opener {
		t.Errorf("the second is hosted by %s: %s", b.HostEmail, why(b))
	}
	if _, b := w.open(); b.HostEmail != backup {
		t.Errorf("the third is hosted by %s: %s", b.HostEmail, why(b))
	}
	w.work(time.Second)
	reads := 0
	for _, c := range w.sim.Calls()[calls:] {
		if c.Operation == "GET /users/{userId}" {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("Zoom was asked about people %d times, want once", reads)
	}
}
