package web_test

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
)

// TestRouteKinds checks what each kind of route promises.
func TestRouteKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range web.Routes(w.config) {
		method, person := http.MethodGet, !strings.HasPrefix(r.Path, "/api/")
		switch r.Kind {
		case web.Page, web.Part:
		case web.Form:
			method = http.MethodPost
		case web.Signed:
			method, person = http.MethodPost, r.Need == web.Public // the signature is the only check
		case web.Program:
			method, person = r.Method, !strings.HasPrefix(r.Need.String(), "session:")
		default:
			method = "a kind"
		}
		if r.Method != method || !person && r.Kind != web.Program {
			t.Errorf("%s %s needs %s, which does not fit the kind %s", r.Method, r.Path, r.Need, r.Kind)
		}
	}
}

// TestLinks follows every link from the first page on, as each role. Every target is in
// the route table and allowed for the role, every page marks one menu entry as current,
// and every page can be reached.
func TestLinks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	w := newWorld(t)
	runbook := w.runbook("Outage")
	_, err := w.service.CheckConnection(t.Context(), commandLine) // it finds settings that Drawbridge can fix
	w.must(err)
	_, _, err = w.service.OpenIncident(t.Context(), commandLine, incident.OpenRequest{RunbookID: runbook.ID, Name: "db down", Source: "form"})
	w.must(err)
	w.deliver(secretToken, []byte(`{"event":"meeting.started","payload":{"account_id":"a","object":{"id":"1"}},"event_ts":1}`))
	w.must(os.WriteFile(w.journal, []byte(`{"ID":"1","Request":{"Name":"db down","Given":{"url":"https://meet.example.com/war"}}}`+"\n"), 0o600)) // nobody opened it, so it can't be stored
	for range 4 {
		w.clock.add(10 * time.Second)
		_, err := w.service.RunOnce(t.Context())
		w.must(err)
	}
	rank := map[string]int{"public": 0, "session:viewer": 1, "session:responder": 2, "session:admin": 3}
	routes, reached := web.Routes(w.config), map[string]bool{}
	for _, role := range []incident.Role{incident.Viewer, incident.Responder, incident.Admin} {
		b, seen := w.loggedIn(role), map[string]bool{}
		todo := []link{{"address bar", http.MethodGet, "/"}}
		for len(todo) > 0 {
			next := todo[0]
			todo = todo[1:]
			u, err := url.Parse(next.to)
			w.must(err)
			i := slices.IndexFunc(routes, func(r web.Route) bool { return r.Method == next.method && matches(r.Path, u.EscapedPath()) })
			if i < 0 {
				t.Errorf("%s leads to %s %s: add it to the route table", next.from, next.method, next.to)
				continue
			}
			route := routes[i]
			if rank[route.Need.String()] > rank["session:"+string(role)] {
				t.Errorf("%s offers a %s %s %s, which needs %s", next.from, role, next.method, next.to, route.Need)
				continue
			}
			like := route.Path + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
			if route.Kind != web.Page || seen[like] {
				continue
			}
			seen[like], reached[route.Path] = true, true
			r := b.get(next.to)
			if r.status == http.StatusSeeOther {
				todo = append(todo, link{next.to, http.MethodGet, r.header.Get("Location")})
				continue
			}
			if r.status != http.StatusOK {
				t.Errorf("%s leads to %s, which has status %d", next.from, next.to, r.status)
			}
			wantTidyCopies(t, next.to, r.body)
			links, entries := linksOf(t, next.to, r.body)
			if entries != 1 && route.Need != web.Public && route.Path != "/search" { // it is above the menu
				t.Errorf("%s marks %d menu entries as current: check the section of its frame", next.to, entries)
			}
			todo = append(todo, links...)
		}
	}
	for _, r := range routes {
		if r.Kind == web.Page && r.Need != web.Public && !reached[r.Path] {
			t.Errorf("no page leads to %s: add it to the menu, to the tabs, or to another page", r.Path)
		}
	}
}

// matches reports whether an address belongs to a route's path.
func matches(path, address string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(parameter.ReplaceAllString(path, "[^/]+"), "*", ".*") + "$").MatchString(address)
}

var parameter = regexp.MustCompile(`:\w+`)

// bracketed is a parameter of a path in OpenAPI.
var bracketed = regexp.MustCompile(`\{\w+\}`)

type link struct{ from, method, to string }

// linksOf returns the links and forms that a page offers within the site, and how
// many menu entries it marks as the current page.
func linksOf(t *testing.T, from, page string) (links []link, entries int) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]*html.Node{}
	for n := range doc.Descendants() {
		if n.Data == "form" {
			forms[attr(n, "id")] = n
		}
	}
	add := func(method, to string) {
		if strings.HasPrefix(to, "?") {
			path, _, _ := strings.Cut(from, "?")
			to = path + to
		}
		if strings.HasPrefix(to, "/") {
			links = append(links, link{from, method, to})
		}
	}
	for n := range doc.Descendants() {
		add(http.MethodGet, attr(n, "href"))
		add(http.MethodGet, attr(n, "src"))
		add(http.MethodGet, attr(n, "hx-get"))
		add(http.MethodPost, attr(n, "hx-post"))
		if attr(n, "aria-current") == "page" && attr(n.Parent, "class") == "db-nav" {
			entries++
		}
		if n.Data != "button" || attr(n, "type") == "button" || slices.ContainsFunc(slices.Collect(n.Ancestors()), func(p *html.Node) bool { return has(p, "disabled") }) {
			continue // skip forms that cannot be sent
		}
		form := forms[attr(n, "form")]
		for p := range n.Ancestors() {
			if p.Data == "form" {
				form = p
			}
		}
		if form == nil {
			t.Fatalf("%s has a button outside of a form", from)
		}
		method := http.MethodGet
		if attr(form, "method") == "post" {
			method = http.MethodPost
		}
		add(method, cmp.Or(attr(n, "formaction"), attr(form, "action")))
	}
	return links, entries
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
