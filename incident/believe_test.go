package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// A time that can't be in one event doesn't hide the call for good.
func TestImpossibleTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		inside     int // with Ana
	}{
		{"ended in 9999", `{"event":"meeting.ended","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","start_time":"$NOW","end_time":"9999-12-31T23:59:59Z"}},"event_ts":$MS}`, 1},
		{"ended, sent in 2286", `{"event":"meeting.ended","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID"}},"event_ts":9999999999999}`, 1},
		{"started in 1970", `{"event":"meeting.started","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","start_time":"1970-01-01T00:00:00Z"}},"event_ts":$MS}`, 1},
		{"ended, started in 1970", `{"event":"meeting.ended","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","start_time":"1970-01-01T00:00:00Z","end_time":"$NOW"}},"event_ts":$MS}`, 1},
		{"started in 9999", `{"event":"meeting.started","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","start_time":"9999-12-31T23:59:59Z"}},"event_ts":$MS}`, 1},
		{"joined in 9999", `{"event":"meeting.participant_joined","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","participant":{"user_id":"1","user_name":"Bob","join_time":"9999-12-31T23:59:59Z"}}},"event_ts":$MS}`, 2},
		{"left in 9999", `{"event":"meeting.participant_left","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","participant":{"user_id":"1","user_name":"Bob","leave_time":"9999-12-31T23:59:59Z"}}},"event_ts":$MS}`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i, b := w.open()
			w.work(time.Minute)
			w.send(b, tt.body)
			w.minutes(1)
			w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
			w.minutes(30)
			got := w.bridge(i)
			if age := w.clock.Now().Sub(got.StartedAt); got.State != incident.BridgeLive || got.Inside != tt.inside || age < 30*time.Minute || age > 32*time.Minute || got.Alarm != incident.AlarmNone {
				t.Errorf("with Ana inside for 30 minutes the bridge is %s with %d inside, alarm %q, started %s ago", got.State, got.Inside, got.Alarm, age)
			}
			if kinds := w.kinds(i); kinds[0] != "opened" || slices.Contains(kinds, "runs_long") {
				t.Errorf("timeline %q", kinds)
			}
			w.ok(w.sim.End(t.Context(), b.MeetingID))
			w.minutes(3)
			if got := w.bridge(i); got.State != incident.BridgeEnded || got.Inside != 0 || got.EndedAt.After(w.clock.Now()) {
				t.Errorf("after its end the bridge is %s with %d inside, ended at %s", got.State, got.Inside, got.EndedAt)
			}
		})
	}
}

// A call of which Zoom says that it runs is not over, whatever an event said.
func TestEndedButRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
	w.join(b, zoomsim.Person{Name: "Bob"})
	w.minutes(2)
	w.send(b, `{"event":"meeting.ended","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","end_time":"$NOW"}},"event_ts":$MS}`)
	w.work(time.Second)
	if got := w.bridge(i); got.State != incident.BridgeEnded {
		t.Fatalf("the bridge is %s", got.State)
	}
	w.minutes(20)
	if got := w.bridge(i); got.State != incident.BridgeLive || !got.Joinable() || got.Inside != 2 || got.Alarm != incident.AlarmNone {
		t.Errorf("the bridge is %s with %d inside, alarm %q", got.State, got.Inside, got.Alarm)
	}
	kinds := w.kinds(i)
	if n := len(slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k != "seen_running" })); n != 1 {
		t.Errorf("the timeline says %d times that the call runs: %q", n, kinds)
	}
	w.ok(w.sim.End(t.Context(), b.MeetingID))
	w.minutes(3)
	if got := w.bridge(i); got.State != incident.BridgeEnded || got.Inside != 0 {
		t.Errorf("after its end the bridge is %s with %d inside", got.State, got.Inside)
	}
}
