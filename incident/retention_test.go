package incident_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

const day = 24 * time.Hour

func TestCheckRetention(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		rules      []incident.RetentionRule
		want       []incident.RetentionRule
		wantFields []string
	}{
		{"none", nil, nil, nil},
		{"rule without effect", []incident.RetentionRule{{}}, nil, nil},
		{"sorted, others by name", []incident.RetentionRule{{Family: "user"}, {Family: "meeting", KeepDays: 7}, {Family: "others", BlankDays: 1}},
			[]incident.RetentionRule{{BlankDays: 1}, {Family: "meeting", KeepDays: 7}, {Family: "user"}}, nil},
		{"too short", []incident.RetentionRule{{KeepDays: 6}, {Family: "user", KeepDays: -1, BlankDays: 2}}, nil, []string{"others.keep_days", "user.keep_days"}},
		{"too long", []incident.RetentionRule{{KeepDays: 4000}, {Family: "user", BlankDays: 4000}}, nil, []string{"others.keep_days", "user.blank_days"}},
		{"blanked after it is deleted", []incident.RetentionRule{{KeepDays: 30, BlankDays: 30}}, nil, []string{"others.blank_days"}},
		{"blanked before it is deleted", []incident.RetentionRule{{KeepDays: 30, BlankDays: 29}}, []incident.RetentionRule{{KeepDays: 30, BlankDays: 29}}, nil},
		{"twice", []incident.RetentionRule{{KeepDays: 30}, {Family: "others", KeepDays: 31}}, nil, []string{"others.keep_days"}},
		{"no family", []incident.RetentionRule{{Family: "meeting.*", KeepDays: 30}}, nil, []string{"meeting.*.keep_days"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := incident.CheckRetention(tt.rules)
			if tt.wantFields != nil {
				wantFields(t, err, tt.wantFields...)
				return
			}
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, d)
			}
		})
	}
}

func TestRetentionCuts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 45, 0, 0, time.UTC)
	rules := []incident.RetentionRule{{KeepDays: 30}, {Family: "participant", BlankDays: 2}}
	want := []incident.RetentionCut{
		{Event: "", Remove: time.Date(2026, 10, 23, 9, 0, 0, 0, time.UTC)},
		{Event: "meeting.participant_left", Blank: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)},
		{Event: "meeting.started", Remove: time.Date(2026, 10, 23, 9, 0, 0, 0, time.UTC)},
	}
	if d := cmp.Diff(want, incident.RetentionCuts(rules, []string{"meeting.participant_left", "meeting.started"}, now)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestSaveRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := []incident.RetentionRule{{Family: "participant", KeepDays: 90, BlankDays: 30}, {KeepDays: 400}}
	t.Run("guard", func(t *testing.T) {
		_, err := w.service.SaveRetention(t.Context(), anaIs, rules)
		wantCode(t, err, incident.Forbidden)
	})
	t.Run("refused", func(t *testing.T) {
		_, err := w.service.SaveRetention(t.Context(), admin, []incident.RetentionRule{{KeepDays: 1}})
		wantFields(t, err, "others.keep_days")
	})
	t.Run("dry run", func(t *testing.T) {
		changed, err := w.service.DryRun().SaveRetention(t.Context(), admin, rules)
		w.ok(err)
		if d := cmp.Diff([]incident.Change{{Field: "others.keep_days", Before: "0", After: "400"}, {Field: "participant.keep_days", After: "90"}, {Field: "participant.blank_days", After: "30"}}, changed); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
	t.Run("done", func(t *testing.T) {
		w.must(w.service.SaveRetention(t.Context(), admin, rules))
		changed, err := w.service.SaveRetention(t.Context(), admin, rules[:1])
		w.ok(err)
		others := []incident.Change{{Field: "others.keep_days", Before: "400", After: "0"}}
		if d := cmp.Diff(others, changed); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		changed, err = w.service.SaveRetention(t.Context(), admin, rules[:1])
		w.ok(err)
		changed2, err := w.service.SaveRetention(t.Context(), admin, nil)
		w.ok(err)
		if d := cmp.Diff([][]incident.Change{nil, {{Field: "participant.keep_days", Before: "90"}, {Field: "participant.blank_days", Before: "30"}}}, [][]incident.Change{changed, changed2}); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		wantEntry(t, w.trail()[1], "retention.save", "", others...)
	})
	t.Run("broken", func(t *testing.T) {
		w.ok(w.store.Close())
		_, err := w.service.SaveRetention(t.Context(), admin, rules)
		wantCode(t, err, incident.Unavailable)
	})
}

// keep stores a webhook as if it had arrived that long ago.
func (w *world) keep(ago time.Duration, body string) {
	w.Helper()
	at := w.clock.Now().Add(-ago)
	_, _, err := w.store.AppendEvent(w.Context(), incident.NewEvent{ReceivedAt: at, SignedAt: at, Body: []byte(body)})
	w.ok(err)
}

func webhook(event, meetingID string, at time.Time, participant string) string {
	return fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"object":{"id":%q,"uuid":"u1","topic":"Call","participant":%s}}}`, event, at.UnixMilli(), meetingID, participant)
}

// The rules are applied completely and no further. Afterwards the log, the bridge
// and its timeline agree, whatever is reprocessed.
func TestRetention(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, bridge := w.open()
		then := w.clock.Now()
		for n := range 40 {
			at := then.Add(time.Duration(n) * time.Second)
			w.keep(time.Duration(-n)*time.Second, webhook("meeting.participant_joined", bridge.MeetingID, at, fmt.Sprintf(`{"user_name":"Jill %d","email":"jill@example.com","user_id":"%d"}`, n, n)))
		}
		w.clock.Add(time.Minute)
		w.keep(0, webhook("meeting.participant_left", bridge.MeetingID, then, `{"user_name":"No Id"}`))
		w.keep(0, webhook("meeting.ended", bridge.MeetingID, w.clock.Now(), `{}`))
		w.keep(0, webhook("recording.trashed", "999", w.clock.Now(), `{}`))
		w.work(0)
		w.must(0, w.service.ResolveIncident(t.Context(), anaIs, i.Number))

		w.must(w.service.SaveRetention(t.Context(), admin, []incident.RetentionRule{
			{KeepDays: 60}, {Family: "participant", KeepDays: 90, BlankDays: 30}, {Family: "recording"},
		}))
		count := func() (events, blanked int) {
			page, err := store.EventRows(t.Context(), db.EventFilter{}, "", 200)
			w.ok(err)
			for _, e := range page.Items {
				if !e.BlankedAt.IsZero() {
					blanked++
				}
			}
			return len(page.Items), blanked
		}
		after := func(days int, wantEvents, wantBlanked int) {
			t.Helper()
			w.clock.Add(then.Add(time.Duration(days)*day + 2*time.Hour).Sub(w.clock.Now()))
			w.work(0)
			if events, blanked := count(); events != wantEvents || blanked != wantBlanked {
				t.Errorf("after %d days %d events, %d of them blanked; want %d and %d", days, events, blanked, wantEvents, wantBlanked)
			}
		}
		names := func() bool {
			presences, err := store.Presences(t.Context(), bridge.ID)
			w.ok(err)
			for _, p := range presences {
				if p.Name != "" || p.Email != "" || strings.Contains(p.SessionID+p.Person, "Id") {
					return true
				}
			}
			return strings.Contains(strings.Join(w.timeline(i), "\n"), "Jill")
		}
		after(29, 44, 0) // including meeting.created
		if !names() {
			t.Error("the names went too early")
		}
		after(30, 44, 41)
		if names() {
			t.Error("names are left on the bridge")
		}
		presences, err := store.Presences(t.Context(), bridge.ID)
		w.ok(err)

		// Reading the events again brings nothing back and breaks nothing.
		page, err := store.EventRows(t.Context(), db.EventFilter{}, "", 200)
		w.ok(err)
		for _, e := range page.Items {
			_, err := w.service.ReprocessEvent(t.Context(), admin, e.ID)
			w.ok(err)
		}
		w.work(0)
		again, err := store.Presences(t.Context(), bridge.ID)
		w.ok(err)
		if names() || len(presences) != len(again) {
			t.Errorf("%d presences became %d", len(presences), len(again))
		}
		after(60, 42, 41) // the events of the meeting are deleted
		after(90, 1, 0)
		after(900, 1, 0)
	})
}

// A worker that was stopped at any point continues from there.
func TestRetentionStopped(t *testing.T) {
	t.Parallel()
	t.Run("D-19 retention job killed", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, store *db.Store) {
			w := worldWith(t, store)
			for n := range 100 {
				w.keep(-time.Duration(n)*time.Millisecond, webhook("meeting.participant_joined", "999", w.clock.Now(), fmt.Sprintf(`{"user_name":"Jill","user_id":"%d"}`, n)))
			}
			w.work(0)
			w.clock.Add(31 * day)
			w.must(w.service.SaveRetention(t.Context(), admin, []incident.RetentionRule{{KeepDays: 40, BlankDays: 30}}))
			for _, rest := range []time.Duration{0, 10 * day} {
				w.clock.Add(rest)
				for range 3 { // starts and crashes
					service := incident.New(incident.Config{Store: store, Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)})
					w.must(service.RunOnce(t.Context()))
					ctx, stop := context.WithCancel(t.Context())
					stop()
					service.RunOnce(ctx)
				}
				w.work(0)
				page, err := store.EventRows(t.Context(), db.EventFilter{}, "", 200)
				w.ok(err)
				for _, e := range page.Items {
					if e.BlankedAt.IsZero() {
						t.Error("an event was left out")
					}
				}
				if want := map[time.Duration]int{0: 100}[rest]; len(page.Items) != want {
					t.Errorf("%d events are left, want %d", len(page.Items), want)
				}
			}
			progress, err := store.RetentionProgress(t.Context())
			w.ok(err)
			if want := (db.RetentionProgress{Removed: 100, Blanked: 100}); progress != want {
				t.Errorf("got %+v, want %+v", progress, want)
			}
		})
	})
}
