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
	exportsAtOnce = 4                // per server, because each keeps a database reader busy
	exportWrite   = 30 * time.Second // a client that reads more slowly is dropped
	exportRecheck = 5 * time.Second  // longest time an export outlives its session
	exportKept    = 10 * time.Minute // how long its page can ask for the result
)

// exports are the running downloads of the log on this server, and the results of
// the last ones.
type exports struct {
	mu      sync.Mutex
	running map[*export]struct{}
	known   map[string]*export // by the key that the page sends
	stopped bool
}

// export is one download. Its fields are guarded by exports.mu.
type export struct {
	cancel context.CancelCauseFunc
	state  string // running, done, cancelled, broken
	rows   int
	back   time.Time // time of the last row written
	over   time.Time
}

// The reasons that end an export early. Its last line contains the message.
var (
	errExportCancelled = &incident.Error{Code: incident.Conflict, Message: "The export was cancelled."}
	errExportStopped   = &incident.Error{Code: incident.Unavailable, Message: "The server stopped. Start the export again."}
	errExportForbidden = &incident.Error{Code: incident.Forbidden, Message: "The session or token that started the export is no longer valid."}
)

// begin registers an export.
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

func (x *exports) wrote(e *export, p exportPart) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e.rows += p.rows
	if p.rows > 0 {
		e.back = p.back
	}
}

func (x *exports) end(e *export, state string, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.running, e)
	e.state, e.over = state, now
}

// get is a copy of an export; its state is "" if the export is unknown.
func (x *exports) get(key string) export {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.known[key]; e != nil {
		return *e
	}
	return export{}
}

// StopExports ends all exports and prevents new ones.
func (s *Site) StopExports() {
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	s.exports.stopped = true
	for e := range s.exports.running {
		e.cancel(errExportStopped)
	}
}

// exportJob describes one export. begin appends what is before the first row, read the rows after a cursor, and the
// format what ends an incomplete file.
type exportJob struct {
	name    string // of the file, without time and extension
	format  exportFormat
	bom     bool // for spreadsheets: without it, Excel doesn't read CSV as UTF-8
	begin   func(b []byte) []byte
	read    func(ctx context.Context, cursor string, b []byte) ([]byte, exportPart, error)
	key     string
	allowed func(context.Context) error // asks whether the export may go on
}

// exportPart is what one read of an export added.
type exportPart struct {
	rows int
	back time.Time // time of the last row
	next string    // cursor; "" at the end
}

// eventJob is the export of the events that a filter matches, newest first. whole adds their bodies.
func (s *Site) eventJob(filter db.EventFilter, format exportFormat, whole bool) exportJob {
	job := exportJob{name: "events", format: format, begin: format.begin}
	job.read = func(ctx context.Context, cursor string, b []byte) ([]byte, exportPart, error) {
		page, err := s.Store.ExportEvents(ctx, filter, cursor, whole)
		part := exportPart{rows: len(page.Items), next: page.Next}
		for _, e := range page.Items {
			part.back = e.ReceivedAt
			b = format.event(b, e, whole)
		}
		return b, part, err
	}
	return job
}

// stillMay returns a check that the session of the request is still valid and its user still has a role.
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

// ExportAPI is GET /api/v1/events/export: everything that GET /api/v1/events lists, as
// lines of JSON or as CSV. body=1 adds the bytes as received.
func (s *Site) ExportAPI(c echo.Context) error {
	q, err := ReadQuery(c, append(slices.Clone(apiEventFilters), "format", "body")...)
	if err != nil {
		return err
	}
	filter, err := apiEventFilter(q)
	if err != nil {
		return err
	}
	whole := q.Get("body") != ""
	format, err := readFormat(q, whole)
	if err != nil {
		return err
	}
	job := s.eventJob(filter, format, whole)
	plain, address := Bearer(c), c.RealIP()
	job.allowed = func(ctx context.Context) error {
		_, token, err := s.Service.TokenActor(ctx, plain, address, false)
		if err == nil && (!slices.Contains(token.Scopes, incident.ScopeRead) || whole && !slices.Contains(token.Scopes, incident.ScopeEventsRaw)) {
			err = errExportForbidden
		}
		return err
	}
	if whole && !slices.Contains(tokenOf(c).Scopes, incident.ScopeEventsRaw) {
		return incident.RefuseScope(incident.ScopeEventsRaw) // bodies need it
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

// export streams rows, newest first. It reads them page by page, so that an export
// of hours holds no database transaction open. It ends when the client disconnects.
// An incomplete export says so in its last line, and its connection is aborted, so
// that no client takes it for complete.
func (s *Site) export(c echo.Context, job exportJob) error {
	name := job.name + "-" + s.Now().UTC().Format("20060102T150405Z") + "." + job.format.extension
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

	var b []byte
	if job.bom {
		b = append(b, "\ufeff"...)
	}
	// An error of the first part is still answered as an error.
	b, part, err := job.read(ctx, "", job.begin(b))
	if err != nil {
		return err
	}
	h.Set(echo.HeaderContentType, job.format.contentType)
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	send := sender(c, exportWrite)
	checked := s.Now()
	for {
		if err := send(b); err != nil {
			state = "cancelled"
			return nil // the client disconnected, or reads too slowly
		}
		b = b[:0]
		s.exports.wrote(e, part)
		if part.next == "" {
			state = "done"
			return nil
		}
		if now := s.Now(); now.Sub(checked) >= exportRecheck {
			checked = now
			if err = job.allowed(ctx); err != nil {
				break
			}
		}
		if b, part, err = job.read(ctx, part.next, b); err != nil {
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
	if text := s.refusalText(c, err); text != "" {
		why = text
	}
	_ = send(job.format.broken(b[:0], why))
	panic(http.ErrAbortHandler)
}
