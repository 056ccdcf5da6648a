package zoom_test

import (
	"slices"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/google/go-cmp/cmp"
)

func TestCheckScopes(t *testing.T) {
	classic := []string{"meeting:write:admin", "meeting:read:admin", "user:read:admin", "user:write:admin", "recording:read:admin", "marketplace_app:read:admin"}
	var granular []string
	for _, f := range zoom.CheckScopes([]string{}) {
		granular = append(granular, f.Granular...)
	}
	for _, tt := range []struct {
		name string
		have []string
		want map[zoom.Feature][]string // missing scopes by feature
	}{
		{"JWT has all scopes", nil, map[zoom.Feature][]string{}},
		{"classic", classic, map[zoom.Feature][]string{}},
		{"granular", granular, map[zoom.Feature][]string{}},
		{"one of two granular scopes", []string{"user:read:user:admin", "meeting:write:admin", "meeting:read:admin", "recording:read:admin"}, map[zoom.Feature][]string{
			"check_people": {"user:read:settings:admin"},
			"fix_settings": {"user:update:settings:admin"},
			"find_gaps":    {"marketplace_app:read:admin"},
		}},
		{"scopes without :admin", []string{"meeting:write", "meeting:read:admin", "user:read", "recording:read:admin", "meeting:delete:meeting"}, map[zoom.Feature][]string{
			"open_bridge":  {"meeting:write:meeting:admin"},
			"check_people": {"user:read:user:admin", "user:read:settings:admin"},
			"delete_twin":  {"meeting:delete:meeting:admin", "meeting:read:meeting:admin"},
			"end_meetings": {"meeting:update:status:admin"},

			"change_meetings":  {"meeting:update:meeting:admin"},
			"delete_leftovers": {"meeting:read:list_meetings:admin", "meeting:read:past_meeting:admin", "cloud_recording:read:list_recording_files:admin", "meeting:delete:meeting:admin"},

			"fix_settings": {"user:update:settings:admin"},
			"find_gaps":    {"marketplace_app:read:admin"},
		}},
		{"none", []string{}, map[zoom.Feature][]string{
			"open_bridge":        {"meeting:write:meeting:admin"},
			"check_people":       {"user:read:user:admin", "user:read:settings:admin"},
			"reconcile":          {"meeting:read:list_meetings:admin", "meeting:read:meeting:admin"},
			"delete_twin":        {"meeting:delete:meeting:admin", "meeting:read:meeting:admin"},
			"host_start_link":    {"meeting:read:meeting:admin"},
			"meeting_events":     {"meeting:read:meeting:admin"},
			"participant_events": {"meeting:read:participant:admin"},
			"recording_events":   {"cloud_recording:read:recording:admin"},
			"delete_leftovers":   {"meeting:read:list_meetings:admin", "meeting:read:past_meeting:admin", "cloud_recording:read:list_recording_files:admin", "meeting:delete:meeting:admin"},
			"past_meetings":      {"meeting:read:past_meeting:admin", "meeting:read:list_past_participants:admin"},
			"end_meetings":       {"meeting:update:status:admin"},
			"fix_settings":       {"user:update:settings:admin"},
			"change_meetings":    {"meeting:update:meeting:admin"},
			"find_gaps":          {"marketplace_app:read:admin"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[zoom.Feature][]string{}
			for _, f := range zoom.CheckScopes(tt.have) {
				if f.OK != (f.Missing == nil) {
					t.Errorf("%+v", f)
				}
				if !f.OK {
					got[f.Name] = f.Missing
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestEventTypes(t *testing.T) {
	var names []string
	for _, e := range zoom.EventTypes {
		names = append(names, e.Name)
		if e.Label == "" {
			t.Errorf("%+v", e)
		}
		event(t, e.Name) // fails if Zoom does not document the event
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(zoom.EventTypes) {
		t.Error("one is there twice")
	}
}

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct{ cluster, wantAPI, wantOAuth string }{
		{"zoom.us", "https://api.zoom.us/v2", "https://zoom.us/oauth/token"},
		{"zoomgov.com", "https://api.zoomgov.com/v2", "https://zoomgov.com/oauth/token"},
		{"evil.example", "", ""},
		{"", "", ""},
	} {
		t.Run(tt.cluster, func(t *testing.T) {
			if api, oauth := zoom.Endpoints(tt.cluster); api != tt.wantAPI || oauth != tt.wantOAuth {
				t.Errorf("got %s, %s", api, oauth)
			}
		})
	}
}
