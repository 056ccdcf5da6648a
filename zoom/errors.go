package zoom

import "time"

// Outcome says what a failed call may have done at Zoom.
type Outcome string

const (
	NotSent Outcome = "not_sent" // never reached Zoom's API: dial, DNS, TLS or token failure
	Refused Outcome = "refused"  // Zoom answered no; nothing was done
	Unknown Outcome = "unknown"  // it may have happened
)

// FieldError is one field of a request that Zoom did not like.
type FieldError struct{ Field, Message string }

// Error is the error of every call of Client.
type Error struct {
	Op         string
	Status     int
	Code       int
	OAuth      string // error of the token endpoint, such as invalid_client
	Message    string
	Fields     []FieldError
	Scopes     []string
	RetryAfter time.Duration
	RateLimit  string // second, day, user_day or ""
	TrackingID string
	Outcome    Outcome
	Err        error
}

func (e *Error) Error() string { return "zoom: " + e.Op }
func (e *Error) Unwrap() error { return e.Err }

// Explanation is an error in words for people.
type Explanation struct {
	Cause       string
	Fix         string
	TryBackup   bool // another host may succeed
	AccountWide bool // every host of the account fails in the same way
}

func Explain(err error) Explanation { panic("skeleton") }
