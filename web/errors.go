package web

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// statusOf maps error codes to HTTP statuses. No other place does.
var statusOf = map[incident.Code]int{
	incident.Invalid:      http.StatusUnprocessableEntity,
	incident.Unauthorized: http.StatusUnauthorized,
	incident.Forbidden:    http.StatusForbidden,
	incident.NotFound:     http.StatusNotFound,
	incident.Conflict:     http.StatusConflict,
	incident.Limited:      http.StatusTooManyRequests,
	incident.Unavailable:  http.StatusServiceUnavailable,
	incident.Internal:     http.StatusInternalServerError,
}

// problem is the part of an error that clients may see, as a problem details object
// of RFC 9457 extended by the errors of each field. It never contains the cause.
type problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	RequestID string            `json:"request_id,omitempty"`

	retryAfter time.Duration
}

func problemOf(err error, method string) problem {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError}
	var known *incident.Error
	var fromEcho *echo.HTTPError
	switch {
	case errors.As(err, &known):
		if status := statusOf[known.Code]; status != 0 && status != http.StatusInternalServerError {
			p.Status, p.Detail, p.Fields, p.retryAfter = status, known.Message, known.Fields, known.RetryAfter
		}
		if known.Code == incident.Invalid && method == http.MethodGet {
			p.Status = http.StatusBadRequest // a GET has no form: the address is wrong
		}
	case errors.As(err, &fromEcho):
		p.Status = fromEcho.Code
		if text, ok := fromEcho.Message.(string); ok && text != http.StatusText(p.Status) && p.Status < 500 {
			p.Detail = text
		}
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// answer turns an error into a response: problem details for programs, a page for
// people. It is the only place that logs the cause.
func (m *middleware) answer(err error, c echo.Context) {
	p := problemOf(err, c.Request().Method)
	p.RequestID = handlers.RequestID(c)
	if hungUp(c.Request()) {
		p.Status = statusGone
	}
	m.logError(c, p.Status, err)
	if c.Response().Committed {
		return
	}
	if p.Status == statusGone {
		_ = c.NoContent(statusGone)
		return
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.retryAfter.Seconds())))))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	if m.forPrograms(c) {
		err = m.answerProgram(c, p)
	} else {
		frame := m.site.ErrorFrame
		if p.Status < http.StatusInternalServerError {
			frame = func(c echo.Context) views.Frame { return m.site.Frame(c, "", "") }
		}
		err = handlers.Render(c, p.Status, views.Error(views.ErrorPage{
			Frame: frame(c), Status: p.Status, Foreign: errors.Is(err, errForeign), Text: p.Detail, RequestID: p.RequestID,
			OpenURL: m.site.OpenFromMemory(c, p.Status), Unstored: m.site.UnstoredOnError(c, p.Status),
		}))
	}
	if err != nil && !clientGone(c.Request(), err) {
		m.site.Log.Error("could not send the error page", "error", err, "id", p.RequestID)
		_ = c.NoContent(http.StatusInternalServerError)
	}
}

func (m *middleware) answerProgram(c echo.Context, p problem) error {
	if p.Status == http.StatusUnauthorized {
		p.RequestID = "" // the same body every time, so that it does not reveal why
		if m.kinds[c.Path()] != Signed {
			c.Response().Header().Set("WWW-Authenticate", "Bearer")
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.Blob(p.Status, "application/problem+json", body)
}

// forPrograms reports whether programs use the address. They have no session, and
// get errors as problem details.
func (m *middleware) forPrograms(c echo.Context) bool {
	kind := m.kinds[c.Path()]
	return kind == Program || kind == Signed || zooms(c.Request()) || strings.HasPrefix(c.Request().URL.Path, "/api/")
}
