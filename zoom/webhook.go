package zoom

import (
	"net/http"
	"time"
)

// Signature of a webhook that verified.
type Signature struct {
	Slot      int // index of the token that signed
	Timestamp time.Time
}

// VerifyError says why a webhook is not believed.
type VerifyError struct{ Reason string }

func (e *VerifyError) Error() string { return "zoom webhook: " + e.Reason }

func Verify(h http.Header, body []byte, tokens []Secret) (Signature, error) { panic("skeleton") }
func URLValidation(body []byte, token Secret) (answer []byte, is bool, err error) {
	panic("skeleton")
}
