package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// eventDetail is the event that is open next to the list.
func (s *Site) eventDetail(c echo.Context, text string) (*views.EventDetail, error) {
	ctx := c.Request().Context()
	e, err := s.eventOf(ctx, text)
	if err != nil {
		return nil, err
	}
	row := s.eventRow(c, e, "", "")
	facts := zoom.ReadFacts(e.Body)
	d := &views.EventDetail{
		ID: text, Words: row.Words, Event: e.Event, State: string(e.State), Stale: e.Stale, Unread: row.Unread,
		Sentence: words.Event(e.Event, cmp.Or(e.Who, facts.Text(zoom.FactWho), facts.Text(zoom.FactEmail)), e.IncidentNumber), Why: eventWhy(e),
		At: s.When(c, e.EventAt), Received: s.When(c, e.ReceivedAt), Key: row.Key, IncidentHref: row.IncidentHref,
		Checks: eventChecks(e, row), Body: string(zoom.Redact(e.Body)), Bytes: len(e.Body), CloseHref: listHref(c), AroundHref: row.AroundHref,
	}
	s.eventFacts(c, d, e, facts)
	for _, name := range sortedNames(e.Headers) {
		d.Headers = append(d.Headers, views.KeyValue{Key: name, Value: e.Headers[name], Mono: true})
	}
	if Actor(c).Role.Includes(incident.Admin) { // the body as received has passcodes and download tokens
		d.RawHref = "/events/" + text + "/raw"
		d.ReprocessAction = eventHref(c, text, "/reprocess")
		d.Curl, d.CurlNote = curlCommand(s.PublicURL+"/webhook", text, e.Body)
	}
	if e.IncidentNumber != 0 {
		i, err := s.Store.Incident(ctx, e.IncidentNumber)
		if err != nil {
			return nil, err
		}
		d.IncidentName = i.Name
	}
	if d.Effects, d.NoEffect, err = s.eventEffects(c, e); err != nil {
		return nil, err
	}
	if err := s.eventNotes(c, d, e); err != nil {
		return nil, err
	}
	return d, s.eventNeighbours(c, d, e)
}

func (s *Site) eventOf(ctx context.Context, text string) (incident.Event, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return incident.Event{}, echo.NewHTTPError(http.StatusNotFound, "There is no event with this number.")
	}
	return s.Store.Event(ctx, id)
}

// eventNeighbours adds the earlier and later events of the same meeting.
func (s *Site) eventNeighbours(c echo.Context, d *views.EventDetail, e incident.Event) error {
	if e.MeetingID == "" {
		return nil
	}
	earlier, later, err := s.Store.EventsAround(c.Request().Context(), e.MeetingID, e.ID, 5)
	if err != nil {
		return err
	}
	slices.Reverse(earlier) // nearest first
	query := listQuery(c)
	for _, n := range earlier {
		d.Earlier = append(d.Earlier, s.eventRow(c, n, query, ""))
	}
	for _, n := range later {
		d.Later = append(d.Later, s.eventRow(c, n, query, ""))
	}
	return nil
}

// eventNotes adds what is special about an event: its origin, that its personal data was erased,
// and its variants.
func (s *Site) eventNotes(c echo.Context, d *views.EventDetail, e incident.Event) error {
	note := func(text string) { d.Notes = append(d.Notes, views.EventNote{Text: text}) }
	switch e.Origin {
	case incident.OriginWebhook:
	case incident.OriginRecovered:
		note("Recovered: its delivery never arrived here. Drawbridge read it from Zoom’s own delivery log.")
	case incident.OriginImported:
		note("Imported from another log. It changes no bridge.")
	}
	if !e.BlankedAt.IsZero() {
		note("Its personal data was erased on " + s.When(c, e.BlankedAt).Exact + ". This is what remains.")
	}
	if e.TwinOf != 0 {
		id := strconv.FormatInt(e.TwinOf, 10)
		d.Notes = append(d.Notes, views.EventNote{Text: "A variant of an earlier event: same event, different body.", LinkText: "View it", Href: eventHref(c, id, "")})
	}
	twins, err := s.Store.EventTwins(c.Request().Context(), e.ID)
	for _, t := range twins {
		d.Notes = append(d.Notes, views.EventNote{Text: "A variant of this event arrived at " + s.When(c, t.ReceivedAt).Clock + ".", LinkText: "View it", Href: eventHref(c, strconv.FormatInt(t.ID, 10), "")})
	}
	return err
}

// eventWhy says why an event is stale or unread, "" if it is neither.
func eventWhy(e incident.Event) string {
	switch {
	case e.Stale:
		return "It was signed more than two hours before it arrived, or in the future. It is stored but changed nothing. If this server’s clock was wrong, accept it now."
	case e.State == incident.EventNew:
		return "It is stored, and Drawbridge will read it in a moment."
	case e.State == incident.EventUnreadable:
		return "It is stored unchanged, but Drawbridge can’t read it. " + words.Unreadable(string(e.Problem))
	}
	return ""
}

// eventFacts adds what the body says, or if it says nothing, what the log
// remembers about it.
func (s *Site) eventFacts(c echo.Context, d *views.EventDetail, e incident.Event, facts zoom.Facts) {
	if len(facts.About) == 0 {
		facts.About = []zoom.Fact{
			{Name: zoom.FactWho, Text: e.Who}, {Name: "Topic", Text: e.Topic}, {Name: zoom.FactMeeting, Text: e.MeetingID, ID: true},
			{Name: "Meeting UUID", Text: e.MeetingUUID, ID: true}, {Name: "Zoom account", Text: e.AccountID, ID: true},
		}
	}
	for _, f := range facts.About {
		kv := views.KeyValue{Key: f.Name, Value: f.Text, Mono: f.ID, Copy: f.ID}
		switch {
		case !f.At.IsZero():
			kv.When = s.When(c, f.At)
		case f.For > 0:
			kv.Value = views.Length(f.For)
		case f.Bytes > 0:
			kv.Value = views.Bytes(f.Bytes)
		case f.Text == "":
			continue
		}
		if f.Name == zoom.FactMeeting {
			kv.Value, kv.Copied = views.MeetingGroups(f.Text), f.Text
		}
		if s.Service.LeadsToZoom(f.Link) {
			kv.Href = f.Link
		}
		if f.ID && f.Link == "" && f.Name != zoom.FactMeeting && f.Name != zoom.FactPhone {
			d.IDs = append(d.IDs, kv)
		} else {
			d.Facts = append(d.Facts, kv)
		}
	}
	for _, change := range facts.Changes {
		d.Changes = append(d.Changes, views.ValueChange(change))
	}
	for _, f := range facts.Files {
		v := views.EventFile{Kind: f.Kind, Format: f.Format}
		if f.Bytes > 0 {
			v.Size = views.Bytes(f.Bytes)
		}
		if f.End.After(f.Start) && !f.Start.IsZero() {
			v.Length = views.Length(f.End.Sub(f.Start))
		}
		if s.Service.LeadsToZoom(f.PlayURL) {
			v.PlayHref = f.PlayURL
		}
		if s.Service.LeadsToZoom(f.DownloadURL) {
			v.DownloadHref = f.DownloadURL
		}
		d.Files = append(d.Files, v)
	}
}

// eventEffects says what an event changed, judged by its entries in the timeline of
// an incident and the current state of its bridge. none is why it changed nothing.
func (s *Site) eventEffects(c echo.Context, e incident.Event) (effects []views.EventEffect, none string, err error) {
	switch {
	case e.Stale:
		return nil, "Nothing, because it is stale.", nil
	case e.State == incident.EventNew:
		return nil, "Nothing yet: it hasn’t been read.", nil
	case e.State == incident.EventUnreadable:
		return nil, "Nothing, because it couldn’t be read.", nil
	case e.MeetingID == "" && e.MeetingUUID == "":
		return nil, "Nothing: it isn’t about a meeting.", nil
	case e.Origin == incident.OriginImported:
		return nil, "Nothing: imported events change no bridge.", nil
	case e.BridgeID == "":
		return nil, "Nothing: no bridge has this meeting.", nil
	}
	ctx := c.Request().Context()
	entries, err := s.Store.EventEntries(ctx, e)
	if err != nil {
		return nil, "", err
	}
	bridge, err := s.Store.Bridge(ctx, e.BridgeID)
	if err != nil {
		return nil, "", err
	}
	people, err := s.Store.Presences(ctx, e.BridgeID)
	if err != nil {
		return nil, "", err
	}
	for _, entry := range entries {
		effects = append(effects, s.eventEffect(c, e, entry, bridge, people))
	}
	return effects, "Nothing. Drawbridge doesn’t act on this event type.", nil
}

// eventEffect words the effect behind one entry of the timeline.
func (s *Site) eventEffect(c echo.Context, e incident.Event, entry incident.TimelineEntry, bridge incident.Bridge, people []incident.Presence) views.EventEffect {
	key, said := incident.Key(e.IncidentNumber), entryWords(entry, s.Now()).Says()
	v := views.EventEffect{Text: "Added to the timeline of " + key + ": " + said}
	if Actor(c).Role.Includes(incident.Admin) {
		v.Detail = entryWords(entry, s.Now()).Fix()
	}
	switch entry.Kind {
	case incident.EntryCallStarted:
		v.Text = "A call on the bridge of " + key + " started."
	case incident.EntryCallEnded:
		v.Text = "Ended the bridge of " + key + "."
		if bridge.State == incident.BridgeLive {
			v.Text = "Ended a call on the bridge of " + key + ". Another one is running."
		}
	case incident.EntryJoined, incident.EntryLeft:
		v.Text = said
		z, _ := zoom.ReadEvent(e.Body)
		if stay, ok := stayOf(people, e.MeetingUUID, z.Participant); ok {
			v.Detail = "Inside from " + s.When(c, stay.JoinedAt).Clock
			switch {
			case stay.JoinedAt.IsZero():
				v.Detail = "We don’t know yet when they joined."
			case !stay.LeftAt.IsZero() && !stay.Inside():
				v.Detail += " to " + s.When(c, stay.LeftAt).Clock + "."
			case bridge.State == incident.BridgeLive:
				v.Detail += ", and still inside."
			default:
				v.Detail += " until the call ended."
			}
		}
	case incident.EntryMeetingDeleted:
		if bridge.State == incident.BridgeFailed {
			v.Text = "Removed the link of the bridge of " + key + "."
		}
	case incident.EntryRecordingReady:
		if len(bridge.Recordings) > 0 {
			v.Text = "The bridge of " + key + " has its recording."
		}
	default: // the text of the timeline is enough
	}
	return v
}

// stayOf is the stay of a participant in one instance of a meeting.
func stayOf(people []incident.Presence, uuid string, p *zoom.EventParticipant) (incident.Presence, bool) {
	if p == nil {
		return incident.Presence{}, false
	}
	i := slices.IndexFunc(people, func(stay incident.Presence) bool {
		return stay.UUID == uuid && (stay.SessionID == p.UserID || p.UserID == "" && stay.SessionID == p.Key)
	})
	if i < 0 {
		return incident.Presence{}, false
	}
	return people[i], true
}

// eventChecks says how the event was verified. Every stored webhook was verified.
func eventChecks(e incident.Event, row views.EventRow) []views.Check {
	switch e.Origin {
	case incident.OriginWebhook:
	case incident.OriginRecovered:
		return []views.Check{{Level: views.LevelOK, Text: "Read from Zoom’s API with this account’s app"}}
	case incident.OriginImported:
		return []views.Check{{Level: views.LevelWarning, Text: "Not verified: it had no signature"}}
	}
	token := "the newest secret token"
	if e.Slot > 0 {
		token = "the older secret token"
	}
	age := views.Check{Level: views.LevelOK, Text: fmt.Sprintf("Signed %s before it arrived", views.Length(max(0, e.ReceivedAt.Sub(e.SignedAt))))}
	if e.Stale {
		age = views.Check{Level: views.LevelWarning, Text: "Signed outside the time window"}
	}
	checks := []views.Check{{Level: views.LevelOK, Text: "Valid signature, made with " + token}, age, {Level: views.LevelOK, Text: "First delivery of this body"}}
	if row.Slow {
		checks = append(checks, views.Check{Level: views.LevelWarning, Text: "Arrived " + row.Delay + " after it happened: an earlier delivery may have failed"})
	}
	return checks
}

// ReprocessEvent is POST /events/:id/reprocess.
func (s *Site) ReprocessEvent(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.eventOf(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	again, err := s.Service.ReprocessEvent(ctx, Actor(c), e.ID)
	done := "Drawbridge read the event again. Nothing changed."
	switch said := reprocessedWords(again).Says(); {
	case !again.Read:
		done = "Drawbridge will read the event again in a moment."
	case said != "":
		done = "Drawbridge read the event again. " + said
	}
	return s.finish(c, err, eventHref(c, strconv.FormatInt(e.ID, 10), ""), done)
}

// eventHref is a page of an event that keeps the filters of the list that it was opened
// from.
func eventHref(c echo.Context, id, page string) string {
	href := "/events/" + id + page
	if query := listQuery(c); query != "" {
		href += "?" + query
	}
	return href
}
