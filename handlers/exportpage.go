package handlers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// exportTries is how often a page asks for an export that this server doesn't know.
// It may not have begun yet, or another server may run it.
const exportTries = 5

var exportKey = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ExportEvents is GET /events/export with the filters of the list: the page that
// offers the download or, with format, the download itself. Everyone who may see the log
// may export what the list shows. Only admins may export bodies, which contain passcodes
// and tokens.
func (s *Site) ExportEvents(c echo.Context) error {
	form, err := ReadQuery(c, slices.Concat(eventFilterNames, eventPlaceNames, []string{"format", "body", "key"})...)
	if err != nil {
		return err
	}
	var filter views.EventFilter
	q, err := s.eventQuery(c, form, &filter)
	if err != nil {
		return err
	}
	if filter.Refused() {
		return BadRequest("The filter is wrong. %s", filter.Problem())
	}
	admin := Actor(c).Role.Includes(incident.Admin)
	if form.Get("format") == "" {
		return s.exportPage(c, q, filter, admin)
	}
	whole := form.Get("body") != ""
	format, err := readFormat(form, whole)
	if err != nil {
		return err
	}
	job := s.eventJob(q.filter, format, whole)
	job.bom = form.Get("format") == "csv"
	need := incident.Viewer
	if whole {
		need = incident.Admin
	}
	if !Actor(c).Role.Includes(need) {
		return &incident.Error{Code: incident.Forbidden, Message: "Bodies contain passcodes and tokens, so only an admin can export them. Export without bodies, or ask an admin."}
	}
	if key := form.Get("key"); exportKey.MatchString(key) {
		job.key = s.exportKeyOf(c, key)
	}
	job.allowed = s.stillMay(c, need)
	return s.export(c, job)
}

// exportKeyOf ties a key to its user, so that nobody else can cancel the export.
func (s *Site) exportKeyOf(c echo.Context, key string) string { return Actor(c).UserID + " " + key }

func (s *Site) exportPage(c echo.Context, q eventQuery, filter views.EventFilter, admin bool) error {
	page := views.ExportPage{
		Frame: s.Frame(c, "Export events", "events"), Back: eventsHref(c, "format", "", "body", "", "key", ""),
		Bodies: admin, Progress: views.ExportProgress{Key: rand.Text()},
	}
	for _, on := range filter.On {
		page.What = append(page.What, on.Label)
	}
	for _, r := range eventRanges {
		if r.name == filter.Range && r.back > 0 {
			page.What = append(page.What, r.words)
		}
	}
	values := c.Request().URL.Query()
	for _, name := range eventFilterNames {
		if v := values.Get(name); v != "" {
			page.Fields = append(page.Fields, views.KeyValue{Key: name, Value: v})
		}
	}
	ctx := c.Request().Context()
	if q.filter.IsZero() {
		total, err := s.Store.EventTotal(ctx)
		if err != nil {
			return err
		}
		page.Count = views.About(total) + " events"
	} else {
		n, more, err := s.Store.CountMatches(ctx, q.filter, countEvents)
		if err != nil {
			return err
		}
		page.Count = views.Capped(n, more) + " events"
		switch {
		case n == 1 && !more:
			page.Count = "1 event"
		case n == 0 && more:
			page.Count = "An unknown number of events"
		}
	}
	return Render(c, http.StatusOK, views.Export(page))
}

// ExportProgress is GET /events/exports/:key: the part of the page that shows how
// far an export is.
func (s *Site) ExportProgress(c echo.Context) error {
	q, err := ReadQuery(c, "try")
	if err != nil {
		return err
	}
	try, err := q.Int("try")
	if err != nil {
		return err
	}
	key := c.Param("key")
	if !exportKey.MatchString(key) {
		return echo.NewHTTPError(http.StatusNotFound, "There is no such export.")
	}
	v := s.exportProgress(c, key)
	if v.Text == "" && try < exportTries {
		v.Try, v.Text = int(try)+1, "Starting…"
	}
	return Render(c, http.StatusOK, views.ExportState(v))
}

func (s *Site) exportProgress(c echo.Context, key string) views.ExportProgress {
	e := s.exports.get(s.exportKeyOf(c, key))
	v := views.ExportProgress{Key: key, Running: e.state == "running", State: e.state}
	so := views.Plural(e.rows, "event", "events")
	if !e.back.IsZero() && e.state != "done" {
		so += ", back to " + s.When(c, e.back).Exact
	}
	switch e.state {
	case "running":
		v.Text = fmt.Sprintf("Exported %s.", so)
	case "done":
		v.Text = fmt.Sprintf("Done: %s.", so)
	case "cancelled":
		v.Text = fmt.Sprintf("Cancelled after %s. The file is incomplete.", so)
	case "broken":
		v.Text = fmt.Sprintf("Failed after %s. The file is incomplete; its last line says why.", so)
	}
	return v
}

// CancelExport is POST /events/exports/:key/cancel.
func (s *Site) CancelExport(c echo.Context) error {
	key := c.Param("key")
	e := s.exports.get(s.exportKeyOf(c, key))
	if e.cancel == nil {
		return &incident.Error{Code: incident.NotFound, Message: "This server isn’t running that export. Cancel it in the browser that downloads it."}
	}
	e.cancel(errExportCancelled)
	if c.Request().Header.Get("HX-Request") == "" {
		return s.done(c, "/events/export", "The export was cancelled.")
	}
	return Render(c, http.StatusOK, views.ExportState(views.ExportProgress{Key: key, Running: true, Text: "Cancelling…"}))
}
