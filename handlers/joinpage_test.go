package handlers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// A program that wants no page gets the link itself, and only with the key.
func TestJoinPageForPrograms(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	b := o.bridge(i.Number)
	path := "/j/" + i.Key() + "?k=" + i.JoinKey
	for _, tt := range []struct {
		name, path, accept, htmx string
		want                     int
		wantLocation             string
	}{
		{"curl", path, "*/*", "", http.StatusFound, b.JoinURL},
		{"no Accept", path, "", "", http.StatusFound, b.JoinURL},
		{"JSON", path, "application/json", "", http.StatusFound, b.JoinURL},
		{"a browser", path, "text/html,application/xhtml+xml,*/*;q=0.8", "", http.StatusOK, ""},
		{"the page itself", path, "*/*", "true", http.StatusOK, ""},
		{"a wrong key", "/j/" + i.Key() + "?k=AAAA", "*/*", "", http.StatusSeeOther, "/login?next=%2Fj%2F" + i.Key()},
		{"no key", "/j/" + i.Key(), "*/*", "", http.StatusSeeOther, "/login?next=%2Fj%2F" + i.Key()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := o.nobody().send(http.MethodGet, tt.path, nil, "Accept", tt.accept, "HX-Request", tt.htmx)
			if got.status != tt.want || got.header.Get("Location") != tt.wantLocation {
				t.Errorf("answers %d to %q, want %d to %q", got.status, got.header.Get("Location"), tt.want, tt.wantLocation)
			}
			if got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("X-Robots-Tag") != "noindex" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
	if strings.Contains(o.log.String(), i.JoinKey) {
		t.Error("the log has the key of the link")
	}
}

// A tap on a number dials, and enters the meeting ID and the passcode for phones. The
// passcode of the app is another one.
func TestDialInHasThePhonePasscode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	b := o.bridge(i.Number)
	if !regexp.MustCompile(`^[0-9]+$`).MatchString(b.PhonePasscode) || b.PhonePasscode == b.Passcode {
		t.Fatalf("the passcodes are %q and %q", b.PhonePasscode, b.Passcode)
	}
	responder := o.as(incident.Responder)
	for _, path := range []string{"/j/" + i.Key(), "/incidents/" + i.Key()} {
		page := responder.get(path)
		page.want(t, 200, b.PhonePasscode)
		if tel := "tel:+4721550100,," + b.MeetingID + "#,,,,*" + b.PhonePasscode + "#"; !strings.Contains(html.UnescapeString(page.body), tel) {
			t.Errorf("%s has no %s", path, tel)
		}
	}
}

// The incident's page has the QR code of the permanent link.
func TestQRCode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	page := o.as(incident.Viewer).get("/incidents/" + i.Key()).body
	drawing := regexp.MustCompile(`<svg class="db-qr" viewBox="-4 -4 (\d+) (\d+)"[^>]*><path d="(M0 0h7v1h-7z[Mhvz0-9 -]+)"`).FindStringSubmatch(page)
	if drawing == nil || drawing[1] != drawing[2] || len(drawing[3]) > 12_000 {
		t.Fatalf("the QR code is %.200q", drawing)
	}
}

// The join page is light, because people open it on a phone at night: as sent, with its
// styles, it has less than 50 KB.
func TestWeightOfJoinPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	page := o.as(incident.Viewer).get("/j/" + i.Key())
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(page.body))
	_ = z.Close()
	size := packed.Len()
	for _, m := range regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		r := httptest.NewRequest(http.MethodGet, m[1], nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		static.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s answers %d", m[1], w.Code)
		}
		size += w.Body.Len()
	}
	if size > 50_000 {
		t.Errorf("the page and its styles have %d bytes", size)
	}
}

func TestJoinPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.outage()
	i := o.open(r)
	bridge := o.bridge(1)
	whole := "/j/INC-1?k=" + i.JoinKey
	viewer := o.as(incident.Viewer)

	t.Run("with the key", func(t *testing.T) {
		page := o.nobody().get(whole)
		page.want(t, http.StatusOK, "INC-1", "db down", "Join", bridge.Passcode, "Nobody has joined yet.", "Or call")
		if !strings.Contains(page.body, html.EscapeString(bridge.JoinURL)) || strings.Contains(page.body, "/incidents/1") {
			t.Error("the page lacks the link, or leads someone who is not logged in to the incident")
		}
		for _, path := range []string{"/j/inc-1?k=" + i.JoinKey, "/j/1?k=" + i.JoinKey} {
			o.nobody().get(path).want(t, http.StatusOK, "INC-1")
		}
	})
	t.Run("logged in", func(t *testing.T) {
		viewer.get("/j/INC-1").want(t, http.StatusOK, "Join", bridge.Passcode, "Incident page")
		viewer.get("/j/INC-1?k=wrong").want(t, http.StatusOK, "Join")
		viewer.get("/j/INC-99").want(t, http.StatusNotFound, "There is no incident with this number.")
		viewer.get("/j/evil").want(t, http.StatusNotFound)
	})
	t.Run("without the key it doesn’t reveal whether the incident exists", func(t *testing.T) {
		for _, path := range []string{"/j/INC-1", "/j/INC-1?k=", "/j/INC-1?k=wrong", "/j/INC-1?k=" + i.JoinKey[:15], "/j/INC-1?k=" + i.JoinKey + "A", "/j/INC-1?k=" + strings.ToUpper(i.JoinKey) + "x", "/j/INC-99", "/j/INC-99?k=" + i.JoinKey, "/j/evil"} {
			r := o.nobody().get(path)
			to := r.header.Get("Location")
			if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login?next=%2Fj%2F") || strings.Contains(r.body, "db down") || strings.Contains(to, "k%3D") {
				t.Errorf("%s: status %d to %q", path, r.status, to)
			}
			o.nobody().get(to).want(t, http.StatusOK, "This link is incomplete or no longer valid. Copy it again, or log in.")
		}
		if page := o.nobody().get("/login?next=%2Fbridges"); strings.Contains(page.text(), "This link is incomplete") {
			t.Error("another page than the join page is called an incomplete link")
		}
	})
	t.Run("resolved, with an ended bridge", func(t *testing.T) {
		o.must(o.service.ResolveIncident(context.Background(), theConsole, 1))
		for _, page := range []reply{o.nobody().get(whole), viewer.get("/incidents/1")} {
			page.want(t, http.StatusOK, "resolved The link still leads to this bridge.", "Join")
			if strings.Contains(page.text(), "Everyone can get in") {
				t.Errorf("a resolved incident invites to join: %s", page.text())
			}
		}
		b := bridge
		b.State, b.StartedAt, b.EndedAt = incident.BridgeEnded, o.clock(), o.clock()
		o.must(o.store.ChangeBridge(context.Background(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{incident.BridgeReady}}))
		page := o.nobody().get(whole)
		page.want(t, http.StatusOK, "This incident is resolved")
		if strings.Contains(page.body, bridge.JoinURL) || strings.Contains(page.text(), bridge.Passcode) {
			t.Error("a bridge that is over is still handed out")
		}
	})
	t.Run("no bridge yet", func(t *testing.T) {
		i := o.open(o.manual())
		o.nobody().get("/j/"+i.Key()+"?k="+i.JoinKey).want(t, http.StatusOK, "No bridge yet")
	})
	t.Run("failed: the cause, and no link", func(t *testing.T) {
		o.faults(zoomsim.Faults{RateLimited: "user_day"})
		i := o.open(r)
		const cause = "oncall@example.com has reached Zoom’s limit of 100 new or changed meetings a day."
		o.nobody().get("/j/"+i.Key()+"?k="+i.JoinKey).want(t, http.StatusOK, "Couldn’t create the bridge", cause, "Keep this page open")
		plain, _, err := o.service.CreateToken(context.Background(), theConsole, "reader", []string{"read"}, 0)
		o.must(err)
		answer := o.nobody().send(http.MethodGet, "/api/v1/incidents/"+i.Key()[4:], nil, "Authorization", "Bearer "+plain)
		if !strings.Contains(answer.body, `"reason":"`+cause+`"`) {
			t.Errorf("the API gives another reason: %s", answer.body)
		}
	})
	t.Run("a problem of the Zoom app is for admins only", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		i := o.open(r)
		o.as(incident.Admin).get("/incidents/"+i.Key()[4:]).want(t, http.StatusOK, "client secret is wrong")
		page := o.nobody().get("/j/" + i.Key() + "?k=" + i.JoinKey)
		page.want(t, http.StatusOK, "Couldn’t create the bridge", "Drawbridge couldn’t create the bridge. Drawbridge retries in 15 s. The people", "Keep this page open")
		if strings.Contains(page.text(), "client") || strings.Contains(page.text(), "Zoom") {
			t.Errorf("the join page speaks of credentials: %s", page.text())
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return o.nobody().get(whole) })
		testBroken(t, o, "incidents", func() reply { return o.nobody().get(whole) })
	})
}
