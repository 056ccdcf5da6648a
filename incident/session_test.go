package incident_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ana := w.person("ana", incident.Viewer)
	token := w.session(ana)
	holds := func(t *testing.T, want bool, use func() (incident.User, error)) {
		t.Helper()
		u, err := use()
		w.ok(err)
		if (u.ID == ana.ID) != want || u.Role.Includes(incident.Viewer) != want {
			t.Errorf("the session is of %q with role %q", u.ID, u.Role)
		}
	}
	ask := func() (incident.User, error) { return w.service.SessionUser(t.Context(), token) }
	use := func() (incident.User, error) {
		u, _, err := w.service.RecallUser(t.Context(), token, true)
		return u, err
	}

	t.Run("A-14 checking a session does not keep it alive", func(t *testing.T) {
		w.clock.Add(6 * time.Hour)
		holds(t, true, use)
		w.clock.Add(11 * time.Hour)
		holds(t, true, ask)
		w.clock.Add(time.Hour)
		holds(t, false, ask)
		holds(t, false, use)
	})
	t.Run("A-13 ending a session twice, or one that never existed", func(t *testing.T) {
		token = w.session(ana)
		holds(t, true, use)
		for range 2 {
			w.ok(w.service.EndSession(t.Context(), token))
			holds(t, false, use)
		}
		token = ""
		w.ok(w.service.EndSession(t.Context(), token))
		holds(t, false, use)
	})
}
