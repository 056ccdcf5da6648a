package incident

import (
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// shared checks for a meeting that must not become this incident's bridge: one
// with a personal meeting id, or with the id of another open bridge. People from
// another call could join it, and Zoom's events could not be told apart. finding
// is nil if the meeting is not shared.
func (c *climber) shared(ctx context.Context, m zoom.Meeting) (finding *Finding, why Reason, err error) {
	host := c.bridge.HostEmail
	if personalID(m) {
		return &Finding{Code: FoundPersonalMeeting, Topic: TopicMeeting, Level: LevelBad, Email: host}, Reason{Code: ReasonPersonalMeeting, Host: host}, nil
	}
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	other, err := c.s.store.OpenBridgeWithMeeting(ctx, m.ID, c.bridge.ID)
	if err != nil || other == "" {
		return nil, Reason{}, err
	}
	return &Finding{Code: FoundMeetingIDTaken, Topic: TopicMeeting, Level: LevelBad, Email: host}, Reason{Code: ReasonMeetingIDTaken, Host: host}, nil
}

// personalID reports whether a meeting has the personal meeting id of its host.
func personalID(m zoom.Meeting) bool {
	const typePMI = 4
	pmi := m.Settings.UsePMI
	return pmi != nil && *pmi || m.Type == typePMI || m.PMI != "" && m.PMI == m.ID
}

// basicLimit is how many minutes Zoom allows a meeting whose host has no license.
const basicLimit = 40

// compare returns the settings that Zoom changed from what was asked for, and those that
// it did not say. Zoom overrides settings without an error when the account's security
// options require it. Source: Zoom, "Meeting API security enhancements".
func compare(asked MeetingTemplate, m zoom.Meeting) (list []Finding) {
	found := func(differs bool, f Finding) {
		if f.Topic, f.Level = TopicMeeting, LevelWarning; differs {
			list = append(list, f)
		}
	}
	got := m.Settings
	unsaid := Finding{Code: FoundNotSaid, Topic: TopicMeeting, Level: LevelUnknown}
	is := func(setting Setting, value *bool, otherwise bool) bool {
		if value == nil {
			unsaid.Settings = append(unsaid.Settings, setting)
			return otherwise
		}
		return *value
	}
	waitingRoom := is(SettingWaitingRoom, got.WaitingRoom, asked.WaitingRoom)
	found(waitingRoom && !asked.WaitingRoom, Finding{Code: FoundWaitingRoomOn})
	found(!is(SettingJoinBeforeHost, got.JoinBeforeHost, asked.JoinBeforeHost) && asked.JoinBeforeHost, Finding{Code: FoundNoJoinBeforeHost})
	found(is(SettingAuthentication, got.MeetingAuthentication, false), Finding{Code: FoundSignInNeeded})
	found(is(SettingRegistration, got.Registration, false), Finding{Code: FoundRegistration})
	is(SettingPersonalID, got.UsePMI, false) // see shared
	if got.AutoRecording == "" {
		unsaid.Settings = append(unsaid.Settings, SettingRecording)
	}
	found(asked.Recording != "" && got.AutoRecording != "" && got.AutoRecording != string(asked.Recording),
		Finding{Code: FoundOtherRecording, Value: got.AutoRecording, Asked: string(asked.Recording)})
	found(asked.WaitingRoom && !waitingRoom, Finding{Code: FoundWaitingRoomOff})
	found(got.Audio != "" && got.Audio != "both", Finding{Code: FoundAudio, Value: got.Audio})
	found(got.Encryption == "e2ee", Finding{Code: FoundEndToEnd})
	found(m.Duration == basicLimit && asked.DurationMinutes > basicLimit, Finding{Code: FoundShort, Count: basicLimit})
	for _, want := range asked.AlternativeHosts {
		there := slices.ContainsFunc(got.AlternativeHosts, func(h string) bool { return strings.EqualFold(h, want) })
		found(!there, Finding{Code: FoundNoAlternative, Email: want})
	}
	link, said := compareLink(m)
	if !said {
		unsaid.Settings = append(unsaid.Settings, SettingJoinLink)
	}
	if len(unsaid.Settings) > 0 {
		list = append(list, unsaid)
	}
	return append(list, link...)
}
