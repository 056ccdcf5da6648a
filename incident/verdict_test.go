package incident_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	open := incident.MeetingTemplate{JoinBeforeHost: true}
	found := func(level incident.Level, codes ...incident.FindingCode) (list []incident.Finding) {
		for _, c := range codes {
			list = append(list, incident.Finding{Code: c, Level: level})
		}
		return list
	}
	unsaid := func(settings ...incident.Setting) []incident.Finding {
		return []incident.Finding{{Code: incident.FoundNotSaid, Level: incident.LevelUnknown, Settings: settings}}
	}
	const ready, live, meeting = incident.BridgeReady, incident.BridgeLive, incident.KindMeeting
	for _, tt := range []struct {
		name   string
		bridge incident.Bridge
		level  incident.Level
		causes []incident.FindingCode
		help   incident.Help
	}{
		{"nothing keeps people out", incident.Bridge{State: ready, Kind: meeting, Asked: open}, incident.LevelOK, nil, ""},
		{"a setting that keeps nobody out", incident.Bridge{State: ready, Kind: meeting, Asked: open, Findings: found(incident.LevelWarning, incident.FoundOtherRecording)}, incident.LevelOK, nil, ""},
		{"waiting room", incident.Bridge{State: ready, Kind: meeting, Asked: open, Findings: found(incident.LevelWarning, incident.FoundWaitingRoomOn, incident.FoundNoJoinBeforeHost)},
			incident.LevelWarning, []incident.FindingCode{incident.FoundWaitingRoomOn, incident.FoundNoJoinBeforeHost}, incident.HelpStart},
		{"waiting room that the runbook asks for", incident.Bridge{State: ready, Kind: meeting, Asked: incident.MeetingTemplate{WaitingRoom: true}},
			incident.LevelWarning, []incident.FindingCode{incident.FoundWaitingRoomOn}, incident.HelpStart},
		{"host first, as the runbook asks", incident.Bridge{State: ready, Kind: meeting}, incident.LevelWarning, []incident.FindingCode{incident.FoundNoJoinBeforeHost}, incident.HelpStart},
		{"the host has started it", incident.Bridge{State: live, Kind: meeting, Inside: 1}, incident.LevelOK, nil, ""},
		{"sign-in", incident.Bridge{State: live, Kind: meeting, Asked: open, Findings: found(incident.LevelWarning, incident.FoundSignInNeeded)},
			incident.LevelWarning, []incident.FindingCode{incident.FoundSignInNeeded}, incident.HelpAnotherLink},
		{"registration", incident.Bridge{State: ready, Kind: meeting, Asked: open, Findings: found(incident.LevelWarning, incident.FoundRegistration)},
			incident.LevelWarning, []incident.FindingCode{incident.FoundRegistration}, incident.HelpAnotherLink},
		{"the worst comes first", incident.Bridge{State: ready, Kind: meeting, Asked: open,
			Findings: append(found(incident.LevelWarning, incident.FoundWaitingRoomOn), found(incident.LevelBad, incident.FoundPersonalMeeting)...)},
			incident.LevelBad, []incident.FindingCode{incident.FoundPersonalMeeting, incident.FoundWaitingRoomOn}, incident.HelpAnotherLink},
		{"Zoom didn't say", incident.Bridge{State: ready, Kind: meeting, Asked: open, Findings: unsaid(incident.SettingRecording, incident.SettingWaitingRoom)},
			incident.LevelUnknown, []incident.FindingCode{incident.FoundNotSaid}, ""},
		{"Zoom didn't say whether it records", incident.Bridge{State: ready, Kind: meeting, Asked: open, Findings: unsaid(incident.SettingRecording)}, incident.LevelOK, nil, ""},
		{"people wait, nobody is inside", incident.Bridge{State: ready, Kind: meeting, Asked: open, Waiting: 2}, incident.LevelBad, []incident.FindingCode{incident.FoundPeopleWait}, incident.HelpStart},
		{"people wait, somebody is inside", incident.Bridge{State: live, Kind: meeting, Asked: open, Waiting: 1, Inside: 4}, incident.LevelWarning, []incident.FindingCode{incident.FoundPeopleWait}, incident.HelpStart},
		{"a person's link", incident.Bridge{State: ready, Kind: incident.KindStatic, JoinURL: "https://meet.example.com/war"}, incident.LevelUnknown, []incident.FindingCode{incident.FoundOtherHost}, ""},
		{"failed", incident.Bridge{State: incident.BridgeFailed, Kind: meeting, Asked: open}, incident.LevelBad, nil, incident.HelpAnotherLink},
		{"not known whether it exists", incident.Bridge{State: incident.BridgeUnknown, Kind: meeting, Asked: open}, incident.LevelUnknown, nil, ""},
		{"being created", incident.Bridge{State: incident.BridgeCreating, Kind: meeting, Asked: open}, incident.LevelUnknown, nil, ""},
		{"over", incident.Bridge{State: incident.BridgeEnded, Kind: meeting, Asked: open}, incident.LevelUnknown, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.bridge.Verdict()
			var causes []incident.FindingCode
			for _, f := range got.Causes {
				causes = append(causes, f.Code)
			}
			if got.Level != tt.level || got.Help != tt.help || !cmp.Equal(causes, tt.causes) {
				t.Errorf("got %s, %q, help %q", got.Level, causes, got.Help)
			}
		})
	}
}
