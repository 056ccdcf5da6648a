package zoomsim

import (
	"net/http"
	"strings"
	"time"
)

// Faults describe what is wrong with Zoom at the moment. The zero value is a healthy Zoom. Several faults can
// be on at once; they apply in the order of the fields.
type Faults struct {
	// Only limits the faults to one operation, written as in Zoom's reference ("POST /users/{userId}/meetings",
	// "POST /oauth/token"), or to calls about one host, given by email address. "" means every call.
	Only string
	// Times is the number of matching calls after which the faults end. 0: they last until they are cleared.
	Times int

	Latency     time.Duration // delay before the call is handled
	Reset       bool          // the connection is reset before anything happens
	Down        bool          // answers an HTML page with status DownStatus
	DownStatus  int           // 0: 502
	Redirect    string        // answers 302 to this URL
	RateLimited string        // "second", "day" or "user_day": answers 429 as for that limit
	RetryAfter  string        // the Retry-After header of such an answer, if it should differ from Zoom's usual one
	PerSecond   int           // an actual limit: further calls within the same second of Now get 429; 0: no limit

	TokenRefused     bool     // the API answers 124 to every token, and the token endpoint answers invalid_client
	JWTEnded         bool     // the API answers 124 to JWT tokens, as Zoom does since 2023-09-08
	MissingScopes    []string // scopes that the app has lost
	SwapAuthStatus   bool     // 124 with HTTP 400 and 4711 with HTTP 401, instead of the reverse
	InvalidJSONError bool     // missing scope (code 104) with a body that is not valid JSON
	OKWithError      bool     // HTTP 200 with an error in the body

	PMI               bool          // meetings use the host's personal meeting ID, whatever was requested
	OverwriteSettings bool          // waiting room on, join before host off, whatever was requested
	Lag               time.Duration // how long a new meeting can be neither read nor listed

	ResetAfterCommit bool // the call is carried out, then the connection is reset
	TruncatedBody    bool // half of the answer, then the connection is reset
	Stall            bool // headers of the answer, then nothing until the caller gives up
	// Mangle changes the JSON object of a successful answer before it is sent: it can remove, add or retype
	// keys.
	Mangle func(operation string, body map[string]any)

	DocumentedRateHeaders bool          // the documented rate limit headers instead of the measured ones
	NewTokenKillsOld      bool          // a new OAuth token invalidates the previous one, as for apps of 2022
	ClockSkew             time.Duration // Zoom's clock minus ours, in Date headers and webhook timestamps
	DuplicateEvents       bool          // each event is delivered twice
	Unreachable           bool          // deliveries get no connection and are retried
	LoseEvents            string        // events whose names begin like this are never sent, such as "meeting."; "*": all; "": none
	PastLag               time.Duration // how long after its end a meeting is not among the past meetings yet
	NotPaid               bool          // the account may not read past meetings
}

// SetFaults changes the faults. f gets the current ones.
func (s *Sim) SetFaults(f func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.faults)
}

// Faults returns the current faults.
func (s *Sim) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// strike counts a call and returns the faults that apply to it. The faults that concern Zoom as a whole apply
// to every call.
func (s *Sim) strike(q *request) Faults {
	f := s.faults
	if f.Only != "" && !strings.EqualFold(f.Only, q.op.name()) && !strings.EqualFold(f.Only, s.hostOf(q)) {
		return Faults{DocumentedRateHeaders: f.DocumentedRateHeaders, ClockSkew: f.ClockSkew, PerSecond: f.PerSecond}
	}
	if f.Times > 0 {
		if s.faults.Times--; s.faults.Times == 0 {
			s.faults = Faults{}
		}
	}
	return f
}

// hostOf returns the email address of the user that a call is about, or "".
func (s *Sim) hostOf(q *request) string {
	if q.op == nil || q.id == "" {
		return ""
	}
	if strings.HasPrefix(q.op.path, "/users/") {
		if u := s.user(q.id); u != nil {
			return u.Email
		}
		return q.id
	}
	if m, _ := s.meeting(q.id); m != nil {
		return m.host.Email
	}
	return ""
}

const (
	limitSecond = "You have reached the maximum per-second rate limit for this API. Try again later."
	limitDay    = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request."
	limitUser   = "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00."
)

// limited answers 429 when a limit is switched on or, with PerSecond, exceeded.
func (s *Sim) limited(q *request) (answer, bool) {
	kind := q.faults.RateLimited
	if q.faults.PerSecond > 0 {
		second := q.now.Unix()
		if s.perSecond[second]++; s.perSecond[second] > q.faults.PerSecond {
			kind = "second"
		}
	}
	switch kind {
	case "":
		return answer{}, true
	case "day":
		return tooMany(q, limitDay), false
	case "user_day":
		if q.op.name() != "POST /users/{userId}/meetings" && q.op.name() != "PATCH /meetings/{meetingId}" {
			return answer{}, true
		}
		return tooMany(q, limitUser), false
	default:
		return tooMany(q, limitSecond), false
	}
}

// tooMany returns a 429 with the documented rate limit headers. By default it has the measured ones: the
// category and healthy numbers even for an exhausted limit.
func tooMany(q *request, message string) answer {
	a := fail(http.StatusTooManyRequests, 429, message)
	midnight := q.now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	a.header = map[string]string{"X-Ratelimit-Limit": "6000", "X-Ratelimit-Remaining": "5893"}
	if q.faults.DocumentedRateHeaders && message != limitUser {
		a.header = map[string]string{"X-Ratelimit-Type": "QPS", "X-Ratelimit-Limit": "80", "X-Ratelimit-Remaining": "0"}
		if message == limitDay {
			a.header["X-Ratelimit-Type"] = "Daily-limit"
			a.header["Retry-After"] = utc(midnight) // a date and time, not seconds
		}
	}
	if q.faults.RetryAfter != "" {
		a.header["Retry-After"] = q.faults.RetryAfter
	}
	return a
}

// countUpdate counts a create or update call for a host. Zoom allows 100 in a UTC day.
func (s *Sim) countUpdate(q *request, host *User) (answer, bool) {
	key := host.ID + q.now.UTC().Format(" 2006-01-02")
	if s.updates[key]++; s.updates[key] > 100 || host.DailyLimitReached {
		return tooMany(q, limitUser), false
	}
	return answer{}, true
}
