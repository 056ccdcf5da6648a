package handlers_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// mayHoldSentences are the columns, and the keys within JSON, with texts that a person or Zoom
// wrote. Every other value is a code, a number, an address or a name without spaces.
var mayHoldSentences = []string{
	"users.name", "secrets.set_by", "api_tokens.name", "api_tokens.created_by", "audit_entries.actor", "audit_entries.target",
	"audit_entries.changes.before", "audit_entries.changes.after",
	"runbooks.name", "runbooks.description", "runbooks.variables.label", "runbooks.variables.default",
	"runbook_versions.actor", "runbook_versions.body.name", "runbook_versions.body.description", "runbook_versions.body.variables.label",
	"runbook_versions.body.variables.default", "runbook_versions.body.steps.Meeting.topic", "runbook_versions.body.steps.Meeting.agenda",
	"steps.settings.topic", "steps.settings.agenda", "step_runs.step.Meeting.topic", "step_runs.step.Meeting.agenda", "step_runs.reason.by",
	"incidents.name", "incidents.description", "incidents.runbook_name", "incidents.vars.customer", "incidents.created_by", "incidents.search",
	"bridges.asked.topic", "bridges.asked.agenda", "bridges.topic", "bridges.agenda", "bridges.reasons.by", "bridges.dial_in.number", "bridges.dial_in.city",
	"presences.name", "presences.person", "presences.session_id", "events.topic", "events.who",
	"timeline_entries.actor", "timeline_entries.data.runbook", "timeline_entries.data.who", "timeline_entries.data.topic",
	"waits.person", "waits.name",
}

// TestNothingStoredIsASentence writes many kinds of rows and checks every text in the
// database, because what happened is stored as codes with data; see package words.
func TestNothingStoredIsASentence(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := context.Background()
	o.sim.AddUser(zoomsim.User{Email: "bo@example.com", JoinBeforeHost: true, CloudRecording: true})
	o.connect()
	admin := o.as(incident.Admin)
	_, err := o.service.CheckConnection(ctx, theConsole, "pmi@example.com", "nobody@example.com")
	o.must(err)
	meeting := incident.NewMeetingTemplate()
	meeting.Recording, meeting.Agenda = incident.RecordingCloud, "{{ incident.started_at | tz: vars.customer }}"
	outage, _, err := o.service.SaveRunbook(ctx, theConsole, incident.Runbook{
		Name: "Production outage", Description: "When customers notice.",
		Variables: []incident.Variable{{Name: "customer", Label: "Which customer", Type: "text", Default: "all of them"}},
		Steps:     []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting}},
	})
	o.must(err)
	open := func(opener string, faults zoomsim.Faults) (incident.Incident, incident.Bridge) {
		t.Helper()
		o.faults(faults)
		i := o.open(outage, func(q *incident.OpenRequest) { q.OpenerEmail = opener })
		o.faults(zoomsim.Faults{})
		return i, o.bridge(i.Number)
	}

	// The backup user hosts, and Zoom's settings differ from what was asked for.
	i, b := open("stranger@example.com", zoomsim.Faults{OverwriteSettings: true})
	for _, event := range []string{"meeting.participant_jbh_waiting", "meeting.participant_joined_waiting_room"} {
		o.happened(event, b.MeetingID, "participant", o.participant("Ana Maria"))
	}
	o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.participant_joined", b.MeetingID, "participant", o.participant("Ana Maria"))
	o.happened("recording.started", b.MeetingID)
	o.wait(time.Minute)
	o.happened("meeting.participant_left", b.MeetingID, "participant", o.participant("Ana Maria"))
	o.happened("meeting.ended", b.MeetingID, "end_time", o.clock().Format(time.RFC3339))
	o.happened("recording.completed", b.MeetingID, "recording_files", []any{map[string]any{"file_type": "MP4", "play_url": "https://zoom.us/rec/play/a"}})
	o.deliver(`{"event":"no`, o.clock())
	o.work()
	o.must(o.service.ResolveIncident(ctx, theConsole, i.Number))
	o.must(o.service.ReopenIncident(ctx, theConsole, i.Number))

	_, b = open("bo@example.com", zoomsim.Faults{})
	o.happened("meeting.deleted", b.MeetingID)
	_, b = open("bo@example.com", zoomsim.Faults{RateLimited: "user_day"})
	o.must(o.service.RetryBridge(ctx, theConsole, b.ID))
	_, b = open("bo@example.com", zoomsim.Faults{TokenRefused: true})
	o.must(o.service.UseLink(ctx, theConsole, b.ID, "https://meet.example.com/war", ""))
	open("bo@example.com", zoomsim.Faults{PMI: true})
	open("bo@example.com", zoomsim.Faults{ResetAfterCommit: true, Only: create})
	open("", zoomsim.Faults{Down: true})
	for range 5 {
		o.wait(time.Minute)
		o.work()
	}
	waits := o.open(o.manual())
	o.must(o.service.RunStep(ctx, theConsole, o.stepRun(waits.Number).ID))

	o.faults(zoomsim.Faults{})
	for _, f := range []zoomsim.Faults{{}, {Down: true}, {MissingScopes: []string{"marketplace_app:read:admin"}}} {
		admin.post("/account", "app_id", zoomApp)
		o.faults(f)
		o.wait(time.Hour)
		_, _ = o.service.FindGaps(ctx, theConsole)
		_, err = o.service.CheckConnection(ctx, theConsole)
		o.must(err)
	}
	u, err := o.service.CreateUser(ctx, theConsole, "carl@example.com", "Carl Berg", incident.Viewer, thePassword)
	o.must(err)
	o.must(o.service.SetRole(ctx, theConsole, u.ID, incident.Responder))
	o.must(o.service.SetDisabled(ctx, theConsole, u.ID, true))
	_, token, err := o.service.CreateToken(ctx, theConsole, "the pager", []string{"read"}, 0)
	o.must(err)
	o.must(o.service.RevokeToken(ctx, theConsole, token.ID))
	outage.Description = "When a customer notices."
	_, _, err = o.service.SaveRunbook(ctx, theConsole, outage)
	o.must(err)
	_, err = o.service.ReprocessEvent(ctx, theConsole, o.events()[0])
	o.must(err)
	_, err = o.service.SaveRetention(ctx, theConsole, []incident.RetentionRule{{Family: "meeting", KeepDays: 90}})
	o.must(err)

	made, met := map[string]bool{}, map[string]bool{}
	for _, text := range o.texts() {
		made[text.column+" "+text.text] = true
		if !strings.Contains(text.text, " ") {
			continue
		}
		if !slices.Contains(mayHoldSentences, text.column) {
			t.Errorf("%s holds %q", text.column, text.text)
		}
		met[text.column] = true
	}
	for _, column := range mayHoldSentences {
		if !met[column] {
			t.Errorf("%s is in mayHoldSentences but holds none", column)
		}
	}
	var kinds []string
	for m := range made {
		if kind, ok := strings.CutPrefix(m, "timeline_entries.kind "); ok {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) < 20 {
		t.Errorf("%d kinds of timeline entries were made: %q", len(kinds), kinds)
	}
	admin.get("/incidents/1").want(t, http.StatusOK, "Ana Maria joined.")
}

type storedText struct{ column, text string }

// texts returns all texts in the database with their columns, and those within JSON with the keys
// that lead to them.
func (o *office) texts() (all []storedText) {
	o.t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(o.dataDir, db.SQLiteFile)+"?_pragma=busy_timeout(5000)")
	o.must(err)
	defer conn.Close()
	rows, err := conn.Query(`SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE '%words%' AND m.name NOT LIKE 'goose%'`)
	o.must(err)
	var columns [][2]string
	for rows.Next() {
		var c [2]string
		o.must(rows.Scan(&c[0], &c[1]))
		columns = append(columns, c)
	}
	o.must(rows.Err())
	var walk func(column string, value any)
	walk = func(column string, value any) {
		switch v := value.(type) {
		case string:
			all = append(all, storedText{column, v})
		case []any:
			for _, one := range v {
				walk(column, one)
			}
		case map[string]any:
			for key, one := range v {
				walk(column+"."+key, one)
			}
		}
	}
	for _, c := range columns {
		values, err := conn.Query(fmt.Sprintf(`SELECT %q FROM %q WHERE typeof(%q) = 'text'`, c[1], c[0], c[1]))
		o.must(err)
		for values.Next() {
			var text string
			o.must(values.Scan(&text))
			var parsed any
			if json.Unmarshal([]byte(text), &parsed) != nil {
				parsed = text
			}
			walk(c[0]+"."+c[1], parsed)
		}
		o.must(values.Err())
	}
	return all
}
