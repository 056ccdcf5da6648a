package incident

import (
	"errors"
	"time"
)

// Code says what kind of refusal an error is. web/errors.go maps codes to HTTP
// statuses; nothing else does.
type Code string

const (
	Invalid      Code = "invalid"      // what was asked is wrong; Fields may say where
	Unauthorized Code = "unauthorized" // we do not know who asks
	Forbidden    Code = "forbidden"    // we know, and they may not
	NotFound     Code = "not_found"
	Conflict     Code = "conflict" // somebody else was faster
	Limited      Code = "limited"  // too often; RetryAfter says when
	Unavailable  Code = "unavailable"
	Internal     Code = "internal"
)

// Error is a refusal. Message is a sentence for people and says what to do;
// it never holds a cause, a secret or a stored value. Err is the cause, for the
// log only.
type Error struct {
	Code       Code
	Message    string
	Fields     map[string]string // form field → what is wrong with it
	RetryAfter time.Duration     // with Limited; 0 when not known
	Reason     *Reason           // what Zoom said, for a page to put into words; nil for none
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first *Error in err's chain, "" for nil, and
// Internal for anything else.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Errorf-free constructors: a refusal is a code and a sentence.

func invalid(message string, fields map[string]string) error {
	return &Error{Code: Invalid, Message: message, Fields: fields}
}

func refuse(code Code, message string) error {
	return &Error{Code: code, Message: message}
}
