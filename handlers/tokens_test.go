package handlers_test

import (
	"context"
	"html"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

var plainToken = regexp.MustCompile(`db_[A-Za-z0-9_-]{43}`)

func TestCreateToken(t *testing.T) {
	t.Parallel()
	good := []string{"name", "pager", "scope", "incidents:write", "scope", "read", "days", "90"}
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/settings/tokens", incident.Admin, good...)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/settings/tokens", "name", " ").want(t, http.StatusUnprocessableEntity, "Enter a name, such as the script", "Choose what the token may do.")
		page := b.post("/settings/tokens", "name", "pager", "scope", "everything")
		page.want(t, http.StatusUnprocessableEntity, "The allowed scopes are incidents:write, read, events:raw, metrics.")
		if page.value("name") != "pager" {
			t.Error("what was typed is not kept")
		}
		b.post("/settings/tokens", "name", "pager", "hash", "x", "scope", "read").want(t, http.StatusBadRequest)
		b.post("/settings/tokens", append([]string{"name", "pager"}, strings.Split(strings.Repeat("scope read ", 11), " ")[:22]...)...).want(t, http.StatusBadRequest)
		if tokens, err := o.store.Tokens(t.Context()); err != nil || len(tokens) > 0 {
			t.Errorf("made %v, %v", tokens, err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/tokens", good...) })
		if tokens, err := o.store.Tokens(t.Context()); err != nil || len(tokens) > 0 {
			t.Errorf("made %v, %v", tokens, err)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.get("/settings/tokens").want(t, http.StatusOK, "No tokens yet")
		b.get("/settings/tokens?new=1").want(t, http.StatusOK, "New token")
		page := b.post("/settings/tokens", good...)
		page.want(t, http.StatusOK, "Token for pager", "https://bridge.example.com/api/v1/incidents", "incidents:write")
		plain := plainToken.FindString(page.body)
		_, token, err := o.service.TokenActor(t.Context(), plain, "", false)
		if err != nil || !slices.Equal(token.Scopes, []string{"incidents:write", "read"}) || token.CreatedBy != "admin@example.com" {
			t.Fatalf("the token on the page is %+v, %v", token, err)
		}
		if page.header.Get("Cache-Control") != "no-store" {
			t.Error("the page with the token may be kept")
		}
		if want := "curl -H 'Authorization: Bearer " + plain + "' 'https://bridge.example.com/api/v1/incidents'"; !strings.Contains(page.text(), want) {
			t.Errorf("the example isn't %s: %s", want, page.text())
		}
		if writer := b.post("/settings/tokens", "name", "dashboard", "scope", "incidents:write"); strings.Contains(writer.text(), "curl -H") {
			t.Error("the example opens an incident without a runbook")
		}
		again := b.get("/settings/tokens")
		again.want(t, http.StatusOK, "pager", "by admin@example.com", "ends in "+plain[len(plain)-4:], "in 90 days", "Never")
		if strings.Contains(again.body, plain) || strings.Contains(o.log.String(), plain) || strings.Contains(again.body, token.Hash) {
			t.Error("the token is shown twice, or logged")
		}
		o.wantTrail("token.create pager", "token.create dashboard")
	})
}

// The command that a new token is shown with works as it stands.
func TestTokenExample(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		return // there is no curl to try it with
	}
	o := newOffice(t)
	o.connect()
	o.outage() // has a required variable
	b := o.as(incident.Admin)
	for scope, want := range map[string]string{"incidents:write": `"key":"INC-1"`, "read": `"items":[`, "metrics": "drawbridge_"} {
		command := html.UnescapeString(regexp.MustCompile(`<code class="db-mono">(curl [^<]*)</code>`).FindStringSubmatch(b.post("/settings/tokens", "name", "x", "scope", scope).body)[1])
		out, err := exec.Command("sh", "-c", strings.ReplaceAll(command, "https://bridge.example.com", o.url)).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s\nanswers %s, %v", command, out, err)
		}
	}
}

func TestRevokeToken(t *testing.T) {
	t.Parallel()
	token := func(o *office) (string, incident.Token) {
		o.t.Helper()
		plain, token, err := o.service.CreateToken(context.Background(), theConsole, "pager", []string{"read"}, 0)
		o.must(err)
		return plain, token
	}
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		_, tok := token(o)
		testGuard(t, o, "/settings/tokens/"+tok.ID+"/revoke", incident.Admin)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		_, tok := token(o)
		b := o.as(incident.Admin)
		b.post("/settings/tokens/nothing/revoke").want(t, http.StatusNotFound)
		b.post("/settings/tokens/" + tok.ID + "/revoke")
		b.post("/settings/tokens/"+tok.ID+"/revoke").leadsTo(b, "/settings/tokens", "This token is already revoked.")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		plain, tok := token(o)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/tokens/" + tok.ID + "/revoke") })
		if _, _, err := o.service.TokenActor(t.Context(), plain, "", false); err != nil {
			t.Error(err)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		plain, tok := token(o)
		b := o.as(incident.Admin)
		b.post("/settings/tokens/"+tok.ID+"/revoke").leadsTo(b, "/settings/tokens", "The token was revoked.", "Revoked just now")
		if _, _, err := o.service.TokenActor(t.Context(), plain, "", false); incident.CodeOf(err) != incident.Unauthorized {
			t.Errorf("the token still works: %v", err)
		}
		b.get("/settings/audit").want(t, http.StatusOK, "revoked token “pager”")
	})
}
