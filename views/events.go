package views

import (
	"fmt"
	"strconv"
)

// EventsPage is the log of what Zoom sent. Live topic: events.
// GET /events shows the list, with the fields of EventFilter in its query; GET /events/{id} with the same query the list
// with that event open beside it.
type EventsPage struct {
	Frame  Frame
	Live   bool   // new events come on top
	Tail   string // of a live page: how fast they come, and what is not shown
	Count  EventCount
	Chart  Chart // each bar's Href narrows the list to it
	Filter EventFilter
	Path   string // of the list, when the page is the answer to a form
	Link   string // this page, for others; empty: not known

	Refused []RefusedReason // requests of the last hour that were not stored; empty: none

	Rows   []EventRow
	Moment When // the moment that was asked for, when it lies behind the last row
	Pager  EventPager
	Detail *EventDetail // the event that is open

	Empty      bool   // no event has ever been stored
	WebhookURL string // for the empty state
}

// EventCount says how many events there are, as far as that is known at once.
type EventCount struct {
	Number string // "1,204", "10,000+"
	Words  string // "in the last hour", "match"
	Total  string // "about 9.8 million in the log"; empty with a filter
}

// EventPager leads through the log by cursor.
type EventPager struct {
	Newest, Newer, Older string // hrefs
	Says                 string // "Searched back to 22 Nov 2026, 03:14:07 CET"
	GoesOn               bool   // the search stopped and can go on, to older or newer ones
}

// EventFilter is the filter form, GET. Fields: event, meeting_id, bridge, q, range, after, before, around, stale, unread,
// recovered, twin.
type EventFilter struct {
	Event     string   // types, with commas
	Types     []Choice // what can be chosen: families and all types that were seen
	Unknown   []string // types that are asked for and never came
	MeetingID string
	Bridge    string // incident key, "INC-42"
	Q         string
	Range     string // 1h, 24h, 7d, 30d, all; empty for none
	// Times in the viewer's zone, 2006-01-02T15:04.
	After, Before, Around                string
	AfterError, BeforeError, AroundError string
	Stale, Unread, Recovered, Twin       bool

	Ranges    []Chip
	ZoomOut   string // href of three times the time; empty when no two times are set
	On        []Chip // what is on; each link is the page without it
	ClearHref string // set while anything is on

	Query  string // the filter as it is saved; empty while nothing is on
	Saved  []Chip
	Save   SaveFilter
	Delete *ConfirmForm // of the saved filter that is on
}

// SaveFilter is the form that gives a filter a name: POST /events/filters, fields name and query.
type SaveFilter struct {
	Allowed     bool
	Name, Error string
}

// Refused says whether something in the form is wrong.
func (f EventFilter) Refused() bool {
	return f.AfterError != "" || f.BeforeError != "" || f.AroundError != ""
}

// more says whether a filter is on that stands under More.
func (f EventFilter) more() bool {
	return f.MeetingID != "" || f.Bridge != "" || f.After != "" || f.Before != "" || f.Around != "" || f.Stale || f.Unread || f.Recovered || f.Twin
}

// Capped writes a count that went no further: "10,000+".
func Capped(n int, more bool) string {
	if more {
		return Count(n) + "+"
	}
	return Count(n)
}

// About writes a large count as people say it: "about 9.8 million".
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

// RefusedReason counts requests that were refused for one reason.
type RefusedReason struct {
	Count          int
	Reason         string // "with a wrong signature"
	Advice         string // "Is the secret token the one of the Zoom app?"
	LinkText, Href string
}

// EventRow is one event in a list.
type EventRow struct {
	Day               string // "Sunday 22 November 2026", over the first row of a day
	Moment            When   // the moment that was asked for lies just above this row
	Here              bool   // it is the event whose surroundings were asked for
	ID, Href          string
	AroundHref        string // what came before and after it
	Open              bool   // it is the one beside the list
	At                When   // Zoom's time of the event
	Event             string // meeting.participant_joined
	Words             string // participant joined
	Family            string // meeting, participant, recording; anything else is other
	MeetingID         string
	Topic             string
	Who               string // who or what: "Ana, from Oslo"
	Key, IncidentHref string // of the bridge it belongs to, if any
	Delay             string // "0.4 s" from Zoom's time to ours
	Slow              bool   // the delay is worth a look
	Stale             bool   // outside the time window: kept, without effect
	Unread            bool   // stored, but what it says could not be read
	New               bool   // unread because it arrived only just now
	Recovered         bool   // it did not arrive; it was read in Zoom's log of deliveries
	Twin              bool   // same event, different body
}

func (p EventsPage) refusedTotal() int {
	n := 0
	for _, r := range p.Refused {
		n += r.Count
	}
	return n
}
