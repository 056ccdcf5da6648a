package incident_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// everything is the log and all that followed from it.
func (w *world) everything(i incident.Incident) map[string]any {
	w.Helper()
	ctx := context.Background()
	b := w.bridge(i)
	b.UpdatedAt = time.Time{}
	people, err := w.store.Presences(ctx, b.ID)
	w.ok(err)
	events, err := w.store.EventRows(ctx, db.EventFilter{}, "", 100)
	w.ok(err)
	hours, err := w.store.EventsPerHour(ctx, w.clock.Now().Add(-24*time.Hour))
	w.ok(err)
	return map[string]any{"bridge": b, "people": people, "timeline": w.timeline(i), "events": events.Items, "hours": hours}
}

func (w *world) reprocess(id int64) []string {
	w.Helper()
	changes, read, err := w.service.ReprocessEvent(context.Background(), admin, id)
	w.ok(err)
	if !read {
		w.Error("the event was not read at once")
	}
	return changes
}

// Whatever is reprocessed, once or twice, nothing is done a second time.
func TestReprocessChangesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, b := w.open()
		ctx := t.Context()
		ravi, err := w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Ravi"})
		w.ok(err)
		w.clock.Add(time.Minute)
		w.must(w.sim.Join(ctx, b.MeetingID, zoomsim.Person{Name: "Søren 🚒"}))
		w.clock.Add(time.Minute)
		w.ok(w.sim.Leave(ctx, b.MeetingID, ravi))
		w.clock.Add(time.Minute)
		w.ok(w.sim.End(ctx, b.MeetingID))
		w.clock.Add(time.Minute)
		w.ok(w.sim.CompleteRecording(ctx, b.MeetingID))
		w.must(w.service.KeepEvent(ctx, zoom.Signature{Timestamp: w.clock.Now()}, nil, []byte(`not an event`)))
		w.work(0)

		before := w.everything(i)
		events := before["events"].([]incident.Event)
		if len(events) < 7 {
			t.Fatalf("%d events, want a whole meeting", len(events))
		}
		for _, e := range slices.Concat(events, events) {
			if changes := w.reprocess(e.ID); len(changes) > 0 {
				t.Errorf("reprocessing %s changed %q", e.Event, changes)
			}
			if diff := cmp.Diff(before, w.everything(i)); diff != "" {
				t.Fatalf("reprocessing %s (-before +after):\n%s", e.Event, diff)
			}
		}
	})
}

func TestReprocessSaysWhatItChanged(t *testing.T) {
	w := newWorld(t)
	i, b := w.open()
	ctx := t.Context()
	w.sim.Settle()
	w.work(0)
	send := func(name, more string, late time.Duration) int64 {
		t.Helper()
		body := fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"account_id":"acc","object":{"id":%q,"uuid":"u==","start_time":"2026-11-22T02:14:07Z"%s}}}`,
			name, w.clock.Now().UnixMilli(), b.MeetingID, more)
		w.must(w.service.KeepEvent(ctx, zoom.Signature{Timestamp: w.clock.Now().Add(-late)}, nil, []byte(body)))
		w.work(0)
		rows, err := w.store.EventRows(ctx, db.EventFilter{}, "", 1)
		w.ok(err)
		return rows.Items[0].ID
	}
	const late = 3 * time.Hour
	for _, tt := range []struct {
		name, more string
		want       []string
	}{
		{"meeting.started", "", []string{"The event counts now.", "It belongs to the bridge of INC-1 now.", "The bridge is live; it was ready.", "The timeline of INC-1 says so."}},
		{"meeting.participant_joined", `,"participant":{"user_id":"7","user_name":"Ana","join_time":"2026-11-22T02:15:00Z"}`,
			[]string{"The event counts now.", "It belongs to the bridge of INC-1 now.", "When Ana was in the call is other than before.", "The timeline of INC-1 says so."}},
		{"meeting.ended", `,"end_time":"2026-11-22T03:14:07Z"`, []string{"The event counts now.", "It belongs to the bridge of INC-1 now.", "The bridge is ended; it was live.", "The timeline of INC-1 says so."}},
		{"recording.completed", `,"share_url":"https://zoom.us/rec/share/x"`, []string{"The event counts now.", "It belongs to the bridge of INC-1 now.", "The bridge has a recording more.", "The timeline of INC-1 says so."}},
		{"meeting.sharing_started", "", []string{"The event counts now.", "It belongs to the bridge of INC-1 now."}},
		{"user.updated", "", []string{"The event counts now."}},
	} {
		id := send(tt.name, tt.more, late)
		was := w.bridge(i)
		if diff := cmp.Diff(tt.want, w.reprocess(id)); diff != "" {
			t.Errorf("%s, bridge %s (-want +got):\n%s", tt.name, was.State, diff)
		}
		if again := w.reprocess(id); len(again) > 0 {
			t.Errorf("%s again changed %q", tt.name, again)
		}
	}
}
