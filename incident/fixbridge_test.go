package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// foundIn are the codes of the findings about a bridge's meeting; those that are locked end
// with "!".
func foundIn(b incident.Bridge) (codes []string) {
	for _, f := range b.Findings {
		code := string(f.Code)
		if f.Locked {
			code += "!"
		}
		codes = append(codes, code)
	}
	return codes
}

func TestFixBridge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		locked       bool // by the account
		edit         func(call string, answer map[string]any)
		code         incident.FindingCode
		want         []string // found afterwards
		wantFixed    bool
		wantTimeline string
		wantAudit    []incident.Change
	}{
		{name: "the waiting room, and with it join before host", code: incident.FoundWaitingRoomOn, wantFixed: true,
			wantTimeline: `fixed {"field":"waiting_room_on"}`, wantAudit: []incident.Change{{Field: "waiting_room", Before: "true", After: "false"}}},
		{name: "the account locks the waiting room", locked: true, code: incident.FoundWaitingRoomOn,
			want: []string{"waiting_room_on!", "no_join_before_host"}, wantTimeline: `fix_kept {"field":"waiting_room_on"}`},
		{name: "Zoom does not say any more", code: incident.FoundWaitingRoomOn, edit: func(call string, answer map[string]any) {
			if settings, ok := answer["settings"].(map[string]any); ok && call == "GET meeting" {
				delete(settings, "waiting_room")
			}
		}, want: []string{"not_said"}, wantTimeline: `fix_unsaid {"field":"waiting_room_on"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if w.faults(zoomsim.Faults{OverwriteSettings: true}); test.locked {
				w.sim.SetUser(opener, func(u *zoomsim.User) { u.WaitingRoomLock = zoomsim.LockedOn })
			}
			i, b := w.open()
			w.faults(zoomsim.Faults{})
			if got := foundIn(b); !slices.Contains(got, "waiting_room_on") || b.Verdict().Level != incident.LevelWarning {
				t.Fatalf("before, the bridge has %q", got)
			}
			w.edit = test.edit
			fixed, err := w.service.FixBridge(t.Context(), anaIs, b.ID, test.code)
			w.ok(err)
			after := w.bridge(i)
			if diff := cmp.Diff(test.want, foundIn(after)); diff != "" || fixed != test.wantFixed {
				t.Errorf("fixed %v, found afterwards (-want +got):\n%s", fixed, diff)
			}
			if after.Verdict().Level == incident.LevelOK != test.wantFixed || after.Topic != b.Topic || after.JoinURL != b.JoinURL || after.State != b.State {
				t.Errorf("the bridge is %+v", after)
			}
			if got := w.timeline(i)[0]; got != test.wantTimeline {
				t.Errorf("the timeline says %s", got)
			}
			if e := w.trail()[0]; test.wantAudit != nil {
				wantEntry(t, e, incident.AuditBridgeFix, i.Key(), test.wantAudit...)
			} else if e.Action == incident.AuditBridgeFix {
				t.Errorf("audit entry %+v", e)
			}
			if !test.locked {
				_, err = w.service.FixBridge(t.Context(), anaIs, b.ID, test.code)
				wantCode(t, err, incident.Conflict)
				return
			}
			// What Zoom kept can be tried again, and works once it is unlocked.
			for _, unlocked := range []bool{false, true} {
				if unlocked {
					w.sim.SetUser(opener, func(u *zoomsim.User) { u.WaitingRoomLock = zoomsim.LockedOff })
				}
				fixed, err := w.service.FixBridge(t.Context(), anaIs, b.ID, test.code)
				w.ok(err)
				if fixed != unlocked || (len(w.bridge(i).Findings) == 0) != unlocked {
					t.Errorf("unlocked %v: fixed %v, found %q", unlocked, fixed, foundIn(w.bridge(i)))
				}
			}
		})
	}
}

// Each setting that keeps people out is mended by one call.
func TestFixEachSetting(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code  incident.FindingCode
		wrong func(settings map[string]any) // as Zoom answers until it is told otherwise
		want  string                        // in the call
	}{
		{incident.FoundWaitingRoomOn, func(s map[string]any) { s["waiting_room"] = true }, `{"settings":{"jbh_time":0,"join_before_host":true,"waiting_room":false}}`},
		{incident.FoundNoJoinBeforeHost, func(s map[string]any) { s["join_before_host"] = false }, `{"settings":{"jbh_time":0,"join_before_host":true}}`},
		{incident.FoundSignInNeeded, func(s map[string]any) { s["meeting_authentication"] = true }, `{"settings":{"meeting_authentication":false}}`},
		{incident.FoundRegistration, func(s map[string]any) { s["approval_type"] = 0 }, `{"settings":{"approval_type":2}}`},
	} {
		t.Run(string(test.code), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.edit = func(_ string, answer map[string]any) {
				changed := slices.ContainsFunc(w.sim.Calls(), func(c zoomsim.Call) bool { return c.Method == "PATCH" })
				if settings, ok := answer["settings"].(map[string]any); ok && !changed {
					test.wrong(settings)
				}
			}
			i, b := w.open()
			if got := b.Mendable(); !slices.Equal(got, []incident.FindingCode{test.code}) {
				t.Fatalf("mendable are %q of %q", got, foundIn(b))
			}
			fixed, err := w.service.FixBridge(t.Context(), anaIs, b.ID, test.code)
			w.ok(err)
			calls := w.sim.Calls()
			n := slices.IndexFunc(calls, func(c zoomsim.Call) bool { return c.Method == "PATCH" })
			if !fixed || calls[n].Body != test.want || len(w.bridge(i).Findings) > 0 {
				t.Errorf("fixed %v by %s, found afterwards %q", fixed, calls[n].Body, foundIn(w.bridge(i)))
			}
		})
	}
}

func TestFixBridgeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{OverwriteSettings: true})
	i, b := w.open()
	w.faults(zoomsim.Faults{})
	_, err := w.service.FixBridge(t.Context(), viewer, b.ID, incident.FoundWaitingRoomOn)
	wantCode(t, err, incident.Forbidden)
	_, err = w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundAudio)
	wantCode(t, err, incident.Conflict)
	_, err = w.service.FixBridge(t.Context(), anaIs, "nothing", incident.FoundWaitingRoomOn)
	wantCode(t, err, incident.NotFound)

	w.faults(zoomsim.Faults{MissingScopes: []string{"meeting:update:meeting:admin", "meeting:write:admin"}})
	_, err = w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn)
	wantCode(t, err, incident.Unavailable)
	w.faults(zoomsim.Faults{Down: true})
	_, err = w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn)
	wantCode(t, err, incident.Unavailable)
	w.faults(zoomsim.Faults{})
	if after := w.bridge(i); len(after.Mendable()) == 0 || strings.Contains(strings.Join(w.timeline(i), " "), "fix") {
		t.Errorf("a refused Fix changed something: %q", w.timeline(i))
	}
	w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, warRoom.URL, ""))
	_, err = w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn)
	wantCode(t, err, incident.Conflict)
}

// A link that a person gives while Drawbridge reads the meeting back stays.
func TestLinkGivenDuringReadBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		open func(w *world) (incident.Incident, incident.Bridge)
		read func(w *world, b incident.Bridge)
	}{
		{"Fix", func(w *world) (incident.Incident, incident.Bridge) {
			i, b := w.open()
			w.faults(zoomsim.Faults{})
			return i, b
		}, func(w *world, b incident.Bridge) {
			_, err := w.service.FixBridge(w.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn)
			wantCode(w.T, err, incident.Conflict)
		}},
		{"a standby meeting gets its name", func(w *world) (incident.Incident, incident.Bridge) {
			w.standby(1)
			w.faults(zoomsim.Faults{Reset: true})
			i, b := w.open()
			w.faults(zoomsim.Faults{})
			return i, b
		}, func(w *world, _ incident.Bridge) { w.work(time.Minute) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.faults(zoomsim.Faults{OverwriteSettings: true})
			i, b := test.open(w)
			given := false
			w.edit = func(call string, _ map[string]any) {
				changed := slices.ContainsFunc(w.sim.Calls(), func(c zoomsim.Call) bool { return c.Method == "PATCH" })
				if call == "GET meeting" && changed && !given {
					given = true
					w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, warRoom.URL, ""))
				}
			}
			test.read(w, b)
			after := w.bridge(i)
			if !given || after.JoinURL != warRoom.URL || after.Kind != incident.KindStatic || after.MeetingID != "" {
				t.Errorf("given %v, the bridge is %s with %s", given, after.Kind, after.JoinURL)
			}
		})
	}
}

// If the call starts while Fix reads the meeting back, the bridge still gets what Zoom says.
func TestCallStartsDuringReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{OverwriteSettings: true})
	i, b := w.open()
	w.faults(zoomsim.Faults{})
	w.clock.Add(time.Minute)
	link := "https://us05web.zoom.us/j/" + b.MeetingID + "?pwd=new"
	w.edit = func(call string, body map[string]any) {
		if call != "GET meeting" {
			return
		}
		body["join_url"] = link
		if live := w.bridge(i); live.State == incident.BridgeReady {
			live.State = incident.BridgeLive
			w.ok(w.store.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: live, From: []incident.BridgeState{incident.BridgeReady}}))
		}
	}
	fixed, err := w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn)
	if w.ok(err); !fixed {
		t.Error("the waiting room is still on")
	}
	after := w.bridge(i)
	if after.State != incident.BridgeLive || after.JoinURL != link || !after.LinkChangedAt.Equal(w.clock.Now()) {
		t.Errorf("the bridge is %s with %s, changed at %v", after.State, after.JoinURL, after.LinkChangedAt)
	}
}

// A standby meeting that is fixed before it is renamed still gets the topic of its incident.
func TestFixBeforeRename(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{OverwriteSettings: true})
	w.standby(1)
	w.faults(zoomsim.Faults{Reset: true})
	i, b := w.open()
	w.faults(zoomsim.Faults{})
	if fixed, err := w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn); err != nil || !fixed {
		t.Fatalf("fixed %v, %v; findings %v", fixed, err, b.Findings)
	}
	if b = w.bridge(i); b.Topic != "SEV1 db down" {
		t.Errorf("the bridge has the topic %q", b.Topic)
	}
	for range 10 {
		w.work(time.Minute)
	}
	m, err := w.zoom().GetMeeting(t.Context(), b.MeetingID)
	if w.ok(err); m.Topic != "SEV1 db down" {
		t.Errorf("in Zoom the meeting is %q", m.Topic)
	}
}
