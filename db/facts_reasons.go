package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

var reasonForms = sync.OnceValue(func() []form[incident.ReasonCode] {
	return []form[incident.ReasonCode]{
		say("No Zoom app is connected.", incident.ReasonNotConnected),
		say("There is nobody to host: the opener is not known and no backup user is set.", incident.ReasonNobodyHosts),
		say("The incident was resolved before the bridge came out.", incident.ReasonResolved),
		say("Zoom used the personal meeting id of {host}, which other calls use too.", incident.ReasonPersonalMeeting),
		say("Zoom gave a meeting id that the bridge of another incident has already.", incident.ReasonMeetingIDTaken),
		say("Zoom refused the alternative hosts; asking without them.", incident.ReasonNoAlternatives),
		say("Drawbridge was restarted while it asked Zoom for the meeting.", incident.ReasonRestarted),
		say("Zoom answered late; the meeting was found.", incident.ReasonFoundLate),
		say("Zoom did not make the meeting.", incident.ReasonNotCreated),
		say("Zoom did not answer for an hour.", incident.ReasonNoAnswer),
		say("Zoom was asked {number} times.", incident.ReasonTriedOften),
		say("The meeting was deleted in Zoom.", incident.ReasonMeetingDeleted),
		say("Drawbridge could not finish this step; its log says why.", incident.ReasonGaveUp),
		say("Zoom’s log was too long to be read at once.", incident.ReasonLogTooLong),
		say("Events that Zoom keeps could not be stored here.", incident.ReasonNotStored),
	}
})

// loneReasons always stand alone.
var loneReasons = sync.OnceValue(func() []form[incident.ReasonCode] {
	return []form[incident.ReasonCode]{
		say("the runbook says so", incident.ReasonRunbook),
		say("the runbook says so.", incident.ReasonRunbook), // in the timeline
		say("The link was given by {by}.", incident.ReasonLinkGiven),
	}
})

var problemForms = sync.OnceValue(func() []form[zoom.Problem] {
	problem := func(sentence string, code zoom.ProblemCode) form[zoom.Problem] {
		return say(sentence, zoom.Problem{Code: code})
	}
	wide := func(sentence string, code zoom.ProblemCode) form[zoom.Problem] {
		return say(sentence, zoom.Problem{Code: code, AccountWide: true})
	}
	return []form[zoom.Problem]{
		wide("Zoom does not accept the access of the app.", zoom.ProblemAccessRefused),
		wide("Zoom does not know the API key, or the API secret is wrong.", zoom.ProblemWrongAPIKey),
		wide("Zoom does not know the client ID, or the client secret is wrong.", zoom.ProblemWrongClient),
		wide("Zoom does not know the account ID, or the app is not an activated Server-to-Server OAuth app.", zoom.ProblemWrongAccount),
		wide("The app is not a Server-to-Server OAuth app.", zoom.ProblemNotServerToServer),
		wide("The credentials of the Zoom app are incomplete.", zoom.ProblemIncomplete),
		wide("The Zoom app lacks a permission.", zoom.ProblemMissingScopes),
		problem("Zoom does not let the app see this.", zoom.ProblemMayNotSee),
		say("Zoom denies this account the use of its API: {said}", zoom.Problem{Code: zoom.ProblemAccountDenied, Status: 403, AccountWide: true}),
		problem("Zoom did not accept a value of the meeting.", zoom.ProblemBadValue),
		problem("Zoom did not accept: {fields}).", zoom.ProblemBadValue),
		problem("{host} is not a user of the connected Zoom account.", zoom.ProblemNoSuchUser),
		problem("{host} belongs to another Zoom account.", zoom.ProblemOtherAccount),
		problem("{host} was invited to the Zoom account, but the invitation was not accepted or has expired.", zoom.ProblemInvitationPending),
		problem("{host} is not allowed to host or schedule meetings.", zoom.ProblemMayNotHost),
		say("Zoom does not allow this for the host: {said}", zoom.Problem{Code: zoom.ProblemHostRefused, ZoomCode: 3000}),
		problem("Zoom allows each host 100 new or changed meetings a day, and this host has used them up.", zoom.ProblemHostDayLimit),
		problem("One of the alternative hosts cannot be one. They have to be licensed users of the same Zoom account.", zoom.ProblemAlternativeHost),
		problem("There is no host to ask Zoom for.", zoom.ProblemNoHost),
		wide("The Zoom account has used up its calls of the API for today.", zoom.ProblemDayLimit),
		wide("Zoom gets too many calls from this account at the moment.", zoom.ProblemRateLimit),
		problem("The meeting does not exist in Zoom any more.", zoom.ProblemMeetingGone),
		problem("The meeting is in progress and cannot be deleted.", zoom.ProblemMeetingInProgress),
		problem("The meeting has ended and cannot be deleted.", zoom.ProblemMeetingOver),
		problem("Only the host may do this with the meeting.", zoom.ProblemOnlyHost),
		problem("This is the host's personal meeting, which cannot be deleted.", zoom.ProblemPersonalMeeting),
		problem("This is the host's personal audio conference, which cannot be deleted.", zoom.ProblemPersonalAudio),
		problem("The meeting runs on the company's own Zoom servers and cannot be ended from here.", zoom.ProblemOnPremise),
		problem("This is not the id of a Zoom meeting.", zoom.ProblemNotAMeeting),
		wide("The App ID of the Zoom app is not set, or is not one.", zoom.ProblemNoAppID),
		problem("Zoom knows no app with this App ID.", zoom.ProblemNoSuchApp),
		wide("Zoom does not know the address that was called.", zoom.ProblemWrongAddress),
		wide("The address of Zoom's API leads somewhere else.", zoom.ProblemRedirected),
		wide("The other side could not prove that it is Zoom.", zoom.ProblemNotZoom),
		wide("Zoom cannot be reached from this server.", zoom.ProblemUnreachable),
		problem("Zoom did not answer in time.{maybe}", zoom.ProblemTimedOut),
		problem("Zoom has a problem of its own (HTTP {number}).{maybe}", zoom.ProblemServerError),
		problem("Zoom's answer could not be read.{maybe}", zoom.ProblemUnreadable),
		problem("Zoom said no: {said}", zoom.ProblemRefused),
	}
})

// fixForms are the remedies that say more than the cause of a problem. Their
// numbers are for a count of one.
var fixForms = sync.OnceValue(func() []form[zoom.Problem] {
	const scopes = " to the app in the Zoom App Marketplace, under Manage, your app, Scopes: {scopes}."
	return []form[zoom.Problem]{
		say("Add this scope"+scopes, zoom.Problem{}),
		say("Add one of these scopes"+scopes, zoom.Problem{}),
		say("Zoom accepts calls again in {number} minutes. Find out which other app of the account makes so many.", zoom.Problem{RetrySeconds: 60}),
		say("Zoom accepts calls again in {number} hours. Find out which other app of the account makes so many.", zoom.Problem{RetrySeconds: 3600}),
		say("Search Zoom's documentation for error code {number}.", zoom.Problem{ZoomCode: 1}),
		say("Check the addresses of Zoom in the configuration, and whether a proxy stands between.", zoom.Problem{Code: zoom.ProblemRefusedWithoutCode}),
	}
})

// readProblem parses why a call failed and what people could do about it. It
// returns nil if it cannot parse that. host is whom the text is about, if it
// says so.
func readProblem(cause, fix string) (p *zoom.Problem, host string) {
	problem, found, ok := match(problemForms(), cause)
	if !ok {
		return nil, ""
	}
	if fields := found["fields"]; fields != "" {
		for _, text := range strings.Split(fields, "), ") {
			field, message, ok := strings.Cut(text, " (")
			switch last := len(problem.Fields) - 1; {
			case ok:
				problem.Fields = append(problem.Fields, zoom.FieldError{Field: field, Message: message})
			case last < 0:
				return nil, ""
			default: // it belongs to the message
				problem.Fields[last].Message += "), " + text
			}
		}
	}
	if problem.Code == zoom.ProblemServerError {
		problem.Status, _ = strconv.Atoi(found["number"])
	}
	problem.Said, problem.MaybeCreated = found["said"], found["maybe"] != ""
	if more, inFix, ok := match(fixForms(), fix); ok {
		number, _ := strconv.Atoi(inFix["number"])
		problem.RetrySeconds = more.RetrySeconds * number
		if problem.Code == zoom.ProblemRefused {
			problem.Code, problem.ZoomCode = cmp.Or(more.Code, problem.Code), more.ZoomCode*number
		}
		if scopes := inFix["scopes"]; scopes != "" {
			problem.Scopes = strings.Split(scopes, ", ")
		}
	}
	return &problem, found["host"]
}

// call is what is known about a failed call that creates a meeting.
type call struct {
	host string
	code int // Zoom's error code; 0: none
}

// calls are the failed calls for one bridge, by the stored text of their cause.
type calls map[string]call

const unknownCode = -1

func (c calls) of(cause string) call {
	if one, ok := c[cause]; ok {
		return one
	}
	return call{code: unknownCode}
}

func readReason(cause, fix string, c call) incident.Reason {
	code, found, ok := match(reasonForms(), cause)
	r := incident.Reason{Code: code, Host: found["host"]}
	if !ok {
		r.Code = incident.ReasonZoom
		r.Zoom, r.Host = readProblem(cause, fix)
	}
	switch r.Code {
	case incident.ReasonTriedOften:
		r.Count, _ = strconv.Atoi(found["number"])
	case incident.ReasonZoom:
		if r.Zoom == nil {
			return incident.Reason{Code: incident.ReasonNote, Text: strings.TrimSpace(cause + " " + fix)}
		}
		if r.Zoom.Code == zoom.ProblemRefused && r.Zoom.ZoomCode == 0 && c.code != unknownCode {
			if r.Zoom.ZoomCode = c.code; c.code == 0 {
				r.Zoom.Code = zoom.ProblemRefusedWithoutCode
			}
		}
		fallthrough
	case incident.ReasonPersonalMeeting, incident.ReasonMeetingIDTaken, incident.ReasonNoAlternatives:
		if r.Host == "" {
			r.Host = c.host
		}
	default: // the code says everything
	}
	return r
}

// readReasons parses the reasons of a bridge, which follow one another in text.
// It returns nil if there is none. fix is the remedy for the last reason.
// retryAt is when Drawbridge retries automatically, if it does.
func readReasons(text, fix string, retryAt time.Time, c calls) []incident.Reason {
	if text == "" {
		return nil
	}
	if code, found, ok := match(loneReasons(), text); ok {
		return []incident.Reason{{Code: code, By: found["by"]}}
	}
	fix, again := strings.CutPrefix(fix, "Drawbridge tries again by itself. ")
	causes, ok := splitCauses(text, c, map[string]bool{})
	if !ok {
		causes = []string{text}
	}
	reasons := make([]incident.Reason, len(causes))
	last := len(causes) - 1
	for i, cause := range causes {
		failed, todo := c.of(cause), ""
		if slices.Contains(causes[:i], cause) || slices.Contains(causes[i+1:], cause) {
			failed.host = "" // two hosts failed in the same way
		}
		if i == last {
			todo = fix
		}
		reasons[i] = readReason(cause, todo, failed)
	}
	if again {
		reasons[last].RetryAt = retryAt
	}
	return reasons
}

// splitCauses splits text into the causes that follow one another in it. It
// tries the causes of the calls first, because what Zoom said in them may look
// like other causes. hopeless holds the texts that could not be split.
func splitCauses(text string, c calls, hopeless map[string]bool) ([]string, bool) {
	if hopeless[text] {
		return nil, false
	}
	var causes []string // with which text may start
	for cause := range c {
		if cause != "" && strings.HasPrefix(text, cause) {
			causes = append(causes, cause)
		}
	}
	slices.SortFunc(causes, func(a, b string) int { return len(b) - len(a) })
	known := len(causes)
	for i, r := range text {
		if strings.ContainsRune(".!?…", r) {
			causes = append(causes, text[:i+len(string(r))])
		}
	}
	for i, cause := range causes {
		rest, more := strings.CutPrefix(text[len(cause):], " ")
		if rest != "" && !more || i >= known && readReason(cause, "", call{}).Code == incident.ReasonNote {
			continue
		}
		if rest == "" {
			return []string{cause}, true
		}
		if others, ok := splitCauses(rest, c, hopeless); ok {
			return append([]string{cause}, others...), true
		}
	}
	hopeless[text] = true
	return nil, false
}

// failedCalls returns the calls that failed, by bridge.
func failedCalls(ctx context.Context, tx *sql.Tx) (map[string]calls, error) {
	all := map[string]calls{}
	err := each(ctx, tx, func(r row) error {
		var bridge, cause string
		var c call
		err := r.Scan(&bridge, &cause, &c.host, &c.code)
		if all[bridge] == nil {
			all[bridge] = calls{}
		}
		if other, ok := all[bridge][cause]; ok && other.host != c.host {
			c.host = "" // several hosts
		}
		all[bridge][cause] = c
		return err
	}, `SELECT bridge_id, cause, host_email, code FROM bridge_attempts WHERE cause <> ''`)
	return all, err
}

// retryTimes returns when steps are retried, by the id of the step run.
func retryTimes(ctx context.Context, tx *sql.Tx) (map[string]time.Time, error) {
	at := map[string]time.Time{}
	err := each(ctx, tx, func(r row) error {
		var run string
		var t time.Time
		err := r.Scan(&run, timeOf(&t))
		at[run] = t
		return err
	}, `SELECT subject, run_at FROM jobs WHERE kind = 'run_step' AND state = 'queued'`)
	return at, err
}

// convertReasons converts the reasons of step runs and bridges, and the findings
// of bridges.
func convertReasons(ctx context.Context, tx *sql.Tx) error {
	all, err := failedCalls(ctx, tx)
	if err != nil {
		return err
	}
	retries, err := retryTimes(ctx, tx)
	if err != nil {
		return err
	}
	err = rewrite(ctx, tx, `
		SELECT r.id, r.reason, b.id, b.fix FROM step_runs r LEFT JOIN bridges b ON b.step_run_id = r.id
		WHERE r.id > $1 AND r.reason <> '' ORDER BY r.id`, 4, `
		UPDATE step_runs SET reason = v.column2 FROM $v WHERE step_runs.id = v.column1`,
		func(r []string) ([]any, error) {
			reasons := readReasons(r[1], r[3], retries[r[0]], all[r[2]])
			return []any{asJSON(reasons[len(reasons)-1])}, nil // the bridge has all of them
		})
	if err != nil {
		return err
	}
	return rewrite(ctx, tx, `
		SELECT id, step_run_id, reason, fix, findings, asked, recording FROM bridges WHERE id > $1 ORDER BY id`, 7, `
		UPDATE bridges SET reason = v.column2, findings = v.column3, worst_finding = v.column4 FROM $v WHERE bridges.id = v.column1`,
		func(r []string) ([]any, error) {
			findings, err := readFindings(r[4], r[5], r[6])
			reasons := readReasons(r[2], r[3], retries[r[1]], all[r[0]])
			return []any{asJSON(reasons), asJSON(findings), incident.WorstLevel(findings)}, err
		})
}

func convertAttempts(ctx context.Context, tx *sql.Tx) error {
	return rewrite(ctx, tx, `
		SELECT id, cause, host_email, CAST(code AS TEXT) FROM bridge_attempts WHERE id > $1 AND cause <> '' ORDER BY id`, 4, `
		UPDATE bridge_attempts SET cause = v.column2 FROM $v WHERE bridge_attempts.id = v.column1`,
		func(r []string) ([]any, error) {
			code, err := strconv.Atoi(r[3])
			return []any{asJSON(readReason(r[1], "", call{r[2], code}))}, err
		})
}

func convertLooks(ctx context.Context, tx *sql.Tx) error {
	return rewrite(ctx, tx, `
		SELECT id, problem, fix FROM gap_looks WHERE id > $1 AND problem <> '' ORDER BY id`, 3, `
		UPDATE gap_looks SET problem = v.column2 FROM $v WHERE gap_looks.id = v.column1`,
		func(r []string) ([]any, error) {
			return []any{asJSON(readReason(r[1], r[2], call{code: unknownCode}))}, nil
		})
}
