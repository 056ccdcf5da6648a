package zoom

import (
	"errors"
	"net/http"
	"strings"
)

// ProblemCode says what went wrong with a call to Zoom. The codes are stored, so
// a code keeps its meaning for ever.
type ProblemCode string

const (
	ProblemAccessRefused      ProblemCode = "access_refused"       // Zoom refuses the app's token
	ProblemWrongAPIKey        ProblemCode = "wrong_api_key"        // of a JWT app
	ProblemWrongClient        ProblemCode = "wrong_client"         // client ID or secret
	ProblemWrongAccount       ProblemCode = "wrong_account"        // account ID, or the app is not activated
	ProblemNotServerToServer  ProblemCode = "not_server_to_server" // the app is of another type
	ProblemIncomplete         ProblemCode = "credentials_missing"  // not all credentials are entered
	ProblemMissingScopes      ProblemCode = "missing_scopes"       // Scopes: one of them suffices
	ProblemMayNotSee          ProblemCode = "may_not_see"          // the app's maker may not view it
	ProblemAccountDenied      ProblemCode = "account_denied"       // the account may not use the API
	ProblemBadValue           ProblemCode = "bad_value"            // Fields, if Zoom named them
	ProblemNoSuchUser         ProblemCode = "no_such_user"         // the host is not in the Zoom account
	ProblemOtherAccount       ProblemCode = "other_account"        // the host belongs to another Zoom account
	ProblemInvitationPending  ProblemCode = "invitation_pending"   // the host did not accept the invitation
	ProblemMayNotHost         ProblemCode = "may_not_host"         // the host has no right to host
	ProblemHostRefused        ProblemCode = "host_refused"         // Said: why this host cannot
	ProblemHostDayLimit       ProblemCode = "host_day_limit"       // 100 meetings a day for each host
	ProblemAlternativeHost    ProblemCode = "alternative_host"     // one of them cannot be one
	ProblemNoHost             ProblemCode = "no_host"              // there is nobody to ask for
	ProblemDayLimit           ProblemCode = "day_limit"            // of the account; RetrySeconds
	ProblemRateLimit          ProblemCode = "rate_limit"           // too many calls at the moment
	ProblemMeetingGone        ProblemCode = "meeting_gone"         // it does not exist any more
	ProblemMeetingInProgress  ProblemCode = "meeting_in_progress"  // so it cannot be deleted
	ProblemMeetingOver        ProblemCode = "meeting_over"         // so it cannot be deleted
	ProblemOnlyHost           ProblemCode = "only_host"            // only the host may do this
	ProblemPersonalMeeting    ProblemCode = "personal_meeting"     // it cannot be deleted
	ProblemPersonalAudio      ProblemCode = "personal_audio"       // it cannot be deleted
	ProblemOnPremise          ProblemCode = "on_premise"           // the meeting runs on the company's servers
	ProblemNotAMeeting        ProblemCode = "not_a_meeting"        // not the id of a meeting
	ProblemNoAppID            ProblemCode = "no_app_id"            // the App ID is not entered
	ProblemNoSuchApp          ProblemCode = "no_such_app"          // Zoom knows no app of this App ID
	ProblemWrongAddress       ProblemCode = "wrong_address"        // Zoom does not know the address that was called
	ProblemRedirected         ProblemCode = "redirected"           // the address of the API leads elsewhere
	ProblemNotZoom            ProblemCode = "not_zoom"             // the other side has no certificate of Zoom's
	ProblemUnreachable        ProblemCode = "unreachable"          // no connection
	ProblemTimedOut           ProblemCode = "timed_out"            // no answer in time
	ProblemServerError        ProblemCode = "server_error"         // Status: 5xx
	ProblemUnreadable         ProblemCode = "unreadable"           // the answer cannot be used
	ProblemRefused            ProblemCode = "refused"              // Said, and ZoomCode: for a reason not named here
	ProblemRefusedWithoutCode ProblemCode = "refused_without_code" // Said: perhaps not by Zoom but by a proxy
)

// Problem is why a call to Zoom failed, as a code with its data. It is what is
// kept of an Error and put into words where people read it. Said, Fields and
// Scopes are Zoom's own texts, made printable and cut.
type Problem struct {
	Code         ProblemCode  `json:"code"`
	Said         string       `json:"said,omitempty"`
	ZoomCode     int          `json:"zoom_code,omitempty"` // see Zoom's error catalogue
	Status       int          `json:"status,omitempty"`    // of HTTP
	Scopes       []string     `json:"scopes,omitempty"`
	Fields       []FieldError `json:"fields,omitempty"`
	RetrySeconds int          `json:"retry_seconds,omitempty"` // when Zoom accepts calls again; 0 = it did not say
	MaybeCreated bool         `json:"maybe_created,omitempty"` // the meeting may exist, although the call failed
	AccountWide  bool         `json:"account_wide,omitempty"`  // every call of this Zoom app fails in the same way
}

// problemOfCode holds the codes of Zoom's error catalogue that mean one thing only.
var problemOfCode = map[int]ProblemCode{
	124: ProblemAccessRefused, 201: ProblemMayNotSee, 300: ProblemBadValue,
	1001: ProblemNoSuchUser, 1010: ProblemOtherAccount, 1114: ProblemAlternativeHost, 1120: ProblemInvitationPending, 1401: ProblemNoSuchApp,
	2300: ProblemWrongAddress,
	3001: ProblemMeetingGone, 3002: ProblemMeetingInProgress, 3003: ProblemOnlyHost, 3007: ProblemMeetingOver,
	3018: ProblemPersonalMeeting, 3037: ProblemPersonalAudio, 3063: ProblemOnPremise, 3161: ProblemMayNotHost,
}

// problemOfOAuth holds the errors of the token endpoint.
var problemOfOAuth = map[string]ProblemCode{
	"invalid_client": ProblemWrongClient, "invalid_request": ProblemWrongAccount, "unsupported_grant_type": ProblemNotServerToServer,
}

// ProblemOf is the problem behind an error of a Client. It never fails: an error
// that means nothing else is ProblemRefused or ProblemUnreadable.
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
	case ProblemServerError, ProblemTimedOut, ProblemUnreadable:
		p.Status, p.MaybeCreated = e.Status, e.Outcome == Unknown && e.Op == opCreateMeeting
	}
	switch p.Code {
	case ProblemAccessRefused, ProblemWrongAddress, ProblemMissingScopes, ProblemDayLimit, ProblemRateLimit, ProblemWrongAPIKey,
		ProblemAccountDenied, ProblemRedirected:
		p.AccountWide = true
	case ProblemNoHost, ProblemNotAMeeting, ProblemTimedOut:
		p.AccountWide = e.OAuth != ""
	default: // a token or a connection that fails, fails for every host
		p.AccountWide = e.OAuth != "" || e.Outcome == NotSent && !e.outOfTime()
	}
	return p
}

func (e *Error) problem() ProblemCode {
	if code, ok := problemOfOAuth[e.OAuth]; ok {
		return code
	}
	switch {
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
	case e.Code == 200 && strings.Contains(strings.ToLower(e.Message), "api key"): // Zoom has no other sign of it
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

// silence is the problem of an error that is not Zoom's words.
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
