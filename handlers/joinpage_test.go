package handlers_test

import (
	"bytes"
	"compress/gzip"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
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
