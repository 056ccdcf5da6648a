package zoom

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Secret holds a credential. Every way of printing it (fmt with any verb, also
// as a field of a printed struct, encoding/json, encoding.TextMarshaler, slog)
// yields "[secret]"; only Reveal gives the text. The zero value is the empty
// secret. Secrets cannot be compared with ==; use Equal.
//
// The text sits behind a function because fmt does not call methods on
// unexported fields: a plain string would show in a %+v of whatever holds it.
type Secret struct {
	reveal func() string
}

// NewSecret wraps s as it is; nothing is trimmed.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }}
}

// Reveal returns the text. Call it only to send the text to Zoom or to seal it
// for storage.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Ending returns the last four characters, so that people can recognize the
// secret. It returns "" if the secret is shorter than 24 characters, because four
// of them would give away too much.
func (s Secret) Ending() string {
	r := []rune(s.Reveal())
	if len(r) < 24 {
		return ""
	}
	return string(r[len(r)-4:])
}

// Equal compares in constant time (except for the length).
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
