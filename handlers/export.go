package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

const (
	exportsAtOnce = 4                // on one server: each keeps a reader of the database busy
	exportWrite   = 30 * time.Second // a client that reads slower is dropped
	exportRecheck = 5 * time.Second  // how long an export outlives its session at most
	exportKept    = 10 * time.Minute // how long its page can ask what became of it
)

// exports are the downloads of the log under way on this server, and what became
// of the last ones.
type exports struct {
	mu      sync.Mutex
	running map[*export]struct{}
	known   map[string]*export // by the key that a page asks with
	stopped bool
}

// export is one download. Its fields are guarded by exports.mu.
type export struct {
	cancel context.CancelCauseFunc
	state  string // running, done, cancelled, broken
	rows   int
	back   time.Time // arrival of the last event written
	over   time.Time
}

// What ends an export early; its last line says the message.
var (
	errExportCancelled = &incident.Error{Code: incident.Conflict, Message: "The export was cancelled."}
	errExportStopped   = &incident.Error{Code: incident.Unavailable, Message: "The server stopped. Start the export again."}
	errExportForbidden = &incident.Error{Code: incident.Forbidden, Message: "The session or token that started the export is no longer valid."}
)

// begin takes a place for an export.
func (x *exports) begin(key string, cancel context.CancelCauseFunc, now time.Time) (*export, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for k, e := range x.known {
		if e.state != "running" && now.Sub(e.over) > exportKept {
			delete(x.known, k)
		}
	}
	switch old := x.known[key]; {
	case x.stopped:
		return nil, errExportStopped
	case old != nil && old.state == "running":
		return nil, &incident.Error{Code: incident.Conflict, Message: "This export is already running. Cancel it before you start it again."}
	case len(x.running) >= exportsAtOnce:
		return nil, &incident.Error{Code: incident.Limited, RetryAfter: time.Minute, Message: "This server is running as many exports as it can. Try again when one ends."}
	}
	e := &export{cancel: cancel, state: "running"}
	x.running[e] = struct{}{}
	if key != "" {
		x.known[key] = e
	}
	return e, nil
}

func (x *exports) wrote(e *export, rows []incident.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e.rows += len(rows)
	if n := len(rows); n > 0 {
		e.back = rows[n-1].ReceivedAt
	}
}

func (x *exports) end(e *export, state string, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.running, e)
	e.state, e.over = state, now
}

// get is a copy of what is known of an export; state is "" when nothing is.
func (x *exports) get(key string) export {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.known[key]; e != nil {
		return *e
	}
	return export{}
}

// StopExports breaks off all exports and lets none begin.
func (s *Site) StopExports() {
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	s.exports.stopped = true
	for e := range s.exports.running {
		e.cancel(errExportStopped)
	}
}

// exportJob is what one export is asked for.
type exportJob struct {
	filter  db.EventFilter
	format  exportFormat
	bom     bool // for a person's spreadsheet: without it Excel does not take CSV for UTF-8
	whole   bool // with bodies
	key     string
	allowed func(context.Context) error // still
}

// stillMay asks anew whether the session of a request holds and its person has a role.
func (s *Site) stillMay(c echo.Context, role incident.Role) func(context.Context) error {
	token := s.sessionToken(c)
	return func(ctx context.Context) error {
		user, err := s.Service.SessionUser(ctx, token)
		if err == nil && !user.Role.Includes(role) {
			err = errExportForbidden
		}
		return err
	}
}

// ExportAPI is GET /api/v1/events/export: what GET /api/v1/events lists, all of
// it, as lines of JSON or as CSV. body=1 adds the bytes as received.
func (s *Site) ExportAPI(c echo.Context) error {
	q, err := ReadQuery(c, append(slices.Clone(apiEventFilters), "format", "body")...)
	if err != nil {
		return err
	}
	var job exportJob
	if job.filter, err = apiEventFilter(q); err != nil {
		return err
	}
	job.whole = q.Get("body") != ""
	if job.format, err = readFormat(q, job.whole); err != nil {
		return err
	}
	plain, address := Bearer(c), c.RealIP()
	job.allowed = func(ctx context.Context) error {
		_, token, err := s.Service.TokenActor(ctx, plain, address)
		if err == nil && !slices.Contains(token.Scopes, incident.ScopeRead) {
			err = errExportForbidden
		}
		return err
	}
	return s.export(c, job)
}

func readFormat(q Form, whole bool) (exportFormat, error) {
	name := q.Get("format")
	if name == "" {
		name = "ndjson"
	}
	f, ok := exportFormats[name]
	switch {
	case !ok:
		return f, BadRequest("There is no format %s. Use ndjson or csv.", quote(name))
	case whole && name != "ndjson":
		return f, BadRequest("Bodies are exported as ndjson only.")
	}
	return f, nil
}

// export streams events, newest first, page by page: each page is one short
// read, so that an export of hours holds nothing in the database. It ends when
// the client leaves. One that broke off says so in its last line, and its
// connection is cut, so that no client takes it for whole.
func (s *Site) export(c echo.Context, job exportJob) error {
	name := "events-" + s.Now().UTC().Format("20060102T150405Z") + "." + job.format.extension
	h := c.Response().Header()
	if c.Request().Method == http.MethodHead {
		h.Set(echo.HeaderContentType, job.format.contentType)
		return c.NoContent(http.StatusOK)
	}
	ctx, cancel := context.WithCancelCause(c.Request().Context())
	defer cancel(nil)
	e, err := s.exports.begin(job.key, cancel, s.Now())
	if err != nil {
		return err
	}
	state := "broken"
	defer func() { s.exports.end(e, state, s.Now()) }()

	// A filter or a database that fails is still an answer of its own.
	page, err := s.Store.ExportEvents(ctx, job.filter, "", job.whole)
	if err != nil {
		return err
	}
	h.Set(echo.HeaderContentType, job.format.contentType)
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	send := sender(c, exportWrite)
	var b []byte
	if job.bom {
		b = append(b, "\ufeff"...)
	}
	b = job.format.begin(b)
	checked := s.Now()
	for {
		for _, row := range page.Items {
			b = job.format.event(b, row, job.whole)
		}
		if err := send(b); err != nil {
			state = "cancelled"
			return nil // the client left, or reads too slowly
		}
		b = b[:0]
		s.exports.wrote(e, page.Items)
		if page.Next == "" {
			state = "done"
			return nil
		}
		if now := s.Now(); now.Sub(checked) >= exportRecheck {
			checked = now
			if err = job.allowed(ctx); err != nil {
				break
			}
		}
		if page, err = s.Store.ExportEvents(ctx, job.filter, page.Next, job.whole); err != nil {
			break
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errExportCancelled) || c.Request().Context().Err() != nil {
		state = "cancelled"
	} else {
		s.Log.Warn("export failed", "rows", e.rows, "error", err)
	}
	why := "Drawbridge can’t read the log any more. Start the export again."
	if text := s.refusalText(err); text != "" {
		why = text
	}
	_ = send(job.format.broken(b, why))
	panic(http.ErrAbortHandler)
}
