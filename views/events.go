package views

import (
	"cmp"
	"fmt"
	"strconv"
)

// EventsPage is the log of what Zoom sent. Live topic: events.
// GET /events shows the list, with the fields of EventFilter in its query. GET /events/{id} with the same query shows
// the list with that event open next to it.
type EventsPage struct {
	Frame  Frame
	Live   bool   // new events appear at the top
	Tail   string // of a live page: how fast events arrive, and what it doesn't show
	Count  EventCount
	Chart  Chart // each bar's Href narrows the list to it
	Filter EventFilter
	Path   string // of the list, if the page is the answer to a form
	Link   string // this page, to share; empty if the public URL isn't known

	Refused []RefusedReason // rejected requests of the last hour

	Rows   []EventRow
	Moment When // the time that was asked for, if it is older than the last row
	Pager  Pager
	Detail *EventDetail // the event that is open

	Empty      bool   // no event has ever been stored
	WebhookURL string // for the empty state
}

// EventCount says how many events there are, as far as that can be counted quickly.
type EventCount struct {
	Number string // "1,204", "10,000+"
	Words  string // "in the last hour", "match"
	Total  string // "about 9.8 million in the log"; empty with a filter
}

// EventFilter is the filter form, GET. Fields: event, meeting_id, bridge, q, range, after, before, around, stale, unread,
// recovered, twin.
type EventFilter struct {
	Event     string   // types, separated by commas
	Types     []Choice // the choices: families, and all types that have arrived
	Unknown   []string // types that were asked for and have never arrived
	MeetingID string
	Bridge    string // incident key, "INC-42"
	Q         string
	Range     string // 1h, 24h, 7d, 30d, all; empty for none
	// Times in the viewer's zone, 2006-01-02T15:04.
	After, Before, Around                string
	AfterError, BeforeError, AroundError string
	MeetingError, BridgeError            string
	Stale, Unread, Recovered, Twin       bool

	Ranges    []Chip
	ZoomOut   string // href of a span three times as long; empty unless two times are set
	On        []Chip // active filters; each link is the page without one of them
	ClearHref string // set while a filter is active

	Query  string // the filter as it is saved; empty without an active filter
	Saved  []Chip
	Save   SaveFilter
	Delete *ConfirmForm // deletes the active saved filter
}

// SaveFilter is the form that saves a filter: POST /events/filters with name and query.
type SaveFilter struct {
	Allowed     bool
	Name, Error string
}

// Problem says what is wrong with the first wrong field of the form, "" if none is.
func (f EventFilter) Problem() string {
	return cmp.Or(f.MeetingError, f.BridgeError, f.AfterError, f.BeforeError, f.AroundError)
}

// Refused reports whether a field of the form has an error.
func (f EventFilter) Refused() bool { return f.Problem() != "" }

// more reports whether a filter under More is active.
func (f EventFilter) more() bool {
	return f.MeetingID != "" || f.Bridge != "" || f.After != "" || f.Before != "" || f.Around != "" || f.Stale || f.Unread || f.Recovered || f.Twin
}

// Capped writes a count, with a plus if counting stopped there: "10,000+".
func Capped(n int, more bool) string {
	if more {
		return Count(n) + "+"
	}
	return Count(n)
}

// About rounds a large count: "about 9.8 million".
func About(n int64) string {
	switch {
	case n < 1000:
		return "about " + strconv.FormatInt(n, 10)
	case n < 1_000_000:
		unit := int64(10)
		for n/unit >= 1000 {
			unit *= 10
		}
		return "about " + Count(int((n+unit/2)/unit*unit))
	case n < 999_950_000:
		return fmt.Sprintf("about %.1f million", float64(n)/1e6)
	}
	return fmt.Sprintf("about %.1f billion", float64(n)/1e9)
}

// RefusedReason counts the requests that were rejected for one reason.
type RefusedReason struct {
	Count          int
	Reason         string // "with a wrong signature"
	Advice         string // "Check that the secret token here is the Zoom app’s."
	LinkText, Href string
}

// EventRow is one event in a list.
type EventRow struct {
	Day               string // "Sunday 22 November 2026", above the first row of a day
	Moment            When   // the time that was asked for, just above this row
	Here              bool   // the list was asked for around this event
	ID, Href          string
	AroundHref        string // the list around this event
	Open              bool   // it is shown next to the list
	At                When   // Zoom's time of the event
	Event             string // meeting.participant_joined
	Words             string // participant joined
	Family            string // meeting, participant or recording; anything else shows as other
	MeetingID         string
	Topic             string
	Who               string // who or what: "Ana, from Oslo"
	Key, IncidentHref string // of the bridge it belongs to, if any
	Delay             string // "0.4 s", from Zoom's time of the event to its arrival
	Slow              bool   // the delay is suspiciously long
	Stale             bool   // signed outside the time window: stored, without effect
	Unread            bool   // stored, but not read yet or not readable
	New               bool   // unread because it has just arrived
	Recovered         bool   // its delivery never arrived; it comes from Zoom's delivery log
	Twin              bool   // same event, different body
}

func (p EventsPage) refusedTotal() int {
	n := 0
	for _, r := range p.Refused {
		n += r.Count
	}
	return n
}
