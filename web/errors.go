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

// problem is a problem details object of RFC 9457, extended by the errors of each
// field.
type problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
}

// refusal is the part of an error that clients may see. It never contains the
// cause.
type refusal struct {
	status     int
	text       string
	fields     map[string]string
	retryAfter time.Duration
}

func refusalOf(err error, method string) refusal {
	var known *incident.Error
	var http9 *echo.HTTPError
	switch {
	case errors.As(err, &known):
		r := refusal{status: statusOf[known.Code], text: known.Message, fields: known.Fields, retryAfter: known.RetryAfter}
		if known.Code == incident.Invalid && method == http.MethodGet {
			r.status = http.StatusBadRequest // a GET has no form: the address is wrong
		}
		if r.status == 0 || r.status == http.StatusInternalServerError {
			return refusal{status: http.StatusInternalServerError}
		}
		return r
	case errors.As(err, &http9):
		r := refusal{status: http9.Code}
		if text, ok := http9.Message.(string); ok && text != http.StatusText(http9.Code) && r.status < 500 {
			r.text = text
		}
		return r
	}
	return refusal{status: http.StatusInternalServerError}
}

// answer turns an error into a response: problem details for programs, a page for
// people. It is the only place that logs the cause.
func (m *middleware) answer(err error, c echo.Context) {
	request := c.Request()
	r := refusalOf(err, request.Method)
	m.logError(c, r.status, err)
	if c.Response().Committed {
		return
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	switch r.status {
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(r.retryAfter.Seconds())))))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	if m.forPrograms(c) {
		if r.status == http.StatusUnauthorized && m.kinds[c.Path()] != Signed {
			h.Set("WWW-Authenticate", "Bearer")
		}
		err = m.answerProgram(c, r)
	} else {
		err = m.answerPerson(c, r)
	}
	if err != nil {
		m.site.Log.Error("could not send the error page", "error", err, "id", handlers.RequestID(c))
		_ = c.NoContent(http.StatusInternalServerError)
	}
}

func (m *middleware) answerProgram(c echo.Context, r refusal) error {
	p := problem{Type: "about:blank", Title: http.StatusText(r.status), Status: r.status, Detail: r.text, Fields: r.fields, RequestID: handlers.RequestID(c)}
	if r.status == http.StatusUnauthorized {
		p.RequestID = "" // the same body every time, so that it does not reveal why
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.Blob(r.status, "application/problem+json", body)
}

func (m *middleware) answerPerson(c echo.Context, r refusal) error {
	page := views.ErrorPage{
		Frame:     m.site.Frame(c, "", ""),
		Status:    r.status,
		Text:      r.text,
		RequestID: handlers.RequestID(c),
	}
	return handlers.Render(c, r.status, views.Error(page))
}

// forPrograms reports whether programs use the address. They have no session, and
// get errors as problem details.
func (m *middleware) forPrograms(c echo.Context) bool {
	kind := m.kinds[c.Path()]
	return kind == Program || kind == Signed || strings.HasPrefix(c.Request().URL.Path, "/api/")
}
