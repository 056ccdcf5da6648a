package incident_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// send delivers one event whose body may name the bridge's meeting as $ID, its
// uuid as $UUID and the time as $NOW, $MS, $MS1 (a second later) or $MS2.
func (w *world) send(b incident.Bridge, body string) {
	w.Helper()
	ms := w.clock.Now().UnixMilli()
	body = strings.NewReplacer("$ID", b.MeetingID, "$UUID", b.MeetingUUID, "$NOW", w.clock.Now().UTC().Format(time.RFC3339),
		"$MS1", fmt.Sprint(ms+1000), "$MS2", fmt.Sprint(ms+2000), "$MS", fmt.Sprint(ms)).Replace(body)
	w.must(w.service.KeepEvent(w.Context(), zoom.Signature{Timestamp: w.clock.Now()}, nil, []byte(body)))
}

func sample(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile("testdata/recordings/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A recording that was taken back is marked, in every order of the events.
func TestRecordingGone(t *testing.T) {
	t.Parallel()
	file := func(ms, event, files string) string {
		return `{"event":"recording.` + event + `","payload":{"account_id":"acc","object":{"id":$ID,"uuid":"$UUID","share_url":"https://us05web.zoom.us/rec/share/SSS","recording_files":[` + files + `]}},"event_ts":` + ms + `}`
	}
	batch := func(ms, event, object string) string {
		return `{"event":"recording.batch_` + event + `","payload":{"account_id":"acc","object":` + object + `},"event_ts":` + ms + `}`
	}
	const one, two = `{"id":"f1","file_type":"MP4"}`, `{"id":"f2","file_type":"M4A"}`
	completed, trashed, deleted, recovered := sample(t, "1-completed"), sample(t, "2-trashed"), sample(t, "2-deleted"), sample(t, "3-recovered")
	for _, tt := range []struct {
		name   string
		events []string
		want   bool
	}{
		{"there", []string{completed}, false},
		{"trashed", []string{completed, trashed}, true},
		{"deleted", []string{completed, deleted}, true},
		{"recovered", []string{completed, trashed, recovered}, false},
		{"one of two files trashed", []string{file("$MS", "completed", one+","+two), file("$MS1", "trashed", one)}, false},
		{"both files trashed", []string{file("$MS", "completed", one+","+two), file("$MS1", "trashed", one), file("$MS2", "deleted", two)}, true},
		{"one of both recovered", []string{file("$MS", "completed", one+","+two), file("$MS1", "trashed", one+","+two), file("$MS2", "recovered", two)}, false},
		{"trashed in a batch", []string{completed, batch("$MS1", "trashed", `{"meeting_uuids":["other","$UUID"]}`)}, true},
		{"deleted in a batch", []string{completed, batch("$MS1", "deleted", `{"meetings":[{"meeting_uuid":"$UUID","recording_file_ids":["f1"]}]}`)}, true},
		{"another file deleted in a batch", []string{completed, batch("$MS1", "deleted", `{"meetings":[{"meeting_uuid":"$UUID","recording_file_ids":["f9"]}]}`)}, false},
		{"recovered in a batch", []string{completed, trashed, batch("$MS2", "recovered", `{"meetings":[{"meeting_uuid":"$UUID","recording_file_ids":["f1"]}]}`)}, false},
		{"an event without its shape", []string{completed, batch("$MS1", "deleted", `{"meetings":"x","meeting_uuids":{"a":1}}`)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, order := range []string{"in order", "backwards", "one by one"} {
				i, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = order })
				w.work(0)
				events := slices.Clone(tt.events)
				if order == "backwards" {
					slices.Reverse(events)
				}
				for _, body := range events {
					w.send(b, body)
					if order == "one by one" {
						w.work(0)
					}
				}
				w.work(0)
				if b = w.bridge(i); len(b.Recordings) != 1 || b.Recordings[0].Gone != tt.want {
					t.Errorf("%s: recordings %+v, want one that is gone: %v", order, b.Recordings, tt.want)
				}
			}
		})
	}
}

// What Zoom's documented events say about a recording: its passcode, which is stored sealed,
// the day on which Zoom deletes it, and its transcript. The order of the events does not matter.
func TestRecordingDetails(t *testing.T) {
	t.Parallel()
	completed, transcript := sample(t, "documented"), sample(t, "documented-transcript")
	said := func(ms, more string) string {
		return `{"event":"recording.completed","payload":{"account_id":"acc","object":{"id":$ID,"uuid":"$UUID",` + more + `"share_url":"https://us05web.zoom.us/rec/share/SSS","recording_files":[{"id":"f1","file_type":"MP4"}]}},"event_ts":` + ms + `}`
	}
	day := time.Date(2028, 7, 12, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name       string
		events     []string
		passcode   string
		deletes    time.Time
		transcript bool
	}{
		{"as documented", []string{completed}, "132456", day, false},
		{"with the transcript", []string{completed, transcript}, "123456", day, true},
		{"a new passcode, and no deletion any more", []string{completed, said("$MS2", `"password":"new&<1>","auto_delete":false,`)}, "new&<1>", time.Time{}, false},
		{"nothing said", []string{said("$MS", "")}, "", time.Time{}, false},
		{"nothing new said", []string{completed, said("$MS2", "")}, "132456", day, false},
		{"a date that is none", []string{said("$MS", `"password":7,"auto_delete":true,"auto_delete_date":"soon",`)}, "7", time.Time{}, false},
		{"a date without a deletion", []string{said("$MS", `"auto_delete_date":"2028-07-12",`)}, "", time.Time{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				for _, order := range []string{"in order", "backwards"} {
					i, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = order })
					w.work(0)
					events := slices.Clone(tt.events)
					if order == "backwards" {
						slices.Reverse(events)
					}
					for _, body := range events {
						w.send(b, body)
						w.work(0)
					}
					b = w.bridge(i)
					passcodes, err := store.RecordingPasscodes(t.Context(), b.ID)
					w.ok(err)
					if len(b.Recordings) != 1 {
						t.Fatalf("recordings %+v", b.Recordings)
					}
					r := b.Recordings[0]
					if got := passcodes[r.UUID].Reveal(); got != tt.passcode || !r.DeletesOn.Equal(tt.deletes) || r.Transcript != tt.transcript || !r.Passcode.IsZero() {
						t.Errorf("%s: passcode %q, %+v", order, got, r)
					}
				}
				if tt.passcode != "" && strings.Contains(w.log.String(), tt.passcode+`"`) {
					t.Error("the passcode is in the log")
				}
			})
		})
	}
}

// A batch takes back the recordings of several bridges.
func TestBatchOfRecordings(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		a, first := w.open(func(r *incident.OpenRequest) { r.DedupKey = "a" })
		b, second := w.open(func(r *incident.OpenRequest) { r.DedupKey = "b" })
		w.work(0)
		w.send(first, sample(t, "1-completed"))
		w.send(second, sample(t, "1-completed"))
		w.work(0)
		w.send(first, `{"event":"recording.batch_trashed","payload":{"account_id":"acc","object":{"meeting_uuids":["$UUID","`+second.MeetingUUID+`"]}},"event_ts":$MS1}`)
		w.work(0)
		for _, i := range []incident.Incident{a, b} {
			if got := w.bridge(i); len(got.Recordings) != 1 || !got.Recordings[0].Gone {
				t.Errorf("%s: recordings %+v, want one that is gone", i.Key(), got.Recordings)
			}
			if all := strings.Join(w.timeline(i), "\n"); strings.Count(all, "recording_gone") != 1 {
				t.Errorf("%s: its timeline does not say it once:\n%s", i.Key(), all)
			}
		}
	})
}

// What Zoom says about a call afterwards stands on the timeline, and the name of
// an event is not believed without its content.
func TestAfterTheCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"too short", sample(t, "too-short"), "no_recording"},
		{"too short, without the key", sample(t, "too-short-no-key"), "no_recording"},
		{"recorded", sample(t, "1-completed"), "recording_ready"},
		{"recorded on a host that isn't Zoom's", `{"event":"recording.completed","payload":{"object":{"id":$ID,"uuid":"$UUID","share_url":"https://rec.evil.example/rec/share/S?pwd=x","recording_files":[{"id":"f1","play_url":"https://other.example/rec/play/A"}]}},"event_ts":$MS}`,
			`recording_link_dropped {"link":"rec.evil.example"}`},
		{"recorded, one file elsewhere", `{"event":"recording.completed","payload":{"object":{"id":$ID,"uuid":"$UUID","recording_files":[{"id":"f1","play_url":"https://zoom.us/rec/play/A"},{"id":"f2","play_url":"http://zoom.us/rec/play/B"}]}},"event_ts":$MS}`,
			`recording_link_dropped {"link":"http://zoom.us"}`},
		{"recorded, files elsewhere that the page has", `{"event":"recording.completed","payload":{"object":{"id":$ID,"uuid":"$UUID","share_url":"https://zoom.us/rec/share/S","recording_files":[{"id":"f1","play_url":"https://other.example/A"}]}},"event_ts":$MS}`, "recording_ready"},
		{"recorded, without links", `{"event":"recording.completed","payload":{"object":{"id":$ID,"uuid":"$UUID","recording_files":[{"id":"f1"}]}},"event_ts":$MS}`, "recording_ready"},
		{"transcript", `{"event":"recording.transcript_completed","payload":{"object":{"id":$ID,"uuid":"$UUID","recording_files":[{"file_type":"TRANSCRIPT"}]}},"event_ts":$MS}`, "transcript"},
		{"summary", `{"event":"meeting.summary_completed","payload":{"object":{"meeting_id":$ID,"meeting_uuid":"$UUID","summary_title":"x"}},"event_ts":$MS}`, "summary"},
		{"summary trashed", `{"event":"meeting.summary_trashed","payload":{"object":{"meeting_id":$ID,"meeting_uuid":"$UUID"}},"event_ts":$MS}`, "summary_gone"},
		{"summary recovered", `{"event":"meeting.summary_recovered","payload":{"object":{"meeting_id":$ID,"meeting_uuid":"$UUID"}},"event_ts":$MS}`, "summary_back"},
		{"bad quality", `{"event":"meeting.alert","payload":{"object":{"id":$ID,"uuid":"$UUID","issues":["Unstable audio quality",7,null,"Poor video quality"]}},"event_ts":$MS}`,
			`bad_quality {"issues":["Unstable audio quality","7","Poor video quality"]}`},
		{"alert without an issue", `{"event":"meeting.alert","payload":{"object":{"id":$ID,"uuid":"$UUID","issues":"x"}},"event_ts":$MS}`, "bridge_ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			i, b := w.open()
			w.work(0)
			w.clock.Add(time.Minute)
			w.send(b, tt.body)
			w.work(0)
			if got := w.timeline(i)[0]; !strings.HasPrefix(got, tt.want) {
				t.Errorf("the timeline ends with %s, want %s", got, tt.want)
			}
		})
	}
}

// After the incident, a deleted meeting takes the link, and a recovered one brings it back.
func TestMeetingRecovered(t *testing.T) {
	t.Parallel()
	const deleted = `{"event":"meeting.deleted","payload":{"object":{"id":$ID,"uuid":"$UUID"}},"event_ts":$MS1}`
	const recovered = `{"event":"meeting.recovered","payload":{"object":{"id":$ID,"uuid":"$UUID"}},"event_ts":$MS2}`
	const again = `{"event":"meeting.permanently_deleted","payload":{"object":{"id":$ID,"uuid":"$UUID"}},"event_ts":$MS3}`
	for _, tt := range []struct {
		name   string
		events []string
		want   incident.BridgeState
	}{
		{"deleted", []string{deleted}, incident.BridgeFailed},
		{"recovered", []string{deleted, recovered}, incident.BridgeReady},
		{"recovered first", []string{recovered, deleted}, incident.BridgeReady},
		{"deleted twice", []string{deleted, recovered, again}, incident.BridgeFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			i, b := w.open()
			w.ok(w.service.ResolveIncident(t.Context(), admin, i.Number))
			w.work(0)
			for _, body := range tt.events {
				w.send(b, strings.ReplaceAll(body, "$MS3", fmt.Sprint(w.clock.Now().UnixMilli()+3000)))
				w.work(0)
			}
			got := w.bridge(i)
			wantURL := b.JoinURL
			if tt.want == incident.BridgeFailed {
				wantURL = ""
			}
			if got.State != tt.want || got.JoinURL != wantURL {
				t.Errorf("bridge is %s with the link %q, want %s with %q", got.State, got.JoinURL, tt.want, wantURL)
			}
		})
	}
}
