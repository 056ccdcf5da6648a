package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// An answer with status 403 says which of three things happened, and what helps: the
// request came from elsewhere, the role is too low, or the token lacks a scope.
func TestForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewer, responder := w.loggedIn(incident.Viewer), w.loggedIn(incident.Responder)
	read := w.token("read")
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site"}
	for _, test := range []struct {
		name   string
		answer answer
		want   []string
	}{
		{"role too low for a page", viewer.get("/incidents/new"), []string{
			"<h1>Your role doesn’t allow this</h1>", "Your role is viewer, and only a responder or an admin can do this. Ask one of them to do it, or ask an admin to change your role under Settings."}},
		{"role too low for a form", responder.post("/account", nil), []string{
			"<h1>Your role doesn’t allow this</h1>", "Your role is responder, and only an admin can do this. Ask one to do it, or ask an admin to change your role under Settings."}},
		{"form of another site", responder.do(http.MethodPost, "/account", strings.NewReader(""), append(form, "cross-site")...), []string{
			"<h1>This didn’t come from a Drawbridge page</h1>", "so nothing was done.", "whether the public URL is the address in your browser."}},
		{"form of another site, nobody logged in", w.browser().do(http.MethodPost, "/login", strings.NewReader(""), append(form, "same-site")...), []string{
			"<h1>This didn’t come from a Drawbridge page</h1>"}},
		{"API from a web page", w.api(read, http.MethodGet, "/api/v1/bridges", nil, "Sec-Fetch-Site", "cross-site"), []string{
			`"detail":"This request came from a web page of another site. Call the API from a program."`}},
		{"API without the scope", w.api(read, http.MethodPost, "/api/v1/incidents", "{}"), []string{
			`"detail":"This token doesn’t have the scope incidents:write. An admin can create a token with this scope under Settings."`}},
		{"bodies without their scope", w.api(read, http.MethodGet, "/api/v1/events/export?format=ndjson&body=1", nil), []string{
			`"detail":"This token doesn’t have the scope events:raw. An admin can create a token with this scope under Settings."`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.answer.status != http.StatusForbidden {
				t.Fatalf("status %d: %s", test.answer.status, test.answer.body)
			}
			for _, want := range test.want {
				if !strings.Contains(test.answer.body, want) {
					t.Errorf("no %q in %s", want, test.answer.body)
				}
			}
		})
	}
}
