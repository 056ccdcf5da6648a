package views

// EventsPage is the log of what Zoom told us. Live topic: events.
// GET /events?event=&meeting_id=&bridge=&q=&after=&before=&cursor= shows the list, GET /events/{id} with the same query
// the list with that event open beside it.
type EventsPage struct {
	Frame    Frame
	LastHour int   // events received in the last hour
	Hours    Chart // each bar's Href narrows the list to it
	Filter   EventFilter

	Refused []RefusedReason // requests of the last hour that were not stored; empty: none

	Rows   []EventRow
	Pager  Pager
	Detail *EventDetail // the event that is open

	Empty      bool   // no event has ever been stored
	WebhookURL string // for the empty state
}

// EventFilter is the filter form, GET. Fields: event, meeting_id, bridge, q, after, before.
type EventFilter struct {
	Types     []Choice // all event types that were seen, first "" for any
	MeetingID string
	Bridge    string // incident key, "INC-42"
	Q         string
	// Times in the viewer's zone, 2006-01-02T15:04.
	After, Before           string
	AfterError, BeforeError string
	Ranges                  []Chip // last hour, 24 hours, 7 days, all
	ClearHref               string // set while a filter is on
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
	ID, Href          string
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
}

func familyClass(family string) string {
	switch family {
	case "meeting":
		return "db-family-1"
	case "participant":
		return "db-family-2"
	case "recording":
		return "db-family-3"
	}
	return "db-family-4"
}

func (p EventsPage) refusedTotal() int {
	n := 0
	for _, r := range p.Refused {
		n += r.Count
	}
	return n
}
