package zoomsim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// visit requests a page, with POST if there is a form.
func (w *world) visit(path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "http://demo.test"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.Page().ServeHTTP(rec, r)
	return rec
}

// The page shows what an admin enters in Drawbridge to connect the simulator.
func TestPageShowsCredentials(t *testing.T) {
	w := newWorld(t, func(o *zoomsim.Options) {
		o.AccountID, o.ClientID, o.ClientSecret, o.SecretToken = "acc_page", "client_page", "secret_page", "token_page"
	})
	body := w.visit("/simulator/", nil).Body.String()
	for _, value := range []string{"acc_page", "client_page", "secret_page", "token_page"} {
		if !strings.Contains(body, "<code class=\"text-break\">"+value+"</code>") {
			t.Errorf("the page does not show %q", value)
		}
	}
}

func TestPagePlaysAMeeting(t *testing.T) {
	w := newWorld(t)
	m := id(w.create(ana, bridge))
	at := "/simulator/meetings/" + m
	steps := []struct {
		name, path   string
		form         url.Values
		wantStatus   int
		wantLocation string
		wantText     string // on the page after the step
	}{
		{"join", at + "/join", url.Values{"name": {"Ben"}}, 303, "/simulator/", "Ben"},
		{"join from the client page", at + "/join", url.Values{"suggestion": {"山田 花子 🚒"}, "back": {"client"}}, 303, "/simulator/j/" + m, "山田 花子 🚒"},
		{"host joins", at + "/join", url.Values{"as": {"host"}}, 303, "/simulator/", "Ana Lima"},
		{"end", at + "/end", url.Values{}, 303, "/simulator/", "Ended"},
		{"end again", at + "/end", url.Values{}, 409, "", "Ended"},
		{"record", at + "/record", url.Values{}, 303, "/simulator/", "recording complete"},
		{"unknown action", at + "/dance", url.Values{}, 404, "", ""},
		{"unknown meeting", "/simulator/meetings/1/join", url.Values{"name": {"x"}}, 409, "", ""},
		{"host state", "/simulator/hosts", url.Values{"email": {ana}, "state": {"unknown"}}, 303, "/simulator/", `value="unknown" selected`},
		{"faults", "/simulator/faults", url.Values{"on": {"slow", "pmi"}}, 303, "/simulator/", `value="slow" checked`},
		{"validate", "/simulator/validate", url.Values{}, 303, "/simulator/", "Validation failed"},
		{"retry", "/simulator/retry", url.Values{}, 303, "/simulator/", ""},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			rec := w.visit(s.path, s.form)
			if rec.Code != s.wantStatus || rec.Header().Get("Location") != s.wantLocation {
				t.Errorf("%d to %q: %s", rec.Code, rec.Header().Get("Location"), rec.Body)
			}
			if page := w.visit("/simulator/", nil).Body.String(); !strings.Contains(page, s.wantText) {
				t.Errorf("the page lacks %q", s.wantText)
			}
		})
	}
	if f := w.Faults(); f.Latency == 0 || !f.PMI || f.Down {
		t.Errorf("faults %+v", f)
	}
	w.visit("/simulator/faults", url.Values{})
	if f := w.Faults(); f.Latency != 0 || f.PMI {
		t.Errorf("faults are still on: %+v", f)
	}
}

// The faults come first. The page says which are on, and one button ends them all, also
// those that it does not offer.
func TestPageFaults(t *testing.T) {
	w := newWorld(t)
	w.create(ana, bridge)
	page := func() string {
		body := w.visit("/simulator/", nil).Body.String()
		at := 0
		for _, heading := range []string{">Faults<", ">Meetings<", ">Zoom users<", ">Webhooks sent<"} {
			next := strings.Index(body, heading)
			if next < at {
				t.Errorf("%s is missing or comes too early", heading)
			}
			at = next
		}
		return body
	}
	const none, on = "None of these faults is on.", `<span class="db-tag db-tag-warn">`
	if p := page(); !strings.Contains(p, none) || strings.Contains(p, "Reset all") {
		t.Error("a healthy Zoom is not shown as one")
	}
	w.visit("/simulator/faults", url.Values{"on": {"slow", "deaf"}})
	w.SetFaults(func(f *zoomsim.Faults) { f.Stall = true })
	if p := page(); strings.Contains(p, none) || !strings.Contains(p, on+"Slow</span>") || !strings.Contains(p, on+"Deliveries fail</span>") || strings.Contains(p, on+"Down</span>") || !strings.Contains(p, "Reset all") {
		t.Error("the page does not say which faults are on")
	}
	if rec := w.visit("/simulator/faults", url.Values{"reset": {"all"}}); rec.Code != 303 {
		t.Errorf("reset: %d", rec.Code)
	}
	if f := w.Faults(); f.Latency != 0 || f.Unreachable || f.Stall || !strings.Contains(page(), none) {
		t.Errorf("faults are still on: %+v", f)
	}
	was := w.Users()
	w.visit("/simulator/hosts", url.Values{"email": {was[0].Email}, "state": {"limit"}})
	if p := page(); strings.Contains(p, none) || !strings.Contains(p, on+was[0].Email+": Daily limit reached</span>") {
		t.Error("the page does not say what a person can’t do")
	}
	w.visit("/simulator/faults", url.Values{"reset": {"all"}})
	if !reflect.DeepEqual(w.Users(), was) || !strings.Contains(page(), none) {
		t.Errorf("people are %+v after the reset, and were %+v", w.Users(), was)
	}
}

func TestPageLeaveAndAdmit(t *testing.T) {
	w := newWorld(t)
	m := id(w.create(ana, `{"topic":"x","settings":{"waiting_room":true}}`))
	at := "/simulator/meetings/" + m
	w.visit(at+"/join", url.Values{"name": {"Ben"}})
	if page := w.visit("/simulator/", nil).Body.String(); !strings.Contains(page, "waiting for the host") {
		t.Error("Ben is not waiting")
	}
	w.visit(at+"/join", url.Values{"as": {"host"}})
	key := func(name string) string {
		for _, p := range w.Meetings()[0].People {
			if p.Name == name {
				return p.Key
			}
		}
		return ""
	}
	w.visit(at+"/admit", url.Values{"key": {key("Ben")}})
	if p := w.Meetings()[0].People; len(p) != 2 || p[0].Waiting != "" || p[1].Waiting != "" {
		t.Errorf("%+v", p)
	}
	w.visit(at+"/leave", url.Values{"key": {key("Ben")}})
	if p := w.Meetings()[0].People; len(p) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestClientPageSaysWhatWouldHappen(t *testing.T) {
	w := newWorld(t)
	open, closed := id(w.create(ana, bridge)), id(w.create(ana, `{"topic":"x","settings":{"waiting_room":true}}`))
	see := func(path, want string) {
		t.Helper()
		if page := w.visit(path, nil).Body.String(); !strings.Contains(page, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	see("/simulator/j/"+open, "You would now be in the meeting “INC-42 db down”")
	see("/simulator/s/"+open, "You would now start the meeting")
	see("/simulator/j/"+closed, "You would now wait for the host to start the meeting “x”")
	if _, err := w.Join(t.Context(), closed, zoomsim.Person{Email: ana}); err != nil {
		t.Fatal(err)
	}
	see("/simulator/j/"+closed, "You would now be in the waiting room of the meeting “x”")
	w.call("DELETE", "/v2/meetings/"+open, "")
	see("/simulator/j/"+open, "This meeting link is invalid")
}

func TestPageIsSafe(t *testing.T) {
	w := newWorld(t, func(o *zoomsim.Options) { o.Stylesheets = []string{"/static/css/tabler.css"} })
	const payload = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	m := w.create(ana, `{"topic":"\"><script>alert(1)</script><img src=x onerror=alert(1)>","password":"x","settings":{"join_before_host":true}}`)
	w.visit("/simulator/meetings/"+id(m)+"/join", url.Values{"name": {payload}})
	for _, path := range []string{"/simulator/", "/simulator/j/" + id(m), "/simulator/s/" + id(m), "/simulator/j/" + url.PathEscape(payload), "/simulator/rec/x"} {
		rec := w.visit(path, nil, "Cookie", `theme=dark"><script>`)
		doc, err := html.Parse(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" || n.Data == "style" || n.Data == "img" {
				t.Errorf("%s: <%s>", path, n.Data)
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Val, "javascript:") {
					t.Errorf("%s: %s=%q", path, a.Key, a.Val)
				}
			}
		}
		if !strings.Contains(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: no policy", path)
		}
	}
	t.Run("theme and stylesheets", func(t *testing.T) {
		if page := w.visit("/simulator/", nil).Body.String(); strings.Contains(page, "data-bs-theme") {
			t.Error("without a chosen theme, the page does not follow the device")
		}
		page := w.visit("/simulator/", nil, "Cookie", "theme=dark").Body.String()
		if !strings.Contains(page, `data-bs-theme="dark"`) || !strings.Contains(page, `href="/static/css/tabler.css"`) {
			t.Errorf("%.400s", page)
		}
	})
	t.Run("cross-site POST is rejected", func(t *testing.T) {
		rec := w.visit("/simulator/faults", url.Values{"on": {"down"}}, "Sec-Fetch-Site", "cross-site")
		if rec.Code != 403 || w.Faults().Down {
			t.Errorf("%d", rec.Code)
		}
	})
	t.Run("GET changes nothing", func(t *testing.T) {
		for _, path := range []string{"/simulator/faults", "/simulator/validate", "/simulator/meetings/" + id(m) + "/end"} {
			if rec := w.visit(path, nil); rec.Code != 405 && rec.Code != 404 {
				t.Errorf("%s: %d", path, rec.Code)
			}
		}
	})
	t.Run("every control has a name", func(t *testing.T) {
		page := w.visit("/simulator/", nil).Body.String()
		for _, input := range regexp.MustCompile(`<(?:input|select)[^>]*>`).FindAllString(page, -1) {
			if strings.Contains(input, `type="hidden"`) || strings.Contains(input, `type="checkbox"`) {
				continue
			}
			ref := regexp.MustCompile(` id="([^"]*)"`).FindStringSubmatch(input)
			if ref == nil || !strings.Contains(page, `for="`+ref[1]+`"`) {
				t.Errorf("no label for %s", input)
			}
		}
	})
}

func TestPageEmpty(t *testing.T) {
	s := zoomsim.New(zoomsim.Options{Now: (&clock{}).now})
	w := &world{Sim: s, t: t}
	page := w.visit("/simulator/", nil).Body.String()
	for _, want := range []string{"No meetings yet", "No webhook URL is set"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if rec := w.visit("/simulator/validate", url.Values{}); rec.Code != 409 {
		t.Errorf("validate: %d", rec.Code)
	}
}
