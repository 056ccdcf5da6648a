package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// endsEmpty makes the runbook end empty calls.
func (w *world) endsEmpty() {
	w.Helper()
	step := meeting()
	step.Topic += " quietly"
	step.EndEmpty = true
	w.runbook = w.save(step)
}

// A call is not ended if anything suggests that somebody of whom no event told is inside.
func TestNotEnded(t *testing.T) {
	t.Parallel()
	bob := zoomsim.Person{Name: "Bob"}
	event := func(name, participant string) string {
		return `{"event":"` + name + `","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","participant":` + participant + `}},"event_ts":$MS}`
	}
	// next is a call of the same meeting of which no event comes.
	next := func(w *world, b incident.Bridge) {
		w.ok(w.sim.End(w.Context(), b.MeetingID))
		w.join(b, bob)
	}
	uuid := func(uuid string) func(*world, incident.Bridge) {
		return func(w *world, _ incident.Bridge) {
			w.edit = func(call string, answer map[string]any) {
				if call == "GET meeting" && answer["recordings"] == nil {
					answer["uuid"] = uuid
				}
			}
		}
	}
	for _, tt := range []struct {
		name  string
		setup func(w *world)                    // before the incident
		with  func(w *world, b incident.Bridge) // while the host is inside
		then  func(w *world, b incident.Bridge) // after everybody left
		says  string                            // "": nobody says that the call is empty; "inside": somebody is known to be inside
	}{
		{"the next call", nil, nil, func(w *world, b incident.Bridge) {
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			next(w, b)
		}, ""},
		{"the next call, and Zoom doesn't tell of past ones", nil, nil, func(w *world, b incident.Bridge) {
			w.faults(zoomsim.Faults{LoseEvents: "*", NotPaid: true})
			next(w, b)
		}, ""},
		{"the next call, and Zoom goes on to name the one before", nil, nil, func(w *world, b incident.Bridge) {
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			uuid(b.MeetingUUID)(w, b)
			w.minutes(2)
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			w.join(b, bob)
		}, ""},
		{"Zoom names another call", nil, nil, uuid("other=="), `not_ended {"field":"other"}`},
		{"a personal room", func(w *world) { w.faults(zoomsim.Faults{PMI: true}) }, nil, nil, `not_ended {"field":"shared"}`},
		{"a copy of the database elsewhere", nil, nil, func(w *world, _ incident.Bridge) {
			w.cfg.PublicURL = "https://staging.example.com"
			w.service = incident.New(w.cfg)
		}, `not_ended {"field":"foreign"}`},
		{"a stale event", nil, func(w *world, b incident.Bridge) {
			at := w.clock.Now().Add(6 * time.Minute)
			w.must(w.service.KeepEvent(w.Context(), zoom.Signature{Timestamp: at}, nil, []byte(strings.NewReplacer("$ID", b.MeetingID, "$UUID", b.MeetingUUID, "$MS", fmt.Sprint(at.UnixMilli())).Replace(
				event("meeting.participant_joined", `{"user_id":"77","user_name":"Bob","participant_uuid":"bob"}`)))))
		}, nil, `not_ended {"field":"events"}`},
		{"an event that can't be read", nil, func(w *world, b incident.Bridge) {
			w.send(b, event("meeting.participant_joined", `{"user_name":"Bob"`))
		}, nil, `not_ended {"field":"events"}`},
		{"the call was said to be over", nil, func(w *world, b incident.Bridge) {
			w.send(b, `{"event":"meeting.ended","payload":{"account_id":"acc","object":{"id":"$ID","uuid":"$UUID","end_time":"$NOW"}},"event_ts":$MS}`)
			w.minutes(2)
			his := w.join(b, bob)
			w.minutes(1)
			w.ok(w.sim.Leave(w.Context(), b.MeetingID, his))
		}, nil, `not_ended {"field":"again"}`},
		{"two people of the same name", nil, func(w *world, b incident.Bridge) {
			for _, name := range []string{"meeting.participant_joined", "meeting.participant_joined", "meeting.participant_left"} {
				w.clock.Add(time.Second)
				w.send(b, event(name, `{"user_name":"iPhone"}`))
			}
		}, nil, `not_ended {"field":"names"}`},
		{"two devices of one person", nil, func(w *world, b incident.Bridge) {
			for _, name := range []string{"meeting.participant_joined", "meeting.participant_joined", "meeting.participant_left"} {
				w.clock.Add(time.Second)
				w.send(b, event(name, `{"user_name":"Bob","participant_uuid":"bob"}`))
			}
		}, nil, `not_ended {"field":"names"}`},
		{"two people of the same name in the waiting room", nil, func(w *world, b incident.Bridge) {
			for _, name := range []string{"meeting.participant_joined_waiting_room", "meeting.participant_joined_waiting_room", "meeting.participant_admitted"} {
				w.clock.Add(time.Second)
				w.send(b, event(name, `{"user_name":"iPhone"}`))
			}
		}, nil, `not_ended {"field":"names"}`},
		{"left for a breakout room", nil, func(w *world, b incident.Bridge) {
			w.send(b, event("meeting.participant_joined", `{"user_id":"77","user_name":"Bob","participant_uuid":"bob"}`))
			w.clock.Add(time.Second)
			w.send(b, event("meeting.participant_left", `{"user_id":"77","user_name":"Bob","participant_uuid":"bob","leave_reason":"left the meeting.<br>Reason: Join Breakout Room"}`))
		}, nil, "inside"},
		{"breakout rooms", nil, func(w *world, b incident.Bridge) {
			w.send(b, event("meeting.participant_joined_breakout_room", `{"user_id":"77","user_name":"Bob","participant_uuid":"bob"}`))
		}, nil, `not_ended {"field":"breakout"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.endsEmpty()
			if tt.setup != nil {
				tt.setup(w)
			}
			i, b := w.open()
			hers := w.join(b, zoomsim.Person{Name: "Host", Email: b.HostEmail})
			w.minutes(1)
			if tt.with != nil {
				tt.with(w, b)
			}
			w.minutes(2)
			w.ok(w.sim.Leave(t.Context(), b.MeetingID, hers))
			w.minutes(1)
			if tt.then != nil {
				tt.then(w, b)
			}
			for range 50 {
				w.work(30 * time.Second)
			}
			got, lines := w.bridge(i), w.timeline(i)
			if got.State != incident.BridgeLive || w.calls("PUT /meetings/{meetingId}/status") > 0 {
				t.Errorf("the bridge is %s, and Zoom was asked to end the call: %q", got.State, lines)
			}
			if tt.says == "inside" {
				if got.Inside != 1 {
					t.Errorf("%d are inside", got.Inside)
				}
				return
			}
			if tt.says == "" && (got.Alarm != incident.AlarmNone || !got.Watch.Unseen) || tt.says != "" && !slices.Contains(lines, tt.says) {
				t.Errorf("the alarm is %q with %+v, the timeline %q", got.Alarm, got.Watch, lines)
			}
		})
	}
}
