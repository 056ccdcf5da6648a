package incident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	save := func(actor incident.Actor, name, query string) (incident.SavedFilter, error) {
		return w.service.SaveFilter(t.Context(), actor, name, query)
	}
	wantCode := func(err error, want incident.Code) {
		t.Helper()
		if got := incident.CodeOf(err); err == nil || got != want {
			t.Errorf("code %q, want %q: %v", got, want, err)
		}
	}
	t.Run("guard", func(t *testing.T) {
		_, err := save(viewer, "mine", "stale=1")
		wantCode(err, incident.Forbidden)
	})
	t.Run("refused", func(t *testing.T) {
		for field, f := range map[string][2]string{
			"name":  {" ", "stale=1"},
			"name ": {strings.Repeat("x", 61), "stale=1"},
			"query": {"all", ""},
		} {
			_, err := save(anaIs, f[0], f[1])
			wantCode(err, incident.Invalid)
			var refused *incident.Error
			if errors.As(err, &refused); refused.Fields[strings.TrimSpace(field)] == "" {
				t.Errorf("%q: fields %v", f, refused.Fields)
			}
		}
	})
	t.Run("done", func(t *testing.T) {
		f, err := save(anaIs, " Stale ones ", "stale=1")
		w.ok(err)
		if stored, err := w.store.SavedFilter(t.Context(), f.ID); err != nil || stored.Name != "Stale ones" || stored.Query != "stale=1" || stored.CreatedBy != anaIs.UserID {
			t.Errorf("stored %+v %v", stored, err)
		}
		_, err = save(admin, "Stale ones", "unread=1")
		wantCode(err, incident.Conflict)

		other := anaIs
		other.UserID = "u9"
		wantCode(w.service.DeleteFilter(t.Context(), viewer, f.ID), incident.Forbidden)
		wantCode(w.service.DeleteFilter(t.Context(), other, f.ID), incident.Forbidden)
		wantCode(w.service.DeleteFilter(t.Context(), other, "none"), incident.NotFound)
		w.ok(w.service.DeleteFilter(t.Context(), anaIs, f.ID))
		f, err = save(anaIs, "Stale ones", "stale=1")
		w.ok(err)
		w.ok(w.service.DeleteFilter(t.Context(), admin, f.ID))
	})
	t.Run("at most 50 filters", func(t *testing.T) {
		for i := range 50 {
			_, err := save(anaIs, fmt.Sprint("filter ", i), "stale=1")
			w.ok(err)
		}
		_, err := save(anaIs, "one more", "stale=1")
		wantCode(err, incident.Invalid)
	})
}
