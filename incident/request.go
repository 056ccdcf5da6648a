package incident

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The limits of a meeting's texts, in characters: those of Zoom's "Create a meeting"
// (200 and 2000), less the mark in the agenda: a UUID and the installation.
const (
	MaxTopic  = 200
	MaxAgenda = 2000 - len("\n\n"+markStart) - 36 - len("/") - installationLength

	markStart = "Drawbridge ref "

	// listedAgenda is how much of an agenda Zoom's lists show (Zoom, "List meetings":
	// 250 characters). It is compared with bytes, to be safe.
	listedAgenda = 250
)

// request returns the request for the meeting. It sets everything that matters,
// because a meeting created through the API does not use the host's own defaults.
func (c *climber) request(marker string) zoom.MeetingRequest {
	r := zoom.MeetingRequest{
		Topic:           c.bridge.Topic,
		Agenda:          c.s.markAgenda(c.bridge.Agenda, marker),
		StartTime:       c.s.now(),
		DurationMinutes: c.bridge.Asked.DurationMinutes,
		AutoRecording:   string(c.bridge.Asked.Recording),
		WaitingRoom:     c.bridge.Asked.WaitingRoom,
		JoinBeforeHost:  c.bridge.Asked.JoinBeforeHost,
	}
	if !c.noAlternatives {
		r.AlternativeHosts = c.bridge.Asked.AlternativeHosts
	}
	return r
}

// markAgenda adds the attempt's id to the agenda. Zoom has no idempotency key, so
// this id is the way to find our meeting again. It stands at the end, unless Zoom's
// lists would not show it there. The installation in it keeps two of them that work with
// copies of the same database from deleting each other's meetings.
func (s *Service) markAgenda(agenda, marker string) string {
	mark := markStart + marker + "/" + s.installation
	if agenda = cutRunes(agenda, MaxAgenda); agenda == "" {
		return mark
	}
	if marked := agenda + "\n\n" + mark; len(marked) <= listedAgenda {
		return marked
	}
	return mark + "\n\n" + agenda
}

func cutRunes(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}

// render renders topic and agenda. A failing template never stops the bridge;
// only the first climb adds it to the timeline.
func (c *climber) render(first bool) {
	data := c.s.templateData(c.incident)
	names := slices.Sorted(maps.Keys(c.incident.Vars))
	topic, wrong := renderTemplate(c.bridge.Asked.Topic, names, data, MaxTopic)
	if topic = oneLine(topic); topic == "" {
		topic = plainTopic(c.incident)
	}
	c.templateFailed("topic", topic, wrong, first)
	agenda, wrong := renderTemplate(c.bridge.Asked.Agenda, names, data, MaxAgenda)
	c.templateFailed("agenda", topic, wrong, first)
	c.bridge.Topic, c.bridge.Agenda, c.bridge.Recording = topic, agenda, c.bridge.Asked.Recording
}

// plainTopic is the topic of a meeting whose template gives none.
func plainTopic(i Incident) string { return cutRunes(i.Key()+" "+oneLine(i.Name), MaxTopic) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// templateFailed adds a template error to the timeline on the first climb. It
// must not delay or stop the bridge.
func (c *climber) templateFailed(field, topic string, wrong []TemplateError, first bool) {
	if len(wrong) == 0 || !first {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stateWrite)
	defer cancel()
	entry := c.s.bridgeEntry(c.bridge, EntryTemplateFailed, TimelineData{Field: field, Topic: topic, Template: wrong[:min(len(wrong), 3)]})
	if err := c.s.store.AddTimeline(ctx, entry); err != nil {
		c.s.log.Error("could not write to the timeline", "incident", c.incident.Key(), "error", err)
	}
}
