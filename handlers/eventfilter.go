package handlers

import (
	"cmp"
	"net/url"
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

// eventFilterNames are the query fields of the event log that filter it, and
// eventPlaceNames those that say where in the list one is. seen is the newest event
// on a live page, which sends it when it refreshes.
var (
	eventFilterNames = []string{"event", "meeting_id", "bridge", "q", "range", "after", "before", "stale", "unread", "recovered", "twin"}
	eventPlaceNames  = []string{"cursor", "newer", "around", "seen"}
)

// inputTime is the value of <input type="datetime-local">.
const inputTime = "2006-01-02T15:04"

// eventRanges are the time spans up to now that are one click away.
var eventRanges = []timeRange{
	{"1h", "1 h", "last hour", time.Hour},
	{"24h", "24 h", "last 24 hours", 24 * time.Hour},
	{"7d", "7 d", "last 7 days", 7 * 24 * time.Hour},
	{"30d", "30 d", "last 30 days", 30 * 24 * time.Hour},
	{"all", "All", "the whole log", 0},
}

type timeRange struct {
	name, label, words string
	back               time.Duration
}

// eventQuery is what the query of the event log asks for.
type eventQuery struct {
	filter   db.EventFilter
	from, to time.Time // time span of the chart; a zero from is the beginning of the log
	lastDay  bool      // the chart shows the last 24 hours

	cursor, newer string
	around        int64     // an event ID, 0 for none
	aroundAt      time.Time // its time
	seen          int64
}

// live reports whether new events appear at the top of the page.
func (q eventQuery) live() bool {
	return q.cursor == "" && q.newer == "" && q.around == 0 && q.filter.Before.IsZero()
}

// eventQuery reads the query, and fills the form with it.
func (s *Site) eventQuery(c echo.Context, q Form, v *views.EventFilter) (e eventQuery, err error) {
	*v = views.EventFilter{
		Event: q.Get("event"), MeetingID: q.Get("meeting_id"), Bridge: q.Get("bridge"), Q: q.Get("q"), Range: q.Get("range"),
		After: q.Get("after"), Before: q.Get("before"), Around: q.Get("around"),
		Stale: q.Get("stale") != "", Unread: q.Get("unread") != "", Recovered: q.Get("recovered") != "", Twin: q.Get("twin") != "",
	}
	e.cursor, e.newer = q.Get("cursor"), q.Get("newer")
	if e.seen, err = q.Int("seen"); err != nil {
		return e, err
	}
	e.filter = db.EventFilter{
		Events: eventNames(v.Event), MeetingID: v.MeetingID, Text: v.Q,
		Stale: v.Stale, Unread: v.Unread, Recovered: v.Recovered, Twin: v.Twin,
	}
	if v.MeetingID != "" {
		if _, id, _ := zoom.FindMeetingID(v.MeetingID); id != "" {
			e.filter.MeetingID = id // the page shows it in groups
		} else {
			v.MeetingError = "Enter the 9 to 11 digits of a meeting ID, or a link to the meeting."
		}
	}
	if len(e.filter.Events) > 20 {
		return e, BadRequest("Filter by at most 20 event types at once.")
	}
	if v.Bridge != "" {
		if v.BridgeError, err = s.bridgeFilter(c, &e.filter, v.Bridge); err != nil {
			return e, err
		}
	}
	e.filter.After, v.AfterError = s.minute(c, v.After)
	e.filter.Before, v.BeforeError = s.minute(c, v.Before)
	if !e.filter.After.IsZero() && !e.filter.Before.IsZero() && !e.filter.After.Before(e.filter.Before) {
		v.BeforeError = "This time isn’t after the first one."
	}
	e.around, e.aroundAt, v.AroundError = s.moment(c, v.Around)
	if err := s.eventRange(&e, v); err != nil {
		return e, err
	}
	s.filterLinks(c, e, v)
	return e, nil
}

// bridgeFilter sets the incident of a filter, and says what is wrong with its key.
func (s *Site) bridgeFilter(c echo.Context, f *db.EventFilter, key string) (problem string, err error) {
	number, ok := incident.ParseKey(key)
	if !ok {
		f.IncidentNumber = -1 // no incident has it
		return "Enter the key of an incident, such as INC-42.", nil
	}
	f.IncidentNumber = number
	if _, err = s.Store.Incident(c.Request().Context(), number); incident.CodeOf(err) == incident.NotFound {
		return "There is no incident " + incident.Key(number) + ".", nil
	}
	return "", err
}

// eventRange sets the time span of the list and that of the chart, which is a day if
// nothing else is asked for.
func (s *Site) eventRange(e *eventQuery, v *views.EventFilter) error {
	const day = 24 * time.Hour
	now := s.Now()
	e.from, e.to = now.Add(-day), now.Add(time.Millisecond)
	if v.After != "" || v.Before != "" {
		v.Range = "" // the two times are more specific
	}
	n := slices.IndexFunc(eventRanges, func(r timeRange) bool { return r.name == v.Range })
	switch {
	case v.Range != "" && n < 0:
		return BadRequest("There is no time range %s.", quote(v.Range))
	case v.Range == "all":
		e.from = time.Time{}
	case v.Range != "":
		e.from = now.Add(-eventRanges[n].back)
		e.filter.After = e.from
	case !e.filter.After.IsZero() && !e.filter.Before.IsZero():
		e.from, e.to = e.filter.After, e.filter.Before
	case !e.filter.After.IsZero():
		e.from = e.filter.After
	case !e.filter.Before.IsZero():
		e.from, e.to = e.filter.Before.Add(-day), e.filter.Before
	case e.around != 0:
		e.from, e.to = e.aroundAt.Add(-day/2), e.aroundAt.Add(day/2)
	default:
		e.lastDay = true
	}
	if !e.to.After(e.from) {
		e.to = e.from.Add(time.Minute)
	}
	return nil
}

// filterLinks adds the links from this filter to others.
func (s *Site) filterLinks(c echo.Context, e eventQuery, v *views.EventFilter) {
	unbounded := "" // the preset of a list without a time range, which has all events
	if v.After == "" && v.Before == "" {
		unbounded = "all"
	}
	for _, r := range eventRanges {
		v.Ranges = append(v.Ranges, views.Chip{Label: r.label, Href: eventsHref(c, "range", r.name, "after", "", "before", ""), On: r.name == cmp.Or(v.Range, unbounded)})
	}
	drop := func(label string, names ...string) {
		var pairs []string
		for _, name := range names {
			pairs = append(pairs, name, "")
		}
		v.On = append(v.On, views.Chip{Label: label, Href: eventsHref(c, pairs...)})
	}
	for _, f := range []struct {
		on    bool
		label string
		name  string
	}{
		{v.Event != "", strings.Join(e.filter.Events, ", "), "event"},
		{v.MeetingID != "", "meeting " + views.MeetingGroups(e.filter.MeetingID), "meeting_id"},
		{v.Bridge != "", "bridge of " + v.Bridge, "bridge"},
		{v.Q != "", "“" + v.Q + "”", "q"},
		{v.Stale, "stale", "stale"},
		{v.Unread, "unread", "unread"},
		{v.Recovered, "recovered", "recovered"},
		{v.Twin, "variants", "twin"},
	} {
		if f.on {
			drop(f.label, f.name)
		}
	}
	if label := s.spanWords(c, e.filter, v); label != "" {
		drop(label, "after", "before")
		span := e.to.Sub(e.from)
		from, to := e.from.Add(-span), e.to.Add(span)
		if now := s.Now(); to.After(now) {
			to = now.Add(time.Minute)
		}
		zone := Zone(c)
		v.ZoomOut = eventsHref(c, "after", from.In(zone).Format(inputTime), "before", to.In(zone).Format(inputTime))
	}
	if len(v.On) > 0 || v.Range != "" || !e.live() {
		v.ClearHref = "/events"
	}
	v.Query = eventsQuery(c)
}

// spanWords words the two times of a filter, "" for none.
func (s *Site) spanWords(c echo.Context, f db.EventFilter, v *views.EventFilter) string {
	const layout = "2 Jan 2006 15:04"
	zone := Zone(c)
	after, before := f.After.In(zone), f.Before.In(zone)
	switch {
	case v.After != "" && v.AfterError == "" && v.Before != "" && v.BeforeError == "":
		if after.Format(time.DateOnly) == before.Format(time.DateOnly) {
			return after.Format(layout) + "–" + before.Format("15:04")
		}
		return after.Format(layout) + " – " + before.Format(layout)
	case v.After != "" && v.AfterError == "":
		return "from " + after.Format(layout)
	case v.Before != "" && v.BeforeError == "":
		return "before " + before.Format(layout)
	}
	return ""
}

// eventNames are the event types in a list separated by commas: "meeting.started", or
// "meeting.*" for all that begin like that.
func eventNames(text string) []string {
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
	if len(names) == 0 {
		return nil
	}
	return names
}

// minute reads a time of a filter in the viewer's zone. "" is the zero time.
func (s *Site) minute(c echo.Context, text string) (t time.Time, problem string) {
	if text == "" {
		return time.Time{}, ""
	}
	t, err := time.ParseInLocation(inputTime, text, Zone(c))
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02T15:04:05", text, Zone(c))
	}
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, "Enter a time such as 2026-01-31T14:30."
	}
	return t, ""
}

// moment reads the middle of a page: the ID of an event, Unix milliseconds, or a
// time in the viewer's zone. "" is none.
func (s *Site) moment(c echo.Context, text string) (id int64, at time.Time, problem string) {
	const year5138 = 100_000_000_000_000 // in milliseconds; IDs of events are larger
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case text == "":
		return 0, time.Time{}, ""
	case err == nil && n > year5138 && n < 1<<53:
		return n, db.EventArrival(n), ""
	case err == nil && n > 0 && n <= year5138:
		at = time.UnixMilli(n)
	default:
		if at, problem = s.minute(c, text); problem != "" {
			return 0, time.Time{}, problem
		}
	}
	return db.FirstEventID(at), at, ""
}

// eventsHref is the first page of the list, with other query values.
func eventsHref(c echo.Context, pairs ...string) string {
	return listHref(c, append(pairs, noPlace...)...)
}

// noPlace are the pairs that remove the place in the list from a query.
var noPlace = func() (pairs []string) {
	for _, name := range eventPlaceNames {
		pairs = append(pairs, name, "")
	}
	return pairs
}()

// eventsQuery is the filter of this page as a normalized query.
func eventsQuery(c echo.Context) string {
	return filterQuery(c.Request().URL.Query())
}

// filterQuery is a query of the event log, normalized and reduced to its filters.
func filterQuery(q url.Values) string {
	kept := url.Values{}
	for _, name := range eventFilterNames {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			kept.Set(name, v)
		}
	}
	if kept.Has("after") || kept.Has("before") {
		kept.Del("range")
	}
	return kept.Encode()
}

// listHref is hrefWith for the list, also from the page of one event.
func listHref(c echo.Context, pairs ...string) string {
	query := listQuery(c, pairs...)
	if query == "" {
		return "/events"
	}
	return "/events?" + query
}

// listQuery is the query of listHref.
func listQuery(c echo.Context, pairs ...string) string {
	_, query, _ := strings.Cut(hrefWith(c, append(pairs, "seen", "")...), "?")
	return query
}

// eventTypes are the event types that have arrived, and the families with more
// than one of them.
func eventTypes(types []string) []views.Choice {
	var list []views.Choice
	members := map[string]int{}
	for _, t := range types {
		family, _, _ := strings.Cut(t, ".")
		members[family]++
	}
	for _, family := range sortedNames(members) {
		if members[family] > 1 {
			list = append(list, views.Choice{Value: family + ".*", Label: "all " + family + " events"})
		}
	}
	for _, t := range types {
		list = append(list, views.Choice{Value: t, Label: words.EventName(t)})
	}
	return list
}
