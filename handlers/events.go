package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// inputTime is the value of <input type="datetime-local">.
const inputTime = "2006-01-02T15:04"

// slowDelivery is a delay from Zoom's clock to ours that is worth a look: Zoom
// repeats what it could not deliver after 5 minutes.
const slowDelivery = time.Minute

// EventsPage is GET /events, and GET /events/:id with that event open.
func (s *Site) EventsPage(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := ReadQuery(c, "event", "meeting_id", "bridge", "q", "after", "before", "cursor")
	if err != nil {
		return err
	}
	page := views.EventsPage{
		Frame:      s.Frame(c, "Events", "events"),
		WebhookURL: s.PublicURL + "/webhook",
		Filter:     views.EventFilter{MeetingID: q.Get("meeting_id"), Bridge: q.Get("bridge"), Q: q.Get("q"), After: q.Get("after"), Before: q.Get("before")},
	}
	filter := s.eventFilter(c, q, &page.Filter)
	rows, err := s.Store.EventRows(ctx, filter, q.Get("cursor"), 50)
	if err != nil {
		return err
	}
	lastHour, err := s.Store.CountEvents(ctx, s.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	if page.Hours, err = s.eventHours(c, s.Now().Add(-24*time.Hour)); err != nil {
		return err
	}
	if page.Refused, err = s.refusedReasons(c); err != nil {
		return err
	}
	if page.Filter.Types, err = s.eventTypes(c, q.Get("event")); err != nil {
		return err
	}

	page.LastHour = int(lastHour)
	filtered := page.Filter.ClearHref != ""
	page.Empty = !filtered && q.Get("cursor") == "" && len(rows.Items) == 0
	page.Pager = listPager(c, q.Get("cursor"), rows.Next)
	if !rows.SearchedTo.IsZero() {
		page.Pager.Says = "searched back to " + s.When(c, rows.SearchedTo).Exact
	}
	open := c.Param("id")
	for _, e := range rows.Items {
		page.Rows = append(page.Rows, s.eventRow(c, e, open))
	}
	if open != "" {
		if page.Detail, err = s.eventDetail(c, open); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if page.Filter.AfterError != "" || page.Filter.BeforeError != "" {
		status = http.StatusUnprocessableEntity
	}
	return Render(c, status, views.Events(page))
}

func (s *Site) eventFilter(c echo.Context, q Form, v *views.EventFilter) db.EventFilter {
	f := db.EventFilter{Events: eventNames(q.Get("event")), MeetingID: strings.ReplaceAll(v.MeetingID, " ", ""), Text: v.Q}
	f.After, v.AfterError = s.minute(c, v.After)
	f.Before, v.BeforeError = s.minute(c, v.Before)
	if v.Bridge != "" {
		f.IncidentNumber = -1 // what is no incident has no events
		if number, ok := incident.ParseKey(v.Bridge); ok {
			f.IncidentNumber = number
		}
	}
	if !f.IsZero() {
		v.ClearHref = "/events"
	}
	now := s.Now().In(Zone(c))
	for _, r := range []struct {
		label string
		back  time.Duration
	}{{"Last hour", time.Hour}, {"24 hours", 24 * time.Hour}, {"7 days", 7 * 24 * time.Hour}, {"All", 0}} {
		after := ""
		if r.back > 0 {
			after = now.Add(-r.back).Format(inputTime)
		}
		on := v.After == after
		if r.back > 0 {
			on = v.Before == "" && !f.After.IsZero() && s.Now().Sub(f.After).Round(10*time.Minute) == r.back
		}
		v.Ranges = append(v.Ranges, views.Chip{Label: r.label, Href: listHref(c, "after", after, "before", "", "cursor", ""), On: on})
	}
	return f
}

// eventNames are the types of event in a list with commas: "meeting.started", or
// "meeting.*" for all that begin so.
func eventNames(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// minute reads a time of a filter in the viewer's zone; "" is no limit.
func (s *Site) minute(c echo.Context, text string) (t time.Time, problem string) {
	if text == "" {
		return time.Time{}, ""
	}
	t, err := time.ParseInLocation(inputTime, text, Zone(c))
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02T15:04:05", text, Zone(c))
	}
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, "Give a time as 2026-01-31T14:30."
	}
	return t, ""
}

// listHref is hrefWith on the list, also from a page with an event open.
func listHref(c echo.Context, pairs ...string) string {
	_, query, _ := strings.Cut(hrefWith(c, pairs...), "?")
	if query == "" {
		return "/events"
	}
	return "/events?" + query
}

func listPager(c echo.Context, cursor, next string) views.Pager {
	var p views.Pager
	if next != "" {
		p.Older = listHref(c, "cursor", next)
	}
	if cursor != "" {
		p.Newer = listHref(c, "cursor", "")
	}
	return p
}

func (s *Site) eventTypes(c echo.Context, chosen string) ([]views.Choice, error) {
	types, err := s.Store.EventTypes(c.Request().Context())
	list := []views.Choice{{Value: "", Label: "Any"}}
	for _, t := range types {
		list = append(list, views.Choice{Value: t, Label: eventWords(t), Selected: t == chosen})
	}
	return list, err
}

// refusedReasons are the requests of the last hour that were not stored.
func (s *Site) refusedReasons(c echo.Context) ([]views.RefusedReason, error) {
	counts, err := s.Store.Refusals(c.Request().Context(), s.Now().Add(-time.Hour))
	var list []views.RefusedReason
	for _, r := range counts {
		v := views.RefusedReason{Count: int(r.Count)}
		v.Reason, v.Advice = refusalWords(r.Reason)
		if Actor(c).Role.Includes(incident.Admin) && slices.Contains([]string{"wrong_signature", "not_configured", "locked"}, r.Reason) {
			v.LinkText, v.Href = "Zoom account", "/account"
		}
		list = append(list, v)
	}
	return list, err
}

// refusalWords says a reason of Service.CountRefusal in words.
func refusalWords(reason string) (words, advice string) {
	switch reason {
	case "wrong_signature":
		return "with a wrong signature", "Is the secret token the one of the Zoom app? If it is, somebody else sent them."
	case "no_signature":
		return "without a signature", "Zoom signs everything. Somebody else sent them, or a proxy removes headers."
	case "malformed_signature", "malformed_timestamp":
		return "with a signature that Zoom would not write", "Somebody else sent them, or a proxy changes headers."
	case "millisecond_timestamp":
		return "with a timestamp in milliseconds", "Zoom writes seconds. A test tool may be sending them."
	case "not_configured":
		return "before a secret token was set", "Set the webhook secret token. Zoom repeats for 85 minutes what it could not deliver."
	case "locked":
		return "that could not be checked, because the secret token is locked", "Start the server with the master key it was stored with, or enter the token again."
	case "too_large":
		return "that were too large", "Zoom’s events are far below 1 MiB. Somebody else sent them."
	case "validation":
		return "with a validation that Zoom would not send", "Somebody else sent them; they were not answered."
	case "incomplete":
		return "that broke off before they were whole", "Zoom sends them again. Look at the proxy and the network."
	case "storage", "busy":
		return "because they could not be stored", "Zoom sends them again for 85 minutes. Look at the disk and the server’s log."
	}
	return "because of " + strings.ReplaceAll(reason, "_", " "), "See the server’s log."
}

func (s *Site) eventRow(c echo.Context, e incident.Event, open string) views.EventRow {
	id := strconv.FormatInt(e.ID, 10)
	row := views.EventRow{
		ID: id, Open: id == open, At: s.When(c, e.ReceivedAt),
		Event: e.Event, Words: eventWords(e.Event), Family: incident.EventFamily(e.Event),
		MeetingID: e.MeetingID, Topic: e.Topic, Who: e.Who, Stale: e.Stale, Unread: e.State != incident.EventRead,
	}
	_, query, _ := strings.Cut(listHref(c), "?")
	if row.Href = "/events/" + id; query != "" && c.Path() != "/" {
		row.Href += "?" + query
	}
	if !e.EventAt.IsZero() {
		row.At = s.When(c, e.EventAt)
		delay := max(0, e.ReceivedAt.Sub(e.EventAt))
		row.Delay, row.Slow = views.Length(delay), delay > slowDelivery
	}
	if e.Event == "" {
		row.Words = "not read"
	}
	if e.IncidentNumber != 0 {
		row.Key, row.IncidentHref = incident.Key(e.IncidentNumber), incidentPath(e.IncidentNumber)
	}
	return row
}

// eventWords is an event's name for people: "participant joined".
func eventWords(event string) string {
	_, words, ok := strings.Cut(event, ".")
	if !ok {
		words = event
	}
	if family := incident.EventFamily(event); family == "recording" || strings.HasPrefix(event, "user.") {
		words = strings.ReplaceAll(event, ".", " ")
	} else if family == "meeting" {
		words = "meeting " + words
	}
	return strings.ReplaceAll(words, "_", " ")
}
