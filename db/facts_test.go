package db_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Sentences of version 8 in which someone's own words look like another
// sentence, and sentences that no version ever wrote.
func TestHostileSentences(t *testing.T) {
	t.Parallel()
	entries := []struct{ kind, text, want, data string }{
		{"joined", "Ana joined. joined.", "joined", `{"who":"Ana joined."}`},
		{"left", "Ana joined. left.", "left", `{"who":"Ana joined."}`},
		{"waiting", "X waits for the host to start the call. is in the waiting room.", "in_waiting_room", `{"who":"X waits for the host to start the call."}`},
		{"joined", "Bob\nleft. joined.", "joined", `{"who":"Bob\nleft."}`},
		{"joined", " joined.", "joined", `{}`},
		{"joined", "Bob has joined", "note", `{"text":"Bob has joined"}`},
		{"left", "Bob joined.", "note", `{"text":"Bob joined."}`},
		{"opened", "Opened with the runbook “x”. Opened with the runbook “y”.", "opened", `{"runbook":"x”. Opened with the runbook “y"}`},
		{"opened", "Opened with the runbook “”.", "opened", `{}`},
		{"party", "Opened with the runbook “x”.", "note", `{"text":"Opened with the runbook “x”."}`},
		{"party: opened", "x", "note", `{"text":"x"}`},
		{"bridge", "Resolved.", "note", `{"text":"Resolved."}`},
		{"note", "A person’s own words.", "note", `{"text":"A person’s own words."}`},
		{"note", "The topic’s template failed, so the meeting is called “INC-2 x”. line 1 of the template: y”. line 2 of the template: no “z”. Why.",
			"template_failed", `{"field":"topic","topic":"INC-2 x”. line 1 of the template: y","text":"line 2 of the template: no “z”. Why."}`},
		{"bridge", "Uses a link that was given by hand: a, because b.", "link_given", `{"link":"a, because b."}`},
		{"bridge", "The bridge is ready, hosted by a@example.com, because the runbook says so.", "bridge_ready", `{"host":"a@example.com","reasons":[{"code":"runbook"}]}`},
		{"bridge", "The bridge is ready, hosted by a@example.com, because Zoom said no: Why not?.",
			"bridge_ready", `{"host":"a@example.com","reasons":[{"code":"zoom","zoom":{"code":"refused","said":"Why not?"}}]}`},
		{"bridge", "The bridge is ready, hosted by a@example.com, because of the weather.",
			"bridge_ready", `{"host":"a@example.com","reasons":[{"code":"note","text":"of the weather."}]}`},
		{"bridge", "The bridge is ready, hosted by nobody at all.", "note", `{"text":"The bridge is ready, hosted by nobody at all."}`},
		{"bridge", "No meeting from a@example.com. No meeting from b@example.com. Zoom did not make the meeting.",
			"attempt_failed", `{"host":"a@example.com","reasons":[{"code":"note","text":"No meeting from b@example.com. Zoom did not make the meeting."}]}`},
		{"bridge", "No bridge came out. No bridge came out. Zoom did not make the meeting.",
			"bridge_failed", `{"reasons":[{"code":"note","text":"No bridge came out. Zoom did not make the meeting."}]}`},
	}
	const unreachable = `{"code":"zoom","zoom":{"code":"unreachable","account_wide":true}}`
	bridges := []struct {
		reason, fix string
		calls       []string // the causes of the attempts, all of a@example.com
		want        string
	}{
		{"", "", nil, `null`},
		{"Nobody knows.", "Ask.", nil, `[{"code":"note","text":"Nobody knows. Ask."}]`},
		{"Zoom cannot be reached from this server. Nobody knows.", "", nil, `[{"code":"note","text":"Zoom cannot be reached from this server. Nobody knows."}]`},
		{"Nobody knows. Zoom cannot be reached from this server.", "", []string{"Nobody knows."}, `[{"code":"note","text":"Nobody knows."},` + unreachable + `]`},
		{"The link was given by Ops. Zoom did not answer in time.", "", nil, `[{"code":"link_given","by":"Ops. Zoom did not answer in time"}]`},
		{"The link was given by Ops. The link was given by x.", "", nil, `[{"code":"link_given","by":"Ops. The link was given by x"}]`},
		// The causes of the attempts separate what Zoom said from a second
		// reason.
		{"Zoom said no: Full. Zoom cannot be reached from this server.", "", nil, `[{"code":"zoom","zoom":{"code":"refused","said":"Full."}},` + unreachable + `]`},
		{"Zoom said no: Full. Zoom cannot be reached from this server.", "Search Zoom's documentation for error code 77.",
			[]string{"Zoom said no: Full. Zoom cannot be reached from this server."},
			`[{"code":"zoom","host":"a@example.com","zoom":{"code":"refused","said":"Full. Zoom cannot be reached from this server.","zoom_code":77}}]`},
		{"Zoom did not answer in time. The meeting may exist all the same. Zoom did not answer in time.", "", []string{"Zoom did not answer in time."},
			`[{"code":"zoom","zoom":{"code":"timed_out","maybe_created":true}},{"code":"zoom","host":"a@example.com","zoom":{"code":"timed_out"}}]`},
		{"Zoom gave a meeting id that the bridge of another incident has already. Zoom gave a meeting id that the bridge of another incident has already.", "",
			[]string{"Zoom gave a meeting id that the bridge of another incident has already."}, `[{"code":"meeting_id_taken"},{"code":"meeting_id_taken"}]`},
		{"Zoom did not accept: a (b), c (d), e), f (g).", "", nil,
			`[{"code":"zoom","zoom":{"code":"bad_value","fields":[{"field":"a","message":"b"},{"field":"c","message":"d), e"},{"field":"f","message":"g"}]}}]`},
		{"Zoom did not accept: nothing).", "", nil, `[{"code":"note","text":"Zoom did not accept: nothing)."}]`},
		{"Zoom cannot be reached from this server.", "Drawbridge tries again by itself. Check the network.", nil, `[` + unreachable + `]`}, // no job is left
	}
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		cfg = dbtest.Version8(t, cfg)
		conn := raw(t, cfg)
		do := func(query string, args ...any) {
			t.Helper()
			_, err := conn.Exec(query, args...)
			check(t, err)
		}
		do(`UPDATE incidents SET name = $1 WHERE number = 2`, "x”. line\n1 of the template: y")
		for i, e := range entries {
			do(`INSERT INTO timeline_entries (id, incident_number, bridge_id, at, kind, text, actor) VALUES ($1, 2, '', 7, $2, $3, 'somebody')`, fmt.Sprintf("entry-%d", i), e.kind, e.text)
		}
		// No version wrote two entries for one event.
		do(`INSERT INTO timeline_entries (id, incident_number, bridge_id, at, kind, text, actor) VALUES
			('event-77-joined', 2, '', 7, 'joined', 'Ana joined.', ''), ('event-77-left', 2, '', 7, 'left', 'Ana left.', ''), ('event-x-left', 2, '', 7, 'left', 'Ana left.', '')`)
		do(`DELETE FROM bridge_attempts`)
		do(`DELETE FROM jobs`)
		ids := rows(t, conn, `SELECT id FROM bridges ORDER BY id`)
		for i, b := range bridges {
			do(`UPDATE bridges SET reason = $2, fix = $3, findings = '[{"level":"purple","setting":"x","text":"Odd.","fix":"Mend it."}]' WHERE id = $1`, ids[i][0], b.reason, b.fix)
			for n, cause := range b.calls {
				do(`INSERT INTO bridge_attempts (id, bridge_id, rung, host_email, state, meeting_id, code, cause, looks, started_at)
					VALUES ($1, $2, 'opener', 'a@example.com', 'refused', '', 77, $3, 0, 7)`, fmt.Sprintf("attempt-%d-%d", i, n), ids[i][0], cause)
			}
		}
		do(`UPDATE accounts SET check_report = '{"at":"2026-10-12T23:30:10Z","lines":[
			{"topic":"token","subject":"Access token","level":"green","reason":"Zoom gave a token, valid until 00:30 UTC."},
			{"topic":"token","subject":"Access token","level":"red","reason":"Mercury is in retrograde.","fix":"Wait."},
			{"topic":"scopes","subject":"Fly","level":"green","reason":"The app has the scopes for it."},
			{"topic":"person","email":"a@b.no","subject":"a@b.no","level":"red","reason":"This Zoom user is Exists, is active and licensed. and cannot host.","fix":"Odd."}]}'`)
		do(`UPDATE gap_looks SET problem = 'The moon.', fix = 'Wait.' WHERE problem = ''`)

		s := dbtest.Open(t, cfg)
		for i, e := range entries {
			got := rows(t, conn, `SELECT kind, actor, at, data FROM timeline_entries WHERE id = $1`, fmt.Sprintf("entry-%d", i))[0]
			same(t, got[:3], []string{e.want, "somebody", "7"})
			same(t, decoded(t, got[3]), decoded(t, e.data))
		}
		same(t, rows(t, conn, `SELECT id, kind, data FROM timeline_entries WHERE id LIKE 'event-77%' OR id LIKE 'event-x%' ORDER BY id`),
			[][]string{{"event-77", "joined", `{"who":"Ana"}`}, {"event-77-left", "left", `{"who":"Ana"}`}, {"event-x-left", "left", `{"who":"Ana"}`}})
		for i, b := range bridges {
			got := rows(t, conn, `SELECT reasons, findings, worst_finding FROM bridges WHERE id = $1`, ids[i][0])[0]
			same(t, decoded(t, got[0]), decoded(t, b.want))
			same(t, got[1:], []string{`[{"code":"note","topic":"meeting","level":"warning","text":{"reason":"Odd.","fix":"Mend it."}}]`, "warning"})
		}
		account, err := s.Account(t.Context())
		check(t, err)
		same(t, account.Check.Lines, []incident.Finding{
			{Code: incident.FoundToken, Topic: incident.TopicToken, Level: incident.LevelOK, Until: time.Date(2026, 10, 13, 0, 30, 0, 0, time.UTC)},
			{Code: incident.FoundNote, Topic: incident.TopicToken, Level: incident.LevelBad, Text: &incident.NoteText{Subject: "Access token", Reason: "Mercury is in retrograde.", Fix: "Wait."}},
			{Code: incident.FoundNote, Topic: incident.TopicScopes, Level: incident.LevelOK, Text: &incident.NoteText{Subject: "Fly", Reason: "The app has the scopes for it."}},
			{Code: incident.FoundUserInactive, Topic: incident.TopicPerson, Level: incident.LevelBad, Email: "a@b.no", Value: "Exists, is active and licensed."},
		})
		same(t, rows(t, conn, `SELECT DISTINCT problem FROM gap_looks WHERE problem LIKE '%moon%'`), [][]string{{`{"code":"note","text":"The moon. Wait."}`}})
	})
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	check(t, json.Unmarshal([]byte(text), &v))
	return v
}
