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

// everything returns the event log and all its effects.
func (w *world) everything(i incident.Incident) map[string]any {
	w.Helper()
	ctx := context.Background()
	b := w.bridge(i)
	b.UpdatedAt = time.Time{}
	people, err := w.store.Presences(ctx, b.ID)
	w.ok(err)
	events, err := w.store.EventRows(ctx, db.EventFilter{}, "", 100)
	w.ok(err)
	hours, err := w.store.EventHistogram(ctx, db.EventFilter{}, w.clock.Now().Add(-24*time.Hour), w.clock.Now().Add(time.Hour), 30)
	w.ok(err)
	return map[string]any{"bridge": b, "people": people, "timeline": w.timeline(i), "events": events.Items, "hours": hours}
}

func (w *world) reprocess(id int64) incident.Reprocessed {
	w.Helper()
	done, err := w.service.ReprocessEvent(context.Background(), admin, id)
	w.ok(err)
	if !done.Read {
		w.Error("the event was not read at once")
	}
	return done
}

// Reprocessing an event, once or twice, never applies an effect a second time.
func TestReprocessChangesNothing(t *testing.T) {
	t.Parallel()
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
			if changes := w.reprocess(e.ID).Differences; len(changes) > 0 {
				t.Errorf("reprocessing %s changed %q", e.Event, changes)
			}
			if diff := cmp.Diff(before, w.everything(i)); diff != "" {
				t.Fatalf("reprocessing %s (-before +after):\n%s", e.Event, diff)
			}
		}
	})
}

func TestReprocessSaysWhatItChanged(t *testing.T) {
	t.Parallel()
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
	found := func(more ...incident.Difference) []incident.Difference {
		return append([]incident.Difference{incident.NowCounts, incident.OtherBridge}, more...)
	}
	for _, tt := range []struct {
		name, more string
		want       incident.Reprocessed
	}{
		{"meeting.started", "", incident.Reprocessed{Differences: found(incident.OtherState, incident.MoreTimeline), Was: incident.BridgeReady, Is: incident.BridgeLive}},
		{"meeting.participant_joined", `,"participant":{"user_id":"7","user_name":"Ana","join_time":"2026-11-22T02:15:00Z"}`,
			incident.Reprocessed{Differences: found(incident.OtherStay, incident.MoreTimeline), Was: incident.BridgeLive, Is: incident.BridgeLive, Who: "Ana"}},
		{"meeting.ended", `,"end_time":"2026-11-22T03:14:07Z"`, incident.Reprocessed{Differences: found(incident.OtherState, incident.MoreTimeline), Was: incident.BridgeLive, Is: incident.BridgeEnded}},
		{"recording.completed", `,"share_url":"https://zoom.us/rec/share/x"`, incident.Reprocessed{Differences: found(incident.MoreRecordings, incident.MoreTimeline), Was: incident.BridgeEnded, Is: incident.BridgeEnded}},
		{"meeting.sharing_started", "", incident.Reprocessed{Differences: found(), Was: incident.BridgeEnded, Is: incident.BridgeEnded}},
		{"user.updated", "", incident.Reprocessed{Differences: []incident.Difference{incident.NowCounts}}},
	} {
		id := send(tt.name, tt.more, late)
		was := w.bridge(i)
		tt.want.Read = true
		if tt.want.Was != "" {
			tt.want.Incident = i.Number
		}
		if diff := cmp.Diff(tt.want, w.reprocess(id)); diff != "" {
			t.Errorf("%s, bridge %s (-want +got):\n%s", tt.name, was.State, diff)
		}
		if again := w.reprocess(id).Differences; len(again) > 0 {
			t.Errorf("%s again changed %q", tt.name, again)
		}
	}
}
