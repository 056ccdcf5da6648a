package incident_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestBridgeFollowsEvents(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, b := w.open()
		ctx := t.Context()

		ravi, err := w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Ravi"})
		w.ok(err)
		w.clock.Add(time.Minute)
		w.must(w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Søren 🚒"}))
		w.work(0)
		if b = w.bridge(i); b.State != incident.BridgeLive || b.Inside != 2 || b.InsideMost != 2 || b.StartedAt.IsZero() {
			t.Errorf("bridge is %s with %d inside, %d at most; want live, 2, 2", b.State, b.Inside, b.InsideMost)
		}
		people, _, err := store.People(ctx, b.ID)
		w.ok(err)
		if len(people) != 2 || people[1].Name != "Søren 🚒" {
			t.Errorf("inside are %+v; want Ravi and Søren", people)
		}

		w.clock.Add(time.Second)
		w.ok(w.sim.Leave(ctx, b.MeetingID, ravi))
		w.work(time.Minute)
		if b = w.bridge(i); b.Inside != 1 || b.InsideMost != 2 {
			t.Errorf("%d inside, %d at most; want 1, 2", b.Inside, b.InsideMost)
		}

		w.ok(w.sim.End(ctx, b.MeetingID))
		w.clock.Add(time.Minute)
		w.ok(w.sim.CompleteRecording(ctx, b.MeetingID))
		w.work(0)
		b = w.bridge(i)
		if b.State != incident.BridgeEnded || b.Inside != 0 || b.EndedAt.IsZero() || len(b.Recordings) == 0 {
			t.Errorf("bridge is %s, %d inside, %d recordings; want ended, 0, some", b.State, b.Inside, len(b.Recordings))
		}
		all := strings.Join(w.timeline(i), "\n")
		for _, want := range []string{`joined {"who":"Ravi"}`, `joined {"who":"Søren 🚒"}`, `left {"who":"Ravi"}`, "call_started", "call_ended", "recording_ready"} {
			if strings.Count(all, want) != 1 {
				t.Errorf("the timeline has %q %d times, want once:\n%s", want, strings.Count(all, want), all)
			}
		}
	})
}

// W-25, Q6: the bridge ends in the same state, no matter in which order and how
// many times the events arrive.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	t.Parallel()
	script := func(w *world, id string) {
		ctx := w.Context()
		var keys []string
		for n := range 4 {
			key, err := w.sim.Join(ctx, id, zoomsim.Person{Name: fmt.Sprintf("P%d", n)})
			w.ok(err)
			keys = append(keys, key)
			w.clock.Add(time.Second)
		}
		w.ok(w.sim.Leave(ctx, id, keys[1]))
		w.clock.Add(time.Second)
		w.must(w.sim.Join(ctx, id, zoomsim.Person{Name: "P1"}))
		w.clock.Add(time.Second)
		w.ok(w.sim.End(ctx, id))
	}
	type outcome struct {
		State              incident.BridgeState
		Inside, Most       int
		Started, Ended     time.Time
		JoinedAndLeftTexts string
	}
	var want *outcome
	for seed := range uint64(6) {
		w := newWorld(t)
		i, b := w.open()
		w.sim.Settle()
		w.sim.Hold(true)
		script(w, b.MeetingID)
		random := rand.New(rand.NewPCG(seed, 1))
		w.sim.Release(t.Context(), func(events []zoomsim.Event) []zoomsim.Event {
			if seed == 0 {
				return events
			}
			events = append(events, events[:len(events)/2]...) // deliver some of them twice
			random.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
			return events
		})
		w.work(0)
		b = w.bridge(i)
		texts := w.timeline(i)
		slices.Sort(texts)
		got := outcome{b.State, b.Inside, b.InsideMost, b.StartedAt, b.EndedAt, strings.Join(texts, "\n")}
		if want == nil {
			if want = &got; got.State != incident.BridgeEnded || got.Most != 4 {
				t.Fatalf("in order: %+v; want ended, 4 at most", got)
			}
		}
		if got != *want {
			t.Errorf("seed %d: %+v, want as in order %+v", seed, got, *want)
		}
	}
}

// Zoom reuses a personal meeting id: the end of an earlier call may arrive after
// the start of the next, ten seconds later.
func TestLateEndOfAnotherInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{PMI: true})
	i, b := w.open()
	w.sim.Settle()
	ctx := t.Context()
	w.sim.Hold(true)
	w.must(w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Ana", Email: b.HostEmail}))
	w.clock.Add(time.Second)
	w.ok(w.sim.End(ctx, b.MeetingID))
	w.clock.Add(time.Second)
	w.must(w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Ana", Email: b.HostEmail}))
	w.sim.Release(ctx, func(events []zoomsim.Event) []zoomsim.Event {
		end := slices.IndexFunc(events, func(e zoomsim.Event) bool { return e.Event == "meeting.ended" })
		late := events[end]
		return append(slices.Delete(events, end, end+1), late)
	})
	w.work(0)
	if b = w.bridge(i); b.State != incident.BridgeLive {
		t.Errorf("bridge is %s, want live: the second instance runs", b.State)
	}
}

// Zoom may send events of a meeting before it answers the call that creates it.
func TestEventsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	w.sim.Settle()
	w.faults(zoomsim.Faults{})
	meetings := w.ledger()
	for _, m := range meetings {
		w.must(w.sim.Join(t.Context(), fmt.Sprint(m.ID), zoomsim.Person{Name: "Early"}))
	}
	// The events are read before the bridge knows its meeting.
	w.must(w.service.ReadEvents(t.Context()))
	w.work(time.Minute)
	if b := w.bridge(i); b.State != incident.BridgeLive || b.Inside != 1 {
		t.Errorf("bridge is %s with %d inside, want live with 1", b.State, b.Inside)
	}
}

// W-15: an event signed outside the window is stored, but changes nothing until
// an admin reprocesses it.
func TestStaleEvent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		age       time.Duration
		wantStale bool
	}{
		{"W-14 two hours minus one minute", 119 * time.Minute, false},
		{"W-14 two hours plus one minute", 121 * time.Minute, true},
		{"W-14 299 s ahead", -299 * time.Second, false},
		{"W-14 301 s ahead", -301 * time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			i, b := w.open()
			w.sim.Settle()
			w.work(0)
			body, err := json.Marshal(map[string]any{"event": "meeting.started", "event_ts": w.clock.Now().UnixMilli(), "payload": map[string]any{
				"account_id": "acc", "object": map[string]any{"id": b.MeetingID, "uuid": "4444AAAiAAAAAiAiAiiAii==", "start_time": w.clock.Now().UTC().Format(time.RFC3339)},
			}})
			w.ok(err)
			w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: w.clock.Now().Add(-test.age)}, nil, body))
			w.work(0)
			if got := w.bridge(i).State == incident.BridgeLive; got == test.wantStale {
				t.Errorf("the bridge followed the event: %v, want %v", got, !test.wantStale)
			}
			if !test.wantStale {
				return
			}
			stale, err := w.store.EventRows(t.Context(), db.EventFilter{Stale: true}, "", 10)
			w.ok(err)
			if len(stale.Items) != 1 || stale.Items[0].MeetingID != b.MeetingID {
				t.Fatalf("stale events %+v, want the one", stale.Items)
			}
			if _, err := w.service.ReprocessEvent(t.Context(), anaIs, stale.Items[0].ID); incident.CodeOf(err) != incident.Forbidden {
				t.Errorf("reprocessing as responder: %v, want forbidden", err)
			}
			w.reprocess(stale.Items[0].ID)
			w.work(0)
			if got := w.bridge(i).State; got != incident.BridgeLive {
				t.Errorf("bridge is %s after reprocessing, want live", got)
			}
		})
	}
}

// W-16: our clock is wrong, and Zoom's answers show by how much.
func TestSkewIsCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ClockSkew: 3 * time.Hour})
	w.open() // gets an answer of Zoom with its Date header
	w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: w.clock.Now().Add(3 * time.Hour)}, nil, []byte(`{"event":"x.y"}`)))
	w.work(0)
	rows, err := w.store.EventRows(t.Context(), db.EventFilter{Stale: true}, "", 10)
	w.ok(err)
	if len(rows.Items) != 0 {
		t.Errorf("the event is stale by our clock, which is wrong by what Zoom says")
	}
}

// A signed event is from Zoom, so it is stored whatever it contains (W-34, W-40 …
// W-46).
func TestUnreadableEventsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bodies := []string{"", "x", "null", "[]", `"x"`, "0", "\x00", "\xff\xfe{}", `{"event":`, strings.Repeat("[", 100000),
		`{"event":"meeting.started","payload":"x"}`, `{"event":"meeting.started","payload":{"object":{"id":1e400}}}`, `{"event":"new.thing","payload":{}}`,
		`{"event":"meeting.participant_joined","payload":{"object":{"id":{},"uuid":[],"participant":null}}}`}
	for _, body := range bodies {
		w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: w.clock.Now()}, nil, []byte(body)))
	}
	w.work(0)
	rows, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 100)
	w.ok(err)
	if len(rows.Items) != len(bodies) {
		t.Errorf("%d events are kept, want %d", len(rows.Items), len(bodies))
	}
	for _, e := range rows.Items {
		if e.State == incident.EventNew {
			t.Errorf("event %d was never read", e.ID)
		}
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 14 {
		w.service.CountRefusal("wrong_signature")
	}
	w.work(0)
	counts, err := w.store.Refusals(t.Context(), w.clock.Now().Add(-time.Hour))
	w.ok(err)
	if len(counts) != 1 || counts[0].Count != 14 {
		t.Errorf("refusals %+v, want 14 with a wrong signature", counts)
	}
}

// A bridge that nobody has joined loses a deleted meeting. A bridge whose call
// started in the same batch does not, in any order of the events.
func TestFollowDeletedMeeting(t *testing.T) {
	t.Parallel()
	facts := incident.BridgeFacts{
		Bridge:   incident.Bridge{State: incident.BridgeReady, MeetingID: "1", JoinURL: "https://zoom.us/j/1"},
		StepRun:  incident.StepRun{State: incident.StepDone},
		Readings: []incident.Reading{{DeletedAt: time.Unix(2, 0), MeetingID: "1"}},
	}
	if f := incident.FollowEvents(facts); f.Bridge.State != incident.BridgeFailed || f.Bridge.JoinURL != "" || f.StepRun == nil || f.StepRun.State != incident.StepFailed || len(f.Jobs) != 0 {
		t.Errorf("without its meeting the bridge is %+v", f)
	}
	facts.Open = true
	if f := incident.FollowEvents(facts); len(f.Jobs) != 1 || f.Jobs[0].Kind != incident.JobRunStep {
		t.Errorf("while the incident is open, %+v", f.Jobs)
	}
	facts.Instances = []incident.Instance{{UUID: "u", StartedAt: time.Unix(1, 0)}}
	if f := incident.FollowEvents(facts); f.Bridge.State != incident.BridgeLive || f.Bridge.JoinURL == "" || f.StepRun != nil {
		t.Errorf("with people inside the bridge is %+v", f)
	}
	facts.Instances, facts.Readings[0].MeetingID = nil, "2"
	if f := incident.FollowEvents(facts); f.Bridge.State != incident.BridgeReady || f.Bridge.JoinURL == "" || f.StepRun != nil {
		t.Errorf("when another meeting is deleted the bridge is %+v", f)
	}
}

// Run works by itself and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.service.Run(ctx) }()
	w.service.CountRefusal("no_signature")
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	counts, err := w.store.Refusals(t.Context(), w.clock.Now().Add(-time.Hour))
	w.ok(err)
	if len(counts) != 1 {
		t.Errorf("the count of the last second was lost: %+v", counts)
	}
}

// Zoom's times are whole seconds. People who joined and left within one second were
// in the call, together with the others of that second, but not together with
// those who had left by then.
func TestMostInsideWithinOneSecond(t *testing.T) {
	t.Parallel()
	at := func(s int64) time.Time { return time.Unix(1_700_000_000+s, 0) }
	in := func(session string, joined, left time.Time) incident.Presence {
		return incident.Presence{UUID: "u", Person: session, SessionID: session, JoinedAt: joined, LeftAt: left}
	}
	for name, c := range map[string]struct {
		ended     time.Time
		presences []incident.Presence
		want      int
	}{
		"the call ended":    {at(0), []incident.Presence{in("p", at(0), time.Time{}), in("q", at(0), time.Time{}), in("r", at(0), time.Time{})}, 3},
		"all left":          {time.Time{}, []incident.Presence{in("p", at(0), at(0)), in("q", at(0), at(0))}, 2},
		"one joined again":  {time.Time{}, []incident.Presence{in("p1", at(0), at(5)), in("p2", at(5), at(9))}, 1},
		"one was there":     {time.Time{}, []incident.Presence{in("p", at(0), at(5)), in("q", at(5), at(5)), in("r", at(5), at(9))}, 2},
		"one stayed inside": {time.Time{}, []incident.Presence{in("p", at(0), time.Time{}), in("q", at(5), at(5))}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			instances := []incident.Instance{{UUID: "u", StartedAt: at(0), EndedAt: c.ended}}
			if got := incident.DeriveBridge(incident.BridgeReady, instances, c.presences, nil).InsideMost; got != c.want {
				t.Errorf("at most %d inside, want %d", got, c.want)
			}
		})
	}
}

// Waiting and DeriveBridge give the same result for any order of their input, and
// nobody is inside a call that has ended.
func TestDeriveBridge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			if n := rapid.IntRange(-1, 20).Draw(t, "s"); n >= 0 {
				return base.Add(time.Duration(n) * time.Second)
			}
			return time.Time{}
		})
		instances := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) incident.Instance {
			return incident.Instance{UUID: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "uuid"), StartedAt: moment.Draw(t, "start"), EndedAt: moment.Draw(t, "end")}
		}), 1, 3, func(i incident.Instance) string { return i.UUID }).Draw(t, "instances")
		presences := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident.Presence {
			p := rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "person")
			return incident.Presence{UUID: rapid.SampledFrom(instances).Draw(t, "in").UUID, Person: p, SessionID: p, JoinedAt: moment.Draw(t, "joined"), LeftAt: moment.Draw(t, "left")}
		}), 0, 8).Draw(t, "presences")

		waits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident.Wait {
			place := rapid.SampledFrom([]incident.Place{incident.WaitsForHost, incident.WaitsInRoom}).Draw(t, "place")
			return incident.Wait{UUID: rapid.SampledFrom(instances).Draw(t, "at").UUID, Place: place, Person: rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "who"),
				Since: moment.Draw(t, "since"), Until: moment.Draw(t, "until")}
		}), 0, 5).Draw(t, "waits")

		waiting := incident.Waiting(incident.BridgeFacts{Instances: instances, Presences: presences, Waits: waits})
		want := incident.DeriveBridge(incident.BridgeReady, instances, presences, waiting)
		instances2, presences2 := rapid.Permutation(instances).Draw(t, "instances'"), rapid.Permutation(presences).Draw(t, "presences'")
		waiting2 := incident.Waiting(incident.BridgeFacts{Instances: instances2, Presences: presences2, Waits: rapid.Permutation(waits).Draw(t, "waits'")})
		got := incident.DeriveBridge(incident.BridgeReady, instances2, presences2, waiting2)
		if len(waiting) != len(waiting2) {
			t.Fatalf("%d wait, in another order %d", len(waiting), len(waiting2))
		}
		if got != want {
			t.Fatalf("another order gives %+v, want %+v", got, want)
		}
		for _, w := range waiting {
			ended := slices.ContainsFunc(instances, func(i incident.Instance) bool { return i.UUID == w.UUID && !i.EndedAt.Before(w.Since) })
			inside := slices.ContainsFunc(incident.Inside(instances, presences, waiting), func(p incident.Presence) bool { return p.UUID == w.UUID && p.Person == w.Person })
			if ended || inside && w.Place == incident.WaitsInRoom {
				t.Fatalf("%+v waits; the call ended: %v, is inside: %v", w, ended, inside)
			}
		}
		running := slices.ContainsFunc(instances, func(i incident.Instance) bool { return i.EndedAt.IsZero() })
		if (want.State == incident.BridgeLive) != running || (!running && want.Inside != 0) || want.Inside > want.InsideMost {
			t.Fatalf("%+v of %+v, %+v", want, instances, presences)
		}
		if n := len(incident.Inside(instances, presences, waiting)); n != want.Inside {
			t.Fatalf("Inside lists %d people, DeriveBridge counts %d", n, want.Inside)
		}
	})
}
