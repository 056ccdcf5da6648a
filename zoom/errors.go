package zoom

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Outcome says what a failed call may have done at Zoom.
type Outcome string

const (
	// NotSent means that the call never reached Zoom's API (dial, DNS, TLS, no
	// token).
	NotSent Outcome = "not_sent"
	// Refused means that Zoom rejected the call and did nothing.
	Refused Outcome = "refused"
	// Unknown means that Zoom may have acted on the call: the request was sent,
	// but there was no answer, an answer with status 5xx, a success without a usable
	// body, or, to a call that creates a meeting, an answer that need not be Zoom's.
	// A meeting may exist.
	Unknown Outcome = "unknown"
)

// FieldError is one field of a request that Zoom did not accept. Both texts are
// Zoom's.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// opCreateMeeting is the Op of the only call that creates something at Zoom.
const opCreateMeeting = "create meeting"

// Error is the error of every call of a Client. Its texts come from Zoom; they
// are printable, truncated and free of our secrets. They are for the log.
// ProblemOf gives what is stored and shown.
type Error struct {
	Op         string // such as "create meeting"
	Status     int    // HTTP status; 0: no answer
	Code       int    // Zoom's error code; 0: none. Decide by this, not by Status
	OAuth      string // error of the token endpoint, such as invalid_client
	Message    string // at most 300 characters, one line
	Fields     []FieldError
	Scopes     []string      // the scopes that are missing; any one of them is enough
	RetryAfter time.Duration // 0: Zoom did not say; at most 24 h
	RateLimit  string        // the exceeded limit: second, day, user_day, or "" (none, or Zoom did not say)
	LinkHost   string        // where the meeting's link leads, if Links does not accept it; the meeting exists
	TrackingID string        // Zoom's support asks for it
	Outcome    Outcome
	Err        error // the cause, if Zoom did not answer
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("zoom: " + e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, ", code %d", e.Code)
	}
	for _, s := range []string{e.OAuth, e.Message} {
		if s != "" {
			b.WriteString(": " + s)
		}
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " (%s: %s)", f.Field, f.Message)
	}
	if e.TrackingID != "" {
		b.WriteString(" (tracking id " + e.TrackingID + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	fmt.Fprintf(&b, " [%s]", e.Outcome)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

var (
	errUnusable  = errors.New("the answer cannot be used")
	errNoHost    = errors.New("not a user id or email address")
	errNoMeeting = errors.New("not a meeting id")
	errBroken    = errors.New("the answer was cut off or is too long")
)

// cause is an error of the transport whose text holds no secrets and no URL
// queries. errors.Is finds the wrapped error.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string        { return c.text }
func (c *cause) Is(target error) bool { return errors.Is(c.err, target) }

var urlQuery = regexp.MustCompile(`(https?://[^\s"?]*)\?[^\s"]*`)

func (c *Client) cause(err error, token Secret) error {
	var ue *url.Error
	for errors.As(err, &ue) {
		err = ue.Err
	}
	text := urlQuery.ReplaceAllString(c.scrub(err.Error(), token), "$1?…")
	return &cause{text: oneLine(text), err: err}
}

func (e *Error) outOfTime() bool {
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled)
}

// distrusted reports whether the server's TLS certificate did not verify.
func (e *Error) distrusted() bool {
	var c *cause
	var bad *tls.CertificateVerificationError
	return errors.As(e.Err, &c) && errors.As(c.err, &bad)
}

// tokenRefused reports whether a new token may help. Zoom documents code 124 with
// status 400 but sends it with 401.
func (e *Error) tokenRefused() bool {
	switch e.Code {
	case 124, 4700, 4737, 4740, 4741:
		return true
	}
	return e.Code == 0 && e.Status == http.StatusUnauthorized
}

// answerError returns the error of an answer, or nil if the answer is a success.
// A 2xx with code 0 is a success; any other code is an error, even with status
// 200.
func (c *Client) answerError(a answer, op string, token Secret) *Error {
	e := &Error{Op: op, Status: a.status, Outcome: Refused}
	text := func(s string) string { return oneLine(c.scrub(s, token)) }
	ok := a.status >= 200 && a.status <= 299
	if j, isObject := readObject(a.body); isObject {
		e.Code = int(j.Get("code").Int())
		if ok && e.Code == 0 {
			return nil
		}
		e.Message = text(cmp.Or(j.Get("message").String(), j.Get("reason").String()))
		e.OAuth = text(j.Get("error").String())
		each(j.Get("errors"), 20, func(f gjson.Result) {
			e.Fields = append(e.Fields, FieldError{text(f.Get("field").String()), text(f.Get("message").String())})
		})
	} else if ok {
		return nil // a caller that needs a body checks for one
	} else {
		e.readBroken(string(a.body), text)
	}
	if m := missingScopes.FindStringSubmatch(e.Message + string(a.body)); m != nil {
		e.Scopes = scopeName.FindAllString(m[1], 20)
	}
	if e.Status >= 500 || e.Op == opCreateMeeting && !e.zooms(a) {
		e.Outcome = Unknown
	}
	if e.Status == http.StatusTooManyRequests || e.Code == http.StatusTooManyRequests {
		e.RateLimit = rateLimit(a.header, e.Message)
	}
	e.RetryAfter = c.retryAfter(a.header.Get("Retry-After"))
	e.TrackingID = text(a.header.Get("X-Zm-Trackingid"))
	return e
}

// zooms reports whether an error answer is certainly Zoom's and about a meeting that it
// did not create. A proxy may answer in Zoom's place after Zoom created the meeting, but
// limits a rate before it asks Zoom.
func (e *Error) zooms(a answer) bool {
	h := a.header
	named := cmp.Or(h.Get("X-Zm-Trackingid"), h.Get("X-RateLimit-Category"), h.Get("X-RateLimit-Type")) != ""
	return (e.Code != 0 || e.tokenRefused() || e.Status == http.StatusTooManyRequests || e.Status >= 400 && named) && !hasID.Match(a.body)
}

var (
	// Zoom has sent the message about a missing scope with quotes that make the
	// whole answer invalid JSON.
	missingScopes = regexp.MustCompile(`does not contain scopes: ?\[([^\]]*)\]`)
	scopeName     = regexp.MustCompile(`[a-z_]+(?::[a-z_]+)+`)
	hasID         = regexp.MustCompile(`"id"\s*:`)
	brokenCode    = regexp.MustCompile(`"code"\s*:\s*"?([0-9]{1,6})\b`)
	brokenMessage = regexp.MustCompile(`"message"\s*:\s*"(.*)`)
)

// readBroken reads an error answer that is not valid JSON.
func (e *Error) readBroken(body string, text func(string) string) {
	page := strings.HasPrefix(strings.TrimSpace(body), "<")
	if m := brokenCode.FindStringSubmatch(body); m != nil && !page {
		e.Code, _ = strconv.Atoi(m[1])
	}
	if m := brokenMessage.FindStringSubmatch(body); m != nil {
		e.Message = text(strings.TrimRight(m[1], "\"} \r\n"))
		return
	}
	if strings.Contains(body, "<") {
		e.Message = "The answer is a web page, not Zoom's API."
		return
	}
	e.Message = text(body)
}

// rateLimit returns which limit was exceeded. Zoom documents the header
// X-RateLimit-Type but often does not send it, so the message has to do.
func rateLimit(h http.Header, message string) string {
	message = strings.ToLower(message)
	kind := strings.ToLower(h.Get("X-RateLimit-Type"))
	switch {
	case strings.Contains(message, "particular user"):
		return "user_day"
	case kind == "qps", strings.Contains(message, "per-second"), strings.Contains(message, "concurrent"):
		return "second"
	case strings.HasPrefix(kind, "daily"), strings.Contains(message, "daily"):
		return "day"
	}
	return ""
}

const maxRetryAfter = 24 * time.Hour

// retryAfter reads the Retry-After header. Zoom documents it as an ISO 8601 time;
// HTTP defines it as seconds or an HTTP date. It returns 0 if the value is none
// of these or has passed, and at most maxRetryAfter.
func (c *Client) retryAfter(v string) time.Duration {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0
	}
	if digits.MatchString(v) {
		s, err := strconv.ParseInt(v, 10, 64)
		if err != nil || s > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(s) * time.Second
	}
	at, err := time.Parse(time.RFC3339, v)
	if err != nil {
		if at, err = http.ParseTime(v); err != nil {
			return 0
		}
	}
	return min(max(at.Sub(c.now()), 0), maxRetryAfter)
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// oneLine truncates s to 300 characters and escapes line breaks, control
// characters and characters that change the writing direction, so that s cannot
// fake a log line.
func oneLine(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(s) { // ranging turns invalid UTF-8 into U+FFFD
		if n++; n > 300 {
			return cutRunes(b.String(), 299) + "…"
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return cutRunes(b.String(), 300)
}

func cutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
