package incident_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const aDay = 25 * time.Hour

// sweep looks for left-over meetings and returns what became of each, the newest first.
func (w *world) sweep() (lines []string) {
	w.Helper()
	w.ok(w.service.SweepNow(w.Context(), admin))
	for range 5 {
		w.work(time.Second)
	}
	return w.leftovers()
}

func (w *world) leftovers() (lines []string) {
	w.Helper()
	list, err := w.store.Leftovers(w.Context())
	w.ok(err)
	for _, l := range list {
		line := fmt.Sprint(l.Why, " ", l.Outcome)
		if l.Kept != "" {
			line += " " + string(l.Kept)
		}
		if l.Reason.Zoom != nil {
			line += ":" + string(l.Reason.Zoom.Code)
		}
		lines = append(lines, line)
	}
	return lines
}

// calls returns how many calls of this operation Zoom got.
func (w *world) calls(operation string) (n int) {
	for _, c := range w.sim.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// twin has Zoom make a second meeting with the mark of an attempt of the bridge that counts
// as refused.
func (w *world) twin(b incident.Bridge) zoom.Meeting {
	w.Helper()
	attempts, err := w.store.Attempts(w.Context(), b.ID)
	w.ok(err)
	i := slices.IndexFunc(attempts, func(a incident.Attempt) bool { return a.State == incident.AttemptRefused })
	if i < 0 {
		w.Fatalf("no attempt was refused: %+v", attempts)
	}
	r := request("It is down.\n\n" + ref(attempts[i].ID))
	r.JoinBeforeHost = true
	m, err := w.zoom().CreateMeeting(w.Context(), attempts[i].HostEmail, r)
	w.ok(err)
	return m
}

// refused opens an incident whose first host refuses.
func (w *world) refused() (incident.Incident, incident.Bridge) {
	w.Helper()
	w.faults(zoomsim.Faults{Only: opener, RateLimited: "user_day"})
	defer w.faults(zoomsim.Faults{})
	return w.open()
}

func (w *world) resolved(i incident.Incident) {
	w.Helper()
	w.ok(w.service.ResolveIncident(w.Context(), admin, i.Number))
}

// recovered is a person who recovers a deleted meeting in Zoom.
func (w *world) recovered(id string) {
	w.Helper()
	ask := func(method, path, contentType, body string, auth func(*http.Request)) []byte {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		auth(r)
		answer := httptest.NewRecorder()
		w.sim.API().ServeHTTP(answer, r)
		if answer.Code >= 300 {
			w.Fatalf("Zoom answered %d: %s", answer.Code, answer.Body)
		}
		return answer.Body.Bytes()
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	w.ok(json.Unmarshal(ask(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", "grant_type=account_credentials&account_id=acc",
		func(r *http.Request) { r.SetBasicAuth("cid", simClientSecret) }), &token))
	ask(http.MethodPut, "/v2/meetings/"+id+"/status", "application/json", `{"action":"recover"}`,
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.AccessToken) })
}

// replaced gives a bridge another meeting, because Zoom said that the first one was deleted.
// It was not, and a day after the end of the incident it is still there.
func (w *world) replaced(i incident.Incident, b incident.Bridge) {
	w.Helper()
	w.ok(w.zoom().DeleteMeeting(w.Context(), b.MeetingID))
	w.sim.Settle()
	w.work(time.Second)
	w.faults(zoomsim.Faults{LoseEvents: "*"})
	w.recovered(b.MeetingID)
	w.resolved(i)
	w.work(aDay)
}

// A left-over meeting is listed until it is gone, also if its host has not hosted for long.
func TestSweepLongAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(w *world, m zoom.Meeting)
		want   []string
	}{
		{"it is still there", func(*world, zoom.Meeting) {}, []string{"twin kept changed"}},
		{"a person deleted it", func(w *world, m zoom.Meeting) { w.ok(w.zoom().DeleteMeeting(w.Context(), m.ID)) }, nil},
		{"its host left the account", func(w *world, _ zoom.Meeting) {
			w.sim.SetUser(opener, func(u *zoomsim.User) { u.OtherAccount = true })
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.must(w.service.CheckConnection(t.Context(), admin))
			i, b := w.refused()
			m := w.twin(b)
			w.edit = func(call string, answer map[string]any) {
				if call == "GET meeting" && fmt.Sprint(answer["id"]) == m.ID {
					answer["type"] = 8 // a person made it recur
				}
			}
			w.resolved(i)
			w.work(aDay)
			if got := w.sweep(); !slices.Contains(got, "twin kept changed") {
				t.Fatalf("left over: %q", got)
			}
			w.clock.Add(40 * 24 * time.Hour)
			tt.change(w, m)
			got := slices.DeleteFunc(w.sweep(), func(line string) bool { return line == "unused deleted" })
			if d := cmp.Diff(tt.want, got); d != "" && len(tt.want)+len(got) > 0 {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestSweep(t *testing.T) {
	guest := zoomsim.Person{Name: "Guest"}
	for _, tt := range []struct {
		name    string
		prepare func(w *world)
		fault   zoomsim.Faults
		want    []string
		left    int // meetings in Zoom afterwards
	}{
		{"nothing", func(*world) {}, zoomsim.Faults{}, nil, 0},
		{"a twin that Zoom made late", func(w *world) {
			i, b := w.refused()
			w.twin(b)
			w.join(b, guest)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			w.sim.Settle()
			w.work(time.Second)
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"twin deleted"}, 1},
		{"a twin of an open incident", func(w *world) {
			_, b := w.refused()
			w.twin(b)
			w.clock.Add(aDay)
		}, zoomsim.Faults{}, []string{"twin kept open"}, 2},
		{"a twin with people in it", func(w *world) {
			i, b := w.refused()
			m := w.twin(b)
			w.resolved(i)
			w.work(aDay)
			w.must(w.sim.Join(w.Context(), m.ID, guest))
		}, zoomsim.Faults{LoseEvents: "*"}, []string{"twin kept running", "unused deleted"}, 1},
		{"a twin that somebody joined, by event", func(w *world) {
			i, b := w.refused()
			m := w.twin(b)
			w.must(w.sim.Join(w.Context(), m.ID, guest))
			w.ok(w.sim.End(w.Context(), m.ID))
			w.sim.Settle()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{PastLag: 48 * time.Hour}, []string{"twin kept held", "unused deleted"}, 1},
		{"a twin that somebody joined, without events", func(w *world) {
			i, b := w.refused()
			m := w.twin(b)
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			w.must(w.sim.Join(w.Context(), m.ID, guest))
			w.ok(w.sim.End(w.Context(), m.ID))
			w.sim.Settle()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"twin kept held", "unused deleted"}, 1},
		{"Zoom does not say who was in it", func(w *world) {
			i, b := w.refused()
			w.twin(b)
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{Only: "GET /past_meetings/{meetingId}", Down: true}, []string{"twin kept unsaid:server_error", "unused kept unsaid:server_error"}, 2},
		{"the account is not a paid one", func(w *world) {
			i, _ := w.open()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{NotPaid: true}, []string{"unused kept unsaid:refused"}, 1},
		{"nobody came to a resolved incident", func(w *world) {
			i, _ := w.open()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"unused deleted"}, 0},
		{"resolved a short time ago", func(w *world) {
			i, _ := w.open()
			w.clock.Add(aDay)
			w.resolved(i)
		}, zoomsim.Faults{}, []string{"unused kept young"}, 1},
		{"an open incident", func(w *world) {
			w.open()
			w.clock.Add(aDay)
		}, zoomsim.Faults{}, nil, 1},
		{"somebody came", func(w *world) {
			i, b := w.open()
			w.join(b, guest)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			w.sim.Settle()
			w.work(time.Second)
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, nil, 1},
		{"a meeting that the bridge had before", func(w *world) { w.replaced(w.open()) }, zoomsim.Faults{}, []string{"replaced deleted", "unused deleted"}, 0},
		{"and that a person recovered", func(w *world) {
			i, b := w.open()
			w.ok(w.zoom().DeleteMeeting(w.Context(), b.MeetingID))
			w.sim.Settle()
			w.work(time.Second)
			w.recovered(b.MeetingID)
			w.sim.Settle()
			w.work(time.Second)
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"replaced kept restored", "unused deleted"}, 1},
		{"standby meetings", func(w *world) {
			w.standby(2)
			w.work(aDay)
		}, zoomsim.Faults{}, nil, 2},
		{"a standby meeting that nobody keeps", func(w *world) {
			m := w.standby(1)[0]
			w.standby(0)
			w.must(w.zoom().CreateMeeting(w.Context(), backup, zoom.MeetingRequest{Topic: "Standby meeting", Agenda: ref(m.ID), Recurring: true}))
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"unknown kept foreign"}, 1},
		{"a standby meeting that Zoom made late, and a copy for another host", func(w *world) {
			i, _ := w.open()
			w.resolved(i)
			w.must(w.zoom().Token(w.Context()))
			w.faults(zoomsim.Faults{Down: true, Only: createOnly})
			one := 1
			w.saveAccount(func(f *incident.AccountForm) { f.StandbyMeetings = &one })
			w.work(time.Second)
			w.faults(zoomsim.Faults{})
			all, err := w.store.AllStandbys(w.Context())
			w.ok(err)
			none := 0
			w.saveAccount(func(f *incident.AccountForm) { f.StandbyMeetings = &none })
			for range 40 {
				w.work(20 * time.Second)
			}
			w.must(w.zoom().CreateMeeting(w.Context(), backup, zoom.MeetingRequest{Topic: "Standby meeting", Agenda: ref(all[0].ID), Recurring: true}))
			w.must(w.zoom().CreateMeeting(w.Context(), opener, zoom.MeetingRequest{Topic: "Standby meeting", Agenda: ref(all[0].ID), Recurring: true}))
			w.clock.Add(aDay)
		}, zoomsim.Faults{}, []string{"standby deleted", "unknown kept foreign", "unused deleted"}, 1},
		{"a standby meeting that the bridge had before", func(w *world) {
			w.standby(1)
			w.faults(zoomsim.Faults{Reset: true})
			i, b := w.open()
			w.faults(zoomsim.Faults{})
			w.work(time.Minute)
			if b.Kind != incident.KindStandby {
				w.Fatalf("the bridge is a %s", b.Kind)
			}
			w.standby(0)
			w.replaced(i, b)
		}, zoomsim.Faults{}, []string{"replaced deleted", "unused deleted"}, 0},
		{"meetings of people", func(w *world) {
			w.open()
			for _, r := range []zoom.MeetingRequest{request(""), request("Weekly. Drawbridge reference"), {Topic: "Weekly", Recurring: true}} {
				w.must(w.zoom().CreateMeeting(w.Context(), opener, r))
			}
			w.clock.Add(aDay)
		}, zoomsim.Faults{}, nil, 4},
		{"a copy by a person, and another Drawbridge", func(w *world) {
			i, b := w.open()
			attempts, err := w.store.Attempts(w.Context(), b.ID)
			w.ok(err)
			w.join(b, guest)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
			w.sim.Settle()
			w.work(time.Second)
			w.resolved(i)
			w.must(w.zoom().CreateMeeting(w.Context(), opener, request(ref(attempts[0].ID))))
			w.must(w.zoom().CreateMeeting(w.Context(), opener, request("Drawbridge ref 0192f0c4-1111-7222-8333-444455556666")))
			w.clock.Add(aDay)
		}, zoomsim.Faults{}, []string{"unknown kept foreign", "unknown kept foreign"}, 3},
		{"a copy for another host", func(w *world) {
			i, b := w.refused()
			attempts, err := w.store.Attempts(w.Context(), b.ID)
			w.ok(err)
			at := slices.IndexFunc(attempts, func(a incident.Attempt) bool { return a.HostEmail == opener && a.MeetingID == "" })
			w.must(w.zoom().CreateMeeting(w.Context(), backup, request(ref(attempts[at].ID))))
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"unknown kept foreign", "unused deleted"}, 1},
		{"Zoom does not say when a meeting was made", func(w *world) {
			w.must(w.zoom().CreateMeeting(w.Context(), backup, request("Drawbridge ref 0192f0c4-1111-7222-8333-444455556666")))
			w.clock.Add(aDay)
			w.edit = func(call string, answer map[string]any) {
				if list, ok := answer["meetings"].([]any); ok && call == "GET meetings" {
					delete(list[0].(map[string]any), "created_at")
				}
			}
		}, zoomsim.Faults{}, []string{"unknown kept foreign"}, 1},
		{"a copy long after", func(w *world) {
			i, b := w.refused()
			w.clock.Add(aDay)
			w.twin(b)
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"unknown kept foreign", "unused deleted"}, 1},
		{"a personal meeting id", func(w *world) {
			w.faults(zoomsim.Faults{PMI: true})
			i, _ := w.open()
			w.faults(zoomsim.Faults{})
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"twin kept personal", "unused kept personal"}, 2},
		{"a person changed it", func(w *world) {
			i, b := w.open()
			w.ok(w.zoom().UpdateMeeting(w.Context(), b.MeetingID, zoom.MeetingChange{Topic: "Our weekly", Agenda: "mine"}))
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{}, []string{"unused kept changed"}, 1},
		{"Zoom does not delete it", func(w *world) {
			i, _ := w.open()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{Only: deleteOnly, MissingScopes: []string{"meeting:delete:meeting:admin", "meeting:write:admin"}}, []string{"unused kept refused:missing_scopes"}, 1},
		{"Zoom answers late that it deleted it", func(w *world) {
			i, _ := w.open()
			w.resolved(i)
			w.work(aDay)
		}, zoomsim.Faults{Only: deleteOnly, ResetAfterCommit: true, Times: 1}, []string{"unused deleted"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				tt.prepare(w)
				w.faults(tt.fault)
				got := w.sweep()
				slices.Sort(got)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("left over (-want +got):\n%s", diff)
				}
				if n := len(w.ledger()); n != tt.left {
					t.Errorf("Zoom has %d meetings, want %d", n, tt.left)
				}
			})
		})
	}
}

// An unused meeting is deleted without anybody asking. The timeline says so, Zoom's event
// about it is no surprise, and a person who recovers the meeting keeps it.
func TestSweepBySchedule(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		w.must(w.service.CheckConnection(t.Context(), admin))
		i, b := w.open()
		w.resolved(i)
		for range 50 {
			w.work(time.Hour)
		}
		if len(w.ledger()) != 0 {
			t.Fatal("the meeting is still there")
		}
		w.sim.Settle()
		w.work(time.Second)
		got := w.bridge(i)
		if kinds := w.kinds(i); got.State != incident.BridgeEnded || len(got.Reasons) > 0 || !slices.Contains(kinds, string(incident.EntryUnusedDeleted)) {
			t.Errorf("the bridge is %s, %v; timeline %q", got.State, got.Reasons, kinds)
		}
		if n := w.calls("GET /users/{userId}/meetings"); n > 6 { // two hosts, and no more than three looks
			t.Errorf("Zoom was asked for %d lists", n)
		}

		// The incident can go on.
		w.ok(w.service.ReopenIncident(t.Context(), admin, i.Number))
		w.ok(w.service.StartAgain(t.Context(), anaIs, got.ID))
		if again := w.bridge(i); again.State != incident.BridgeReady || again.MeetingID == b.MeetingID {
			t.Errorf("after reopening, the bridge is %s", again.State)
		}
		w.recovered(b.MeetingID)
		w.clock.Add(2 * time.Hour)
		for range 2 {
			if lines := w.sweep(); !slices.Equal(lines, []string{"unused kept restored"}) && !slices.Equal(lines, []string{"replaced kept restored"}) {
				t.Errorf("left over %q", lines)
			}
		}
	})
}

// Somebody reopens the incident whose meeting is deleted next: it keeps its link.
func TestSweepWhileReopened(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, b := w.open()
		w.resolved(i)
		w.work(aDay)
		w.during = func(call string) {
			if strings.HasPrefix(call, "GET /v2/past_meetings/") {
				w.during = nil
				w.ok(w.service.ReopenIncident(t.Context(), admin, i.Number))
			}
		}
		left := w.sweep()
		if w.during != nil {
			t.Fatal("Zoom was not asked whether somebody was in the meeting")
		}
		if got := w.bridge(i); got.State != incident.BridgeReady || got.JoinURL != b.JoinURL || len(w.ledger()) != 1 || len(left) > 0 {
			t.Errorf("the bridge is %s, Zoom has %d meetings, left over: %q", got.State, len(w.ledger()), left)
		}
	})
}

// A meeting that is in use again is no longer listed.
func TestSweepAfterReopening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, _ := w.open()
	w.clock.Add(aDay)
	w.resolved(i)
	if left := w.sweep(); !slices.Equal(left, []string{"unused kept young"}) {
		t.Fatalf("left over: %q", left)
	}
	w.ok(w.service.ReopenIncident(t.Context(), admin, i.Number))
	w.clock.Add(time.Hour)
	if left := w.sweep(); len(left) > 0 {
		t.Errorf("the incident is open again, and left over: %q", left)
	}
}

// Zoom failed for one host: the page can say which, and the look is repeated soon.
func TestSweepFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.service.CheckConnection(t.Context(), admin))
	i, _ := w.open()
	w.resolved(i)
	w.clock.Add(aDay)
	w.faults(zoomsim.Faults{Only: opener, Down: true})
	w.work(time.Second)
	sweep, err := w.store.Sweep(t.Context())
	w.ok(err)
	var hosts []string
	for _, h := range sweep.Hosts {
		line := h.Email
		if h.Reason.Zoom != nil {
			line += " " + string(h.Reason.Zoom.Code)
		}
		hosts = append(hosts, line)
	}
	if want := []string{opener + " server_error", backup}; !slices.Equal(hosts, want) || sweep.FinishedAt.IsZero() {
		t.Errorf("the look says %q, want %q: %+v", hosts, want, sweep)
	}
	if len(w.ledger()) != 1 {
		t.Error("a meeting that Zoom did not list was deleted")
	}
	w.faults(zoomsim.Faults{})
	w.work(time.Hour + time.Minute)
	w.work(time.Second)
	if len(w.ledger()) != 0 {
		t.Errorf("an hour later, the meeting is still there: %q", w.leftovers())
	}
}

// An opener who is no Zoom user has no meetings, which is no failure.
func TestSweepOfGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.byStranger()
	w.sweep()
	sweep, err := w.store.Sweep(t.Context())
	w.ok(err)
	var guests []string
	for _, h := range sweep.Hosts {
		if h.NoUser() {
			guests = append(guests, h.Email)
		}
	}
	if len(sweep.Hosts) != 2 || len(guests) != 1 || guests[0] == backup {
		t.Errorf("hosts %+v, of which %q are no users", sweep.Hosts, guests)
	}
}

func TestSweepRefused(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t)
	wantCode(t, w.service.SweepNow(t.Context(), anaIs), incident.Forbidden)
	wantCode(t, w.service.SweepNow(t.Context(), admin), incident.Unavailable)
	w = newWorld(t)
	w.ok(w.service.SweepNow(t.Context(), admin))
	wantCode(t, w.service.SweepNow(t.Context(), admin), incident.Conflict)
	wantEntry(t, w.trail()[0], incident.AuditSweepRun, "")
}

// Two servers look at the same time, and one meeting is deleted once.
func TestSweepOnTwoServers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, _ := w.open()
		w.resolved(i)
		w.clock.Add(aDay)
		w.ok(w.service.SweepNow(t.Context(), admin))
		other := w.another(store)
		done := make(chan error, 2)
		for _, s := range []*incident.Service{w.service, other} {
			go func() {
				for range 10 {
					if _, err := s.RunOnce(t.Context()); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		w.ok(<-done)
		w.ok(<-done)
		w.work(time.Second)
		if lists, deletes := w.calls("GET /users/{userId}/meetings"), w.calls(deleteOnly); lists != 2 || deletes != 1 || len(w.ledger()) != 0 {
			t.Errorf("%d lists, %d deletions, %q", lists, deletes, strings.Join(w.leftovers(), ", "))
		}
	})
}
