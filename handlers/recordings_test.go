package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Everybody who may see the incident sees the passcode of its recording. The join page, the
// list of bridges and the log do not.
func TestRecordingPasscode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	b := o.bridge(i.Number)
	viewer := o.as(incident.Viewer)
	o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.ended", b.MeetingID, "end_time", o.clock().Format(time.RFC3339))
	o.happened("recording.completed", b.MeetingID, "share_url", "https://us05web.zoom.us/rec/share/SSS", "password", "Kn0ck-kn0ck", "auto_delete", true, "auto_delete_date", "2028-07-12",
		"recording_files", []any{map[string]any{"id": "f1", "file_type": "MP4"}, map[string]any{"id": "f2", "file_type": "TRANSCRIPT"}})
	viewer.get("/incidents/"+i.Key()).want(t, http.StatusOK, "Recording with transcript", "Passcode", "Kn0ck-kn0ck", "Zoom deletes it on 12 Jul 2028.")
	for _, path := range []string{"/j/" + i.Key(), "/bridges", "/events", "/bridges/export"} {
		if page := viewer.get(path).body; strings.Contains(page, "Kn0ck-kn0ck") {
			t.Errorf("%s has the passcode", path)
		}
	}
	for _, text := range o.texts() {
		if strings.Contains(text.text, "Kn0ck-kn0ck") {
			t.Errorf("%s has the passcode", text.column)
		}
	}
	o.happened("recording.trashed", b.MeetingID, "share_url", "https://us05web.zoom.us/rec/share/SSS", "recording_files", []any{map[string]any{"id": "f1"}, map[string]any{"id": "f2"}})
	if page := viewer.get("/incidents/" + i.Key()).body; strings.Contains(page, "Kn0ck-kn0ck") || !strings.Contains(page, "(deleted in Zoom)") {
		t.Error("the passcode of a deleted recording is on the page")
	}
}
