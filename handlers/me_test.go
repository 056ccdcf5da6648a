package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

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
