package incident_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestAttendance(t *testing.T) {
	t.Parallel()
	at := func(min int) time.Time {
		if min < 0 {
			return time.Time{}
		}
		return dbtest.Now.Add(time.Duration(min) * time.Minute)
	}
	session := func(id, person, email string, joined, left int) incident.Presence {
		return incident.Presence{UUID: "u", SessionID: id, Person: person, Name: person, Email: email, JoinedAt: at(joined), LeftAt: at(left)}
	}
	for _, tt := range []struct {
		name  string
		ended int // -1: it runs
		in    []incident.Presence
		want  []incident.Attendee
	}{
		{"nobody", 60, nil, nil},
		{"left", 60, []incident.Presence{session("1", "Mia", "", 5, 20)}, []incident.Attendee{{Name: "Mia", JoinedAt: at(5), LeftAt: at(20), Total: 15 * time.Minute}}},
		{"never left", 60, []incident.Presence{session("1", "Mia", "", 5, -1)}, []incident.Attendee{{Name: "Mia", JoinedAt: at(5), LeftAt: at(60), Total: 55 * time.Minute}}},
		{"still inside", -1, []incident.Presence{session("1", "Mia", "", 5, -1)}, []incident.Attendee{{Name: "Mia", JoinedAt: at(5), Total: 85 * time.Minute}}},
		{"came back", 60, []incident.Presence{session("2", "Mia", "", 30, 40), session("1", "Mia", "", 5, 20)}, []incident.Attendee{{Name: "Mia", JoinedAt: at(5), LeftAt: at(40), Total: 25 * time.Minute}}},
		{"phone and laptop", 60, []incident.Presence{session("1", "Mia", "mia@example.com", 5, 20), session("2", "Mia phone", "Mia@example.com", 10, 30)},
			[]incident.Attendee{{Name: "Mia", Email: "mia@example.com", JoinedAt: at(5), LeftAt: at(30), Total: 25 * time.Minute}}},
		{"only a leave", 60, []incident.Presence{session("1", "Mia", "", -1, 20)}, nil},
		{"two people", 60, []incident.Presence{session("1", "Bo", "", 9, 10), session("2", "Mia", "", 5, 20)},
			[]incident.Attendee{{Name: "Mia", JoinedAt: at(5), LeftAt: at(20), Total: 15 * time.Minute}, {Name: "Bo", JoinedAt: at(9), LeftAt: at(10), Total: time.Minute}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := incident.BridgeFacts{Instances: []incident.Instance{{UUID: "u", StartedAt: at(0), EndedAt: at(tt.ended)}}, Presences: tt.in, At: at(90)}
			if diff := cmp.Diff(tt.want, incident.Attendance(f)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
