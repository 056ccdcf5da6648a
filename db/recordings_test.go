package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The newest passcode of each recording counts.
func TestRecordingPasscodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		for _, r := range []struct {
			uuid, passcode string
			at             int
		}{{"a", "new", 20}, {"a", "old", 10}, {"b", "other", 5}, {"b", "", 30}} {
			addRead(t, s, r.at, incident.Reading{Event: "recording.completed", BridgeID: b.ID,
				Recordings: []incident.RecordingLink{{URL: "https://zoom.us/rec/" + r.uuid, UUID: r.uuid, Passcode: zoom.NewSecret(r.passcode)}}})
		}
		got, err := s.RecordingPasscodes(t.Context(), b.ID)
		check(t, err)
		same(t, got, map[string]incident.Secret{"a": zoom.NewSecret("new"), "b": zoom.NewSecret("other")})
		none, err := s.RecordingPasscodes(t.Context(), "another")
		check(t, err)
		same(t, len(none), 0)
	})
}
