package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// endsAt returns a session that ends at a time if nobody uses it.
func endsAt(hash string, u incident.User, end time.Time) incident.Session {
	return incident.Session{Hash: hash, User: u, BeganAt: end.Add(-12 * time.Hour), SeenAt: end.Add(-12 * time.Hour)}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		clock := now
		cfg.Now = func() time.Time { return clock }
		s := dbtest.Open(t, cfg)
		u1, u2 := addUser(t, s, "a@example.com", incident.Viewer), addUser(t, s, "b@example.com", incident.Viewer)
		gone := func(hash string) {
			t.Helper()
			_, err := s.Session(t.Context(), hash)
			wantCode(t, err, incident.NotFound)
		}
		gone("1")
		check(t, s.InsertSession(t.Context(), endsAt("1", u1, after(60))))
		check(t, s.InsertSession(t.Context(), endsAt("2", u1, after(120))))
		check(t, s.InsertSession(t.Context(), endsAt("3", u2, after(60))))
		if err := s.InsertSession(t.Context(), endsAt("3", u1, after(60))); err == nil {
			t.Error("a session is taken over by another person")
		}
		got, err := s.Session(t.Context(), "1")
		check(t, err)
		want := endsAt("1", u1, after(60))
		want.User.LastSeenAt = after(120).Add(-12 * time.Hour)
		same(t, got, want)
		count := func(u incident.User, want int) {
			t.Helper()
			n, err := s.SessionCount(t.Context(), u.ID)
			check(t, err)
			if n != want {
				t.Errorf("%s has %d sessions, want %d", u.Email, n, want)
			}
		}
		count(u1, 2)
		count(incident.User{}, 0)

		check(t, s.DeleteSession(t.Context(), "3"))
		check(t, s.DeleteSession(t.Context(), "3"))
		count(u2, 0)
		check(t, s.TouchSession(t.Context(), endsAt("3", u2, after(60))))
		gone("3") // it is not there again

		clock = after(60) // the moment it is over
		count(u1, 1)
		n, err := s.DeleteExpiredSessions(t.Context())
		check(t, err)
		if n != 1 {
			t.Errorf("%d were deleted", n)
		}
		gone("1")
		u1.LastSeenAt = after(60)
		used := incident.Session{Hash: "2", User: u1, BeganAt: after(120).Add(-12 * time.Hour), SeenAt: after(60)}
		check(t, s.TouchSession(t.Context(), used))
		clock = after(120)
		count(u1, 1)
		got, err = s.Session(t.Context(), "2")
		check(t, err)
		same(t, got, used)

		// All sessions of the user except the current one.
		clock = now
		check(t, s.InsertSession(t.Context(), endsAt("4", u1, after(60))))
		check(t, s.InsertSession(t.Context(), endsAt("5", u2, after(60))))
		check(t, s.UpdateUser(t.Context(), u1.ID, true, "4", dbtest.Become(u1, incident.AuditEntry{})))
		count(u1, 1)
		if _, err := s.Session(t.Context(), "4"); err != nil {
			t.Errorf("the session that asked is gone: %v", err)
		}
		check(t, s.UpdateUser(t.Context(), u1.ID, true, "", dbtest.Become(u1, incident.AuditEntry{})))
		count(u1, 0)
		count(u2, 1)
	})
}

// A login survives the update from a version that stored a session as JSON, and
// ends at the same time as before.
func TestUpgradeSessions(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		clock := now
		cfg.Now = func() time.Time { return clock }
		conn := version1(t, cfg)
		_, err := conn.Exec(`INSERT INTO users (id, email, name, role, password_hash, created_at) VALUES ('u1', 'a@example.com', 'A', 'viewer', '', 1)`)
		check(t, err)
		began := now.Add(-8 * time.Hour)
		for hash, data := range map[string]string{
			"used":    fmt.Sprintf(`{"user_id":"u1","began":%d,"seen":%d}`, began.Unix(), after(-3600).Unix()),
			"idle":    fmt.Sprintf(`{"user_id":"u1","began":%d,"seen":%d}`, began.Unix(), after(-12*3600).Unix()),
			"useless": `{"user_id":"u1"}`,
			"nobody":  `{}`,
		} {
			user := "u1"
			if hash == "nobody" {
				user = ""
			}
			_, err = conn.Exec(`INSERT INTO sessions (token_hash, user_id, data, expires_at) VALUES ($1, $2, $3, $4)`, hash, user,
				[]byte(`{"deadline":"`+began.Add(7*24*time.Hour).Format(time.RFC3339Nano)+`","values":`+data+`}`), began.Add(7*24*time.Hour).UnixMilli())
			check(t, err)
		}

		s := dbtest.Open(t, cfg)
		got, err := s.Session(t.Context(), "used")
		check(t, err)
		same(t, got, incident.Session{Hash: "used", User: incident.User{ID: "u1", Email: "a@example.com", Name: "A", Role: incident.Viewer, CreatedAt: time.UnixMilli(1).UTC()},
			BeganAt: began, SeenAt: after(-3600)})
		_, err = s.Session(t.Context(), "nobody")
		wantCode(t, err, incident.NotFound)
		over := func(want int64) {
			t.Helper()
			n, err := s.DeleteExpiredSessions(t.Context())
			check(t, err)
			if n != want {
				t.Errorf("%d sessions were over, want %d", n, want)
			}
		}
		over(2)
		clock = after(11*3600 - 1)
		over(0)
		clock = after(11 * 3600)
		over(1)
	})
}
