package zoom

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Signature describes the signature of a verified webhook.
type Signature struct {
	Slot      int       // index of the secret token that signed it
	Timestamp time.Time // when Zoom signed it, according to Zoom
}

// VerifyProblem is why a request is not one of Zoom's.
type VerifyProblem string

const (
	NoSignature         VerifyProblem = "no_signature"
	MalformedSignature  VerifyProblem = "malformed_signature"
	MalformedTimestamp  VerifyProblem = "malformed_timestamp"
	WrongSignature      VerifyProblem = "wrong_signature" // well-formed, but none of the tokens made it
	NoSecret            VerifyProblem = "no_secret"       // our fault: there is no token
	MalformedPlainToken VerifyProblem = "malformed_plain_token"
)

// VerifyError says why a webhook was rejected. Its text contains nothing from the
// request. For URLValidation the problem is NoSecret or MalformedPlainToken.
type VerifyError struct{ Problem VerifyProblem }

func (e *VerifyError) Error() string { return "zoom webhook: " + string(e.Problem) }

// Verify checks that Zoom signed body with one of tokens, the app's secret
// tokens, newest first. The scheme is Zoom's "verify webhook events":
//
//	x-zm-signature = "v0=" + hex(HMAC-SHA256(token, "v0:" + x-zm-request-timestamp + ":" + body))
//
// Zoom's timestamp is in seconds, 10 digits; 13 digits are milliseconds. body must
// be the bytes as they arrived: Zoom escapes some characters and not
// others, so re-encoding would change them. Both headers must occur exactly once.
// The strict form of the timestamp is part of the security: if it could contain a
// colon, bytes could move between header and body.
//
// Verify does not check how old the timestamp is. Every error is a *VerifyError.
func Verify(h http.Header, body []byte, tokens []Secret) (Signature, error) {
	refuse := func(p VerifyProblem) (Signature, error) { return Signature{}, &VerifyError{p} }
	if !slices.ContainsFunc(tokens, func(t Secret) bool { return !t.IsZero() }) {
		return refuse(NoSecret)
	}
	signatures, timestamps := h.Values("X-Zm-Signature"), h.Values("X-Zm-Request-Timestamp")
	switch {
	case len(signatures) == 0 || len(signatures) == 1 && signatures[0] == "":
		return refuse(NoSignature)
	case len(signatures) != 1 || !signatureShape(signatures[0]):
		return refuse(MalformedSignature)
	case len(timestamps) != 1 || !allDigits(timestamps[0], 10) && !allDigits(timestamps[0], 13):
		return refuse(MalformedTimestamp)
	}
	got, ts := []byte(signatures[0]), timestamps[0]
	slot := -1
	for i, t := range tokens { // check all of them, so that the timing does not reveal which one matched
		if t.IsZero() {
			continue // anyone can sign with an empty token
		}
		mac := hmac.New(sha256.New, []byte(t.Reveal()))
		mac.Write([]byte("v0:" + ts + ":"))
		mac.Write(body)
		want := "v0=" + hex.EncodeToString(mac.Sum(nil))
		if hmac.Equal(got, []byte(want)) && slot < 0 {
			slot = i
		}
	}
	if slot < 0 {
		return refuse(WrongSignature)
	}
	n, _ := strconv.ParseInt(ts, 10, 64)
	at := time.Unix(n, 0)
	if len(ts) == 13 {
		at = time.UnixMilli(n)
	}
	return Signature{Slot: slot, Timestamp: at.UTC()}, nil
}

// signatureShape reports whether s is "v0=" and 64 hexadecimal digits. The digits
// must be lower case, as Zoom sends them, because Verify compares the whole text.
func signatureShape(s string) bool {
	digits, ok := strings.CutPrefix(s, "v0=")
	return ok && len(digits) == 2*sha256.Size && strings.Trim(digits, "0123456789abcdef") == ""
}

func allDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789") == ""
}

// LooksLikeValidation reports whether a body that did not verify appears to ask
// for URL validation. It only searches the bytes, since anyone can send such a
// body.
func LooksLikeValidation(body []byte) bool {
	return len(body) < 1024 && bytes.Contains(body, []byte(`"endpoint.url_validation"`))
}

// harmless reports whether a challenge may be signed: a signed message always
// contains a colon, so a text without one cannot be a message.
func harmless(challenge string) bool {
	n := utf8.RuneCountInString(challenge)
	return n > 0 && n <= 512 && utf8.ValidString(challenge) && !strings.Contains(challenge, ":")
}

// URLValidation answers Zoom's challenge-response check. is reports whether body
// is such a check. If it is, answer is the JSON to send with status 200, or err
// is a *VerifyError for a challenge that must not be answered.
//
// Call it only with a body that Verify accepted, and with the token that signed
// it. The answer contains an HMAC made with that token. If the challenge were
// unsigned or contained a colon, the answer could serve as a signature for a
// forged event.
func URLValidation(body []byte, token Secret) (answer []byte, is bool, err error) {
	// Nearly every body is an event. If the bytes neither name the check nor
	// contain an escape that could hide the name, there is no need to parse the
	// JSON.
	if !bytes.Contains(body, []byte("url_validation")) && !bytes.ContainsRune(body, '\\') {
		return nil, false, nil
	}
	j, ok := readObject(body)
	if !ok || j.Get("event").Type != gjson.String || j.Get("event").Str != "endpoint.url_validation" {
		return nil, false, nil
	}
	challenge := j.Get("payload.plainToken")
	if challenge.Type != gjson.String || !harmless(challenge.Str) {
		return nil, true, &VerifyError{MalformedPlainToken}
	}
	if token.IsZero() {
		return nil, true, &VerifyError{NoSecret}
	}
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	mac.Write([]byte(challenge.Str))
	answer, err = json.Marshal(struct {
		Plain     string `json:"plainToken"`
		Encrypted string `json:"encryptedToken"`
	}{challenge.Str, hex.EncodeToString(mac.Sum(nil))})
	return answer, true, err
}
