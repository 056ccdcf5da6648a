package incident_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// ref is the mark that the program of a world gives a meeting.
func ref(id string) string { return refAt("https://bridge.example.com", id) }

// refAt is the mark of the program with a public URL.
func refAt(publicURL, id string) string {
	sum := sha256.Sum256([]byte(publicURL))
	return "Drawbridge ref " + id + "/" + hex.EncodeToString(sum[:])[:8]
}

// slowReader is a store whose events are not read for a while, and which does something
// right before a left-over meeting is deleted.
type slowReader struct {
	incident.Store
	waits          bool
	beforeDeletion func()
	of             string // the meeting
}

func (s *slowReader) NewEvents(ctx context.Context, limit int) ([]incident.Event, error) {
	if s.waits {
		return nil, nil
	}
	return s.Store.NewEvents(ctx, limit)
}

func (s *slowReader) SaveLeftover(ctx context.Context, l incident.Leftover) error {
	err := s.Store.SaveLeftover(ctx, l)
	if l.MeetingID == s.of && l.Outcome == incident.LeftoverDeleting && s.beforeDeletion != nil {
		f := s.beforeDeletion
		s.beforeDeletion = nil
		f()
	}
	return err
}

// A meeting that somebody came to, or that a bridge has, is not deleted, however late that
// becomes known.
func TestSweepKeepsWantedMeetings(t *testing.T) {
	t.Parallel()
	guest := zoomsim.Person{Name: "Guest"}
	used := func(w *world, m string) {
		w.must(w.sim.Join(w.Context(), m, guest))
		w.ok(w.sim.End(w.Context(), m))
		w.sim.Settle()
	}
	notPast := zoomsim.Faults{PastLag: 48 * time.Hour} // so that Zoom does not say who was in it
	for _, tt := range []struct {
		name    string
		prepare func(w *world, s *slowReader, b incident.Bridge, twin string)
		want    []string
	}{
		{"an event is not read yet", func(w *world, s *slowReader, _ incident.Bridge, twin string) {
			s.waits = true
			used(w, twin)
			w.clock.Add(time.Hour)
			w.faults(notPast)
		}, []string{"twin checking", "unused deleted"}},
		{"an event comes right before the deletion", func(w *world, s *slowReader, _ incident.Bridge, twin string) {
			w.faults(notPast)
			s.beforeDeletion = func() {
				s.waits = true
				used(w, twin)
			}
		}, []string{"twin deleting", "unused deleted"}},
		{"an event can't be read", func(w *world, _ *slowReader, _ incident.Bridge, twin string) {
			w.faults(notPast)
			w.keep(0, `{"event":"meeting.started","payload":{"object":{"id":"`+twin+`"`)
		}, []string{"twin kept unread", "unused deleted"}},
		{"an event is read later", func(w *world, s *slowReader, _ incident.Bridge, twin string) {
			s.waits = true
			used(w, twin)
			w.faults(notPast)
			w.sweep()
			s.waits = false
			w.clock.Add(4 * time.Hour)
		}, []string{"twin kept held", "unused deleted"}},
		{"a bridge gets it right before the deletion", func(w *world, s *slowReader, b incident.Bridge, twin string) {
			s.beforeDeletion = func() {
				now, err := w.store.Bridge(w.Context(), b.ID)
				w.ok(err)
				from := now.State
				now.State, now.MeetingID = incident.BridgeReady, twin
				w.ok(w.store.ChangeBridge(w.Context(), incident.BridgeChange{Bridge: now, From: []incident.BridgeState{from}}))
			}
		}, []string{"unused deleted"}},
		{"Zoom has a recording", func(w *world, _ *slowReader, _ incident.Bridge, twin string) {
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			used(w, twin)
			w.ok(w.sim.CompleteRecording(w.Context(), twin))
			w.faults(notPast)
		}, []string{"twin kept recorded", "unused deleted"}},
		{"Zoom does not say whether it has a recording", func(w *world, _ *slowReader, _ incident.Bridge, _ string) {
			w.faults(zoomsim.Faults{Only: "GET /meetings/{meetingId}/recordings", Down: true})
		}, []string{"twin kept unsaid:server_error", "unused kept unsaid:server_error"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i, b := w.refused()
			twin := w.twin(b).ID
			w.resolved(i)
			w.work(aDay)
			s := &slowReader{Store: w.store, of: twin}
			w.service = w.another(s)
			tt.prepare(w, s, b, twin)
			got := w.sweep()
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("left over (-want +got):\n%s", diff)
			}
			if _, err := w.zoom().GetMeeting(t.Context(), twin); err != nil {
				t.Errorf("the meeting that somebody wants: %v", err)
			}
		})
	}
}

// Two installations work with the same Zoom account, one with a copy of the other's
// database, such as a restored backup. The copy deletes no meeting of the other.
func TestTwoInstallations(t *testing.T) {
	t.Parallel()
	copyOf := func(w *world) *incident.Service {
		cfg := w.cfg
		cfg.PublicURL = "https://staging.example.com"
		return incident.New(cfg)
	}
	t.Run("left-over meetings", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		i, b := w.refused()
		w.twin(b)
		w.resolved(i)
		w.work(aDay)
		own := w.service
		w.service = copyOf(w)
		if got := w.sweep(); !slices.Equal(got, []string{"unknown kept foreign", "unknown kept foreign"}) || len(w.ledger()) != 2 {
			t.Errorf("the copy says %q, and Zoom has %d meetings", got, len(w.ledger()))
		}
		w.service = own
		w.clock.Add(time.Hour)
		if got := w.sweep(); !slices.Equal(got, []string{"unused deleted", "twin deleted"}) || len(w.ledger()) != 0 {
			t.Errorf("the other says %q, and Zoom has %d meetings", got, len(w.ledger()))
		}
	})
	t.Run("standby meetings", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.standby(1)
		w.service = copyOf(w)
		none := 0
		w.saveAccount(func(f *incident.AccountForm) { f.StandbyMeetings = &none })
		w.work(time.Hour)
		if len(w.kept()) != 0 || len(w.ledger()) != 1 {
			t.Errorf("the copy keeps %+v, and Zoom has %d meetings", w.kept(), len(w.ledger()))
		}
	})
	t.Run("a renamed standby meeting", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.standby(1)
		w.faults(zoomsim.Faults{Reset: true})
		i, b := w.open()
		w.faults(zoomsim.Faults{})
		w.work(time.Minute)
		if list := w.ledger(); len(list) != 2 || !strings.Contains(list[0].Agenda, ref(b.ID)) {
			t.Fatalf("the meetings are %+v", list)
		}
		w.standby(0)
		w.resolved(i)
		w.work(aDay)
		w.service = copyOf(w)
		if got := w.sweep(); !slices.Equal(got, []string{"unknown kept foreign"}) || len(w.ledger()) != 1 {
			t.Errorf("the copy says %q, and Zoom has %d meetings", got, len(w.ledger()))
		}
	})
	t.Run("a meeting that the other found late", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		_, b := w.open()
		w.faults(zoomsim.Faults{})
		made := len(w.ledger())
		w.service = copyOf(w)
		w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, warRoom.URL, ""))
		w.work(time.Minute)
		if n := len(w.ledger()); n != made || n == 0 {
			t.Errorf("Zoom has %d of %d meetings", n, made)
		}
	})
}
