package db_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func user(email string, role incident.Role) incident.User {
	return incident.User{ID: id(), Email: email, Name: "Name of " + email, Role: role, PasswordHash: "$argon2id$", CreatedAt: now}
}

func addUser(t testing.TB, s *db.Store, email string, role incident.Role) incident.User {
	t.Helper()
	u := user(email, role)
	check(t, s.InsertUser(t.Context(), u, incident.AuditEntry{}))
	return u
}

func TestUsers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, err := s.User(ctx, "none")
		wantCode(t, err, incident.NotFound)
		_, err = s.UserByEmail(ctx, "none")
		wantCode(t, err, incident.NotFound)

		root := user("root@example.com", incident.Admin)
		check(t, s.InsertUser(ctx, root, entry("user.add")))
		wantCode(t, s.InsertUser(ctx, user("root@example.com", incident.Viewer), entry("user.add")), incident.Conflict)
		ana := addUser(t, s, "ana@example.com", incident.Responder)
		got, err := s.User(ctx, root.ID)
		check(t, err)
		same(t, got, root)
		got, err = s.UserByEmail(ctx, "ana@example.com")
		check(t, err)
		same(t, got, ana)
		all, err := s.Users(ctx)
		check(t, err)
		same(t, all, []incident.User{ana, root})
		same(t, actions(t, s), []string{"user.add"})

		check(t, s.TouchSession(ctx, incident.Session{User: ana, SeenAt: after(5)}))
		ana.Name, ana.Role, ana.PasswordHash, ana.LastSeenAt = "Ana B", incident.Viewer, "new", after(5)
		check(t, s.UpdateUser(ctx, ana.ID, false, "", dbtest.Become(ana, entry("user.update"))))
		got, err = s.User(ctx, ana.ID)
		check(t, err)
		same(t, got, ana)
		wantCode(t, s.UpdateUser(ctx, "nobody", false, "", dbtest.Become(user("x", incident.Viewer), entry("user.update"))), incident.NotFound)
	})
}

func TestLastAdmin(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		// A user can be changed before there is any admin.
		ana := addUser(t, s, "ana@example.com", incident.Responder)
		check(t, s.UpdateUser(ctx, ana.ID, false, "", dbtest.Become(ana, entry("x"))))

		root := addUser(t, s, "root@example.com", incident.Admin)
		demoted, disabled := root, root
		demoted.Role, disabled.DisabledAt = incident.Viewer, now
		wantCode(t, s.UpdateUser(ctx, demoted.ID, true, "", dbtest.Become(demoted, entry("refused"))), incident.Conflict)
		wantCode(t, s.UpdateUser(ctx, disabled.ID, true, "", dbtest.Become(disabled, entry("refused"))), incident.Conflict)
		root.PasswordHash = "new"
		check(t, s.UpdateUser(ctx, root.ID, false, "", dbtest.Become(root, entry("x"))))

		second := addUser(t, s, "second@example.com", incident.Admin)
		n, err := s.CountAdmins(ctx)
		check(t, err)
		if n != 2 {
			t.Errorf("%d admins", n)
		}

		// Each admin takes the role from the other, again and again.
		for range 20 {
			var refused atomic.Int64
			var wg sync.WaitGroup
			for _, u := range []incident.User{root, second} {
				wg.Go(func() {
					u.Role = incident.Viewer
					if err := s.UpdateUser(ctx, u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})); incident.CodeOf(err) == incident.Conflict {
						refused.Add(1)
					} else if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			n, err := s.CountAdmins(ctx)
			check(t, err)
			if n != 1 || refused.Load() != 1 {
				t.Fatalf("%d admins are left, %d were refused", n, refused.Load())
			}
			for _, u := range []incident.User{root, second} {
				check(t, s.UpdateUser(ctx, u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
			}
		}
		for _, action := range actions(t, s) {
			if action == "refused" {
				t.Error("a rejected change is in the audit trail")
			}
		}
	})
}

func TestSetupLink(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		use := func(hash string, seconds int) error {
			return s.UseSetupLink(ctx, hash, after(seconds), user("root@example.com", incident.Admin), entry("setup"))
		}
		_, err := s.SetupLink(ctx, "h1")
		wantCode(t, err, incident.NotFound)
		wantCode(t, use("h1", 0), incident.NotFound)

		check(t, s.SaveSetupLink(ctx, incident.SetupLink{Hash: "h1", ExpiresAt: after(60)}, nil, incident.AuditEntry{}))
		check(t, s.SaveSetupLink(ctx, incident.SetupLink{Hash: "h2", ExpiresAt: after(60)}, nil, incident.AuditEntry{}))
		wantCode(t, use("h1", 0), incident.NotFound) // replaced
		wantCode(t, use("h2", 60), incident.NotFound)
		link, err := s.SetupLink(ctx, "h2")
		check(t, err)
		same(t, link, incident.SetupLink{Hash: "h2", ExpiresAt: after(60)})

		// Two browsers at once: only one creates the first admin.
		var done, refused atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch err := use("h2", 59); incident.CodeOf(err) {
				case "":
					done.Add(1)
				case incident.Conflict:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 || refused.Load() != 7 {
			t.Fatalf("%d made an admin, %d were refused", done.Load(), refused.Load())
		}
		link, err = s.SetupLink(ctx, "h2")
		check(t, err)
		same(t, link, incident.SetupLink{Hash: "h2", ExpiresAt: after(60), UsedAt: after(59)})
		same(t, actions(t, s), []string{"setup"})

		check(t, s.SaveSetupLink(ctx, incident.SetupLink{Hash: "h3", ExpiresAt: after(60)}, nil, incident.AuditEntry{}))
		wantCode(t, use("h3", 0), incident.Conflict) // there is an admin
	})
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		ana := user("ana@example.com", incident.Responder)
		ana.PasswordHash = ""
		link := func(hash string) incident.SetupLink {
			return incident.SetupLink{Hash: hash, UserID: ana.ID, ExpiresAt: after(60)}
		}
		use := func(hash string, seconds int) error {
			return s.UseInvitation(ctx, hash, after(seconds), "hash of the password", entry("join"))
		}
		check(t, s.SaveSetupLink(ctx, incident.SetupLink{Hash: "first admin", ExpiresAt: after(60)}, nil, incident.AuditEntry{}))
		check(t, s.SaveSetupLink(ctx, link("h1"), &ana, entry("invite")))
		wantCode(t, s.SaveSetupLink(ctx, link("h2"), &ana, entry("invite")), incident.Conflict) // the address is taken, and the link stays
		wantCode(t, s.UseSetupLink(ctx, "h1", after(0), user("eve@example.com", incident.Admin), entry("setup")), incident.NotFound)
		wantCode(t, use("first admin", 0), incident.NotFound)
		check(t, s.SaveSetupLink(ctx, link("h3"), nil, entry("link")))
		wantCode(t, use("h1", 0), incident.NotFound) // replaced
		wantCode(t, use("h3", 60), incident.NotFound)
		check(t, use("h3", 59))
		wantCode(t, use("h3", 59), incident.Conflict)
		got, err := s.User(ctx, ana.ID)
		check(t, err)
		if got.PasswordHash != "hash of the password" {
			t.Errorf("stored %+v", got)
		}
		check(t, s.SaveSetupLink(ctx, link("h4"), nil, entry("link")))
		check(t, s.UpdateUser(ctx, ana.ID, true, "", func(u *incident.User) (incident.AuditEntry, error) {
			u.DisabledAt = now
			return entry("disable"), nil
		}))
		wantCode(t, use("h4", 0), incident.NotFound) // disabled
		_, err = s.SetupLink(ctx, "first admin")
		check(t, err)
		same(t, slices.Sorted(slices.Values(actions(t, s))), []string{"disable", "invite", "join", "link", "link"})
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, err := s.TokenByHash(ctx, "h")
		wantCode(t, err, incident.NotFound)
		first := incident.Token{ID: id(), Name: "alerts", Hash: "h1", Scopes: []string{incident.ScopeIncidentsWrite, incident.ScopeRead}, CreatedBy: "root@example.com", CreatedAt: now}
		second := incident.Token{ID: id(), Name: "board", Hash: "h2", Scopes: []string{incident.ScopeRead}, CreatedBy: "cli", CreatedAt: after(1)}
		check(t, s.InsertToken(ctx, first, entry("token.create")))
		check(t, s.InsertToken(ctx, second, entry("token.create")))
		twin := second
		twin.ID = id()
		wantCode(t, s.InsertToken(ctx, twin, entry("token.create")), incident.Conflict)

		check(t, s.TouchToken(ctx, first.ID, after(2)))
		first.LastUsedAt = after(2)
		check(t, s.RevokeToken(ctx, second.ID, after(3), entry("token.revoke")))
		second.RevokedAt = after(3)
		wantCode(t, s.RevokeToken(ctx, second.ID, after(4), entry("token.revoke")), incident.Conflict)
		wantCode(t, s.RevokeToken(ctx, "none", after(4), entry("token.revoke")), incident.NotFound)
		got, err := s.TokenByHash(ctx, "h1")
		check(t, err)
		same(t, got, first)
		all, err := s.Tokens(ctx)
		check(t, err)
		same(t, all, []incident.Token{second, first})
		same(t, actions(t, s), []string{"token.revoke", "token.create", "token.create"})
	})
}

func TestLoginFailures(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		const key = "ana@example.com 192.0.2.0/24"
		want := func(want incident.LoginFailures) {
			t.Helper()
			got, err := s.LoginFailures(ctx, key)
			check(t, err)
			same(t, got, want)
		}
		want(incident.LoginFailures{})
		check(t, s.AddLoginFailure(ctx, key, now))
		check(t, s.AddLoginFailure(ctx, key, after(1)))
		check(t, s.AddLoginFailure(ctx, "other", after(1)))
		want(incident.LoginFailures{Count: 2, LastAt: after(1)})
		n, err := s.DeleteLoginFailures(ctx, after(1))
		check(t, err)
		if n != 0 {
			t.Errorf("%d were deleted too early", n)
		}
		check(t, s.ClearLoginFailures(ctx, key))
		want(incident.LoginFailures{})
		n, err = s.DeleteLoginFailures(ctx, after(2))
		check(t, err)
		if n != 1 {
			t.Errorf("%d were deleted", n)
		}
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		check(t, s.AddAudit(ctx, incident.AuditEntry{})) // no action, no entry
		var want []incident.AuditEntry
		for n := range 25 {
			e := entry("login")
			e.At = after(n / 10) // several in one moment
			check(t, s.AddAudit(ctx, e))
			want = append([]incident.AuditEntry{e}, want...)
		}
		var got []incident.AuditEntry
		cursor := ""
		for pages := 1; ; pages++ {
			page, err := s.Audit(ctx, db.AuditFilter{}, cursor, 10)
			check(t, err)
			got = append(got, page.Items...)
			if cursor = page.Next; cursor == "" {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
		}
		same(t, got, want)
		// Text that PostgreSQL would reject is stored anyway.
		e := entry("odd")
		e.At, e.Target = after(60), "a\x00b\xffc"
		check(t, s.AddAudit(ctx, e))
		page, err := s.Audit(ctx, db.AuditFilter{}, "", 1)
		check(t, err)
		if page.Items[0].Target != "a\uFFFDb\uFFFDc" {
			t.Errorf("stored as %q", page.Items[0].Target)
		}
	})
}

// A search finds words in the actor, in the target, and in the description of
// the action.
func TestAuditFilter(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		for i, e := range []incident.AuditEntry{
			{Actor: "ana@example.com", Action: "runbook.create", Target: "100% Outage"},
			{Actor: "bob@example.com", Action: "runbook.update", Target: "100% Outage"},
			{Actor: "bob@example.com", Action: "account.save"},
			{Actor: `Back\slash_token`, Action: "incident.open", Target: "1000 outages"},
		} {
			e.ID, e.At = fmt.Sprint(i), after(i)
			check(t, s.AddAudit(t.Context(), e))
		}
		word := func(text string, actions ...string) db.AuditWord { return db.AuditWord{Text: text, Actions: actions} }
		for _, tt := range []struct {
			name   string
			filter db.AuditFilter
			want   string
		}{
			{"nothing", db.AuditFilter{}, "3 2 1 0"},
			{"an actor in any case", db.AuditFilter{Words: []db.AuditWord{word("BOB")}}, "2 1"},
			{"a target in any case", db.AuditFilter{Words: []db.AuditWord{word("outage")}}, "3 1 0"},
			{"every word", db.AuditFilter{Words: []db.AuditWord{word("bob"), word("OUTAGE")}}, "1"},
			{"wildcards of LIKE are literal", db.AuditFilter{Words: []db.AuditWord{word("100%")}}, "1 0"},
			{"an underscore", db.AuditFilter{Words: []db.AuditWord{word("slash_token")}}, "3"},
			{"an underscore is literal", db.AuditFilter{Words: []db.AuditWord{word("slash-token")}}, ""},
			{"a backslash", db.AuditFilter{Words: []db.AuditWord{word(`k\s`)}}, "3"},
			{"words of actions", db.AuditFilter{Words: []db.AuditWord{word("changed", "runbook.update", "account.save"), word("zoom", "account.save")}}, "2"},
			{"words of actions or a target", db.AuditFilter{Words: []db.AuditWord{word("outages", "account.save")}}, "3 2"},
			{"part of an actor", db.AuditFilter{Actor: "OB@"}, "2 1"},
			{"a wildcard in an actor", db.AuditFilter{Actor: "b%b"}, ""},
			{"from a time", db.AuditFilter{From: after(2)}, "3 2"},
			{"until a time", db.AuditFilter{To: after(2)}, "1 0"},
			{"actions", db.AuditFilter{Actions: []incident.AuditAction{"runbook.create", "runbook.update"}}, "1 0"},
			{"actions on a target", db.AuditFilter{Actions: []incident.AuditAction{"runbook.create", "incident.open"}, Target: "100% Outage"}, "0"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				var got []string
				for cursor := ""; ; {
					page, err := s.Audit(t.Context(), tt.filter, cursor, 1)
					check(t, err)
					for _, e := range page.Items {
						got = append(got, e.ID)
					}
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				same(t, strings.Join(got, " "), tt.want)
			})
		}
	})
}

// F17: any cursor that we did not create is rejected.
func TestBadCursors(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		for _, cursor := range []string{"x", "-1", "+1", "1.5e3", "' OR 1=1 --", "99999999999999999999", " 1", "0x10", "1\x00"} {
			_, err := s.Incidents(ctx, db.IncidentFilter{}, cursor, 10)
			wantCode(t, err, incident.Invalid)
			_, err = s.EventRows(ctx, db.EventFilter{}, cursor, 10)
			wantCode(t, err, incident.Invalid)
		}
		for _, cursor := range []string{"x", "1", ".", "1.", ".x", "-1.x", "x.1", "99999999999999999999.x"} {
			_, err := s.Audit(ctx, db.AuditFilter{}, cursor, 10)
			wantCode(t, err, incident.Invalid)
			_, err = s.BridgeRows(ctx, db.BridgeFilter{}, cursor, 10)
			wantCode(t, err, incident.Invalid)
		}
		_, err := s.BridgeRows(ctx, db.BridgeFilter{State: "x"}, "", 10)
		wantCode(t, err, incident.Invalid)
	})
}
