package incident

import (
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// shared reports a meeting that must not be the bridge of this incident: one
// with a personal meeting id, or with the id of another open bridge. People of
// another call could drop in, and Zoom's events could not be told apart.
func (c *climber) shared(ctx context.Context, m zoom.Meeting) (Finding, bool, error) {
	const typePMI = 4
	if m.Settings.UsePMI || m.Type == typePMI || (m.PMI != "" && m.PMI == m.ID) {
		return Finding{
			Level: "red", Setting: "pmi",
			Text: "Zoom used the personal meeting id of " + c.bridge.HostEmail + ", which other calls use too.",
			Fix:  "In Zoom, as this person: Settings → Meeting → turn off “Use Personal Meeting ID (PMI) when scheduling a meeting”.",
		}, true, nil
	}
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	other, err := c.s.store.OpenBridgeWithMeeting(ctx, m.ID, c.bridge.ID)
	if err != nil || other == "" {
		return Finding{}, false, err
	}
	return Finding{
		Level: "red", Setting: "meeting_id",
		Text: "Zoom gave a meeting id that the bridge of another incident has already.",
		Fix:  "Turn off personal meeting ids of " + c.bridge.HostEmail + " in Zoom: Settings → Meeting.",
	}, true, nil
}

// compare says what Zoom set otherwise than it was asked to. Zoom overwrites
// settings without an error when the account's security options demand it.
// Source: Zoom, "Meeting API security enhancements".
func compare(asked MeetingTemplate, m zoom.Meeting) []Finding {
	var list []Finding
	amber := func(setting, text, fix string) {
		list = append(list, Finding{Level: "amber", Setting: setting, Text: text, Fix: fix})
	}
	got := m.Settings
	if got.WaitingRoom && !asked.WaitingRoom {
		amber("waiting_room", "Zoom turned the waiting room on: people wait until a host lets them in.",
			"In Zoom, an account admin: Account Management → Account Settings → Security → Waiting Room: turn it off or unlock it, and keep “Require a passcode”.")
	}
	if !got.JoinBeforeHost && asked.JoinBeforeHost {
		amber("join_before_host", "Nobody gets in before the host does.",
			"In Zoom, an account admin: Settings → Meeting → Schedule Meeting → “Allow participants to join before host”: turn it on or unlock it. The waiting room must be off.")
	}
	if got.MeetingAuthentication {
		amber("meeting_authentication", "Only people who are signed in to Zoom get in.",
			"In Zoom, an account admin: Settings → Security → “Only authenticated users can join meetings”: turn it off or unlock it.")
	}
	if asked.Recording != "" && got.AutoRecording != "" && got.AutoRecording != asked.Recording {
		text := "Zoom records to “" + got.AutoRecording + "” and not to “" + asked.Recording + "” as asked."
		switch {
		case got.AutoRecording == "none":
			text = "Zoom does not record this meeting by itself."
		case asked.Recording == "none":
			text = "Zoom records this meeting, though nobody asked it to."
		}
		amber("auto_recording", text,
			"In Zoom: Settings → Recording → “Automatic recording” and “Cloud recording” of this host. Cloud recording needs a paid plan.")
	}
	if asked.WaitingRoom && !got.WaitingRoom {
		amber("waiting_room", "The waiting room is off, though the runbook asks for one.",
			"In Zoom: Settings → Security → Waiting Room of this host.")
	}
	for _, want := range asked.AlternativeHosts {
		if !slices.ContainsFunc(got.AlternativeHosts, func(h string) bool { return strings.EqualFold(h, want) }) {
			amber("alternative_hosts", want+" is not an alternative host.",
				"Alternative hosts must be licensed users of the same Zoom account.")
		}
	}
	return list
}
