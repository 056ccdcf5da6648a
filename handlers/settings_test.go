package handlers_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func (o *office) user(id string) incident.User {
	o.t.Helper()
	u, err := o.store.User(context.Background(), id)
	o.must(err)
	return u
}

func TestSettings(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	admin.get("/settings").leadsTo(admin, "/settings/users")
	page := viewer.get("/settings").leadsTo(viewer, "/settings/me")
	if strings.Contains(page.body, `"/settings/users"`) {
		t.Error("a viewer is led to the users")
	}
	for _, path := range []string{"/settings/users", "/settings/tokens", "/settings/audit"} {
		viewer.get(path).want(t, http.StatusForbidden)
	}
	viewer.get("/settings/about").want(t, http.StatusOK)
}

func TestUsersPage(t *testing.T) {
	t.Parallel()
	t.Run("list", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Responder)
		page := o.as(incident.Admin).get("/settings/users")
		page.want(t, http.StatusOK, "ana@example.com", "Responder", "you")
		if strings.Contains(page.body, "argon2") {
			t.Error("the page holds a hash")
		}
	})
	t.Run("forms", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.get("/settings/users?new=1").want(t, http.StatusOK, "They log in with it.")
		page := b.get("/settings/users?edit=id-of-admin")
		page.want(t, http.StatusOK, "You can’t disable the only admin.")
		if got := page.value("name"); got != "admin" {
			t.Errorf("name is %q", got)
		}
		b.get("/settings/users?edit=nobody").want(t, http.StatusNotFound)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "users", func() reply { return b.get("/settings/users") })
	})
}

var setupLink = regexp.MustCompile(`https://bridge\.example\.com(/setup\?token=[A-Za-z0-9_-]{43})`)

func TestInviteUser(t *testing.T) {
	t.Parallel()
	good := []string{"name", "Ana", "email", "Ana@example.com ", "role", "responder"}
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/settings/users", incident.Admin, good...)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/settings/users", "name", "Ana", "email", "ana@", "role", "root")
		page.want(t, http.StatusUnprocessableEntity, "This isn’t an email address.", "Choose admin, responder or viewer.")
		if page.value("name") != "Ana" || page.value("email") != "ana@" {
			t.Error("what was typed is not kept")
		}
		b.post("/settings/users", "name", "", "email", "ADMIN@example.com", "role", "viewer").
			want(t, http.StatusUnprocessableEntity, "Another user has this email address.")
		o.wantTrail()
	})
	t.Run("a field that would make someone an admin", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/settings/users", append(slices.Clone(good), "disabled_at", "0")...).want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/users", good...) })
		if _, err := o.store.UserByEmail(t.Context(), "ana@example.com"); incident.CodeOf(err) != incident.NotFound {
			t.Error("half a user was made")
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/settings/users", good...)
		page.want(t, http.StatusOK, "Link for ana@example.com", "They set their own password with it, once", "invited")
		if page.header.Get("Cache-Control") != "no-store" {
			t.Error("the page with the link may be kept")
		}
		link := setupLink.FindStringSubmatch(page.body)
		if link == nil {
			t.Fatalf("no link: %s", page.text())
		}
		if again := b.get("/settings/users"); strings.Contains(again.body, link[1]) {
			t.Error("the link is shown twice")
		}
		nobody := &tab{o: o, cookies: map[string]string{}}
		form := nobody.get(link[1])
		form.want(t, http.StatusOK, "Set your password", "ana@example.com", "This page works once.")
		token := form.value("token")
		nobody.post("/setup", "token", token, "password", "short").want(t, http.StatusUnprocessableEntity, "Use at least 12 characters.")
		nobody.post("/setup", "token", token, "email", "eve@example.com", "name", "Eve", "password", thePassword).
			leadsTo(nobody, "/", "Your password was set.")
		u, err := o.service.LogIn(t.Context(), "ana@example.com", thePassword, "")
		if err != nil || u.Role != incident.Responder || u.Name != "Ana" {
			t.Errorf("logged in as %+v, %v", u, err)
		}
		(&tab{o: o, cookies: map[string]string{}}).get(link[1]).want(t, http.StatusGone, "This link was used", "Log in")
		if strings.Contains(o.log.String(), token) {
			t.Error("the link is in the log")
		}
		o.wantTrail("user.invite ana@example.com", "user.join ana@example.com")
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		link := setupLink.FindStringSubmatch(o.as(incident.Admin).post("/settings/users", good...).body)
		o.wait(3 * 24 * time.Hour)
		nobody := &tab{o: o, cookies: map[string]string{}}
		nobody.get(link[1]).want(t, http.StatusGone, "This link has expired", "Ask an admin for a new link.")
	})
}

func TestSaveUser(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		testGuard(t, o, "/settings/users/id-of-ana", incident.Admin, "name", "Eve", "role", "admin")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/settings/users/id-of-admin", "name", "admin", "role", "viewer").want(t, http.StatusUnprocessableEntity, "This is the only admin.")
		b.post("/settings/users/id-of-admin", "name", "admin", "role", "root").want(t, http.StatusUnprocessableEntity, "Choose admin, responder or viewer.")
		page := b.post("/settings/users/id-of-admin", "name", strings.Repeat("n", 101), "role", "admin")
		page.want(t, http.StatusUnprocessableEntity, "Use at most 100 characters")
		if len(page.value("name")) != 101 {
			t.Error("what was typed is not kept")
		}
		b.post("/settings/users/id-of-admin", "name", " ", "role", "admin").want(t, http.StatusUnprocessableEntity, "Enter a name.")
		b.post("/settings/users/nobody", "name", "x", "role", "admin").want(t, http.StatusNotFound)
		o.wantTrail()
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/users/id-of-ana", "name", "ana", "role", "admin") })
		if o.user("id-of-ana").Role != incident.Viewer {
			t.Error("the role was changed")
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		ana, b := o.logIn("ana@example.com"), o.as(incident.Admin)
		b.post("/settings/users/id-of-ana", "name", "Ana Ruud", "role", "viewer").leadsTo(b, "/settings/users", "The name was changed.", "Ana Ruud")
		ana.get("/settings/me").want(t, http.StatusOK, "Viewer")
		b.post("/settings/users/id-of-ana", "name", "Ana Ruud", "role", "responder").leadsTo(b, "/settings/users", "ana@example.com is responder now")
		if r := ana.get("/settings/me"); r.status != http.StatusSeeOther {
			t.Errorf("the session with the old role goes on: %d", r.status)
		}
		b.post("/settings/users/id-of-ana", "name", "Ana Ruud", "role", "responder").leadsTo(b, "/settings/users", "Nothing was changed.")
		o.wantTrail("user.set_name ana@example.com", "user.set_role ana@example.com")
	})
}

func TestPasswordLink(t *testing.T) {
	t.Parallel()
	const path = "/settings/users/id-of-ana/link"
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		testGuard(t, o, path, incident.Admin)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		b := o.as(incident.Admin)
		b.post("/settings/users/nobody/link").want(t, http.StatusNotFound)
		b.post("/settings/users/id-of-ana/disable")
		b.post(path).leadsTo(b, "/settings/users", "This user is disabled. Enable them first.")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post(path) })
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		ana, b := o.logIn("ana@example.com"), o.as(incident.Admin)
		b.get("/settings/users?edit=id-of-ana").want(t, http.StatusOK, "Create password link")
		link := setupLink.FindStringSubmatch(b.post(path).body)
		ana.get("/settings/me").want(t, http.StatusOK) // until the link is used
		nobody := &tab{o: o, cookies: map[string]string{}}
		nobody.post("/setup", "token", nobody.get(link[1]).value("token"), "password", "a few unrelated words").leadsTo(nobody, "/", "Your password was set.")
		if r := ana.get("/settings/me"); r.status != http.StatusSeeOther {
			t.Errorf("the session goes on: %d", r.status)
		}
		if _, err := o.service.LogIn(t.Context(), "ana@example.com", "a few unrelated words", ""); err != nil {
			t.Error(err)
		}
		o.wantTrail("user.link ana@example.com", "user.join ana@example.com")
	})
}

func TestSwitchUser(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"disable", "enable"} {
		t.Run("guard "+action, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.person("ana", incident.Viewer)
			testGuard(t, o, "/settings/users/id-of-ana/"+action, incident.Admin)
		})
		t.Run("unknown "+action, func(t *testing.T) {
			t.Parallel()
			newOffice(t).as(incident.Admin).post("/settings/users/nobody/"+action).want(t, http.StatusNotFound)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/settings/users/id-of-admin/disable").leadsTo(b, "/settings/users", "This is the only admin. Make someone else an admin first.")
		if !o.user("id-of-admin").DisabledAt.IsZero() {
			t.Error("the only admin is disabled")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/users/id-of-ana/disable") })
		o.logIn("ana@example.com")
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.person("ana", incident.Viewer)
		ana, b := o.logIn("ana@example.com"), o.as(incident.Admin)
		b.post("/settings/users/id-of-ana/disable").leadsTo(b, "/settings/users", "The user was disabled and logged out everywhere.", "disabled")
		if r := ana.get("/settings/me"); r.status != http.StatusSeeOther {
			t.Errorf("the session goes on: %d", r.status)
		}
		b.get("/settings/users?edit=id-of-ana").want(t, http.StatusOK, "This user is disabled and can’t log in.")
		b.post("/settings/users/id-of-ana/enable").leadsTo(b, "/settings/users", "The user was enabled and can log in again.")
		o.logIn("ana@example.com")
		o.wantTrail("user.disable ana@example.com", "user.enable ana@example.com")
	})
}

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
		_, token, err := o.service.TokenActor(t.Context(), plain, "")
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
		if _, _, err := o.service.TokenActor(t.Context(), plain, ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		plain, tok := token(o)
		b := o.as(incident.Admin)
		b.post("/settings/tokens/"+tok.ID+"/revoke").leadsTo(b, "/settings/tokens", "The token was revoked.", "Revoked just now")
		if _, _, err := o.service.TokenActor(t.Context(), plain, ""); incident.CodeOf(err) != incident.Unauthorized {
			t.Errorf("the token still works: %v", err)
		}
		b.get("/settings/audit").want(t, http.StatusOK, "revoked token “pager”")
	})
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/settings/audit").want(t, http.StatusOK, "No changes yet")
	})
	t.Run("words", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		r := o.outage()
		r.Description = "First line\nnote: second line"
		_, _, err := o.service.SaveRunbook(t.Context(), theConsole, r)
		o.must(err)
		o.run(r, "db down")
		o.must(o.service.ResolveIncident(t.Context(), theConsole, 1))
		o.must(o.store.AddAudit(t.Context(), incident.AuditEntry{ID: "z", At: o.clock(), Actor: "<i>eve</i>", Action: "drill.new_kind", Target: "t", Address: "192.0.2.7"}))
		page := o.as(incident.Admin).get("/settings/audit")
		page.want(t, http.StatusOK, "changed the Zoom account", "created runbook “Production outage”", "changed runbook “Production outage”",
			"When customers notice. → First line", "opened incident “db down”", "resolved INC-1 status open → resolved", "command line",
			"<i>eve</i> drill new kind t", "192.0.2.7", "client secret replaced")
		if !strings.Contains(page.body, `href="/incidents/1"`) || !strings.Contains(page.body, `href="/account"`) || strings.Contains(page.body, "CANARY") || strings.Contains(page.body, "<i>") {
			t.Error("links are missing, a secret is shown, or a name is markup")
		}
	})
	t.Run("filters", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		add := func(id, actor, action string, changes int) {
			e := incident.AuditEntry{ID: id, At: o.clock(), Actor: actor, Action: incident.AuditAction(action), Target: id, Changes: make([]incident.Change, changes)}
			for i := range e.Changes {
				e.Changes[i] = incident.Change{Field: fmt.Sprint("f", i), After: "x"}
			}
			o.must(o.store.AddAudit(t.Context(), e))
		}
		add("one", "bob@example.com", "runbook.update", 3)
		add("two", "bob@example.com", "user.disable", 1)
		o.wait(24 * time.Hour)
		add("three", "ana@example.com", "runbook.update", 0)
		b := o.as(incident.Admin)
		day := o.clock().Format(time.DateOnly)
		for query, want := range map[string][]string{
			"":                               {"one", "two", "three"},
			"?who=BOB":                       {"one", "two"},
			"?action=runbook.update":         {"one", "three"},
			"?who=bob&action=runbook.update": {"one"},
			"?from=" + day:                   {"three"},
			"?to=2026-11-22&who=&action=&q=": {"one", "two"},
			"?from=" + day + "&who=bob":      {},
		} {
			page := b.get("/settings/audit" + query)
			page.want(t, http.StatusOK)
			for _, target := range []string{"one", "two", "three"} {
				if got := regexp.MustCompile(`(“| )` + target + `(”| )`).MatchString(page.text()); got != slices.Contains(want, target) {
					t.Errorf("%q shows %s: %v", query, target, got)
				}
			}
			if len(want) == 0 && !strings.Contains(page.text(), "No change matches these filters.") {
				t.Errorf("%q: %s", query, page.text())
			}
		}
		page := b.get("/settings/audit?from=soon")
		page.want(t, http.StatusOK)
		if !strings.Contains(page.body, `aria-invalid="true"`) {
			t.Error("a date that isn't one is not refused")
		}
		b.get("/settings/audit?action=everything").want(t, http.StatusBadRequest)
		if n := strings.Count(b.get("/settings/audit?who=bob").body, "<summary>3 changes</summary>"); n != 1 {
			t.Errorf("%d entries with many changes are folded, want 1", n)
		}
	})
	t.Run("a name that looks like other fields is one change", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		bob := o.person("bob", incident.Viewer)
		b := o.as(incident.Admin)
		b.post("/settings/users/"+bob.ID, "name", "Bob\nrole: admin", "role", "viewer")
		page := b.get("/settings/audit")
		if n := strings.Count(page.body, `class="db-change"`); n != 1 {
			t.Errorf("%d changes, want one", n)
		}
		page.want(t, http.StatusOK, "name bob → Bob role: admin")
	})
	t.Run("a token named like a person, and an incident like another", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		plain, _, err := o.service.CreateToken(t.Context(), theConsole, "ravi@example.com", []string{incident.ScopeIncidentsWrite}, 0)
		o.must(err)
		token, _, err := o.service.TokenActor(t.Context(), plain, "192.0.2.7")
		o.must(err)
		_, _, err = o.service.OpenIncident(t.Context(), token, incident.OpenRequest{RunbookID: r.ID, Name: "INC-7", Vars: map[string]string{"customer": "all"}, Source: incident.SourceAPI})
		o.must(err)
		page := o.as(incident.Admin).get("/settings/audit")
		page.want(t, http.StatusOK, "API token “ravi@example.com” opened incident “INC-7”")
		if strings.Contains(page.body, `href="/incidents/7"`) {
			t.Error("the name of an incident leads to another one")
		}
	})
	t.Run("pages and search", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		for i := range 130 {
			o.wait(time.Second)
			o.must(o.store.AddAudit(t.Context(), incident.AuditEntry{ID: fmt.Sprint("a", i), At: o.clock(), Actor: "ana@example.com", Action: "user.create", Target: fmt.Sprintf("u%d@example.com", i)}))
		}
		b := o.as(incident.Admin)
		rows := regexp.MustCompile(`u\d+@example\.com`)
		seen := map[string]bool{}
		var sizes []int
		next := regexp.MustCompile(`rel="next" href="([^"]*)"`)
		for path := "/settings/audit"; path != ""; {
			page := b.get(path)
			page.want(t, http.StatusOK)
			found := slices.Compact(rows.FindAllString(page.text(), -1))
			sizes = append(sizes, len(found))
			for _, row := range found {
				if seen[row] {
					t.Errorf("%s is there twice", row)
				}
				seen[row] = true
			}
			path = ""
			if m := next.FindStringSubmatch(page.body); m != nil {
				path = m[1]
			}
		}
		if !slices.Equal(sizes, []int{50, 50, 30}) || len(seen) != 130 {
			t.Errorf("pages of %v, %d rows in all", sizes, len(seen))
		}
		old := b.get("/settings/audit?q=ADDED+u3@")
		old.want(t, http.StatusOK, "u3@example.com")
		if found := rows.FindAllString(old.text(), -1); len(slices.Compact(found)) != 1 {
			t.Errorf("found %v", found)
		}
		b.get("/settings/audit?q="+strings.Repeat("a+", 21)).want(t, http.StatusBadRequest, "Search for fewer words.")
		b.get("/settings/audit?q=nobody").want(t, http.StatusOK, "Nothing matches")
		b.get("/settings/audit?cursor=x").want(t, http.StatusBadRequest, "This page of the list doesn’t exist.")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.get("/settings/audit") })
	})
}

func TestSaveMe(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/settings/me", incident.Viewer, "name", "Eve")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		b := newOffice(t).as(incident.Viewer)
		b.post("/settings/me", "name", "").want(t, http.StatusUnprocessableEntity, "Enter a name.")
		b.post("/settings/me", "name", "Vera", "role", "admin").want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/me", "name", "Vera") })
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		page := b.post("/settings/me", "name", " Vera V ").leadsTo(b, "/settings/me", "Your name was saved.")
		if page.value("name") != "Vera V" {
			t.Errorf("name is %q", page.value("name"))
		}
		o.wantTrail("user.set_name viewer@example.com")
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	form := func(old, password, again string) []string {
		return []string{"username", "viewer@example.com", "current_password", old, "new_password", password, "new_password_again", again}
	}
	const next = "a few unrelated words"
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/settings/me/password", incident.Viewer, form(thePassword, next, next)...)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		for _, tt := range []struct{ old, password, again, want string }{
			{"SHY-wrong", next, next, "This isn’t your current password."},
			{thePassword, "short", "short", "Use at least 12 characters."},
			{thePassword, next, next + "!", "The new passwords don’t match."},
		} {
			page := b.post("/settings/me/password", form(tt.old, tt.password, tt.again)...)
			page.want(t, http.StatusUnprocessableEntity, tt.want)
			for _, secret := range []string{tt.old, tt.password} {
				if strings.Contains(page.body, `"`+secret+`"`) {
					t.Errorf("the page holds the password %q", secret)
				}
			}
		}
		o.wantTrail()
		for range 5 {
			b.post("/settings/me/password", form("wrong", next, next)...)
		}
		page := b.post("/settings/me/password", form("wrong", next, next)...)
		page.want(t, http.StatusTooManyRequests)
		if page.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/me/password", form(thePassword, next, next)...) })
		o.logIn("viewer@example.com")
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		other := o.logIn("viewer@example.com")
		b.get("/settings/me").want(t, http.StatusOK, "You are logged in on 2 browsers.")
		b.post("/settings/me/password", form(thePassword, next, next)...).leadsTo(b, "/settings/me", "The password was changed.", "only in this browser")
		if r := other.get("/settings/me"); r.status != http.StatusSeeOther {
			t.Errorf("the other session goes on: %d", r.status)
		}
		if _, err := o.service.LogIn(t.Context(), "viewer@example.com", next, ""); err != nil {
			t.Error(err)
		}
		o.wantTrail("user.change_password viewer@example.com")
	})
}

func TestEndOtherSessions(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/settings/me/sessions", incident.Viewer)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		other := o.logIn("viewer@example.com")
		testBroken(t, o, "audit_entries", func() reply { return b.post("/settings/me/sessions") })
		other.get("/settings/me").want(t, http.StatusOK)
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		other, stranger := o.logIn("viewer@example.com"), o.as(incident.Responder)
		b.post("/settings/me/sessions").leadsTo(b, "/settings/me", "The other browsers were logged out.", "only in this browser")
		if r := other.get("/settings/me"); r.status != http.StatusSeeOther {
			t.Errorf("the other session goes on: %d", r.status)
		}
		stranger.get("/settings/me").want(t, http.StatusOK)
		o.wantTrail("user.end_sessions viewer@example.com")
	})
}

func TestAboutPage(t *testing.T) {
	t.Parallel()
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.run(o.outage(), "db down")
		page := o.as(incident.Viewer).get("/settings/about")
		page.want(t, http.StatusOK, "v1.2.3", "SQLite 3.", " kB", "Incidents 1", "https://bridge.example.com")
		if strings.Contains(page.body, o.dataDir) {
			t.Error("a viewer learns where the data is")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		testBroken(t, o, "incidents", func() reply { return b.get("/settings/about") })
	})
}

func TestSetupGuide(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range incident.SetupScopes() {
		if s.Granular == "" || s.Classic == "" || len(s.Features) == 0 || seen[s.Granular] {
			t.Errorf("%+v", s)
		}
		seen[s.Granular] = true
	}
	want := incident.SetupScope{Granular: "meeting:write:meeting:admin", Classic: "meeting:write:admin", Features: []zoom.Feature{zoom.OpenBridge}}
	if diff := cmp.Diff(want, incident.SetupScopes()[0]); diff != "" {
		t.Error(diff)
	}
}
