package incident_test

import (
	"fmt"
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

// standby has this many meetings kept ready and returns those that are.
func (w *world) standby(n int) []incident.Standby {
	w.Helper()
	w.saveAccount(func(f *incident.AccountForm) { f.StandbyMeetings = &n })
	w.work(time.Second)
	return w.kept()
}

// kept returns the standby meetings that are ready.
func (w *world) kept() []incident.Standby {
	w.Helper()
	rows, err := w.store.Standbys(w.Context(), w.clock.Now())
	w.ok(err)
	return slices.DeleteFunc(rows, func(m incident.Standby) bool { return m.State != incident.StandbyReady })
}

// live returns the ids of the meetings in Zoom.
func (w *world) live() (ids []string) {
	for _, m := range w.ledger() {
		ids = append(ids, fmt.Sprint(m.ID))
	}
	slices.Sort(ids)
	return ids
}

// wantKept wants that Zoom has the standby meetings and nothing else.
func (w *world) wantKept(n int) {
	w.Helper()
	var ids []string
	for _, m := range w.kept() {
		ids = append(ids, m.Meeting.ID)
	}
	slices.Sort(ids)
	if len(ids) != n || !slices.Equal(ids, w.live()) {
		w.Errorf("ready are %v, want %d; Zoom has %v", ids, n, w.live())
	}
}

// Events about a call in a standby meeting that arrive late say nothing about the bridge that
// got the meeting meanwhile.
func TestStandbyLateEvents(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		id := w.standby(1)[0].Meeting.ID
		w.sim.Hold(true)
		w.must(w.sim.Join(t.Context(), id, zoomsim.Person{Name: "On-call", Email: backup}))
		w.ok(w.sim.End(t.Context(), id))
		w.work(5 * time.Minute)
		w.faults(zoomsim.Faults{Down: true, Only: createOnly})
		i, b := w.open()
		if b.MeetingID != id {
			t.Fatalf("the bridge is a %s", b.Kind)
		}
		w.sim.Hold(false)
		if w.sim.Release(t.Context(), nil) == 0 {
			t.Fatal("no event was late")
		}
		w.wait(time.Minute)
		if b = w.bridge(i); b.State != incident.BridgeReady || !b.StartedAt.IsZero() {
			t.Errorf("the bridge is %s", b.State)
		}
		w.join(b, zoomsim.Person{Name: "Ana"})
		w.work(time.Second)
		if b = w.bridge(i); b.State != incident.BridgeLive || b.Inside != 1 {
			t.Errorf("in the call of the incident, the bridge is %s with %d inside", b.State, b.Inside)
		}
	})
}

func TestStandbyMeetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pool("a@example.com", "b@example.com")
	kept := w.standby(3)
	hosts := map[string]int{}
	for _, m := range kept {
		hosts[m.HostEmail]++
		if m.Meeting.Type != 3 || m.CheckedAt.IsZero() || m.Meeting.Passcode == "" || m.Meeting.JoinURL == "" {
			t.Errorf("standby meeting %+v, want a recurring one that was read back", m)
		}
	}
	if len(kept) != 3 || hosts["a@example.com"] == 0 || hosts["b@example.com"] == 0 {
		t.Errorf("ready on the hosts are %v, want 3, one on each before a second", hosts)
	}
	w.wantKept(3)

	creates := w.creates()
	w.work(time.Hour)
	if w.creates() != creates {
		t.Errorf("%d more calls without a need", w.creates()-creates)
	}
	w.standby(1)
	w.wantKept(1)
	left := w.kept()[0]
	w.saveAccount(func(f *incident.AccountForm) {
		f.BackupUsers = slices.DeleteFunc(f.BackupUsers, func(h string) bool { return h == left.HostEmail })
	})
	w.work(time.Second)
	w.wantKept(1)
	if now := w.kept()[0]; now.HostEmail == left.HostEmail {
		t.Errorf("the standby meeting of %s, who left the pool, stays", now.HostEmail)
	}
	w.standby(0)
	w.wantKept(0)
}

// What happens to a standby meeting in Zoom, and whether it is replaced at the next check.
func TestStandbyCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		change   func(w *world, m incident.Standby)
		replaced bool
	}{
		{"nothing", func(*world, incident.Standby) {}, false},
		{"deleted", func(w *world, m incident.Standby) { w.ok(w.zoom().DeleteMeeting(t.Context(), m.Meeting.ID)) }, true},
		{"its settings changed", func(w *world, m incident.Standby) {
			w.ok(w.zoom().UpdateMeeting(t.Context(), m.Meeting.ID, zoom.MeetingChange{Topic: "Standby meeting", Agenda: ref(m.ID), AutoRecording: "local"}))
		}, true},
		{"a person took it", func(w *world, m incident.Standby) {
			w.ok(w.zoom().UpdateMeeting(t.Context(), m.Meeting.ID, zoom.MeetingChange{Topic: "mine", AutoRecording: "local"}))
		}, true},
		{"Zoom doesn’t answer", func(w *world, m incident.Standby) { w.faults(zoomsim.Faults{Down: true}) }, false},
		{"old", func(w *world, m incident.Standby) { w.clock.Add(301 * 24 * time.Hour) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			before := w.standby(1)[0]
			tt.change(w, before)
			w.work(6*time.Hour + time.Minute)
			w.faults(zoomsim.Faults{})
			after := w.kept()
			if len(after) != 1 || after[0].ID != before.ID != tt.replaced {
				t.Errorf("ready are %+v", after)
			}
			if tt.name == "a person took it" {
				w.must(w.zoom().GetMeeting(t.Context(), before.Meeting.ID))
				w.ok(w.zoom().DeleteMeeting(t.Context(), before.Meeting.ID))
			}
			w.wantKept(1)
		})
	}
}

// An event about a standby meeting has it checked at once, and not hours later.
func TestStandbyEvent(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(w *world, m incident.Standby)
		replaced bool
	}{
		{"deleted", func(w *world, m incident.Standby) { w.ok(w.zoom().DeleteMeeting(t.Context(), m.Meeting.ID)) }, true},
		{"its settings changed", func(w *world, m incident.Standby) {
			on := true
			w.ok(w.zoom().UpdateMeetingSettings(t.Context(), m.Meeting.ID, zoom.MeetingSettings{WaitingRoom: &on}))
		}, true},
		{"its topic changed", func(w *world, m incident.Standby) {
			w.ok(w.zoom().UpdateMeeting(t.Context(), m.Meeting.ID, zoom.MeetingChange{Topic: "mine"}))
		}, false},
		{"somebody started it", func(w *world, m incident.Standby) {
			w.must(w.sim.Join(t.Context(), m.Meeting.ID, zoomsim.Person{Name: "Guest"}))
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				before := w.standby(1)[0]
				w.work(3 * time.Minute)
				tt.change(w, before)
				w.sim.Settle()
				w.work(time.Second)
				w.work(time.Second)
				after := w.kept()
				if len(after) != 1 || after[0].ID != before.ID != tt.replaced || !after[0].CheckedAt.After(before.CheckedAt) {
					t.Errorf("ready are %+v", after)
				}
			})
		})
	}
}

// A change that Zoom reports while the meeting is read back is not in what was read.
func TestStandbyChangesDuringCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.standby(1)[0]
	changed := false
	w.edit = func(call string, _ map[string]any) {
		if call == "GET meeting" && !changed {
			changed = true
			w.clock.Add(time.Second)
			w.ok(w.zoom().UpdateMeeting(t.Context(), before.Meeting.ID, zoom.MeetingChange{Topic: "mine", AutoRecording: "local"}))
			w.sim.Settle()
			w.must(w.service.ReadEvents(t.Context()))
		}
	}
	w.work(6*time.Hour + time.Minute)
	w.work(time.Minute)
	if after := w.kept(); !changed || len(after) != 1 || after[0].ID == before.ID {
		t.Errorf("changed %v, ready are %+v", changed, after)
	}
}

// A standby meeting that Zoom said was deleted is not handed out, although Zoom does not
// answer any more.
func TestDeletedStandbyIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.standby(1)[0]
	w.ok(w.zoom().DeleteMeeting(t.Context(), before.Meeting.ID))
	w.sim.Settle()
	w.faults(zoomsim.Faults{Down: true})
	w.work(time.Second)
	if _, b := w.open(); b.JoinURL != "" {
		t.Errorf("the bridge has the deleted meeting %s", b.JoinURL)
	}
}

// No standby meeting is left behind whose creation had no clear end.
func TestStandbyUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault zoomsim.Faults
	}{
		{"created, answer lost", zoomsim.Faults{ResetAfterCommit: true, Only: createOnly}},
		{"cut before", zoomsim.Faults{Reset: true, Only: createOnly}},
		{"server error", zoomsim.Faults{Down: true, Only: createOnly}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.must(w.zoom().Token(t.Context()))
			w.faults(tt.fault)
			two := 2
			w.saveAccount(func(f *incident.AccountForm) { f.StandbyMeetings = &two })
			w.work(time.Second)
			w.faults(zoomsim.Faults{})
			for range 40 {
				w.work(20 * time.Second)
			}
			w.wantKept(2)
		})
	}
}

// With Zoom down, incidents get the standby meetings, each once; they get their names
// when Zoom is back, and the next ones are made.
func TestStandbyIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := w.standby(2)
	w.faults(zoomsim.Faults{Reset: true})
	got := map[string]incident.Incident{}
	for range 2 {
		began := time.Now()
		i, b := w.open()
		if took := time.Since(began); b.State != incident.BridgeReady || b.Kind != incident.KindStandby || b.Rung != incident.RungStandby || took > time.Second {
			t.Fatalf("after %s the bridge is %s, %s on %s: %s", took, b.State, b.Kind, b.Rung, why(b))
		}
		if !slices.ContainsFunc(kept, func(m incident.Standby) bool {
			return m.Meeting.ID == b.MeetingID && m.Meeting.JoinURL == b.JoinURL && m.Meeting.Passcode == b.Passcode && m.HostEmail == b.HostEmail
		}) {
			t.Errorf("the bridge has the meeting %s of %s", b.MeetingID, b.HostEmail)
		}
		if b.Topic != "SEV1 db down" || !b.UsedBackupUser || !strings.Contains(why(b), `{"code":"standby"}`) || !strings.Contains(why(b), `{"code":"zoom"`) {
			t.Errorf("bridge %+v", b)
		}
		if d := cmp.Diff([]incident.FindingCode{incident.FoundStandbyRecording}, codes(b.Findings)); d != "" {
			t.Errorf("nobody has asked Zoom for the recording yet; findings (-want +got)\n%s", d)
		}
		got[b.MeetingID] = i
	}
	if len(got) != 2 {
		t.Fatalf("two incidents have the meetings %v", got)
	}
	if _, b := w.open(); b.State == incident.BridgeReady {
		t.Errorf("a third incident got %s", b.JoinURL)
	}

	w.faults(zoomsim.Faults{})
	for range 10 {
		w.work(time.Minute)
	}
	if n := len(w.kept()); n != 2 {
		t.Errorf("%d standby meetings are ready again, want 2", n)
	}
	for _, m := range w.ledger() {
		i, used := got[fmt.Sprint(m.ID)]
		if !used {
			continue
		}
		b := w.bridge(i)
		if m.Topic != "SEV1 db down" || m.Recording != "cloud" || b.Recording != "cloud" || len(b.Findings) > 0 {
			t.Errorf("in Zoom the meeting is %q and records to %s; findings %v", m.Topic, m.Recording, b.Findings)
		}
		if !slices.ContainsFunc(w.timeline(i), func(line string) bool { return strings.HasPrefix(line, "renamed ") }) {
			t.Errorf("the timeline lacks that the meeting got its name: %q", w.timeline(i))
		}
	}
	if n := len(w.live()); n != 5 {
		t.Errorf("Zoom has %d meetings, want those of 3 incidents and 2 in standby", n)
	}
}

// A number that the hosts' day does not allow is refused with the arithmetic.
func TestTooManyStandbyMeetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := 200
	_, err := w.service.SaveAccount(t.Context(), admin, w.accountForm(func(f *incident.AccountForm) { f.StandbyMeetings = &many }))
	if text := fieldsOf(t, err)["standby_meetings"]; !strings.Contains(text, "1 × 80 = 80") {
		t.Errorf("refused with %q", text)
	}
}

// In a storm of alerts, one source gets as many new meetings as the account says, and
// the rest what is at hand. Without anything at hand it gets new meetings all the same.
func TestStormBrake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		links []incident.StaticLink
		want  map[incident.Kind]int
	}{
		{"with a static link", []incident.StaticLink{{URL: "https://meet.example.com/war"}}, map[incident.Kind]int{"meeting": 3, "static": 5}},
		{"with nothing", nil, map[incident.Kind]int{"meeting": 8}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			limit := 3
			w.saveAccount(func(f *incident.AccountForm) { f.StormLimit, f.StaticLinks = &limit, &tt.links })
			got := map[incident.Kind]int{}
			alert := func(token string, n int) incident.Bridge {
				i, _, err := w.service.OpenIncident(t.Context(), incident.Actor{Kind: incident.ActorToken, Email: token, Role: incident.Responder},
					incident.OpenRequest{RunbookID: w.runbook.ID, Name: fmt.Sprint("db down ", n), Source: incident.SourceAPI})
				w.ok(err)
				return w.bridge(i)
			}
			for n := range 8 {
				b := alert("alerts", n)
				got[b.Kind]++
				if b.State != incident.BridgeReady || b.Kind == incident.KindStatic && !strings.Contains(why(b), `{"code":"storm","count":3}`) {
					t.Errorf("%d: %s, %s: %s", n, b.State, b.Kind, why(b))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if b := alert("other", 9); b.Kind != incident.KindMeeting {
				t.Errorf("another source got %s: %s", b.Kind, why(b))
			}
			w.clock.Add(11 * time.Minute)
			if b := alert("alerts", 10); b.Kind != incident.KindMeeting {
				t.Errorf("ten minutes later: %s: %s", b.Kind, why(b))
			}
		})
	}
}

// A host whom Zoom no longer has takes the standby meeting along.
func TestStandbyOfHostWhoLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.standby(1)
	w.sim.SetUser(backup, func(u *zoomsim.User) { u.Unknown = true })
	w.standby(0)
	all, err := w.store.AllStandbys(t.Context())
	w.ok(err)
	if len(all) != 1 || all[0].State != incident.StandbyGone {
		t.Errorf("the standby meetings are %+v", all)
	}
}

// What nobody asked Zoom for when a standby meeting was made is not said to be a setting
// that Zoom changed. What Zoom refuses when it is asked is.
func TestFindingsOfStandby(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := meeting()
	m.Recording, m.WaitingRoom, m.AlternativeHosts = incident.RecordingCloud, true, []string{"bo@example.com"}
	w.runbook.Steps[0].Meeting = m
	r, _, err := w.service.SaveRunbook(t.Context(), admin, w.runbook)
	w.ok(err)
	w.runbook = r
	w.standby(1)
	w.sim.SetUser(backup, func(u *zoomsim.User) { u.CloudRecording = false })
	w.faults(zoomsim.Faults{Reset: true})
	i, b := w.open()
	if d := cmp.Diff([]incident.FindingCode{incident.FoundStandbyRecording, incident.FoundStandbyRoom, incident.FoundStandbyHost}, codes(b.Findings)); d != "" {
		t.Errorf("at first (-want +got)\n%s", d)
	}
	w.faults(zoomsim.Faults{})
	for range 10 {
		w.work(time.Minute)
	}
	if d := cmp.Diff([]incident.FindingCode{incident.FoundOtherRecording, incident.FoundStandbyRoom, incident.FoundStandbyHost}, codes(w.bridge(i).Findings)); d != "" {
		t.Errorf("after Zoom was asked (-want +got)\n%s", d)
	}
}
