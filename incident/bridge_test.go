package incident_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// createOnly limits faults to the call that creates a meeting.
const createOnly = "POST /users/{userId}/meetings"

func TestOpenIncidentGivesABridge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()

	if b.State != incident.BridgeReady || b.Rung != incident.RungOpener || b.HostEmail != opener || b.UsedBackupUser {
		t.Errorf("bridge is %s, rung %q, host %s, backup %v; want ready, opener, %s, false", b.State, b.Rung, b.HostEmail, b.UsedBackupUser, opener)
	}
	if b.Topic != "SEV1 db down" || b.Recording != "cloud" || b.Passcode == "" || !strings.HasPrefix(b.JoinURL, "https://") || len(b.DialIn) == 0 {
		t.Errorf("bridge lacks what people need: %+v", b)
	}
	if len(b.Findings) != 0 {
		t.Errorf("findings %v, want none", b.Findings)
	}
	if n := w.creates(); n != 1 {
		t.Errorf("Zoom was asked %d times for a meeting, want once", n)
	}
	meetings := w.ledger()
	if len(meetings) != 1 || fmt.Sprint(meetings[0].ID) != b.MeetingID || !strings.Contains(meetings[0].Agenda, "It does not answer.") {
		t.Errorf("Zoom has %+v; want the bridge's meeting with its agenda", meetings)
	}
	runs, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)
	if len(runs) != 1 || runs[0].State != incident.StepDone {
		t.Errorf("step runs %+v, want one that is done", runs)
	}
	for _, secret := range []string{simClientSecret, "zak="} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// Each row describes something wrong with the opener or with both hosts, and the
// bridge that the incident gets anyway.
func TestRungs(t *testing.T) {
	t.Parallel()
	user := func(email string, f func(*zoomsim.User)) func(*world) {
		return func(w *world) { w.sim.SetUser(email, f) }
	}
	fault := func(f zoomsim.Faults) func(*world) { return func(w *world) { w.faults(f) } }
	for _, test := range []struct {
		name       string
		wrong      func(*world)
		openerIs   string
		wantState  incident.BridgeState
		wantHost   string
		wantReason string // part of the stored reasons
		wantAsked  int    // number of calls that try to create a meeting; 0: not checked
	}{
		{name: "Z-14 opener unknown", openerIs: "noor@partner.example", wantState: incident.BridgeReady, wantHost: backup, wantReason: `{"code":"zoom","host":"noor@partner.example","zoom":{"code":"no_such_user"}}`, wantAsked: 2},
		{name: "opener of another account", wrong: user(opener, func(u *zoomsim.User) { u.OtherAccount = true }), wantState: incident.BridgeReady, wantHost: backup, wantReason: `"code":"other_account"`},
		{name: "opener may not host", wrong: user(opener, func(u *zoomsim.User) { u.NoMeetings = true }), wantState: incident.BridgeReady, wantHost: backup, wantReason: `"code":"may_not_host"`},
		{name: "Z-02 opener's daily limit", wrong: user(opener, func(u *zoomsim.User) { u.DailyLimitReached = true }), wantState: incident.BridgeReady, wantHost: backup},
		{name: "opener is the backup user", openerIs: backup, wantState: incident.BridgeReady, wantHost: backup, wantAsked: 1},
		{name: "Z-14 both missing", openerIs: "noor@partner.example", wrong: user(backup, func(u *zoomsim.User) { u.Unknown = true }), wantState: incident.BridgeFailed, wantReason: `{"code":"zoom","host":"` + backup + `","retry_at":"2026-11-22T09:00:15Z","zoom":{"code":"no_such_user"}}`, wantAsked: 2},
		{name: "Z-12 token rejected: the backup user would not help", wrong: fault(zoomsim.Faults{TokenRefused: true}), wantState: incident.BridgeFailed, wantReason: `"code":"wrong_client"`},
		{name: "Z-13 scope missing", wrong: fault(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin", "meeting:write:admin"}}), wantState: incident.BridgeFailed, wantReason: `"scopes":["meeting:write:meeting:admin"`},
		{name: "Z-20 Zoom is unreachable", wrong: fault(zoomsim.Faults{Reset: true, Only: "POST /oauth/token"}), wantState: incident.BridgeFailed},
		{name: "Z-01 daily limit of the account", wrong: fault(zoomsim.Faults{RateLimited: "day", Only: createOnly}), wantState: incident.BridgeFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.wrong != nil {
				test.wrong(w)
			}
			_, b := w.open(func(r *incident.OpenRequest) { r.OpenerEmail = test.openerIs })
			if b.State != test.wantState || (test.wantHost != "" && b.HostEmail != test.wantHost) {
				t.Errorf("bridge is %s, hosted by %s; want %s, %s (%s)", b.State, b.HostEmail, test.wantState, test.wantHost, why(b))
			}
			if !strings.Contains(why(b), test.wantReason) || (b.State == incident.BridgeFailed && len(b.Reasons) == 0) {
				t.Errorf("reasons %s, want %q in them", why(b), test.wantReason)
			}
			if b.State == incident.BridgeFailed && b.JoinURL != "" {
				t.Errorf("a failed bridge has the link %q", b.JoinURL)
			}
			if got := b.HostEmail == backup && b.State == incident.BridgeReady; b.UsedBackupUser != got {
				t.Errorf("used backup user: %v, want %v", b.UsedBackupUser, got)
			}
			if n := w.creates(); test.wantAsked > 0 && n != test.wantAsked {
				t.Errorf("Zoom was asked %d times, want %d", n, test.wantAsked)
			}
		})
	}
}

// Z-03: Zoom's limit of calls in a second is waited out while the person waits.
func TestPerSecondLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		rejected      int                  // calls
		wantState     incident.BridgeState // "" if it depends on how fast the machine is
		wantCreations int
	}{
		{"one call too many", 1, incident.BridgeReady, 2},
		{"two calls too many", 2, "", 3},
		{"the limit lasts", 0, incident.BridgeFailed, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.zoom().Token(t.Context()))
			w.faults(zoomsim.Faults{RateLimited: "second", Only: createOnly, Times: tt.rejected})
			began := time.Now()
			i, b := w.open()
			if took := time.Since(began); took > slowly {
				t.Errorf("it took %v", took)
			}
			if tt.wantState != "" && b.State != tt.wantState || w.creates() > tt.wantCreations {
				t.Errorf("bridge is %s, hosted by %s, after %d calls (%s)", b.State, b.HostEmail, w.creates(), why(b))
			}
			w.faults(zoomsim.Faults{})
			w.work(3 * time.Second)
			if b = w.bridge(i); b.State != incident.BridgeReady || len(w.ledger()) != 1 {
				t.Errorf("after 3 s the bridge is %s, and Zoom has %d meetings (%s)", b.State, len(w.ledger()), why(b))
			}
		})
	}
}

func TestNoZoomAppIsConnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, err := w.store.Account(t.Context())
	w.ok(err)
	w.ok(w.store.SaveAccount(t.Context(), account, nil, []incident.SecretName{incident.ClientSecret}, incident.AuditEntry{}))

	_, b := w.open()
	if b.State != incident.BridgeFailed || why(b) != `[{"code":"not_connected"}]` {
		t.Errorf("bridge is %s because %s; want failed, no app connected", b.State, why(b))
	}
}

func TestAnswerIsComparedWithWhatWasAsked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		wrong        func(*world)
		template     func(*incident.MeetingTemplate)
		wantHost     string
		wantFindings []string // level and code
	}{
		{
			name:         "Z-17 waiting room forced on",
			wrong:        func(w *world) { w.faults(zoomsim.Faults{OverwriteSettings: true}) },
			wantHost:     opener,
			wantFindings: []string{"warning waiting_room_on", "warning no_join_before_host"},
		},
		{
			name:         "cloud recording not allowed",
			wrong:        func(w *world) { w.sim.SetUser(opener, func(u *zoomsim.User) { u.CloudRecording = false }) },
			wantHost:     opener,
			wantFindings: []string{"warning other_recording"},
		},
		{
			name:     "personal meeting id of the opener: the backup user hosts",
			wrong:    func(w *world) { w.faults(zoomsim.Faults{PMI: true, Only: opener}) },
			wantHost: backup,
		},
		{
			name:         "personal meeting ids of both: used because it is better than no bridge",
			wrong:        func(w *world) { w.faults(zoomsim.Faults{PMI: true}) },
			wantHost:     backup,
			wantFindings: []string{"bad personal_meeting"},
		},
		{
			name:         "an alternative host who left the company does not cost the bridge",
			template:     func(m *incident.MeetingTemplate) { m.AlternativeHosts = []string{"gone@example.com"} },
			wantHost:     opener,
			wantFindings: []string{"warning no_alternative_host"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.wrong != nil {
				test.wrong(w)
			}
			m := meeting()
			if test.template != nil {
				test.template(&m)
				m.Topic += " again"
				w.runbook = w.save(m)
			}
			_, b := w.open()
			if b.State != incident.BridgeReady || b.HostEmail != test.wantHost || b.JoinURL == "" {
				t.Errorf("bridge is %s, hosted by %s; want ready, %s (%s)", b.State, b.HostEmail, test.wantHost, why(b))
			}
			var got []string
			for _, f := range b.Findings {
				got = append(got, string(f.Level)+" "+string(f.Code))
				if f.Topic != incident.TopicMeeting {
					t.Errorf("finding %s is about %s", f.Code, f.Topic)
				}
			}
			if !slices.Equal(got, test.wantFindings) {
				t.Errorf("findings %q, want %q", got, test.wantFindings)
			}
		})
	}
}

func TestTwoIncidentsDoNotShareAPersonalMeetingID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{PMI: true})
	_, first := w.open()
	w.faults(zoomsim.Faults{PMI: true, Only: opener})
	_, second := w.open()
	if first.MeetingID == second.MeetingID {
		t.Errorf("both bridges have the meeting id %s", first.MeetingID)
	}
}

// T-04: a failing template never stops the bridge.
func TestBrokenTemplateFallsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runbook
	r.Steps[0].Meeting.Topic = "{{ vars.gone }}" // valid when it was saved; the variable was removed later
	w.ok(w.store.UpdateRunbook(t.Context(), r, incident.AuditEntry{}))

	i, b := w.open()
	if b.State != incident.BridgeReady || b.Topic != i.Key()+" db down" {
		t.Errorf("bridge is %s with the topic %q; want ready, %q", b.State, b.Topic, i.Key()+" db down")
	}
	if all := strings.Join(w.timeline(i), "\n"); !strings.Contains(all, `template_failed {"field":"topic","topic":"INC-1 db down"`) {
		t.Errorf("the timeline does not say why:\n%s", all)
	}
}

// P5, Z-10: there is one bridge, no matter how many requests arrive at the same
// time, and each is answered when the bridge has its link.
func TestOneIncidentOneBridge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*incident.OpenRequest)
	}{
		{"same dedup key", func(r *incident.OpenRequest) { r.DedupKey = "alert-7"; r.Source = "api" }},
		{"F-35 same form", func(r *incident.OpenRequest) { r.FormKey = "form-7" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			req := incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", Source: "form"}
			test.change(&req)
			w.faults(zoomsim.Faults{Latency: 300 * time.Millisecond})
			numbers, links, budget := make([]int64, 50), make([]string, 50), time.After(2500*time.Millisecond)
			var wg sync.WaitGroup
			for n := range numbers {
				wg.Go(func() {
					i, _, err := w.service.OpenIncident(t.Context(), anaIs, req)
					if err != nil {
						t.Error(err)
						return
					}
					numbers[n], links[n] = i.Number, w.bridge(i).JoinURL
				})
			}
			wg.Wait()
			got := slices.Compact(slices.Sorted(slices.Values(links)))
			select {
			case <-budget: // on a machine under load, callers may have been answered before there was a link
				got = slices.DeleteFunc(got, func(link string) bool { return link == "" })
				w.wantReady(incident.Incident{Number: numbers[0]}, time.Minute)
			default:
			}
			if len(got) > 1 || slices.Contains(got, "") {
				t.Errorf("the callers got the links %q, want one", got)
			}
			if slices.Max(numbers) != slices.Min(numbers) {
				t.Errorf("incidents %v, want one", numbers)
			}
			if n := len(w.ledger()); n != 1 {
				t.Errorf("Zoom has %d meetings, want 1", n)
			}
		})
	}
	t.Run("a resolved incident frees its dedup key", func(t *testing.T) {
		w := newWorld(t)
		first, _ := w.open(func(r *incident.OpenRequest) { r.DedupKey = "alert-7" })
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, first.Number))
		second, _ := w.open(func(r *incident.OpenRequest) { r.DedupKey = "alert-7" })
		if first.Number == second.Number {
			t.Error("the resolved incident was opened again")
		}
		if err := w.service.ReopenIncident(t.Context(), anaIs, first.Number); incident.CodeOf(err) != incident.Conflict {
			t.Errorf("reopening beside the second: %v, want a conflict", err)
		}
	})
}

// Z-06: the answer is lost after Zoom created the meeting.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	t.Run("the backup user hosts, the second meeting is deleted", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: opener})
		i, b := w.open()
		if b.State != incident.BridgeReady || b.HostEmail != backup {
			t.Fatalf("bridge is %s, hosted by %s; want ready, the backup user", b.State, b.HostEmail)
		}
		if n := len(w.ledger()); n != 2 {
			t.Fatalf("Zoom has %d meetings, want the bridge and its twin", n)
		}
		w.faults(zoomsim.Faults{})
		w.work(time.Minute)
		left := w.ledger()
		if len(left) != 1 || fmt.Sprint(left[0].ID) != b.MeetingID {
			t.Errorf("Zoom has %+v, want only the bridge's meeting", left)
		}
		if all := strings.Join(w.timeline(i), "\n"); !strings.Contains(all, `twin_deleted {"host":"`+opener) {
			t.Errorf("the timeline does not say so:\n%s", all)
		}
	})

	t.Run("a second meeting with people in it is not deleted", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: opener})
		i, b := w.open()
		w.faults(zoomsim.Faults{})
		for _, m := range w.ledger() {
			if fmt.Sprint(m.ID) != b.MeetingID {
				w.must(w.sim.Join(t.Context(), fmt.Sprint(m.ID), zoomsim.Person{Name: "Lost"}))
			}
		}
		w.work(time.Minute)
		if n := len(w.ledger()); n != 2 {
			t.Errorf("Zoom has %d meetings, want both", n)
		}
		if all := strings.Join(w.timeline(i), "\n"); !strings.Contains(all, `second_meeting {"host":"`+opener) {
			t.Errorf("the timeline does not say so:\n%s", all)
		}
	})

	t.Run("Zoom doesn't say whether the second meeting runs, and deletes it only if it doesn't", func(t *testing.T) {
		for inside, want := range map[bool]int{true: 2, false: 1} {
			w := newWorld(t)
			w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: opener})
			_, b := w.open()
			w.faults(zoomsim.Faults{})
			w.edit = func(call string, answer map[string]any) {
				if call == "GET meeting" {
					delete(answer, "status")
				}
			}
			for _, m := range w.ledger() {
				if id := strconv.FormatInt(m.ID, 10); inside && id != b.MeetingID {
					w.join(incident.Bridge{MeetingID: id}, zoomsim.Person{Name: "Mia"})
				}
			}
			w.work(time.Minute)
			if n := len(w.ledger()); n != want {
				t.Errorf("somebody is inside: %t: Zoom has %d meetings, want %d", inside, n, want)
			}
		}
	})

	t.Run("no rung gives a link: the meeting is found and becomes the bridge", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, b := w.open()
		if b.State != incident.BridgeUnknown || b.JoinURL != "" || len(b.Reasons) == 0 {
			t.Fatalf("bridge is %s with link %q because %s; want unknown, none, a reason", b.State, b.JoinURL, why(b))
		}
		w.faults(zoomsim.Faults{})
		w.work(time.Minute)
		b = w.bridge(i)
		left := w.ledger()
		if b.State != incident.BridgeReady || len(left) != 1 || fmt.Sprint(left[0].ID) != b.MeetingID {
			t.Errorf("bridge is %s with meeting %s, Zoom has %+v; want ready and just its meeting", b.State, b.MeetingID, left)
		}
		if n := w.creates(); n != 2 {
			t.Errorf("Zoom was asked %d times for a meeting, want 2: one a rung", n)
		}
	})

	t.Run("a person looks at once", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, b := w.open()
		if err := w.service.LookNow(t.Context(), viewer, b.ID); incident.CodeOf(err) != incident.Forbidden {
			t.Errorf("a viewer: %v", err)
		}
		w.faults(zoomsim.Faults{Lag: time.Minute}) // Zoom's list doesn't have it yet
		for range 5 {
			w.ok(w.service.LookNow(t.Context(), anaIs, b.ID))
		}
		if b = w.bridge(i); b.State != incident.BridgeUnknown {
			t.Fatalf("the bridge is %s: looks in quick succession prove nothing", b.State)
		}
		w.faults(zoomsim.Faults{})
		w.ok(w.service.LookNow(t.Context(), anaIs, b.ID))
		if b = w.bridge(i); b.State != incident.BridgeReady || w.creates() != 2 {
			t.Errorf("bridge is %s; Zoom was asked %d times", b.State, w.creates())
		}
		if err := w.service.LookNow(t.Context(), anaIs, b.ID); incident.CodeOf(err) != incident.Conflict {
			t.Errorf("a bridge that is ready: %v", err)
		}
	})

	t.Run("Z-08 the list is delayed: search again before creating another", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, _ := w.open()
		w.faults(zoomsim.Faults{Lag: 15 * time.Second})
		w.work(3 * time.Second)
		if b := w.bridge(i); b.State != incident.BridgeUnknown {
			t.Fatalf("bridge is %s after the first look, want unknown", b.State)
		}
		w.work(15 * time.Second)
		if b := w.bridge(i); b.State != incident.BridgeReady {
			t.Errorf("bridge is %s, want ready", b.State)
		}
		if n := w.creates(); n != 2 {
			t.Errorf("Zoom was asked %d times for a meeting, want 2", n)
		}
	})

	t.Run("Z-15 whatever the date, a meeting with the mark is ours", func(t *testing.T) {
		w := newWorld(t)
		w.must(w.zoom().CreateMeeting(t.Context(), opener, request("another")))
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		before, _ := w.open()
		w.faults(zoomsim.Faults{})
		w.work(time.Minute)
		w.clock.Add(-40 * time.Second) // our clock was fast, and the lists at hand are of later
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, _ := w.open()
		w.faults(zoomsim.Faults{})
		w.edit = func(_ string, answer map[string]any) {
			list, _ := answer["meetings"].([]any)
			for _, m := range list {
				m.(map[string]any)["created_at"] = "1970-01-01T00:00:00Z"
			}
		}
		for range 12 {
			w.work(10 * time.Second)
		}
		if b, n := w.bridge(i), w.creates(); b.State != incident.BridgeReady || n != 5 || len(w.ledger()) != 3 {
			t.Errorf("bridge is %s after %d calls, Zoom has %d meetings; want ready, one call a rung and one meeting an incident", b.State, n, len(w.ledger()))
		}
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, before.Number))
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		w.work(aDay)
		if got := w.sweep(); !slices.Equal(got, []string{"unused deleted", "unused deleted"}) {
			t.Errorf("left over: %v", got)
		}
	})

	t.Run("Zoom created no meeting: ask again", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{Down: true, Only: createOnly})
		i, b := w.open()
		if b.State != incident.BridgeUnknown {
			t.Fatalf("bridge is %s, want unknown", b.State)
		}
		w.faults(zoomsim.Faults{})
		for range 5 {
			w.work(15 * time.Second)
		}
		b = w.bridge(i)
		if b.State != incident.BridgeReady || len(w.ledger()) != 1 {
			t.Errorf("bridge is %s, Zoom has %d meetings; want ready and 1", b.State, len(w.ledger()))
		}
	})

	t.Run("Zoom stays down: the bridge fails at last and can be retried", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{Down: true})
		i, _ := w.open()
		for range 80 {
			w.work(time.Minute)
		}
		b := w.bridge(i)
		if b.State != incident.BridgeFailed && b.State != incident.BridgeUnknown {
			t.Fatalf("bridge is %s, want failed or unknown", b.State)
		}
		if n := w.creates(); n > 8 {
			t.Errorf("Zoom was asked %d times for a meeting; want it bounded", n)
		}
	})
}

// Z-06 for many incidents at once: each list of a host serves all that wait for it,
// and no other meeting is read.
func TestUnknownOutcomesInAStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := meeting()
	long.Agenda = strings.Repeat("Long enough that Zoom cuts it off. ", 20)
	long.Topic = "{{ incident.name }}"
	w.runbook = w.save(long)
	for n := range 20 { // other meetings of the host
		w.must(w.zoom().CreateMeeting(t.Context(), opener, request(fmt.Sprint("Weekly ", n))))
	}
	const incidents = 30
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: "POST /users/{userId}/meetings"})
	var opened []incident.Incident
	for range incidents {
		i, b := w.open()
		if b.State != incident.BridgeUnknown {
			t.Fatalf("the bridge is %s, want unknown", b.State)
		}
		opened = append(opened, i)
	}
	w.faults(zoomsim.Faults{})
	before := len(w.sim.Calls())
	w.work(3 * time.Second)
	for _, i := range opened {
		if b := w.bridge(i); b.State != incident.BridgeReady {
			t.Errorf("%s: the bridge is %s, want ready", i.Key(), b.State)
		}
	}
	if n := len(w.ledger()); n != incidents+20 {
		t.Errorf("Zoom has %d meetings, want those of %d incidents and 20 others", n, incidents)
	}
	calls := map[string]int{}
	for _, c := range w.sim.Calls()[before:] {
		calls[c.Operation]++
	}
	// A list for each host. Each meeting is read once when it is found, and each twin
	// once more before it is deleted.
	want := map[string]int{"GET /users/{userId}/meetings": 2, "GET /meetings/{meetingId}": 3 * incidents, "DELETE /meetings/{meetingId}": incidents}
	for name, n := range want {
		if calls[name] != n {
			t.Errorf("%d calls of %s, want %d", calls[name], name, n)
		}
	}
}

// A meeting that Zoom makes long after the call was cut off is found too.
func TestMeetingMadeLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: "POST /users/{userId}/meetings", Lag: time.Minute})
	i, _ := w.open()
	w.faults(zoomsim.Faults{Lag: time.Minute})
	for range 30 {
		w.work(10 * time.Second)
	}
	if b := w.bridge(i); b.State != incident.BridgeReady {
		t.Errorf("the bridge is %s, want ready", b.State)
	}
	if left := w.ledger(); len(left) != 1 {
		t.Errorf("Zoom has %d meetings, want one", len(left))
	}
}

// interrupted returns a world whose program stopped during a call to Zoom, which had
// made the meeting or not.
func interrupted(t *testing.T, made bool) (*world, incident.Incident) {
	t.Helper()
	w := newWorld(t)
	// The step waits for a person, so that the test can simulate the
	// program that crashes.
	r := w.runbook
	r.Steps[0].ExecuteAutomatically = false
	w.ok(w.store.UpdateRunbook(t.Context(), r, incident.AuditEntry{}))
	i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: r.ID, Name: "db down"})
	w.ok(err)
	runs, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)

	// What the program stores before it calls Zoom.
	now := w.clock.Now()
	run := runs[0]
	run.State, run.StartedAt = incident.StepRunning, now
	b := incident.Bridge{ID: "b1", IncidentNumber: i.Number, StepRunID: run.ID, Kind: incident.KindMeeting, State: incident.BridgeCreating,
		Rung: incident.RungOpener, HostEmail: opener, Topic: "db down", Asked: run.Step.Meeting, CreatedAt: now, UpdatedAt: now}
	attempt := incident.Attempt{ID: "0192-attempt", BridgeID: b.ID, Rung: incident.RungOpener, HostEmail: opener, State: incident.AttemptCalling, StartedAt: now}
	w.ok(w.store.ChangeBridge(t.Context(), incident.BridgeChange{
		Bridge: b, Insert: true, Attempt: &attempt, StepRun: &run, StepRunFrom: []incident.StepState{incident.StepWaiting},
		Jobs: []incident.Job{{ID: "j1", Kind: incident.JobRunStep, Subject: run.ID, State: incident.JobQueued, RunAt: now, CreatedAt: now}},
	}))
	if made {
		w.must(w.zoom().CreateMeeting(t.Context(), opener, request("It does not answer.\n\n"+ref(attempt.ID))))
	}
	return w, i
}

// A program that stopped during a call continues without creating a second
// meeting.
func TestInterruptedCall(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("Z-09 meeting was created: %v", made), func(t *testing.T) {
			w, i := interrupted(t, made)
			for range 6 {
				w.work(15 * time.Second)
			}
			got := w.bridge(i)
			left := w.ledger()
			if got.State != incident.BridgeReady || len(left) != 1 || fmt.Sprint(left[0].ID) != got.MeetingID {
				t.Errorf("bridge is %s with meeting %s, Zoom has %d meetings; want ready and just its own", got.State, got.MeetingID, len(left))
			}
		})
	}
}

// The only server does not wait for the lease of the process that it replaces.
func TestInterruptedCallGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	w, i := interrupted(t, true)
	w.must(w.store.ClaimJobs(t.Context(), "the process before", w.clock.Now(), time.Hour, 1))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.service.Run(ctx) }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for late := time.After(time.Minute); w.bridge(i).State != incident.BridgeReady; {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("the bridge is %s", w.bridge(i).State)
		}
	}
	stop()
	w.ok(<-done)
}

func TestUseLink(t *testing.T) {
	t.Parallel()
	failed := func(t *testing.T) (*world, incident.Incident, incident.Bridge) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{TokenRefused: true})
		i, b := w.open()
		return w, i, b
	}
	t.Run("done", func(t *testing.T) {
		w, i, b := failed(t)
		w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, " https://meet.example.com/war ", "42"))
		b = w.bridge(i)
		if b.State != incident.BridgeReady || b.Kind != incident.KindStatic || b.JoinURL != "https://meet.example.com/war" || b.Passcode != "42" {
			t.Errorf("bridge %+v; want ready, static, the link", b)
		}
		w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, "https://meet.example.com/right", ""))
		if b = w.bridge(i); b.JoinURL != "https://meet.example.com/right" {
			t.Errorf("the link is %s; want the one that put it right", b.JoinURL)
		}
	})
	t.Run("I-11 refused", func(t *testing.T) {
		w, _, b := failed(t)
		for _, link := range []string{"", "http://meet.example.com/x", "javascript:alert(1)", "https://", "https://a@evil.example/", "//evil.example", "https:\\\\evil.example", "https://exam ple.com/", "data:text/html,x"} {
			if err := w.service.UseLink(t.Context(), anaIs, b.ID, link, ""); incident.CodeOf(err) != incident.Invalid {
				t.Errorf("link %q: %v, want invalid", link, err)
			}
		}
		if err := w.service.UseLink(t.Context(), viewer, b.ID, "https://meet.example.com/war", ""); incident.CodeOf(err) != incident.Forbidden {
			t.Errorf("as viewer: %v, want forbidden", err)
		}
	})
	t.Run("a bridge with a link keeps it", func(t *testing.T) {
		w := newWorld(t)
		_, b := w.open()
		if err := w.service.UseLink(t.Context(), anaIs, b.ID, "https://meet.example.com/war", ""); incident.CodeOf(err) != incident.Conflict {
			t.Errorf("%v, want a conflict", err)
		}
	})
	t.Run("a meeting that is found later is deleted", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, b := w.open()
		w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, "https://meet.example.com/war", ""))
		w.faults(zoomsim.Faults{})
		w.work(time.Minute)
		if b = w.bridge(i); b.JoinURL != "https://meet.example.com/war" || len(w.ledger()) != 0 {
			t.Errorf("the link is %s and Zoom has %d meetings; want the given link and none", b.JoinURL, len(w.ledger()))
		}
	})
	t.Run("try again", func(t *testing.T) {
		w, i, b := failed(t)
		w.faults(zoomsim.Faults{})
		w.clock.Add(time.Minute) // the client pauses before it requests another token
		w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
		if b = w.bridge(i); b.State != incident.BridgeReady {
			t.Errorf("bridge is %s (%s), want ready", b.State, why(b))
		}
		if err := w.service.RetryBridge(t.Context(), anaIs, b.ID); incident.CodeOf(err) != incident.Conflict {
			t.Errorf("trying a ready bridge again: %v, want a conflict", err)
		}
	})
}

// K-16: only people who may host get the start URL, and it is not stored
// anywhere.
func TestStartURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.open()
	start, err := w.service.StartURL(t.Context(), anaIs, b.ID)
	w.ok(err)
	if !strings.Contains(start.Reveal(), "/s/"+b.MeetingID) {
		t.Errorf("start URL %q is not the meeting's", start.Reveal())
	}
	other := incident.Actor{Kind: "user", UserID: "u9", Email: "eve@example.com", Role: incident.Responder}
	for _, actor := range []incident.Actor{other, viewer, {Kind: "token", Email: opener, Role: incident.Responder}} {
		if _, err := w.service.StartURL(t.Context(), actor, b.ID); incident.CodeOf(err) != incident.Forbidden {
			t.Errorf("as %s %s: %v, want forbidden", actor.Kind, actor.Email, err)
		}
	}
	w.faults(zoomsim.Faults{Down: true})
	if _, err := w.service.StartURL(t.Context(), admin, b.ID); incident.CodeOf(err) != incident.Unavailable {
		t.Errorf("with Zoom down: %v, want unavailable", err)
	}
}
