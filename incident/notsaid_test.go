package incident_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// without takes keys out of answers of one call. In settings, the key is inside them.
func without(call, part string, keys ...string) func(string, map[string]any) {
	return func(c string, answer map[string]any) {
		if c != call {
			return
		}
		if part != "" {
			answer, _ = answer[part].(map[string]any)
		}
		for _, k := range keys {
			delete(answer, k)
		}
	}
}

func with(call string, values map[string]any) func(string, map[string]any) {
	return func(c string, answer map[string]any) {
		for k, v := range values {
			if c == call {
				answer[k] = v
			}
		}
	}
}

func codes(list []incident.Finding) (codes []incident.FindingCode) {
	for _, f := range list {
		codes = append(codes, f.Code)
	}
	return codes
}

// A setting that Zoom leaves out of the answer is neither as asked nor changed.
func TestMeetingNotSaid(t *testing.T) {
	t.Parallel()
	all := []incident.Setting{incident.SettingWaitingRoom, incident.SettingJoinBeforeHost, incident.SettingAuthentication, incident.SettingRegistration,
		incident.SettingPersonalID, incident.SettingRecording}
	for _, tt := range []struct {
		name  string
		edit  func(string, map[string]any)
		level incident.Level
		want  []incident.Setting
	}{
		{"everything said", func(string, map[string]any) {}, incident.LevelOK, nil},
		{"no settings", without("POST meetings", "", "settings"), incident.LevelUnknown, all},
		{"settings null", with("POST meetings", map[string]any{"settings": nil}), incident.LevelUnknown, all},
		{"settings {}", with("POST meetings", map[string]any{"settings": map[string]any{}}), incident.LevelUnknown, all},
		{"no status and type", without("POST meetings", "", "status", "type", "duration", "agenda", "topic", "host_email", "created_at"), incident.LevelOK, nil},
		{"no waiting room", without("POST meetings", "settings", "waiting_room"), incident.LevelUnknown, []incident.Setting{incident.SettingWaitingRoom}},
		{"older name of the sign-in", without("POST meetings", "settings", "meeting_authentication"), incident.LevelOK, nil},
		{"no recording", without("POST meetings", "settings", "auto_recording"), incident.LevelOK, []incident.Setting{incident.SettingRecording}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.edit = tt.edit
			_, b := w.open()
			if b.State != incident.BridgeReady || b.Verdict().Level != tt.level {
				t.Fatalf("the bridge is %s, the verdict %+v", b.State, b.Verdict())
			}
			var got []incident.Setting
			for _, f := range b.Findings {
				got = append(got, f.Settings...)
				if f.Code != incident.FoundNotSaid || f.Level != incident.LevelUnknown {
					t.Errorf("found %+v", f)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("not said (-want +got)\n%s", d)
			}
		})
	}
}

// Each setting that Zoom changes is found.
func TestMeetingChanged(t *testing.T) {
	t.Parallel()
	settings := func(key string, value any) func(string, map[string]any) {
		return func(call string, answer map[string]any) {
			if s, ok := answer["settings"].(map[string]any); ok && call == "POST meetings" {
				s[key] = value
			}
		}
	}
	for _, tt := range []struct {
		name  string
		edit  func(string, map[string]any)
		want  incident.FindingCode
		level incident.Level // of the verdict
	}{
		{"waiting room", settings("waiting_room", true), incident.FoundWaitingRoomOn, incident.LevelWarning},
		{"host first", settings("join_before_host", false), incident.FoundNoJoinBeforeHost, incident.LevelWarning},
		{"sign-in", settings("meeting_authentication", true), incident.FoundSignInNeeded, incident.LevelWarning},
		{"sign-in, older name", settings("enforce_login", true), incident.FoundSignInNeeded, incident.LevelWarning},
		{"registration", settings("approval_type", 0), incident.FoundRegistration, incident.LevelWarning},
		{"registration by hand", settings("approval_type", 1), incident.FoundRegistration, incident.LevelWarning},
		{"end-to-end encryption", settings("encryption_type", "e2ee"), incident.FoundEndToEnd, incident.LevelWarning},
		{"telephone only", settings("audio", "telephony"), incident.FoundAudio, incident.LevelOK},
		{"no recording", settings("auto_recording", "none"), incident.FoundOtherRecording, incident.LevelOK},
		{"cut at 40 minutes", with("POST meetings", map[string]any{"duration": json.Number("40")}), incident.FoundShort, incident.LevelOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.edit = tt.edit
			_, b := w.open()
			if d := cmp.Diff([]incident.FindingCode{tt.want}, codes(b.Findings)); d != "" || b.Verdict().Level != tt.level {
				t.Errorf("verdict %s; findings (-want +got)\n%s", b.Verdict().Level, d)
			}
		})
	}
}

// Check connection shows what Zoom didn't say as not known.
func TestCheckNotSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(string, map[string]any)
		want []incident.FindingCode // those that are not known
	}{
		{"everything said", func(string, map[string]any) {}, nil},
		{"no scopes", without("POST token", "", "scope"), []incident.FindingCode{incident.FoundScopesUnsaid}},
		{"no status", without("GET user", "", "status"), []incident.FindingCode{incident.FoundUserUnsaid}},
		{"type null", with("GET user", map[string]any{"type": nil}), []incident.FindingCode{incident.FoundUserUnsaid}},
		{"no in_meeting", without("GET settings", "", "in_meeting"), []incident.FindingCode{incident.FoundWaitingRoom}},
		{"recording {}", with("GET settings", map[string]any{"recording": map[string]any{}}), []incident.FindingCode{incident.FoundCloudRecording}},
		{"no schedule_meeting", without("GET settings", "", "schedule_meeting"), []incident.FindingCode{incident.FoundPMIScheduled, incident.FoundJoinBeforeHost}},
		{"no meeting_authentication", without("GET settings", "", "meeting_authentication"), []incident.FindingCode{incident.FoundAuthentication}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.edit = tt.edit
			report, err := w.service.CheckConnection(t.Context(), admin)
			w.ok(err)
			var unknown []incident.FindingCode
			for _, f := range report.Lines {
				switch f.Level {
				case incident.LevelUnknown:
					unknown = append(unknown, f.Code)
				case incident.LevelOK, incident.LevelNote:
				case incident.LevelWarning, incident.LevelBad:
					if f.Topic != incident.TopicWebhook {
						t.Errorf("found %+v", f)
					}
				}
			}
			if d := cmp.Diff(tt.want, unknown); d != "" {
				t.Errorf("not known (-want +got)\n%s", d)
			}
			if level, _ := w.account().Readiness(w.clock.Now()); (level == incident.LevelUnknown) != (len(tt.want) > 0) {
				t.Errorf("readiness is %s", level)
			}
		})
	}
}
