package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// asks returns how many times Zoom was asked about calls.
func (w *world) asks() (n int) {
	for _, c := range w.sim.Calls() {
		if c.Operation == "GET /meetings/{meetingId}" {
			n++
		}
	}
	return n
}

// wait lets d pass, ten seconds at a time.
func (w *world) wait(d time.Duration) {
	w.Helper()
	for ; d > 0; d -= 10 * time.Second {
		w.work(min(d, 10*time.Second))
	}
}

func (w *world) join(b incident.Bridge, p zoomsim.Person) string {
	w.Helper()
	key, err := w.sim.Join(w.Context(), b.MeetingID, p)
	w.ok(err)
	return key
}

// kinds returns the kinds of the entries of a timeline, oldest first.
func (w *world) kinds(i incident.Incident) (kinds []string) {
	w.Helper()
	entries, err := w.store.Timeline(w.Context(), i.Number, 200)
	w.ok(err)
	for _, e := range slices.Backward(entries) {
		kinds = append(kinds, string(e.Kind))
	}
	return kinds
}

// What no event said is noticed by asking, within two minutes.
func TestAskingNoticesWhatNoEventSaid(t *testing.T) {
	t.Parallel()
	ana, mia := zoomsim.Person{Name: "Ana", Email: opener}, zoomsim.Person{Name: "Mia"}
	lose := func(w *world, change ...func(*zoomsim.Faults)) {
		w.sim.SetFaults(func(f *zoomsim.Faults) {
			f.LoseEvents = "*"
			for _, c := range change {
				c(f)
			}
		})
	}
	notPaid := func(f *zoomsim.Faults) { f.NotPaid = true }
	for _, tt := range []struct {
		name string
		do   func(w *world, b incident.Bridge)
		// want is what the bridge then is, wantPeople how many sessions are known.
		want       incident.BridgeState
		wantPeople int
		wantEntry  string
	}{
		{"a start", func(w *world, b incident.Bridge) { lose(w); w.join(b, ana) }, incident.BridgeLive, 0, "seen_running"},
		{"an end", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			w.join(b, mia)
			w.wait(5 * time.Minute)
			lose(w)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
		}, incident.BridgeEnded, 2, "seen_ended"},
		{"an end, without past meetings", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			w.wait(5 * time.Minute)
			lose(w, notPaid)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
		}, incident.BridgeEnded, 1, "seen_ended"},
		{"start and end", func(w *world, b incident.Bridge) {
			lose(w)
			w.join(b, ana)
			w.join(b, mia)
			w.wait(2 * time.Minute)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
		}, incident.BridgeEnded, 2, "seen_ended"},
		{"the next call", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			w.wait(5 * time.Minute)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			w.wait(5 * time.Minute)
			lose(w)
			w.join(b, mia)
		}, incident.BridgeLive, 1, "seen_running"},
		{"end and the next call", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			w.wait(5 * time.Minute)
			lose(w)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			w.clock.Add(5 * time.Second)
			w.join(b, mia)
		}, incident.BridgeLive, 1, "seen_running"},
		{"the meeting was deleted", func(w *world, b incident.Bridge) {
			w.wait(5 * time.Minute)
			lose(w)
			w.ok(w.zoom().DeleteMeeting(w.Context(), b.MeetingID))
		}, incident.BridgeReady, 0, "meeting_gone"},
		{"nothing happened", func(w *world, b incident.Bridge) { lose(w); w.wait(20 * time.Minute) }, incident.BridgeReady, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				i, b := w.open()
				tt.do(w, b)
				w.wait(2 * time.Minute)

				got := w.bridge(i)
				people, err := w.store.Presences(t.Context(), b.ID)
				w.ok(err)
				kinds := w.kinds(i)
				if got.State != tt.want || len(people) != tt.wantPeople || tt.wantEntry != "" && !slices.Contains(kinds, tt.wantEntry) || got.ToldBy != incident.ToldAsked {
					t.Errorf("the bridge is %s, told by %q, with %d sessions and the timeline %q; want %s, asked, %d, %q", got.State, got.ToldBy, len(people), kinds, tt.want, tt.wantPeople, tt.wantEntry)
				}
				if tt.wantEntry == "" && (slices.Contains(kinds, "seen_running") || slices.Contains(kinds, "seen_ended")) {
					t.Errorf("timeline %q", kinds)
				}
				if age := w.clock.Now().Sub(got.ToldAt); tt.want != incident.BridgeFailed && (age < 0 || age > 70*time.Second) {
					t.Errorf("the page is as of %s ago", age)
				}
			})
		})
	}
}

// Late events give the exact times, and what they say is not told twice.
func TestLateEventsCorrectAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	w.sim.Hold(true)
	w.clock.Add(30 * time.Second)
	began := w.clock.Now()
	w.join(b, zoomsim.Person{Name: "Mia"})
	w.wait(2 * time.Minute)
	if got := w.bridge(i); got.State != incident.BridgeLive || !got.Watch.Unseen || got.Inside != 0 || !got.StartedAt.After(began) {
		t.Errorf("without events the bridge is %+v", got)
	}
	w.sim.Hold(false)
	w.sim.Release(t.Context(), nil)
	w.wait(10 * time.Second)
	if got := w.bridge(i); got.State != incident.BridgeLive || got.Watch.Unseen || got.Inside != 1 || !got.StartedAt.Equal(began.Truncate(time.Second)) {
		t.Errorf("with the events the bridge is %+v, want it to begin at %s", got, began)
	}
}

// Nothing changes because Zoom does not say something.
func TestWhatZoomDoesNotSay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(answer map[string]any)
	}{
		{"no status", func(a map[string]any) { delete(a, "status") }},
		{"another status", func(a map[string]any) { a["status"] = "paused" }},
		{"no id", func(a map[string]any) { delete(a, "id"); delete(a, "status") }},
		{"a link elsewhere", func(a map[string]any) { a["join_url"] = "https://evil.example/j/1" }},
		{"no uuid", func(a map[string]any) { delete(a, "uuid") }},
		{"another uuid", func(a map[string]any) { a["uuid"] = "other==" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			i, b := w.open()
			w.join(b, zoomsim.Person{Name: "Mia"})
			w.wait(time.Minute)
			w.edit = func(call string, answer map[string]any) {
				if strings.HasPrefix(call, "GET meeting") && answer["recordings"] == nil {
					tt.edit(answer)
				}
			}
			w.wait(10 * time.Minute)
			if got := w.bridge(i); got.State != incident.BridgeLive || got.Inside != 1 {
				t.Errorf("the bridge is %s with %d inside", got.State, got.Inside)
			}
			w.edit = nil
			w.ok(w.sim.End(t.Context(), b.MeetingID))
			w.wait(2 * time.Minute)
			if got := w.bridge(i); got.State != incident.BridgeEnded || got.Inside != 0 {
				t.Errorf("after its end the bridge is %s with %d inside", got.State, got.Inside)
			}
		})
	}
}

// While Zoom does not answer, few questions are asked, and the page says since when.
func TestAskingWhileZoomIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	for range 9 {
		w.open(func(r *incident.OpenRequest) { r.Name = "another" })
	}
	w.join(b, zoomsim.Person{Name: "Mia"})
	w.wait(2 * time.Minute)
	before := w.asks()
	w.faults(zoomsim.Faults{Down: true})
	w.wait(20 * time.Minute)
	got := w.bridge(i)
	if n := w.asks() - before; n < 10 || n > 120 { // three tries each
		t.Errorf("%d questions in 20 minutes of ten calls", n)
	}
	if got.State != incident.BridgeLive || got.Inside != 1 || got.Watch.Failures == 0 || w.clock.Now().Sub(got.Watch.Since) < 15*time.Minute {
		t.Errorf("while Zoom is down the bridge is %+v", got)
	}
	w.faults(zoomsim.Faults{})
	w.wait(20 * time.Minute)
	if got = w.bridge(i); got.Watch.Failures != 0 || w.clock.Now().Sub(got.ToldAt) > 2*time.Minute {
		t.Errorf("when Zoom is back the bridge is %+v", got)
	}
}

// Zoom is asked every minute at first, later less often, and no longer when nobody
// needs the answer.
func TestPaceOfAsking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, _ := w.open()
	count := func(d time.Duration) int {
		t.Helper()
		before := w.asks()
		for ; d > 0; d -= time.Minute {
			w.work(time.Minute)
		}
		return w.asks() - before
	}
	if n := count(50 * time.Minute); n < 45 || n > 50 {
		t.Errorf("%d questions in the first 50 minutes", n)
	}
	if n := count(5 * time.Hour); n < 55 || n > 75 {
		t.Errorf("%d questions in the next 5 hours", n)
	}
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	if n := count(2 * time.Hour); n != 0 {
		t.Errorf("%d questions after the incident was resolved", n)
	}
	w.ok(w.service.ReopenIncident(t.Context(), anaIs, i.Number))
	if n := count(20 * time.Minute); n < 2 || n > 6 {
		t.Errorf("%d questions after it was reopened", n)
	}
}
