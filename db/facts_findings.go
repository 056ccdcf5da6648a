package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// meetingForms are the findings about settings that Zoom changed from what was
// asked for.
var meetingForms = sync.OnceValue(func() []form[incident.Finding] {
	found := func(sentence string, code incident.FindingCode) form[incident.Finding] {
		return say(sentence, incident.Finding{Code: code})
	}
	return []form[incident.Finding]{
		found("Zoom used the personal meeting id of {email}, which other calls use too.", incident.FoundPersonalMeeting),
		found("Zoom gave a meeting id that the bridge of another incident has already.", incident.FoundMeetingIDTaken),
		found("Zoom turned the waiting room on: people wait until a host lets them in.", incident.FoundWaitingRoomOn),
		found("The waiting room is off, though the runbook asks for one.", incident.FoundWaitingRoomOff),
		found("Nobody gets in before the host does.", incident.FoundNoJoinBeforeHost),
		found("Only people who are signed in to Zoom get in.", incident.FoundSignInNeeded),
		found("Zoom records to “{value}” and not to “{asked}” as asked.", incident.FoundOtherRecording),
		say("Zoom does not record this meeting by itself.", incident.Finding{Code: incident.FoundOtherRecording, Value: "none"}),
		say("Zoom records this meeting, though nobody asked it to.", incident.Finding{Code: incident.FoundOtherRecording, Asked: "none"}),
		found("{email} is not an alternative host.", incident.FoundNoAlternative),
	}
})

var meetingFixForms = sync.OnceValue(func() []form[struct{}] {
	return []form[struct{}]{say("Turn off personal meeting ids of {email} in Zoom: Settings → Meeting.", struct{}{})}
})

// readFindings parses the findings about a bridge's meeting. asked is what was
// asked for, and recording is what Zoom records.
func readFindings(stored, asked, recording string) (findings []incident.Finding, err error) {
	var old []struct{ Level, Text, Fix string }
	var wanted incident.MeetingTemplate
	if err := json.Unmarshal([]byte(asked), &wanted); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(stored), &old); err != nil {
		return nil, err
	}
	for _, o := range old {
		f, found, ok := match(meetingForms(), o.Text)
		_, inFix, _ := match(meetingFixForms(), o.Fix)
		f.Topic, f.Level, f.Email = incident.TopicMeeting, levelOf(o.Level), cmp.Or(found["email"], inFix["email"])
		if !ok {
			f.Code, f.Text = incident.FoundNote, &incident.NoteText{Reason: o.Text, Fix: o.Fix}
		}
		if f.Code == incident.FoundOtherRecording {
			f.Value = cmp.Or(f.Value, found["value"], recording)
			f.Asked = cmp.Or(f.Asked, found["asked"], string(wanted.Recording))
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// checkForms are the lines of Check connection, each preceded by its topic and
// subject.
var checkForms = sync.OnceValue(func() []form[incident.Finding] {
	line := func(sentence string, code incident.FindingCode) form[incident.Finding] {
		return say(sentence, incident.Finding{Code: code})
	}
	return []form[incident.Finding]{
		line("token, Connection: No Zoom app is connected.", incident.FoundNotConnected),
		line("token, Connection: A secret of the Zoom app cannot be opened with the master key of this server.", incident.FoundSecretLocked),
		line("token, Access token: A JWT token was made. Zoom ended JWT apps on 2023-09-08 and may refuse it.", incident.FoundJWTToken),
		line("token, Access token: Zoom gave a token, valid until {until} UTC.", incident.FoundToken),
		line("token, Access token: {cause}", incident.FoundNoToken),

		line("scopes, {feature}: The app has the scopes for it.", incident.FoundScopes),
		line("scopes, {feature}: The app lacks: {scopes} (classic: {classic}).", incident.FoundScopes),
		line("scopes, {feature}: Bridges do not need it. With {scopes} events that did not arrive can be read in Zoom’s own log of its deliveries.", incident.FoundScopes),

		line("backup_user, Backup user: No backup user is set. An opener who has no Zoom user gets no bridge.", incident.FoundNoBackupUser),
		line("{user}: This Zoom user is {value} and cannot host.", incident.FoundUserInactive),
		line("{user}: This Zoom user has no licence: meetings end after 40 minutes.", incident.FoundUserBasic),
		line("{user}: This Zoom user is not allowed to host meetings.", incident.FoundUserMayNotHost),
		line("{user}: Exists, is active and licensed.", incident.FoundUser),
		line("{user}: {cause}", incident.FoundUserUnknown),

		line("settings, {whose}: The meeting settings cannot be read. {cause}", incident.FoundNoSettings),
		line("settings, Waiting room, {whose}: {state}", incident.FoundWaitingRoom),
		line("settings, Join before host, {whose}: {state}", incident.FoundJoinBeforeHost),
		line("settings, Cloud recording, {whose}: {state}", incident.FoundCloudRecording),
		line("pmi, Personal meeting id, scheduled meetings, {whose}: {state}", incident.FoundPMIScheduled),
		line("pmi, Personal meeting id, instant meetings, {whose}: {state}", incident.FoundPMIInstant),

		line("webhook, Webhook: The secret token cannot be opened with the master key of this server.", incident.FoundWebhookLocked),
		line("webhook, Webhook: No webhook secret token is set, so Zoom’s events are turned away and kept by Zoom for 85 minutes.", incident.FoundNoWebhookToken),
		line("webhook, Webhook: Zoom has not validated this server’s webhook address yet.", incident.FoundNotValidated),
		line("webhook, Webhook: Zoom has validated this server’s webhook address.", incident.FoundValidated),
		line("webhook, Webhook: Zoom last validated the webhook address {number} {unit} ago, and should every three days: that makes {count} of the 6 failures in a row after which it turns the subscription off.", incident.FoundValidationsFailed),
		say("webhook, Webhook: Zoom last validated the webhook address {number} {unit} ago, and should every three days. After six failures in a row it turns the subscription off, and no event comes any more.",
			incident.Finding{Code: incident.FoundValidationsEnded, Count: 6}),
		line("clock, Clock: This server’s clock differs from Zoom’s by {span}.", incident.FoundClock),
	}
})

// featureNames maps the old names of features to features.
var featureNames = map[string]zoom.Feature{
	"Open a bridge":                                 zoom.OpenBridge,
	"Check people and their settings":               zoom.CheckPeople,
	"Find a bridge again after Zoom did not answer": zoom.Reconcile,
	"Delete a meeting that was created twice":       zoom.DeleteTwin,
	"Give the host the start link":                  zoom.HostStartLink,
	"See when a bridge starts and ends":             zoom.MeetingEvents,
	"See who is inside":                             zoom.ParticipantEvents,
	"Get the recording":                             zoom.RecordingEvents,
	"Find events that were not delivered":           zoom.FindGaps,
}

var units = map[string]time.Duration{
	"minute": time.Minute, "minutes": time.Minute, "hour": time.Hour, "hours": time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// oldCheckLine is a line of Check connection as it was stored.
type oldCheckLine struct {
	Topic                              incident.Topic
	Email, Subject, Level, Reason, Fix string
}

// readCheckLine parses a line of a check that was made at a time.
func readCheckLine(l oldCheckLine, at time.Time) incident.Finding {
	f, found, ok := match(checkForms(), string(l.Topic)+", "+l.Subject+": "+l.Reason)
	f.Topic, f.Level, f.Email, f.Value, f.Feature = l.Topic, levelOf(l.Level), l.Email, found["value"], featureNames[found["feature"]]
	if cause := found["cause"]; cause != "" {
		f.Zoom, _ = readProblem(cause, l.Fix)
	}
	if !ok || found["cause"] != "" && f.Zoom == nil || found["feature"] != "" && f.Feature == "" {
		return incident.Finding{Code: incident.FoundNote, Topic: f.Topic, Level: f.Level, Email: f.Email,
			Text: &incident.NoteText{Subject: l.Subject, Reason: l.Reason, Fix: l.Fix}}
	}
	if scopes := found["scopes"]; scopes != "" {
		f.Scopes = strings.Split(scopes, ", ")
		f.Classic = strings.Split(cmp.Or(found["classic"], scopes), ", ") // one scope has the same name in both kinds of app
	}
	if clock, err := time.Parse("15:04", found["until"]); err == nil { // the next time at which the clock shows this
		day := at.UTC().Truncate(24 * time.Hour)
		f.Until = day.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute)
		if f.Until.Before(at.Truncate(time.Minute)) {
			f.Until = f.Until.Add(24 * time.Hour)
		}
	}
	f.Span, _ = time.ParseDuration(found["span"])
	if number, err := strconv.Atoi(found["number"]); err == nil {
		f.Span = time.Duration(number) * units[found["unit"]]
	}
	if count, err := strconv.Atoi(found["count"]); err == nil {
		f.Count = count
	}
	return f
}

func convertCheck(ctx context.Context, tx *sql.Tx) error {
	return rewrite(ctx, tx, `
		SELECT id, check_report FROM accounts WHERE id > $1 AND check_report <> '' ORDER BY id`, 2, `
		UPDATE accounts SET check_report = v.column2 FROM $v WHERE accounts.id = v.column1`,
		func(r []string) ([]any, error) {
			var old struct {
				At    time.Time
				Lines []oldCheckLine
			}
			err := json.Unmarshal([]byte(r[1]), &old)
			report := incident.CheckReport{At: old.At}
			for _, l := range old.Lines {
				report.Lines = append(report.Lines, readCheckLine(l, old.At))
			}
			return []any{asJSON(report)}, err
		})
}
