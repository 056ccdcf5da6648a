package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// The last fifth of a host's day is for people, as long as programs get another link.
func TestReserveForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	by := func(source incident.Source) incident.Bridge {
		t.Helper()
		_, b := w.open(func(r *incident.OpenRequest) { r.OpenerEmail, r.Source = "noor@partner.example", source })
		w.resolve(b)
		w.clock.Add(3 * time.Minute) // slower than a storm
		return b
	}
	for range incident.HostDayLimit*4/5 - 1 {
		by(incident.SourceForm)
	}
	const reserved = `{"code":"reserved","host":"oncall@example.com","count":20}`
	for _, tt := range []struct {
		name      string
		source    incident.Source
		noLinks   bool
		want      incident.Kind
		wantSaved bool // the reasons say that the rest is for people
	}{
		{"a program gets the last one that is not reserved", incident.SourceAPI, false, incident.KindMeeting, false},
		{"then a program gets the static link", incident.SourceAPI, false, incident.KindStatic, true},
		{"a person gets a meeting", incident.SourceForm, false, incident.KindMeeting, false},
		{"and a program too if there is no other link", incident.SourceAPI, true, incident.KindMeeting, false},
	} {
		if tt.noLinks {
			w.links()
		}
		if b := by(tt.source); b.Kind != tt.want || strings.Contains(why(b), reserved) != tt.wantSaved {
			t.Errorf("%s: it is a %s bridge, because %s", tt.name, b.Kind, why(b))
		}
	}
}
