package incident_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// leadsTo lets Zoom put its links on another host.
func leadsTo(host string) func(string, map[string]any) {
	return func(_ string, body map[string]any) {
		if id, ok := body["id"]; ok && body["join_url"] != nil {
			body["join_url"] = fmt.Sprintf("https://%s/j/%v?pwd=x", host, id)
		}
	}
}

func TestLinkOnAnotherDomainOfZooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Mangle: leadsTo("example.zoom-x.de")})
	_, b := w.open()
	if b.State != incident.BridgeReady || !strings.HasPrefix(b.JoinURL, "https://example.zoom-x.de/j/") || w.creates() != 1 || len(b.Findings) > 0 {
		t.Errorf("bridge is %s with %q after %d calls, findings %+v", b.State, b.JoinURL, w.creates(), b.Findings)
	}
}

// What stands in Zoom's place, such as the simulator of the demo, has its links below a path.
func TestLinkBelowPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Mangle: leadsTo("us05web.zoom.us/simulator")})
	if _, b := w.open(); b.State != incident.BridgeReady || b.Verdict().Level != incident.LevelOK {
		t.Errorf("the bridge is %s with %q, findings %+v", b.State, b.JoinURL, b.Findings)
	}
}

func TestRefusedLink(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, b incident.Bridge) {
		t.Helper()
		last := b.Reasons[len(b.Reasons)-1]
		if b.State != incident.BridgeFailed || b.JoinURL != "" || last.Zoom == nil || last.Zoom.Code != zoom.ProblemForeignLink || last.Zoom.LinkHost != "evil.example" {
			t.Errorf("bridge is %s with %q because %s; want failed because of evil.example", b.State, b.JoinURL, why(b))
		}
	}
	t.Run("retrying uses the same meeting", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{Mangle: leadsTo("evil.example")})
		i, b := w.open()
		refused(t, b)
		w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
		refused(t, w.bridge(i))
		w.faults(zoomsim.Faults{}) // as if an admin had added the domain
		w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
		if b = w.bridge(i); b.State != incident.BridgeReady || b.HostEmail != opener || b.JoinURL == "" {
			t.Errorf("bridge is %s, hosted by %s, because %s", b.State, b.HostEmail, why(b))
		}
		if w.creates() != 1 || len(w.ledger()) != 1 {
			t.Errorf("Zoom was asked %d times and has %d meetings, want one", w.creates(), len(w.ledger()))
		}
	})
	t.Run("retrying after the meeting was deleted creates another", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{Mangle: leadsTo("evil.example")})
		i, b := w.open()
		w.faults(zoomsim.Faults{})
		w.ok(w.zoom().DeleteMeeting(t.Context(), fmt.Sprint(w.ledger()[0].ID)))
		w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
		if b = w.bridge(i); b.State != incident.BridgeReady || w.creates() != 2 || len(w.ledger()) != 1 {
			t.Errorf("bridge is %s because %s, after %d calls", b.State, why(b), w.creates())
		}
	})
	t.Run("a lost answer is found, and its link is refused then", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
		i, b := w.open()
		if b.State != incident.BridgeUnknown {
			t.Fatalf("bridge is %s", b.State)
		}
		w.faults(zoomsim.Faults{Mangle: leadsTo("evil.example")})
		w.work(time.Minute)
		refused(t, w.bridge(i))
		if n := w.creates(); n != 2 {
			t.Errorf("Zoom was asked %d times for a meeting, want 2: one a rung", n)
		}
	})
	t.Run("a twin with such a link is deleted", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: opener})
		_, b := w.open()
		w.faults(zoomsim.Faults{Mangle: leadsTo("evil.example")})
		w.work(time.Minute)
		if left := w.ledger(); b.State != incident.BridgeReady || len(left) != 1 || fmt.Sprint(left[0].ID) != b.MeetingID {
			t.Errorf("Zoom has %+v, want only the bridge's meeting", left)
		}
	})
}

func TestLinkToAnotherMeeting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, link, want string }{
		{"its own id", "https://zoom.us/j/{id}?pwd=x", "[]"},
		{"another id", "https://zoom.us/j/12345678901?pwd=x", "[bad other_meeting_link 12345678901]"},
		{"personal room", "https://example.zoom.us/my/ana?pwd=x", "[bad personal_link ]"},
		{"another id in the browser", "https://zoom.us/wc/join/12345678901?pwd=x", "[bad other_meeting_link 12345678901]"},
		{"its own id in the browser", "https://zoom.us/wc/{id}/join?pwd=x", "[]"},
		{"its own id below the path of a simulator", "https://zoom.us/simulator/j/{id}?pwd=x", "[]"},
		{"an address that says nothing about ids", "https://example.zoom.us/launch/x", "[unknown not_said ]"},
		{"a page to sign in", "https://zoom.us/signin", "[unknown not_said ]"},
		{"Zoom's own page", "https://zoom.us", "[unknown not_said ]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults(zoomsim.Faults{Mangle: func(_ string, body map[string]any) {
				if body["join_url"] != nil {
					body["join_url"] = strings.ReplaceAll(tt.link, "{id}", fmt.Sprint(body["id"]))
				}
			}})
			_, b := w.open()
			got := []string{}
			for _, f := range b.Findings {
				got = append(got, fmt.Sprintf("%s %s %s", f.Level, f.Code, f.Value))
			}
			if fmt.Sprint(got) != tt.want || b.State != incident.BridgeReady {
				t.Errorf("bridge is %s with %v, want %v", b.State, got, tt.want)
			}
		})
	}
}

func TestRecordingOnAnotherDomainOfZooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	raw, err := os.ReadFile("testdata/recording-elsewhere.json")
	w.ok(err)
	now := w.clock.Now()
	body := strings.NewReplacer("$ID", b.MeetingID, "$UUID", b.MeetingUUID, "$NOW", now.Format(time.RFC3339), "$MS", fmt.Sprint(now.UnixMilli())).Replace(string(raw))
	w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: now}, nil, []byte(body)))
	w.must(w.service.ReadEvents(t.Context()))
	if b = w.bridge(i); len(b.Recordings) != 1 || b.Recordings[0].URL != "https://example.zoom-x.de/rec/share/SSS" {
		t.Errorf("recordings %+v", b.Recordings)
	}
}
