package incident

import (
	"errors"
	"time"
)

// Code is the kind of an error. Only web/errors.go maps codes to HTTP statuses.
type Code string

const (
	Invalid      Code = "invalid"      // the request is wrong; Fields may say where
	Unauthorized Code = "unauthorized" // we do not know who is asking
	Forbidden    Code = "forbidden"    // we know who is asking, and they may not
	NotFound     Code = "not_found"
	Conflict     Code = "conflict" // someone else was faster
	Limited      Code = "limited"  // too many requests; RetryAfter says when to try again
	Unavailable  Code = "unavailable"
	Internal     Code = "internal"
)

// Error is an error that may be shown to people. Message is a sentence that also
// says what to do. It never contains a cause, a secret or a stored value. Err is
// the cause and is only for the log.
type Error struct {
	Code       Code
	Message    string
	Fields     map[string]string // by form field: what is wrong with its value
	RetryAfter time.Duration     // with Limited; 0: unknown
	Reason     *Reason           // Zoom's reason, which a page puts into words; nil: none
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain, "" for nil, and
// Internal for any other error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

func invalid(message string, fields map[string]string) error {
	return &Error{Code: Invalid, Message: message, Fields: fields}
}

func refuse(code Code, message string) error {
	return &Error{Code: code, Message: message}
}

// RefuseRole returns the error for a user whose role is below the one that is needed.
func RefuseRole(have, need Role) error {
	who, ask := "an admin", "Ask one to do it,"
	if need == Responder {
		who, ask = "a responder or an admin", "Ask one of them to do it,"
	}
	return refuse(Forbidden, "Your role is "+string(have)+", and only "+who+" can do this. "+ask+" or ask an admin to change your role under Settings.")
}

// RefuseScope returns the error for an API token without a scope.
func RefuseScope(scope string) error {
	return refuse(Forbidden, "This token doesn’t have the scope "+scope+". An admin can create a token with this scope under Settings.")
}
