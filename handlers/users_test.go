package handlers_test

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func (o *office) user(id string) incident.User {
	o.t.Helper()
	u, err := o.store.User(context.Background(), id)
	o.must(err)
	return u
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

// Whoever disables a user learns how many of the user's API tokens still work.
func TestDisableUserWithTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ana := o.person("ana", incident.Responder)
	by := incident.Actor{Kind: incident.ActorUser, UserID: ana.ID, Email: ana.Email, Role: incident.Admin}
	for _, days := range []int{0, 1, 90} {
		_, _, err := o.service.CreateToken(t.Context(), by, "script", []string{incident.ScopeRead}, days)
		o.must(err)
	}
	o.wait(48 * time.Hour)
	b := o.as(incident.Admin)
	b.post("/settings/users/id-of-ana/disable").leadsTo(b, "/settings/users", "2 API tokens they created still work.")
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
