package zoom

import (
	"errors"
	"net/http"
	"strings"
)

// ProblemCode says why a call to Zoom failed. The codes are stored, so the
// meaning of a code must never change.
type ProblemCode string

const (
	ProblemAccessRefused      ProblemCode = "access_refused"       // Zoom rejects the app's token
	ProblemWrongAPIKey        ProblemCode = "wrong_api_key"        // JWT app: wrong API key or secret
	ProblemWrongClient        ProblemCode = "wrong_client"         // wrong client ID or secret
	ProblemWrongAccount       ProblemCode = "wrong_account"        // wrong account ID, or the app is not activated
	ProblemNotServerToServer  ProblemCode = "not_server_to_server" // the app is of another type
	ProblemIncomplete         ProblemCode = "credentials_missing"  // some credentials are not entered
	ProblemMissingScopes      ProblemCode = "missing_scopes"       // Scopes: any one of them is enough
	ProblemMayNotSee          ProblemCode = "may_not_see"          // the role of the app's creator does not allow it
	ProblemAccountDenied      ProblemCode = "account_denied"       // the account may not use the API
	ProblemBadValue           ProblemCode = "bad_value"            // Fields, if Zoom named them
	ProblemNoSuchUser         ProblemCode = "no_such_user"         // the host is not in the Zoom account
	ProblemOtherAccount       ProblemCode = "other_account"        // the host belongs to another Zoom account
	ProblemInvitationPending  ProblemCode = "invitation_pending"   // the host did not accept the invitation
	ProblemMayNotHost         ProblemCode = "may_not_host"         // the host has no permission to host
	ProblemHostRefused        ProblemCode = "host_refused"         // Said holds Zoom's reason
	ProblemHostDayLimit       ProblemCode = "host_day_limit"       // Zoom allows 100 created or updated meetings a day for each host
	ProblemAlternativeHost    ProblemCode = "alternative_host"     // one of the alternative hosts cannot be one
	ProblemNoHost             ProblemCode = "no_host"              // there is no user who could host
	ProblemDayLimit           ProblemCode = "day_limit"            // daily limit of the account; RetrySeconds
	ProblemRateLimit          ProblemCode = "rate_limit"           // too many calls right now
	ProblemMeetingGone        ProblemCode = "meeting_gone"         // the meeting no longer exists
	ProblemMeetingInProgress  ProblemCode = "meeting_in_progress"  // so it cannot be deleted
	ProblemMeetingOver        ProblemCode = "meeting_over"         // so it cannot be deleted
	ProblemOnlyHost           ProblemCode = "only_host"            // only the host may do this
	ProblemPersonalMeeting    ProblemCode = "personal_meeting"     // a personal meeting cannot be deleted
	ProblemPersonalAudio      ProblemCode = "personal_audio"       // a personal audio conference cannot be deleted
	ProblemOnPremise          ProblemCode = "on_premise"           // the meeting runs on the company's servers
	ProblemNotAMeeting        ProblemCode = "not_a_meeting"        // not the id of a meeting
	ProblemNoAppID            ProblemCode = "no_app_id"            // the App ID is not entered
	ProblemNoSuchApp          ProblemCode = "no_such_app"          // Zoom has no app with this App ID
	ProblemWrongAddress       ProblemCode = "wrong_address"        // Zoom does not know the URL that was called
	ProblemRedirected         ProblemCode = "redirected"           // the API URL answers with a redirect
	ProblemNotZoom            ProblemCode = "not_zoom"             // the server has no valid certificate for the host
	ProblemUnreachable        ProblemCode = "unreachable"          // no connection
	ProblemTimedOut           ProblemCode = "timed_out"            // no answer in time
	ProblemServerError        ProblemCode = "server_error"         // Status: 5xx
	ProblemUnreadable         ProblemCode = "unreadable"           // the answer cannot be used
	ProblemForeignLink        ProblemCode = "foreign_link"         // LinkHost: the meeting exists, but its link leads to this host
	ProblemForeignStart       ProblemCode = "foreign_start"        // LinkHost: the link that starts the meeting leads to this host
	ProblemRefused            ProblemCode = "refused"              // Said and ZoomCode: any other reason
	ProblemRefusedWithoutCode ProblemCode = "refused_without_code" // Said: the answer may come from a proxy instead of Zoom
)

// Problem says why a call to Zoom failed, as a code with its data. It is the part
// of an Error that is stored, and it is put into words where people read it.
// Said, Fields and Scopes are Zoom's own texts, printable and truncated.
type Problem struct {
	Code         ProblemCode  `json:"code"`
	Said         string       `json:"said,omitempty"`
	ZoomCode     int          `json:"zoom_code,omitempty"` // Zoom's error code
	Status       int          `json:"status,omitempty"`    // HTTP status
	Scopes       []string     `json:"scopes,omitempty"`
	Fields       []FieldError `json:"fields,omitempty"`
	RetrySeconds int          `json:"retry_seconds,omitempty"` // seconds until Zoom accepts calls again; 0: unknown
	LinkHost     string       `json:"link_host,omitempty"`
	MaybeCreated bool         `json:"maybe_created,omitempty"` // the call failed, but the meeting may have been created anyway
	AccountWide  bool         `json:"account_wide,omitempty"`  // every call of this Zoom app fails in the same way
}

// problemOfCode maps those of Zoom's error codes that have only one meaning.
var problemOfCode = map[int]ProblemCode{
	124: ProblemAccessRefused, 201: ProblemMayNotSee, 300: ProblemBadValue,
	1001: ProblemNoSuchUser, 1010: ProblemOtherAccount, 1114: ProblemAlternativeHost, 1120: ProblemInvitationPending, 1401: ProblemNoSuchApp,
	2300: ProblemWrongAddress,
	3001: ProblemMeetingGone, 3002: ProblemMeetingInProgress, 3003: ProblemOnlyHost, 3007: ProblemMeetingOver,
	3018: ProblemPersonalMeeting, 3037: ProblemPersonalAudio, 3063: ProblemOnPremise, 3161: ProblemMayNotHost,
}

var problemOfOAuth = map[string]ProblemCode{
	"invalid_client": ProblemWrongClient, "invalid_request": ProblemWrongAccount, "unsupported_grant_type": ProblemNotServerToServer,
}

// ProblemOf returns the problem behind an error of a Client. It always returns
// one: an error without a more specific code is ProblemRefused,
// ProblemRefusedWithoutCode or ProblemUnreadable.
func ProblemOf(err error) Problem {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Err: err, Outcome: Unknown}
	}
	p := Problem{Code: e.problem(), RetrySeconds: int(e.RetryAfter.Seconds())}
	switch p.Code {
	case ProblemMissingScopes:
		p.Scopes = e.Scopes
	case ProblemBadValue:
		p.Fields = e.Fields
	case ProblemHostRefused, ProblemAccountDenied, ProblemRefused, ProblemRefusedWithoutCode:
		p.Said, p.ZoomCode, p.Status = e.Message, e.Code, e.Status
	case ProblemForeignLink:
		p.LinkHost = e.LinkHost
	case ProblemServerError, ProblemTimedOut, ProblemUnreadable:
		p.Status = e.Status
	default: // the code says it all
	}
	p.MaybeCreated = e.Outcome == Unknown && e.Op == opCreateMeeting && p.Code != ProblemForeignLink
	switch p.Code {
	case ProblemAccessRefused, ProblemWrongAddress, ProblemMissingScopes, ProblemDayLimit, ProblemRateLimit, ProblemWrongAPIKey,
		ProblemAccountDenied, ProblemRedirected, ProblemForeignLink:
		p.AccountWide = true
	case ProblemNoHost, ProblemNotAMeeting, ProblemTimedOut:
		p.AccountWide = e.OAuth != ""
	default: // if the token or the connection fails, it fails for every host
		p.AccountWide = e.OAuth != "" || e.Outcome == NotSent && !e.outOfTime()
	}
	return p
}

func (e *Error) problem() ProblemCode {
	if code, ok := problemOfOAuth[e.OAuth]; ok {
		return code
	}
	switch {
	case e.LinkHost != "":
		return ProblemForeignLink
	case e.Outcome == Unknown && e.Status >= 200 && e.Status < 300:
		return ProblemUnreadable
	case e.Outcome == Unknown && e.Status >= 400 && e.Status < 500:
		return ProblemRefusedWithoutCode
	case len(e.Scopes) > 0, e.Code == 4711, e.Code == 104:
		return ProblemMissingScopes
	case e.Code == http.StatusTooManyRequests, e.Status == http.StatusTooManyRequests:
		switch e.RateLimit {
		case "user_day":
			return ProblemHostDayLimit
		case "day":
			return ProblemDayLimit
		}
		return ProblemRateLimit
	case e.Code == 3000:
		return ProblemHostRefused
	case e.Code == 200 && strings.Contains(strings.ToLower(e.Message), "api key"): // Zoom has no specific code for this
		return ProblemWrongAPIKey
	case e.tokenRefused(), e.Code > 4700 && e.Code < 4800:
		return ProblemAccessRefused
	case e.Status == http.StatusForbidden && e.Code == 0:
		return ProblemAccountDenied
	case e.Status >= 500:
		return ProblemServerError
	case e.Status >= 300 && e.Status < 400:
		return ProblemRedirected
	}
	if code, ok := problemOfCode[e.Code]; ok {
		return code
	}
	if e.Status == 0 || e.Code == 0 {
		return e.silence()
	}
	return ProblemRefused
}

// silence returns the problem of an error that has no error code of Zoom's.
func (e *Error) silence() ProblemCode {
	switch {
	case errors.Is(e.Err, errNoHost):
		return ProblemNoHost
	case errors.Is(e.Err, errNoMeeting):
		return ProblemNotAMeeting
	case errors.Is(e.Err, errNoApp):
		return ProblemNoAppID
	case errors.Is(e.Err, errIncomplete):
		return ProblemIncomplete
	case e.distrusted():
		return ProblemNotZoom
	case e.outOfTime():
		return ProblemTimedOut
	case e.Outcome == NotSent && e.Status == 0:
		return ProblemUnreachable
	case e.Status >= 400:
		return ProblemRefusedWithoutCode
	}
	return ProblemUnreadable
}
