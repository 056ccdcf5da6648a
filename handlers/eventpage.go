package handlers

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func (s *Site) eventDetail(c echo.Context, text string) (*views.EventDetail, error) {
	ctx := c.Request().Context()
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, echo.NewHTTPError(http.StatusNotFound, "There is no event of this number.")
	}
	e, err := s.Store.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	row := s.eventRow(c, e, "")
	d := &views.EventDetail{
		ID: text, Words: row.Words, Event: e.Event, Stale: e.Stale, Unread: row.Unread,
		At: s.When(c, e.EventAt), Received: s.When(c, e.ReceivedAt), Key: row.Key, IncidentHref: row.IncidentHref,
		Body: string(zoom.Redact(e.Body)), Bytes: len(e.Body), MeetingID: e.MeetingID,
		CloseHref: listHref(c),
	}
	if e.IncidentNumber != 0 {
		i, err := s.Store.Incident(ctx, e.IncidentNumber)
		if err != nil {
			return nil, err
		}
		d.IncidentName = i.Name
	}
	d.Sentence = eventSentence(e)
	if Actor(c).Role.Includes(incident.Admin) { // as received, with passcodes and download tokens
		d.RawHref = "/events/" + text + "/raw"
	}
	switch {
	case e.Stale:
		d.Why = "It was signed more than two hours before it arrived, or in the future. It is kept and changed nothing. If the clock of this server was wrong, let it count now."
		if Actor(c).Role.Includes(incident.Admin) {
			d.ReprocessAction = "/events/" + text + "/reprocess"
		}
	case e.State == incident.EventNew:
		d.Why = "It is stored and waits to be read, which takes a moment."
	case e.State == incident.EventUnreadable:
		d.Why = "It is kept as it came, but it is not a Zoom event this program can read. " + e.ReadError
	}
	d.Fields = eventFields(e)
	d.Checks = eventChecks(e, row)
	for _, name := range sortedNames(e.Headers) {
		d.Headers = append(d.Headers, views.KeyValue{Key: name, Value: e.Headers[name], Mono: true})
	}
	if e.MeetingID != "" {
		earlier, later, err := s.Store.EventsAround(ctx, e.MeetingID, id, 5)
		if err != nil {
			return nil, err
		}
		for n := len(earlier) - 1; n >= 0; n-- {
			d.Earlier = append(d.Earlier, s.eventRow(c, earlier[n], ""))
		}
		for _, l := range later {
			d.Later = append(d.Later, s.eventRow(c, l, ""))
		}
	}
	return d, nil
}

// eventSentence says what an event means.
func eventSentence(e incident.Event) string {
	who, of := e.Who, ""
	if who == "" {
		who = "Somebody"
	}
	if e.IncidentNumber != 0 {
		of = " of " + incident.Key(e.IncidentNumber)
	}
	switch e.Event {
	case "meeting.participant_joined":
		return who + " joined the meeting" + of + "."
	case "meeting.participant_left":
		return who + " left the meeting" + of + "."
	case "meeting.participant_jbh_waiting":
		return who + " waits for the host to start the meeting" + of + "."
	case "meeting.participant_joined_waiting_room":
		return who + " is in the waiting room of the meeting" + of + "."
	case "meeting.started":
		return "The meeting" + of + " began."
	case "meeting.ended":
		return "The meeting" + of + " ended."
	case "meeting.created":
		return "The meeting" + of + " was made."
	case "meeting.deleted":
		return "The meeting" + of + " was deleted."
	case "recording.completed":
		return "The recording" + of + " is ready."
	case "":
		return "What this event says is not known."
	}
	return "Zoom says: " + eventWords(e.Event) + "."
}

func eventFields(e incident.Event) []views.KeyValue {
	var list []views.KeyValue
	for _, kv := range []views.KeyValue{
		{Key: "Topic", Value: e.Topic},
		{Key: "Who", Value: e.Who},
		{Key: "Meeting", Value: e.MeetingID, Mono: true, Copy: true},
		{Key: "Meeting UUID", Value: e.MeetingUUID, Mono: true, Copy: true},
		{Key: "Zoom account", Value: e.AccountID, Mono: true},
	} {
		if kv.Value != "" {
			list = append(list, kv)
		}
	}
	return list
}

// eventChecks says how the event was verified. What is stored was verified.
func eventChecks(e incident.Event, row views.EventRow) []views.Check {
	token := "the newest secret token"
	if e.Slot > 0 {
		token = "the secret token that is being retired"
	}
	age := views.Check{State: "ok", Text: fmt.Sprintf("Signed %s before it arrived", views.Length(max(0, e.ReceivedAt.Sub(e.SignedAt))))}
	if e.Stale {
		age = views.Check{State: "warning", Text: "Signed outside the time window"}
	}
	checks := []views.Check{{State: "ok", Text: "The signature is right, with " + token}, age, {State: "ok", Text: "First delivery of this body"}}
	if row.Slow {
		checks = append(checks, views.Check{State: "warning", Text: "Arrived " + row.Delay + " after it happened: an earlier delivery may have failed"})
	}
	return checks
}

// EventRaw is GET /events/:id/raw: the bytes as received.
func (s *Site) EventRaw(c echo.Context) error { return s.RawEvent(c) }

// ReprocessEvent is POST /events/:id/reprocess.
func (s *Site) ReprocessEvent(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound, "There is no event of this number.")
	}
	if err := s.orFlash(c, s.Service.ReprocessEvent(c.Request().Context(), Actor(c), id), "The event counts now."); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+strconv.FormatInt(id, 10))
}
