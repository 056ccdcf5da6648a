package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	// slowDelivery is the delay from Zoom's clock to ours above which a first delivery
	// has probably failed: Zoom retries after 5 minutes.
	slowDelivery = time.Minute

	// justArrived is how long an event may wait to be read before the page says so.
	justArrived = 10 * time.Second

	eventsOnPage = 50
	countEvents  = 10_000          // matches are counted up to here; then the page says "10,000+"
	rateOver     = 3 * time.Second // the period of "now" in "1,012/s now"

	// With many events, sums may be a few seconds old, which nobody can see.
	manyEvents = 100_000
	summaryAge = 5 * time.Second
)

// EventsPage is GET /events, and GET /events/:id with that event open.
func (s *Site) EventsPage(c echo.Context) error {
	return s.eventsPage(c, http.StatusOK, views.SaveFilter{})
}

// eventsPage shows the list. save is the rejected form to save its filter, or zero.
func (s *Site) eventsPage(c echo.Context, status int, save views.SaveFilter) error {
	form, err := ReadQuery(c, slices.Concat(eventFilterNames, eventPlaceNames)...)
	if err != nil {
		return err
	}
	page := views.EventsPage{Frame: s.Frame(c, "Events", "events"), WebhookURL: s.PublicURL + "/webhook"}
	q, err := s.eventQuery(c, form, &page.Filter)
	if err != nil {
		return err
	}
	if page.Filter.Refused() {
		status = http.StatusUnprocessableEntity
	}
	list, err := s.eventList(c.Request().Context(), q)
	if err != nil {
		return err
	}
	if q.newer != "" && list.newest && c.Param("id") == "" {
		return c.Redirect(http.StatusSeeOther, eventsHref(c)) // the first page has its own address
	}

	s.eventRows(c, q, list, &page)
	page.Live = q.live()
	page.Empty = page.Filter.ClearHref == "" && len(list.rows) == 0
	for _, part := range []func(echo.Context, eventQuery, eventList, *views.EventsPage) error{s.eventAids, s.eventCount, s.savedFilters} {
		if err := part(c, q, list, &page); err != nil {
			return err
		}
	}
	if save.Error != "" {
		page.Filter.Save.Name, page.Filter.Save.Error = save.Name, save.Error
		page.Path = c.Request().URL.RequestURI()
	}
	if open := c.Param("id"); open != "" {
		if page.Detail, err = s.eventDetail(c, open); err != nil {
			return err
		}
	}
	return Render(c, status, views.Events(page))
}

// eventList is a page of the log, newest first.
type eventList struct {
	rows         []incident.Event
	newer, older string // cursors, "" when there are none
	newest       bool   // the list begins with the newest event
	searchedTo   time.Time
	searchedUp   bool // towards newer events
}

// whole reports whether the list has all matches.
func (l eventList) whole() bool {
	return l.newest && l.newer == "" && l.older == "" && l.searchedTo.IsZero()
}

// eventList reads the page that was asked for. Paging is always by cursor, so that
// the last page costs as much as the first.
func (s *Site) eventList(ctx context.Context, q eventQuery) (eventList, error) {
	if q.newer != "" {
		page, err := s.Store.EventRowsAfter(ctx, q.filter, q.newer, eventsOnPage)
		if err != nil {
			return eventList{}, err
		}
		if page.Next != "" {
			l := eventList{rows: page.Items, newer: page.Next, older: beside(q.newer, 1), searchedTo: page.SearchedTo, searchedUp: true}
			if n := len(page.Items); n > 0 {
				l.older = strconv.FormatInt(page.Items[n-1].ID, 10)
			}
			return l, nil
		}
		// There is less than a page of newer events, so show the first page.
	}
	if q.around != 0 {
		newer, err := s.Store.EventRowsAfter(ctx, q.filter, strconv.FormatInt(q.around, 10), eventsOnPage/2)
		if err != nil {
			return eventList{}, err
		}
		older, err := s.Store.EventRows(ctx, q.filter, strconv.FormatInt(q.around+1, 10), eventsOnPage/2)
		return eventList{rows: slices.Concat(newer.Items, older.Items), newer: newer.Next, older: older.Next, newest: newer.Next == "", searchedTo: older.SearchedTo}, err
	}
	page, err := s.Store.EventRows(ctx, q.filter, q.cursor, eventsOnPage)
	l := eventList{rows: page.Items, older: page.Next, newest: q.cursor == "", searchedTo: page.SearchedTo}
	if !l.newest {
		l.newer = beside(q.cursor, -1)
		if len(l.rows) > 0 {
			l.newer = strconv.FormatInt(l.rows[0].ID, 10)
		}
	}
	return l, err
}

// beside moves a cursor by a number of IDs, so that the page after a cursor that
// points at an event begins with that event.
func beside(cursor string, by int64) string {
	id, _ := strconv.ParseInt(cursor, 10, 64) // the store has already parsed it
	return strconv.FormatInt(max(id+by, 0), 10)
}

// eventRows fills in the rows, with a line for each day and for the time that was
// asked for, and the links to other pages.
func (s *Site) eventRows(c echo.Context, q eventQuery, l eventList, page *views.EventsPage) {
	zone, today := Zone(c), s.Now().In(Zone(c)).Format(time.DateOnly)
	day, here := today, q.around == 0
	query, open := listQuery(c), c.Param("id")
	for _, e := range l.rows {
		row := s.eventRow(c, e, query, open)
		if arrived := e.ReceivedAt.In(zone); arrived.Format(time.DateOnly) != day {
			day = arrived.Format(time.DateOnly)
			row.Day = arrived.Format("Monday 2 January 2006")
		}
		if !here && e.ID <= q.around {
			here, row.Moment = true, s.When(c, q.aroundAt)
		}
		row.Here = e.ID == q.around
		page.Rows = append(page.Rows, row)
	}
	if !here {
		page.Moment = s.When(c, q.aroundAt) // all events are newer
	}
	if l.older != "" {
		page.Pager.Older = listHref(c, "cursor", l.older, "newer", "", "around", "")
	}
	if l.newer != "" {
		page.Pager.Newer = listHref(c, "newer", l.newer, "cursor", "", "around", "")
	}
	if !q.live() && (!l.newest || q.around != 0) {
		page.Pager.Newest = eventsHref(c)
	}
	if !l.searchedTo.IsZero() {
		to := s.When(c, l.searchedTo).Exact
		page.Pager.Says, page.Pager.GoesOn = "Searched back to "+to, true
		if l.searchedUp {
			page.Pager.Says = "Searched forward to " + to
		}
	}
}

// eventCount says how many events there are, as far as that can be counted quickly.
func (s *Site) eventCount(c echo.Context, q eventQuery, l eventList, page *views.EventsPage) (err error) {
	ctx := c.Request().Context()
	if page.Tail, err = s.eventTail(ctx, q, l.rows); err != nil {
		return err
	}
	if q.around != 0 && q.filter.IsZero() {
		page.Count = views.EventCount{Number: views.Count(page.Chart.Total()), Words: "in half a day before and after"}
		return nil
	}
	if q.filter.IsZero() {
		busy, err := s.busyLog(ctx)
		if err != nil {
			return err
		}
		// A large number is rounded, so nobody sees that it is a few seconds old.
		total, err := s.total.get(ctx, s.Now(), summaryAge, s.Store.EventTotal, func(n int64) bool { return n > manyEvents })
		says := views.About(total)
		if n := busy.hour; n > total-total/100 { // rounded, or a few seconds old, the log could seem smaller than its last hour
			says = "about " + views.Count(int(max(n, total)))
		}
		page.Count = views.EventCount{Number: views.Count(int(busy.hour)), Words: "in the last hour", Total: says + " in the log"}
		return err
	}
	if drawn := page.Chart.Total(); !q.filter.After.IsZero() && page.Chart.Note == "" { // the chart has all of them
		page.Count = views.EventCount{Number: views.Count(drawn), Words: "in this time"}
		return nil
	}
	if types := q.filter; len(types.Events) > 0 {
		if types.Events = nil; types.IsZero() { // they were counted as they were read
			h, err := s.Store.EventHistogram(ctx, q.filter, time.UnixMilli(0), s.Now(), 1)
			page.Count = views.EventCount{Number: views.Count(int(h.Total())), Words: "match (approximate)"}
			return err
		}
	}
	n, more := len(l.rows), false
	if !l.whole() {
		n, more, err = s.Store.CountMatches(ctx, q.filter, countEvents)
		n = max(n, len(l.rows))
	}
	page.Count = views.EventCount{Number: views.Capped(n, more), Words: "match"}
	switch {
	case more && n == 0:
		page.Count = views.EventCount{Number: "–", Words: "found so far"}
	case n == 1 && !more:
		page.Count.Words = "matches"
	}
	return err
}

// eventTail says how fast events arrive on a live page, and what it doesn't show.
func (s *Site) eventTail(ctx context.Context, q eventQuery, rows []incident.Event) (string, error) {
	if !q.live() {
		return "", nil
	}
	rate, err := s.eventRate(ctx, q.filter, rows)
	if err != nil || q.seen == 0 || len(rows) < eventsOnPage || rows[len(rows)-1].ID <= q.seen {
		return rate, err
	}
	n, more, err := s.eventsSince(ctx, q.filter, q.seen)
	if n -= len(rows); n <= 0 {
		return rate, err
	}
	return joinSaid(rate, fmt.Sprintf("Showing the newest %d; %s more arrived in between", len(rows), views.Capped(n, more))), err
}

// busyLog is how many events arrived in the last hour and in the last seconds.
type busyLog struct {
	hour int64
	now  int // in the last rateOver
	more bool
}

// busyLog counts at most once a second while many events arrive.
func (s *Site) busyLog(ctx context.Context) (busyLog, error) {
	return s.busy.get(ctx, s.Now(), time.Second, func(ctx context.Context) (b busyLog, err error) {
		if b.hour, err = s.Store.CountEvents(ctx, s.Now().Add(-time.Hour)); err == nil {
			b.now, b.more, err = s.Store.CountMatches(ctx, db.EventFilter{After: s.Now().Add(-rateOver)}, countEvents)
		}
		return b, err
	}, func(b busyLog) bool { return b.hour > countEvents })
}

// eventRate is "1,012/s now", or "" if less than one event arrives per second. rows
// are the newest events of the filter, or none.
func (s *Site) eventRate(ctx context.Context, f db.EventFilter, rows []incident.Event) (string, error) {
	since := s.Now().Add(-rateOver)
	n := slices.IndexFunc(rows, func(e incident.Event) bool { return e.ReceivedAt.Before(since) })
	more, err := false, error(nil)
	switch {
	case n >= 0: // rows has all of them
	case f.IsZero():
		var b busyLog
		b, err = s.busyLog(ctx)
		n, more = b.now, b.more
	default:
		if f.After.Before(since) {
			f.After = since
		}
		n, more, err = s.Store.CountMatches(ctx, f, countEvents)
	}
	if n < int(rateOver/time.Second) {
		return "", err
	}
	return views.Capped(n/int(rateOver/time.Second), more) + "/s now", err
}

// eventsSince counts the events that arrived after an event.
func (s *Site) eventsSince(ctx context.Context, f db.EventFilter, id int64) (n int, more bool, err error) {
	if since := db.EventArrival(id).Add(time.Millisecond); f.After.Before(since) {
		f.After = since
	}
	return s.Store.CountMatches(ctx, f, countEvents)
}

func joinSaid(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// EventTail is GET /events/tail: one line of text about the events that arrived since
// "seen", the first event on a paused page.
func (s *Site) EventTail(c echo.Context) error {
	form, err := ReadQuery(c, slices.Concat(eventFilterNames, []string{"seen"})...)
	if err != nil {
		return err
	}
	q, err := s.eventQuery(c, form, &views.EventFilter{})
	if err != nil {
		return err
	}
	rate, err := s.eventRate(c.Request().Context(), q.filter, nil)
	if err != nil {
		return err
	}
	n, more, err := s.eventsSince(c.Request().Context(), q.filter, q.seen)
	if err != nil {
		return err
	}
	since := ""
	if n > 0 {
		since = views.Capped(n, more) + " new since you paused"
	}
	return c.String(http.StatusOK, joinSaid(rate, since))
}

// eventAids adds the chart, the rejected requests and the types to choose from.
func (s *Site) eventAids(c echo.Context, q eventQuery, l eventList, page *views.EventsPage) (err error) {
	if page.Chart, err = s.eventChart(c, q, l, page.Filter); err != nil {
		return err
	}
	if page.Refused, err = s.refusedReasons(c); err != nil {
		return err
	}
	types, err := s.Store.EventTypes(c.Request().Context())
	page.Filter.Types = eventTypes(types)
	for _, name := range q.filter.Events {
		if !strings.HasSuffix(name, ".*") && !slices.Contains(types, name) {
			page.Filter.Unknown = append(page.Filter.Unknown, name)
		}
	}
	return err
}

// mendedByToken are rejections that an admin may end on the Zoom account page.
var mendedByToken = []incident.Rejection{incident.Rejection(zoom.WrongSignature), incident.RejectedValidation, incident.NoWebhookToken, incident.WebhookTokenLocked}

// refusedReasons counts the rejected requests of the last hour by reason.
func (s *Site) refusedReasons(c echo.Context) ([]views.RefusedReason, error) {
	counts, err := s.Store.Refusals(c.Request().Context(), s.Now().Add(-time.Hour))
	var list []views.RefusedReason
	for _, r := range counts {
		v := views.RefusedReason{Count: int(r.Count)}
		v.Reason, v.Advice = words.Rejection(string(r.Reason))
		switch {
		case Actor(c).Role.Includes(incident.Admin):
			if slices.Contains(mendedByToken, r.Reason) {
				v.LinkText, v.Href = "Zoom account", "/account"
			}
		case r.Reason == incident.NoWebhookToken || r.Reason == incident.WebhookTokenLocked:
			v.Reason, v.Advice = "that couldn’t be verified", ""
		default:
			v.Advice = ""
		}
		list = append(list, v)
	}
	return list, err
}

// eventRow is one row of a list. query is the query of the list, which the link to
// the event keeps. open is the ID of the open event.
func (s *Site) eventRow(c echo.Context, e incident.Event, query, open string) views.EventRow {
	id := strconv.FormatInt(e.ID, 10)
	row := views.EventRow{
		ID: id, Open: id == open,
		Event: e.Event, Words: words.EventName(e.Event), Family: incident.EventFamily(e.Event),
		MeetingID: e.MeetingID, Topic: e.Topic, Who: e.Who, Stale: e.Stale, Unread: e.State != incident.EventRead,
		Recovered: e.Origin == incident.OriginRecovered, Twin: e.TwinOf != 0, AroundHref: "/events?around=" + id + "#here",
	}
	if row.Href = "/events/" + id; query != "" {
		row.Href += "?" + query
	}
	if e.EventAt.IsZero() {
		row.At = s.When(c, e.ReceivedAt)
	} else {
		row.At = s.When(c, e.EventAt)
		if at := e.EventAt.In(Zone(c)); at.Format(time.DateOnly) != e.ReceivedAt.In(Zone(c)).Format(time.DateOnly) {
			row.At.Clock = at.Format("2 Jan 15:04:05")
		}
		delay := max(0, e.ReceivedAt.Sub(e.EventAt))
		row.Delay, row.Slow = views.Length(delay), delay > slowDelivery
	}
	if e.Event == "" {
		row.Words = "no type"
		if row.Unread {
			row.Words = "not read"
		}
	}
	if e.State == incident.EventNew && s.Now().Sub(e.ReceivedAt) < justArrived {
		row.New = true
		if e.Event == "" {
			row.Words = "just arrived"
		}
	}
	if e.IncidentNumber != 0 {
		row.Key, row.IncidentHref = incident.Key(e.IncidentNumber), incidentPath(e.IncidentNumber)
	}
	return row
}
