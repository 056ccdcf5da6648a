package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	maxWebhook      = 1 << 20
	maxWebhooksBody = 64 << 20 // of all requests together

	// Zoom waits three seconds for an answer ("Event notification retries").
	webhookTime     = 2500 * time.Millisecond
	webhookReadTime = 10 * time.Second
)

// inFlight counts the bytes of bodies that are being worked on. Bytes that have
// not arrived do not count: a slow sender takes nobody's place.
type inFlight struct{ n atomic.Int64 }

// budgeted takes from the budget what it reads, until release.
type budgeted struct {
	io.Reader
	budget *inFlight
	taken  int64
}

var errBudget = errors.New("too many bytes of webhooks at once")

func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.taken += int64(n)
	if b.budget.n.Add(int64(n)) > maxWebhooksBody {
		return n, errBudget
	}
	return n, err
}

func (b *budgeted) release() { b.budget.n.Add(-b.taken) }

// Webhook is POST /webhook: a request of Zoom's. What is our fault is 503,
// because Zoom sends a request again after 5xx and never after 4xx. 401 says
// only "not signed with a secret we hold", in one unchanging body.
func (s *Site) Webhook(c echo.Context) error {
	r := c.Request()
	if r.ContentLength > maxWebhook {
		s.Service.CountRefusal("too_large")
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	limited := &budgeted{Reader: http.MaxBytesReader(c.Response().Writer, r.Body, maxWebhook), budget: s.webhookBytes}
	defer limited.release()
	body, err := s.webhookBody(c, limited)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(r.Context(), webhookTime)
	defer cancel()
	tokens, locked, err := s.Service.WebhookTokens(ctx, false)
	switch {
	case err != nil:
		return s.webhookFault("storage", "Drawbridge can’t read the secret tokens.", err)
	case len(tokens) == 0 && locked:
		return s.webhookFault("locked", "The master key can’t open the secret token.", nil)
	case len(tokens) == 0:
		return s.webhookFault("not_configured", "No webhook secret token is stored.", nil)
	}
	sig, err := zoom.Verify(r.Header, body, tokens)
	if isWrong(err) {
		var readErr error
		if tokens, locked, readErr = s.Service.WebhookTokens(ctx, true); readErr != nil {
			return s.webhookFault("storage", "Drawbridge can’t read the secret tokens.", readErr)
		}
		sig, err = zoom.Verify(r.Header, body, tokens)
	}
	if err != nil {
		reason := "signature"
		if refused := (*zoom.VerifyError)(nil); errors.As(err, &refused) {
			reason = refused.Reason
		}
		if isWrong(err) && zoom.LooksLikeValidation(body) {
			reason = "wrong_validation" // the admin who pressed Validate wants to know
		}
		if locked {
			return s.webhookFault("locked", "The master key can’t open one of the secret tokens.", nil)
		}
		s.Service.CountRefusal(reason)
		return &incident.Error{Code: incident.Unauthorized, Message: "The request has no valid Zoom signature."}
	}

	if answer, is, err := zoom.URLValidation(body, tokens[sig.Slot]); is {
		if err != nil {
			s.Service.CountRefusal("validation")
			return BadRequest("The plainToken of this validation is not in Zoom's form.")
		}
		// Answered from memory: six validations without an answer and Zoom
		// stops sending events, also when it is only our disk that is full.
		c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(answer)))
		err := c.JSONBlob(http.StatusOK, answer)
		c.Response().Flush()
		if noteErr := s.Service.NoteValidation(ctx); noteErr != nil {
			s.Log.Warn("answered a validation but could not store it", "error", noteErr)
		}
		return err
	}
	if _, err := s.Service.KeepEvent(ctx, sig, webhookHeaders(r.Header), body); err != nil {
		return s.webhookFault("storage", "Drawbridge couldn’t store the event.", err)
	}
	return c.JSONBlob(http.StatusOK, []byte("{}"))
}

// isWrong reports a signature of the right form that no token made.
func isWrong(err error) bool {
	var refused *zoom.VerifyError
	return errors.As(err, &refused) && refused.Reason == "wrong_signature"
}

// webhookBody reads the body, for ten seconds at most.
func (s *Site) webhookBody(c echo.Context, limited io.Reader) ([]byte, error) {
	control := http.NewResponseController(c.Response())
	cut := time.AfterFunc(webhookReadTime, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	defer cut.Stop()
	// What a header says of the length is a hint; memory is taken as bytes come.
	var body bytes.Buffer
	body.Grow(int(min(max(c.Request().ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := body.ReadFrom(limited)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.Service.CountRefusal("too_large")
		return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	case errors.Is(err, errBudget):
		return nil, s.webhookFault("busy", "Too many requests are arriving at once.", err)
	case err != nil:
		return nil, s.webhookFault("incomplete", "The request ended before its body was complete.", err)
	}
	return body.Bytes(), nil
}

// webhookFault is a failure on our side, which Zoom will make good by sending again.
func (s *Site) webhookFault(reason, message string, err error) error {
	s.Service.CountRefusal(reason)
	return &incident.Error{Code: incident.Unavailable, Message: message, Err: err}
}

// keptHeaders are what an event's page shows beside its body. The signature is
// not among them: it is worth something until the secret token is replaced.
var keptHeaders = []string{"Content-Type", "User-Agent", "X-Zm-Request-Timestamp", "X-Zm-Request-Id", "X-Zm-Trackingid", "Traceparent", "Clientid", "Content-Encoding"}

func webhookHeaders(h http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range keptHeaders {
		if v := h.Get(name); v != "" {
			kept[name] = v[:min(len(v), 500)]
		}
	}
	return kept
}
