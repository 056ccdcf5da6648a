package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// entryForms are the entries of timelines, each preceded by its old kind.
var entryForms = sync.OnceValue(func() []form[incident.TimelineEntry] {
	entry := func(sentence string, kind incident.TimelineKind) form[incident.TimelineEntry] {
		return say(sentence, incident.TimelineEntry{Kind: kind})
	}
	failed := func(sentence, field string) form[incident.TimelineEntry] {
		return say(sentence, incident.TimelineEntry{Kind: incident.EntryTemplateFailed, Data: incident.TimelineData{Field: field}})
	}
	return []form[incident.TimelineEntry]{
		entry("joined: {who} joined.", incident.EntryJoined),
		entry("left: {who} left.", incident.EntryLeft),
		entry("waiting: {who} waits for the host to start the call.", incident.EntryWaitsForHost),
		entry("waiting: {who} is in the waiting room.", incident.EntryInWaitingRoom),
		entry("started: The call began.", incident.EntryCallStarted),
		entry("ended: The call ended.", incident.EntryCallEnded),
		entry("deleted: The meeting was deleted in Zoom. Its link does not work any more.", incident.EntryMeetingDeleted),
		entry("recording: The recording began.", incident.EntryRecording),
		entry("recording: The recording is ready.", incident.EntryRecordingReady),

		entry("opened: Opened with the runbook “{runbook}”.", incident.EntryOpened),
		entry("resolved: Resolved.", incident.EntryResolved),
		entry("reopened: Opened again.", incident.EntryReopened),
		say("step: Started “Create Zoom meeting”.", incident.TimelineEntry{Kind: incident.EntryStepStarted, Data: incident.TimelineData{Step: incident.StepCreateMeeting}}),
		failed("note: The topic’s template failed, so the meeting is called “{topic}”. {text}", "topic"),
		failed("note: The agenda’s template failed, so the meeting has no agenda. {text}", "agenda"),

		entry("bridge: No meeting from {host}. {cause}", incident.EntryAttemptFailed),
		entry("bridge: The bridge is ready, hosted by {host}, because {exclaimed}.", incident.EntryBridgeReady),
		entry("bridge: The bridge is ready, hosted by {host}, because {reasons}", incident.EntryBridgeReady),
		entry("bridge: The bridge is ready, hosted by {host}.", incident.EntryBridgeReady),
		entry("bridge: No bridge came out. {reasons}", incident.EntryBridgeFailed),
		entry("bridge: Zoom did not say whether it made the meeting. {reasons}", incident.EntryBridgeUnknown),
		entry("bridge: There is no meeting in Zoom; asking again.", incident.EntryAskingAgain),
		entry("bridge: A second meeting of this bridge, hosted by {host}, is in use and was left alone.", incident.EntrySecondMeeting),
		entry("bridge: Uses a link that was given by hand: {link}", incident.EntryLinkGiven),
	}
})

// readEntry parses an entry of a timeline. c holds the failed calls for its
// bridge. called is the topic of a meeting whose own topic failed.
func readEntry(kind, text string, c calls, called string) incident.TimelineEntry {
	e, found, ok := match(entryForms(), kind+": "+text)
	if !ok {
		return incident.TimelineEntry{Kind: incident.EntryNote, Data: incident.TimelineData{Text: text}}
	}
	d := &e.Data
	d.Runbook, d.Who, d.Host, d.Link, d.Topic, d.Text = found["runbook"], found["who"], found["host"], found["link"], found["topic"], found["text"]
	if d.Who == "Somebody" { // the name was unknown
		d.Who = ""
	}
	if text, ok := strings.CutPrefix(d.Topic+"”. "+d.Text, called+"”. "); ok && d.Topic != "" {
		d.Topic, d.Text = called, text
	}
	d.Reasons = readReasons(found["reasons"], "", time.Time{}, c)
	if cause := found["cause"]; cause != "" {
		d.Reasons = []incident.Reason{readReason(cause, "", call{d.Host, c.of(cause).code})}
	}
	return e
}

func convertTimeline(ctx context.Context, tx *sql.Tx) error {
	all, err := failedCalls(ctx, tx)
	if err != nil {
		return err
	}
	previous := ""
	return rewrite(ctx, tx, `
		SELECT t.id, t.kind, t.text, t.bridge_id, CAST(t.incident_number AS TEXT),
			CASE t.kind WHEN 'note' THEN (SELECT i.name FROM incidents i WHERE i.number = t.incident_number) END
		FROM timeline_entries t WHERE t.id > $1 ORDER BY t.id`, 6, `
		UPDATE timeline_entries SET id = v.column2, kind = v.column3, data = v.column4 FROM $v WHERE timeline_entries.id = v.column1`,
		func(r []string) ([]any, error) {
			id := r[0]
			number, _ := strconv.ParseInt(r[4], 10, 64)
			called := []rune(incident.Key(number) + " " + strings.Join(strings.Fields(r[5]), " "))
			e := readEntry(r[1], r[2], all[r[3]], string(called[:min(len(called), 200)]))
			if event, ok := strings.CutPrefix(id, "event-"); ok {
				event, _, _ = strings.Cut(event, "-")
				number, err := strconv.ParseInt(event, 10, 64)
				if short := incident.EventEntryID(number); err == nil && short != previous {
					id, previous = short, short
				}
			}
			return []any{id, e.Kind, asJSON(e.Data)}, nil
		})
}
