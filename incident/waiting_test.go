package incident_test

import (
	"encoding/json"
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

// waiting returns the names of the people who wait, and checks their number.
func (w *world) waiting(i incident.Incident) []string {
	w.Helper()
	b := w.bridge(i)
	_, waiting, err := w.store.People(w.Context(), b.ID)
	w.ok(err)
	names := []string{}
	for _, p := range waiting {
		names = append(names, string(p.Place)+" "+p.Name)
	}
	if b.Waiting != len(names) {
		w.Errorf("the bridge counts %d who wait, want %q", b.Waiting, names)
	}
	return names
}

func TestWaitingFollowsEvents(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		ctx := t.Context()
		want := func(when string, want ...string) {
			t.Helper()
			w.work(time.Minute)
			i, err := w.store.Incident(ctx, 1)
			w.ok(err)
			if diff := cmp.Diff(append([]string{}, want...), w.waiting(i)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		w.faults(zoomsim.Faults{OverwriteSettings: true})
		_, b := w.open()
		join := func(p zoomsim.Person) string {
			key, err := w.sim.Join(ctx, b.MeetingID, p)
			w.ok(err)
			return key
		}
		want("at first")
		ravi := join(zoomsim.Person{Name: "Ravi"})
		want("before the host", "host Ravi")
		mia := join(zoomsim.Person{Name: "Mia"})
		want("before the host", "host Ravi", "host Mia")
		w.ok(w.sim.Leave(ctx, b.MeetingID, mia))
		want("after one gave up", "host Ravi")
		join(zoomsim.Person{Name: "Ana", Email: opener})
		want("with the host", "room Ravi")
		mia = join(zoomsim.Person{Name: "Mia"})
		want("in the waiting room", "room Ravi", "room Mia")
		w.ok(w.sim.Admit(ctx, b.MeetingID, ravi))
		want("after one was admitted", "room Mia")
		w.ok(w.sim.Leave(ctx, b.MeetingID, mia))
		want("after the other left")
		join(zoomsim.Person{Name: "Mia"})
		want("in the waiting room again", "room Mia")
		w.ok(w.sim.End(ctx, b.MeetingID))
		want("after the call ended")
		join(zoomsim.Person{Name: "Søren 🚒"})
		want("before the next call", "host Søren 🚒")
	})
}

// The same people wait in every order of the events, and without the events that
// few apps are subscribed to.
func TestOrderOfWaitingEvents(t *testing.T) {
	t.Parallel()
	at := func(s float64) time.Time { return dbtest.Now.Add(time.Duration(s * float64(time.Second))) }
	type event struct {
		name string
		at   float64
		who  string
	}
	for _, tt := range []struct {
		name       string
		events     []event
		want       []string
		wantInside int
	}{
		{"waits for the host", []event{{"participant_jbh_waiting", 1, "Mia"}}, []string{"host Mia"}, 0},
		{"two wait, one gives up", []event{{"participant_jbh_waiting", 1, "Mia"}, {"participant_jbh_waiting", 1, "Bo"}, {"participant_jbh_waiting_left", 2, "Mia"}}, []string{"host Bo"}, 0},
		{"comes back", []event{{"participant_jbh_waiting", 1, "Mia"}, {"participant_jbh_waiting_left", 2, "Mia"}, {"participant_jbh_waiting", 2.5, "Mia"}}, []string{"host Mia"}, 0},
		{"the host let them in", []event{{"participant_jbh_waiting", 1, "Mia"}, {"participant_jbh_joined", 2, "Mia"}}, []string{}, 0},
		{"the call started within the second", []event{{"participant_jbh_waiting", 1.5, "Mia"}, {"started", 1.9, ""}}, []string{}, 0},
		{"someone else joined", []event{{"participant_jbh_waiting", 1, "Mia"}, {"participant_joined", 2, "Ana"}}, []string{}, 1},
		{"waits in the room", []event{{"started", 1, ""}, {"participant_joined_waiting_room", 2, "Mia"}}, []string{"room Mia"}, 0},
		{"moves from the host to the room", []event{{"participant_jbh_waiting", 1, "Mia"}, {"started", 2, ""}, {"participant_joined_waiting_room", 2.1, "Mia"}}, []string{"room Mia"}, 0},
		{"left the room", []event{{"participant_joined_waiting_room", 2, "Mia"}, {"participant_left_waiting_room", 3, "Mia"}}, []string{}, 0},
		{"joined from the room", []event{{"participant_joined_waiting_room", 2, "Mia"}, {"participant_joined", 3, "Mia"}}, []string{}, 1},
		{"admitted", []event{{"participant_joined_waiting_room", 2, "Mia"}, {"participant_admitted", 2, "Mia"}, {"participant_joined", 2, "Mia"}}, []string{}, 1},
		{"put back into the room", []event{{"participant_joined", 2, "Mia"}, {"participant_joined", 2, "Bo"}, {"participant_put_in_waiting_room", 9, "Mia"}}, []string{"room Mia"}, 1},
		{"put back within the second", []event{{"participant_joined", 2, "Mia"}, {"participant_left", 2, "Mia"}, {"participant_put_in_waiting_room", 2.2, "Mia"}}, []string{"room Mia"}, 0},
		{"put back and admitted", []event{{"participant_joined", 2, "Mia"}, {"participant_put_in_waiting_room", 9, "Mia"}, {"participant_admitted", 12, "Mia"}}, []string{}, 1},
		{"the call ended", []event{{"participant_joined_waiting_room", 2.5, "Mia"}, {"ended", 2.9, ""}}, []string{}, 0},
		{"the call ended before the host came", []event{{"participant_jbh_waiting", 1, "Mia"}, {"ended", 2, ""}}, []string{}, 0},
		{"the meeting is gone", []event{{"participant_jbh_waiting", 1, "Mia"}, {"deleted", 2, ""}}, []string{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for order := range 6 {
				i, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = fmt.Sprint(order) })
				w.work(0)
				bodies := make([][]byte, len(tt.events))
				for n, e := range tt.events {
					object := map[string]any{"id": b.MeetingID, "uuid": fmt.Sprintf("uuid-%d==", order)}
					when := at(e.at).UTC().Format(time.RFC3339)
					switch person := map[string]any{"user_name": e.who}; e.name {
					case "started":
						object["start_time"] = when
					case "ended":
						object["end_time"] = when
					case "deleted":
					case "participant_jbh_waiting", "participant_jbh_waiting_left", "participant_jbh_joined":
						object["participant"] = person
					default:
						person["user_id"], person["participant_uuid"] = "1677"+e.who, "P-"+e.who
						person["join_time"], person["leave_time"], person["date_time"] = when, when, when
						object["participant"] = person
					}
					body, err := json.Marshal(map[string]any{"event": "meeting." + e.name, "event_ts": at(e.at).UnixMilli(),
						"payload": map[string]any{"account_id": "acc", "object": object}})
					w.ok(err)
					bodies[n] = body
				}
				switch order {
				case 1:
					slices.Reverse(bodies)
				case 2:
					bodies = append(bodies[1:], bodies[0])
				case 3:
					bodies = append(bodies[len(bodies)-1:], bodies[:len(bodies)-1]...)
				}
				for _, body := range bodies {
					w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: w.clock.Now()}, nil, body))
					if order >= 4 {
						w.work(0)
					}
				}
				w.work(0)
				if diff := cmp.Diff(tt.want, w.waiting(i)); diff != "" {
					t.Errorf("order %d (-want +got):\n%s", order, diff)
				}
				if got := w.bridge(i).Inside; got != tt.wantInside {
					t.Errorf("order %d: %d inside, want %d", order, got, tt.wantInside)
				}
			}
		})
	}
}
