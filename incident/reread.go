package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// askChanged is the pause between two questions about a meeting that, as an event says, was
// changed in Zoom.
const askChanged = 5 * time.Second

// reread takes what Zoom says about the bridge's meeting when asked about its call, and
// returns what the timeline says about it. sure means that an event said that the meeting
// may have changed: then Zoom's silence about a setting counts as well.
func (b *Bridge) reread(m zoom.Meeting, sure bool, at time.Time) (entries []TimelineEntry) {
	before := *b
	// The call is asked about by the id of the personal room, if it takes place there, and
	// each instance has a uuid of its own.
	m.ID, m.UUID, m.PMI = b.MeetingID, b.MeetingUUID, b.PMI
	if b.Kind == KindStandby {
		m.Topic = b.Topic // it may not be renamed yet
	}
	switch {
	case m.Passcode == b.Passcode && linkPath(m.JoinURL) == linkPath(b.JoinURL):
		m.JoinURL = b.JoinURL // Zoom may encrypt the passcode in the link anew
		m.PhonePasscode = cmp.Or(m.PhonePasscode, b.PhonePasscode)
	case m.Passcode == "" && m.JoinURL == b.JoinURL: // Zoom did not say
		m.Passcode, m.PhonePasscode = b.Passcode, b.PhonePasscode
	}
	b.UpdatedAt = at
	b.readBack(m)
	if len(b.DialIn) == 0 {
		b.DialIn = before.DialIn
	}
	more, less := without(b.Findings, before.Findings), without(before.Findings, b.Findings)
	switch was, is := len(unsaidIn(before.Findings)), len(unsaidIn(b.Findings)); {
	case sure:
	case is > was:
		b.Findings, b.Recording, more, less = before.Findings, before.Recording, nil, nil
	case is < was: // nothing changed, Zoom only says more
		more, less = nil, nil
	}
	says := func(kind TimelineKind, what string, data TimelineData) {
		entries = append(entries, TimelineEntry{
			ID: fmt.Sprint("reread-", b.ID, "-", what, "-", at.UnixMilli()), IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: at, Kind: kind, Data: data,
		})
	}
	if len(more) > 0 {
		says(EntryChangedInZoom, "more", TimelineData{Findings: more})
	}
	if less = slices.DeleteFunc(less, func(f Finding) bool { return f.Code == FoundNotSaid }); len(less) > 0 {
		says(EntryMendedInZoom, "less", TimelineData{Findings: less})
	}
	switch {
	case b.Passcode != before.Passcode:
		says(EntryNewPasscode, "passcode", TimelineData{})
	case b.JoinURL != before.JoinURL:
		says(EntryNewLink, "link", TimelineData{Link: LinkHost(b.JoinURL)})
	}
	return entries
}

// linkPath returns a link without its query, in which the passcode is.
func linkPath(link string) string {
	path, _, _ := strings.Cut(link, "?")
	return path
}

// unsaidIn returns the settings of which Zoom did not say what they are.
func unsaidIn(list []Finding) (settings []Setting) {
	for _, f := range list {
		if f.Code == FoundNotSaid {
			settings = append(settings, f.Settings...)
		}
	}
	return settings
}

// without returns the findings of a list that are not in another one.
func without(list, other []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(list), func(f Finding) bool {
		return slices.ContainsFunc(other, func(o Finding) bool {
			return o.Code == f.Code && o.Value == f.Value && o.Email == f.Email && slices.Equal(o.Settings, f.Settings)
		})
	})
}
