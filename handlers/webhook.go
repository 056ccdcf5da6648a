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
	// Zoom's events are far smaller. But Zoom never repeats a request after a 4xx.
	maxWebhook      = 4 << 20
	maxWebhooksBody = 64 << 20 // of all requests together

	// Zoom waits three seconds for an answer ("Event notification retries").
	webhookTime     = 2500 * time.Millisecond
	webhookReadTime = 10 * time.Second
)

// inFlight counts the bytes of the bodies being handled. Bytes that haven't
// arrived don't count, so that a slow sender blocks nobody.
type inFlight struct{ n atomic.Int64 }

// budgeted counts what it reads against budget, until release.
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

// Webhook is POST /webhook, a request from Zoom. A failure on our side answers 503,
// because Zoom retries after 5xx and never after 4xx. 401 means
// only "not signed with a secret that we have", always with the same body.
func (s *Site) Webhook(c echo.Context) error {
	r := c.Request()
	if r.ContentLength > maxWebhook {
		s.Service.CountRefusal(incident.RejectedTooLarge)
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
		return s.webhookFault(incident.NotStored, "Drawbridge can’t read the secret tokens.", err)
	case len(tokens) == 0 && locked:
		return s.webhookFault(incident.WebhookTokenLocked, "The master key can’t open the secret token.", nil)
	case len(tokens) == 0:
		return s.webhookFault(incident.NoWebhookToken, "No webhook secret token is stored.", nil)
	}
	sig, err := zoom.Verify(r.Header, body, tokens)
	problem := verifyProblem(err)
	if problem == zoom.WrongSignature {
		var readErr error
		if tokens, locked, readErr = s.Service.WebhookTokens(ctx, true); readErr != nil {
			return s.webhookFault(incident.NotStored, "Drawbridge can’t read the secret tokens.", readErr)
		}
		sig, err = zoom.Verify(r.Header, body, tokens)
		problem = verifyProblem(err)
	}
	if err != nil {
		reason := incident.Rejection(problem)
		if problem == zoom.WrongSignature && zoom.LooksLikeValidation(body) {
			reason = incident.RejectedValidation // for the admin who pressed Validate
		}
		if locked {
			return s.webhookFault(incident.WebhookTokenLocked, "The master key can’t open one of the secret tokens.", nil)
		}
		s.Service.CountRefusal(reason)
		return &incident.Error{Code: incident.Unauthorized, Message: "The request has no valid Zoom signature."}
	}

	if answer, is, err := zoom.URLValidation(body, tokens[sig.Slot]); is {
		if err != nil {
			s.Service.CountRefusal(incident.RejectedChallenge)
			return BadRequest("The plainToken of this validation isn’t in Zoom’s form.")
		}
		// Answer without a write: after six unanswered validations, Zoom
		// stops sending events, even if only our disk is full.
		c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(answer)))
		err := c.JSONBlob(http.StatusOK, answer)
		c.Response().Flush()
		// Zoom may close the connection once it has the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), webhookTime)
		defer cancel()
		if noteErr := s.Service.NoteValidation(ctx); noteErr != nil {
			s.Log.Warn("answered a validation but could not store it", "error", noteErr)
		}
		return err
	}
	if _, err := s.Service.KeepEvent(ctx, sig, webhookHeaders(r.Header), body); err != nil {
		return s.webhookFault(incident.NotStored, "Drawbridge couldn’t store the event.", err)
	}
	return c.JSONBlob(http.StatusOK, []byte("{}"))
}

// verifyProblem is the problem of an error of zoom.Verify, "" for none.
func verifyProblem(err error) zoom.VerifyProblem {
	if refused := (*zoom.VerifyError)(nil); errors.As(err, &refused) {
		return refused.Problem
	}
	return ""
}

// webhookBody reads the body, for at most webhookReadTime.
func (s *Site) webhookBody(c echo.Context, limited io.Reader) ([]byte, error) {
	control := http.NewResponseController(c.Response())
	cut := time.AfterFunc(webhookReadTime, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	defer cut.Stop()
	// The Content-Length is only a hint: memory grows as bytes arrive.
	var body bytes.Buffer
	body.Grow(int(min(max(c.Request().ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := body.ReadFrom(limited)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.Service.CountRefusal(incident.RejectedTooLarge)
		return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	case errors.Is(err, errBudget):
		return nil, s.webhookFault(incident.TooBusy, "Too many requests are arriving at once.", err)
	case err != nil:
		return nil, s.webhookFault(incident.RejectedIncomplete, "The request ended before its body was complete.", err)
	}
	return body.Bytes(), nil
}

// NotTheWebhook answers a signed request to another address than /webhook.
func (s *Site) NotTheWebhook() error {
	s.Service.CountRefusal(incident.RejectedWrongPath)
	return &incident.Error{Code: incident.NotFound, Message: "This isn’t Drawbridge’s webhook address. The address ends in /webhook right after the host name; an admin finds it on the Zoom account page."}
}

// webhookFault is a failure on our side, after which Zoom retries.
func (s *Site) webhookFault(reason incident.Rejection, message string, err error) error {
	s.Service.CountRefusal(reason)
	return &incident.Error{Code: incident.Unavailable, Message: message, Err: err}
}

// keptHeaders are the headers that are stored with an event. The signature is
// not among them, because it stays valid until the secret token is replaced.
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
