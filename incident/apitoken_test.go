package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(name string, scopes ...string) (string, incident.Token) {
		t.Helper()
		plain, token, err := w.service.CreateToken(t.Context(), admin, name, scopes, 0)
		w.ok(err)
		return plain, token
	}
	plain, token := create(" Monitoring ", "read", "incidents:write", "read")
	reader, _ := create("Reader", "read")

	t.Run("A-20 shown once, the hash stored", func(t *testing.T) {
		stored, err := w.store.Tokens(t.Context())
		w.ok(err)
		i := slices.IndexFunc(stored, func(s incident.Token) bool { return s.ID == token.ID })
		got := stored[i]
		if len(plain) != 46 || !strings.HasPrefix(plain, "db_") || got.Name != "Monitoring" || !slices.Equal(got.Scopes, []string{"incidents:write", "read"}) || got.CreatedBy != admin.Email {
			t.Errorf("token of %d characters, stored %+v", len(plain), got)
		}
		if len(got.Hash) != 64 || strings.Contains(fmt.Sprintf("%+v %+v %s", stored, w.trail(), w.log.String()), plain[3:20]) {
			t.Errorf("the token itself is kept: hash %q", got.Hash)
		}
		wantEntry(t, w.trail()[1], "token.create", "Monitoring", incident.Change{Field: "name", After: "Monitoring"}, incident.Change{Field: "scopes", After: "incidents:write, read"})
	})
	t.Run("acts with the role of its scopes", func(t *testing.T) {
		actor, got, err := w.service.TokenActor(t.Context(), plain, "192.0.2.8", false)
		w.ok(err)
		if want := (incident.Actor{Kind: "token", Email: "Monitoring", Name: "Monitoring", Role: incident.Responder, Address: "192.0.2.8"}); actor != want || got.ID != token.ID {
			t.Errorf("actor %+v, want %+v", actor, want)
		}
		actor, _, err = w.service.TokenActor(t.Context(), reader, "", false)
		w.ok(err)
		if actor.Role != incident.Viewer {
			t.Errorf("a token that may read acts as %s", actor.Role)
		}
	})
	t.Run("last used, once a minute", func(t *testing.T) {
		used := func() time.Time {
			t.Helper()
			w.must2(w.service.TokenActor(t.Context(), plain, "", false))
			_, got, err := w.service.TokenActor(t.Context(), plain, "", false)
			w.ok(err)
			return got.LastUsedAt
		}
		first := used()
		w.clock.Add(30 * time.Second)
		if got := used(); !first.Equal(dbtest.Now) || !got.Equal(first) {
			t.Errorf("used at %s, half a minute later %s; want no write", first, got)
		}
		w.clock.Add(31 * time.Second)
		if got := used(); !got.Equal(w.clock.Now()) {
			t.Errorf("a minute later used at %s, want %s", got, w.clock.Now())
		}
	})
	t.Run("A-24 almost correct", func(t *testing.T) {
		near := []string{"", "db_", plain + "A", plain + " ", " " + plain, plain[3:], "zz_" + plain[3:], plain[:3] + reader[3:20] + plain[20:], strings.ToUpper(plain), strings.ToLower(plain), "DB_" + plain[3:]}
		for n := 1; n <= len(plain); n++ {
			near = append(near, plain[:len(plain)-n])
		}
		for i := range plain {
			changed := []byte(plain)
			changed[i] ^= 1
			near = append(near, string(changed))
		}
		near = append(near, token.Hash, "db_"+token.Hash[:43])
		for _, s := range near {
			if s == plain {
				continue
			}
			if _, _, err := w.service.TokenActor(t.Context(), s, "", false); incident.CodeOf(err) != incident.Unauthorized || strings.Contains(err.Error(), plain[3:10]) {
				t.Errorf("%q is taken for the token: %v", s, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, test := range []struct {
			name, called string
			scopes       []string
			want         []string
		}{
			{"no name", " ", []string{"read"}, []string{"name"}},
			{"F-34 name of 101 characters", strings.Repeat("ø", 101), []string{"read"}, []string{"name"}},
			{"no scope", "x", nil, []string{"scopes"}},
			{"F-31 unknown scope", "x", []string{"read", "admin"}, []string{"scopes"}},
			{"both", "", []string{""}, []string{"name", "scopes"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				plain, _, err := w.service.CreateToken(t.Context(), admin, test.called, test.scopes, 0)
				wantFields(t, err, test.want...)
				if plain != "" {
					t.Error("a token came out")
				}
			})
		}
	})
	t.Run("A-18 revoking ends it at once", func(t *testing.T) {
		w.ok(w.service.RevokeToken(t.Context(), admin, token.ID))
		_, _, err := w.service.TokenActor(t.Context(), plain, "", false)
		wantCode(t, err, incident.Unauthorized)
		if e := w.trail()[0]; e.Action != "token.revoke" || e.Target != "Monitoring" {
			t.Errorf("audit entry %+v", e)
		}
		wantCode(t, w.service.RevokeToken(t.Context(), admin, token.ID), incident.Conflict)
		wantCode(t, w.service.RevokeToken(t.Context(), admin, "nothing"), incident.NotFound)
		if _, _, err := w.service.TokenActor(t.Context(), reader, "", false); err != nil {
			t.Errorf("the other token: %v", err)
		}
	})
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, _, err := w.service.TokenActor(t.Context(), reader, "", false)
		wantCode(t, err, incident.Unavailable)
		_, _, err = w.service.CreateToken(t.Context(), admin, "x", []string{"read"}, 0)
		wantCode(t, err, incident.Unavailable)
	})
}
