package handlers_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// failedBridge returns an office with an incident whose bridge failed.
func failedBridge(t *testing.T) (*office, incident.Bridge) {
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{TokenRefused: true})
	o.open(o.outage())
	b := o.bridge(1)
	if b.State != incident.BridgeFailed {
		t.Fatalf("the bridge is %s", b.State)
	}
	return o, b
}

func TestLookNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{ResetAfterCommit: true, Only: create})
	o.open(o.outage())
	o.faults(zoomsim.Faults{Down: true})
	path := "/bridges/" + o.bridge(1).ID + "/look"
	testGuard(t, o, path, incident.Responder)
	b := o.as(incident.Responder)
	b.get("/incidents/1").want(t, http.StatusOK, "No check has been answered yet. It checks again in 2 s.", "Check now", "Use another link")
	if page := o.logIn("viewer@example.com").get("/incidents/1"); strings.Contains(page.text(), "Check now") {
		t.Error("a viewer can check")
	}
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked again.", "No check has been answered yet.")
	o.faults(zoomsim.Faults{Lag: time.Hour})
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked once and didn’t find the meeting. It checks again in 10 s.")
	o.faults(zoomsim.Faults{})
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked again.", "Everyone can get in")
	b.post(path).leadsTo(b, "/incidents/1", "The bridge has just changed.")
	b.post("/bridges/nothing/look").want(t, http.StatusNotFound)
}

func TestRetryBridge(t *testing.T) {
	t.Parallel()
	o, bridge := failedBridge(t)
	path := "/bridges/" + bridge.ID + "/retry"
	testGuard(t, o, path, incident.Responder)
	b := o.as(incident.Responder)
	b.get("/incidents/1").want(t, http.StatusOK, "Drawbridge can’t use Zoom right now.", "An admin can fix it.", "Retry", "Use another link")
	o.as(incident.Admin).get("/incidents/1").want(t, http.StatusOK, "client secret is wrong", "copy the client ID and client secret again", "Retry", "Use another link")
	b.post("/bridges/nothing/retry").want(t, http.StatusNotFound)

	b.post(path).leadsTo(b, "/incidents/1", "Retrying.", "Drawbridge can’t use Zoom right now.")
	o.faults(zoomsim.Faults{})
	o.wait(time.Minute)
	b.post(path).leadsTo(b, "/incidents/1", "Retrying.", "Everyone can get in")
	if got := o.bridge(1); got.State != incident.BridgeReady || o.asked(create) != 2 { // the responder isn't a Zoom user
		t.Errorf("bridge is %s, Zoom was asked %d times", got.State, o.asked(create))
	}
	b.post(path).leadsTo(b, "/incidents/1")
	if len(o.sim.Meetings()) != 1 {
		t.Errorf("Zoom has %d meetings, want 1", len(o.sim.Meetings()))
	}
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return b.post(path) })
	})
}

func TestUseLink(t *testing.T) {
	t.Parallel()
	o, bridge := failedBridge(t)
	path := "/bridges/" + bridge.ID + "/link"
	testGuard(t, o, path, incident.Responder, "join_url", "https://meet.example.com/war")
	b := o.as(incident.Responder)
	before := o.trail()

	for _, link := range []string{"", "http://meet.example.com/x", "javascript:alert(1)", "https://a@evil.example/", hostile} {
		r := b.post(path, "join_url", link)
		r.want(t, http.StatusUnprocessableEntity, "link")
		if got := r.value("join_url"); got != strings.TrimSpace(link) {
			t.Errorf("typed %q, comes back as %q", link, got)
		}
		wantInert(t, r)
	}
	b.post(path, "join_url", "http://meet.example.com/x").want(t, http.StatusUnprocessableEntity, "Paste a complete link that starts with https://.")
	b.post(path, "join_url", "https://meet.example.com/war room").want(t, http.StatusUnprocessableEntity, "The link contains a space or another character that isn’t allowed.")
	b.post(path, "join_url", "https://meet.example.com/war", "passcode", strings.Repeat("1", 51)).want(t, http.StatusUnprocessableEntity, "Use at most 50 characters.")
	b.post(path, "join_url", "https://meet.example.com/war", "state", "live").want(t, http.StatusBadRequest)
	b.post("/bridges/nothing/link", "join_url", "https://meet.example.com/war").want(t, http.StatusNotFound)
	if o.bridge(1).State != incident.BridgeFailed || len(o.trail()) != len(before) {
		t.Fatalf("bridge is %s, audit trail %q: something was written", o.bridge(1).State, o.trail())
	}

	b.post(path, "join_url", " https://meet.example.com/war ", "passcode", "42").leadsTo(b, "/incidents/1", "The incident now uses this link", "42")
	if got := o.bridge(1); got.JoinURL != "https://meet.example.com/war" || got.Kind != incident.KindStatic {
		t.Errorf("bridge %+v", got)
	}
	b.get("/j/INC-1").want(t, http.StatusOK, "Join", "42", "Not checked: the link leads to meet.example.com", "Drawbridge can’t see who joins.")
	b.post(path, "join_url", "https://meet.example.com/other").leadsTo(b, "/incidents/1", "The incident now uses this link") // so that a wrong link can be corrected
	if got := o.bridge(1).JoinURL; got != "https://meet.example.com/other" {
		t.Errorf("the link is %s", got)
	}
	if got := o.trail(); got[len(got)-1] != "bridge.use_link INC-1" {
		t.Errorf("audit trail %q", got)
	}
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return b.post(path, "join_url", "https://meet.example.com/x") })
	})
}

// onDisk reports whether a file of the database contains the text.
func (o *office) onDisk(text string) bool {
	o.t.Helper()
	found := false
	o.must(filepath.WalkDir(o.dataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || strings.Contains(string(content), text)
		return err
	}))
	return found
}

// K-16: the start link is shown to one person once, and stored nowhere.
func TestStartBridge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "responder@example.com", JoinBeforeHost: true})
	o.open(o.outage(), func(q *incident.OpenRequest) { q.OpenerEmail = "responder@example.com" })
	bridge := o.bridge(1)
	path := "/bridges/" + bridge.ID + "/start"
	testGuard(t, o, path, incident.Responder)
	if o.asked("GET /meetings/{meetingId}") > 0 {
		t.Error("Zoom was asked for the link")
	}
	host := o.as(incident.Responder)
	other := o.logIn(o.person("other", incident.Responder).Email)
	other.post(path).want(t, http.StatusForbidden, "Only an admin or the host of the bridge can start it as host.")
	if page := other.get("/incidents/1"); strings.Contains(page.text(), "Start as host") {
		t.Error("another responder is offered to start the meeting")
	}
	host.get("/incidents/1").want(t, http.StatusOK, "Start as host")
	host.get(path).want(t, http.StatusMethodNotAllowed)
	host.post("/bridges/nothing/start").want(t, http.StatusNotFound)

	page := host.post(path)
	page.want(t, http.StatusOK, "Start as host", "Start the meeting", "Zoom opens with you as host (responder@example.com).")
	link := regexp.MustCompile(`href="([^"]*zak=[^"]*)"`).FindStringSubmatch(page.body)
	if link == nil {
		t.Fatalf("no start link on the page: %s", page.text())
	}
	start := html.UnescapeString(link[1])
	if strings.Count(page.body, "zak=") != 1 || !strings.Contains(start, "/s/"+bridge.MeetingID) {
		t.Errorf("the link %q is there %d times", start, strings.Count(page.body, "zak="))
	}
	if cache := page.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("the page may be kept: Cache-Control %q", cache)
	}
	secret := start[strings.Index(start, "zak="):]
	if o.onDisk(secret) || o.onDisk("zak=") || strings.Contains(o.log.String(), "zak=") {
		t.Error("the start link is kept")
	}
	if !o.onDisk(bridge.MeetingID) {
		t.Error("the look at the files finds nothing at all")
	}
	if again := host.get("/incidents/1"); strings.Contains(again.body, "zak=") {
		t.Error("the incident's page holds the start link")
	}
	if got := o.trail(); got[len(got)-1] != "bridge.start INC-1" {
		t.Errorf("audit trail %q", got)
	}
	o.as(incident.Admin).post(path).want(t, http.StatusOK, "Start the meeting")

	t.Run("Zoom is down", func(t *testing.T) {
		o.faults(zoomsim.Faults{Down: true})
		r := host.post(path)
		r.want(t, http.StatusServiceUnavailable, "Use the join link instead.", "Back to INC-1")
		if strings.Contains(r.body, "zak=") {
			t.Error("there is a link all the same")
		}
		o.faults(zoomsim.Faults{})
	})
	t.Run("a link to another host", func(t *testing.T) {
		o.faults(zoomsim.Faults{Mangle: func(_ string, body map[string]any) {
			if body["start_url"] != nil {
				body["start_url"] = "https://evil.example/s/1?zak=KEY"
			}
		}})
		r := host.post(path)
		r.want(t, http.StatusServiceUnavailable, "Zoom’s link to start the meeting leads to evil.example, which isn’t one of Zoom’s domains. Drawbridge doesn’t show it. Use the join link instead.")
		if strings.Contains(r.body, "zak=") || strings.Contains(r.body, "DRAWBRIDGE_ZOOM_DOMAINS") {
			t.Errorf("a responder reads %s", r.text())
		}
		o.logIn("admin@example.com").post(path).want(t, http.StatusServiceUnavailable, "evil.example", "add its domain to DRAWBRIDGE_ZOOM_DOMAINS")
		if o.onDisk("zak=") || strings.Contains(o.log.String(), "zak=") {
			t.Error("the start link is kept")
		}
		o.faults(zoomsim.Faults{})
	})
	t.Run("a bridge that isn’t a meeting", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		i := o.open(o.runbook(o.incident(1).RunbookID))
		o.faults(zoomsim.Faults{})
		o.logIn("admin@example.com").post("/bridges/"+o.bridge(i.Number).ID+"/start").want(t, http.StatusConflict, "This bridge has no Zoom meeting to start.")
	})
	t.Run("broken: without an audit entry there is no link", func(t *testing.T) {
		testBroken(t, o, "audit_entries", func() reply {
			r := host.post(path)
			if strings.Contains(r.body, "zak=") {
				t.Error("the link is shown, and nobody wrote down to whom")
			}
			return r
		})
	})
}
