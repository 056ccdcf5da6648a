package zoomsim

import "time"

// Faults are what is wrong with Zoom just now. The zero value is a healthy Zoom. Several may be on at
// once; they strike in the order of the fields.
type Faults struct {
	// Only limits the faults to one operation, written as in Zoom's reference
	// ("POST /users/{userId}/meetings", "POST /oauth/token"), or to calls about one host's e-mail
	// address. "" strikes every call.
	Only string
	// Times is for how many matching calls the faults last; 0 until they are cleared.
	Times int

	Latency     time.Duration // before the call is looked at
	Reset       bool          // the connection breaks before anything happened
	Down        bool          // a page of HTML with status DownStatus
	DownStatus  int           // 0: 502
	Redirect    string        // answers 302 to this URL
	RateLimited string        // "second", "day" or "user_day": answers 429 as that limit does
	RetryAfter  string        // the header of such an answer, if not the usual one
	PerSecond   int           // a real limit: more calls than this in one second of Now get 429; 0: none

	TokenRefused     bool     // the API answers 124 to every token, the token endpoint invalid_client
	JWTEnded         bool     // JWT tokens answer 124, as Zoom does since 2023-09-08
	MissingScopes    []string // scopes the app has lost
	SwapAuthStatus   bool     // 124 with HTTP 400 and 4711 with HTTP 401, instead of the other way round
	InvalidJSONError bool     // missing scope (code 104) in a body that is not JSON
	OKWithError      bool     // HTTP 200 with an error in the body

	PMI               bool          // meetings use the host's personal meeting ID whatever was asked
	OverwriteSettings bool          // waiting room on, join before host off, whatever was asked
	Lag               time.Duration // a new meeting can be neither read nor listed for so long

	ResetAfterCommit bool // the call is carried out, then the connection breaks
	TruncatedBody    bool // half of the answer, then the connection breaks
	Stall            bool // the header of the answer, then nothing until the caller gives up
	// Mangle changes the JSON object of a good answer before it is sent: keys missing, of another type, or new.
	Mangle func(operation string, body map[string]any)

	DocumentedRateHeaders bool          // the rate headers of the documentation instead of the measured ones
	NewTokenKillsOld      bool          // a new OAuth token ends the one before, as for apps of 2022
	ClockSkew             time.Duration // Zoom's clock minus ours: Date headers, webhook timestamps
	DuplicateEvents       bool          // each event is delivered twice
}

// SetFaults changes the faults; f gets those that are on now.
func (s *Sim) SetFaults(f func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.faults)
}

// Faults are those that are on now.
func (s *Sim) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}
