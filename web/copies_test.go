package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// TestCopies checks the texts that pages prepare for copying where TestLinks doesn't
// get to: answers to forms, and pages for people who aren't logged in.
func TestCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runbook := w.runbook("Outage")
	_, _, err := w.service.OpenIncident(t.Context(), commandLine, incident.OpenRequest{RunbookID: runbook.ID, Name: "  db   down ", Source: "form"})
	w.must(err)
	first := w.browser().get("/login")
	b := w.loggedIn(incident.Admin)
	for _, page := range []struct {
		name   string
		answer answer
		want   string // one of the texts
	}{
		{"first start", first, "docker logs CONTAINER"},
		{"login", w.browser().get("/login"), "./drawbridge user reset-password EMAIL --password-stdin"},
		{"invitation", b.post("/settings/users", url.Values{"email": {" ben@example.com "}, "name": {" Ben "}, "role": {"viewer"}}), "/setup?token="},
		{"token", b.post("/settings/tokens", url.Values{"name": {"script"}, "scope": {"read"}, "days": {"0"}}), "curl -H 'Authorization: Bearer "},
		{"join page", b.get("/j/INC-1"), "/j/INC-1"},
		{"account", b.get("/account"), "/webhook"},
		{"error", b.get("/nothing/here"), ""},
	} {
		t.Run(page.name, func(t *testing.T) {
			texts := wantTidyCopies(t, page.name, page.answer.body)
			if !strings.Contains(strings.Join(texts, "\n"), page.want) || len(texts) == 0 {
				t.Errorf("status %d: %q is not among %q", page.answer.status, page.want, texts)
			}
		})
	}
	t.Run("event", func(t *testing.T) {
		w.deliver(secretToken, []byte(`{"event":"meeting.started","payload":{"account_id":"a","object":{"id":"81234567890"}},"event_ts":1}`))
		at := regexp.MustCompile(`/events/\d+`).FindString(b.get("/events").body)
		if page := b.get(at); page.status != http.StatusOK || !strings.Contains(strings.Join(wantTidyCopies(t, at, page.body), "\n"), "curl -sS") {
			t.Errorf("%s: status %d, or no command to copy", at, page.status)
		}
	})
}

// wantTidyCopies returns the texts that a page prepares for copying, sharing and
// calling, and reports stray spaces and line breaks in them.
func wantTidyCopies(t *testing.T, page, body string) (texts []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	inside := func(n *html.Node) string {
		var b strings.Builder
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				b.WriteString(c.Data)
			}
		}
		return b.String()
	}
	byID := map[string]*html.Node{}
	for n := range doc.Descendants() {
		byID[attr(n, "id")] = n
	}
	for n := range doc.Descendants() {
		switch from := byID[attr(n, "data-db-copy-from")]; {
		case has(n, "data-db-copy"):
			texts = append(texts, attr(n, "data-db-copy"))
		case has(n, "data-db-copy-from") && from == nil:
			t.Errorf("%s: nothing has the ID %s", page, attr(n, "data-db-copy-from"))
		case has(n, "data-db-copy-from"):
			texts = append(texts, inside(from))
		case n.Data == "button" && strings.Contains(attr(n, "class"), "db-copy"):
			before := n.PrevSibling
			for before.Type != html.ElementNode {
				before = before.PrevSibling
			}
			texts = append(texts, strings.ReplaceAll(inside(before), " ", "")) // as app.js does
		case has(n, "data-db-share"):
			texts = append(texts, attr(n, "data-db-share"), attr(n, "data-db-share-title"))
		case strings.HasPrefix(attr(n, "href"), "tel:"), strings.HasPrefix(attr(n, "href"), "mailto:"):
			texts = append(texts, attr(n, "href"))
		}
	}
	stray := regexp.MustCompile(`^\s|\s$|\S {2,}\S|[ \t]\n|\r|\n\n`)
	for _, text := range texts {
		if at := stray.FindStringIndex(text); at != nil || text == "" {
			t.Errorf("%s: stray spaces or line breaks at %v in the text %q", page, at, text)
		}
	}
	return texts
}
