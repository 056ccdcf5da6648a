package zoom

import (
	"context"
	"net/http"
)

// User is a user of the Zoom account.
type User struct {
	ID     string // some events have it in lower case; "": Zoom did not say
	Type   int    // UserBasic, UserLicensed, or a type that cannot host; 0: Zoom did not say
	Status string // active, inactive or pending; only active users can host; "": Zoom did not say
	UsePMI *bool  // for instant meetings; UserSettings has the value for scheduled ones; nil: Zoom did not say
}

// Types of users. Meetings of a basic user end after 40 minutes.
const (
	UserBasic    = 1
	UserLicensed = 2
)

// UserSettings are the settings of a user that affect a bridge. A setting is nil if
// Zoom did not say what it is.
type UserSettings struct {
	UsePMIForScheduled    *bool
	UsePMIForInstant      *bool
	WaitingRoom           *bool
	JoinBeforeHost        *bool
	CloudRecording        *bool // allowed
	MeetingAuthentication *bool // only people who are signed in can join
	AtOnce                int   // how many meetings of the user may run at the same time; 0: Zoom did not say
}

// SettingsChange has the settings of a user to change. Those that are nil stay as they are.
type SettingsChange struct {
	UsePMIForScheduled, UsePMIForInstant, WaitingRoom, JoinBeforeHost, CloudRecording *bool
}

// UpdateUserSettings changes settings of the user with this id or email address. Zoom may
// answer that it did and keep a setting that the account or a group locks.
func (c *Client) UpdateUserSettings(ctx context.Context, idOrEmail string, change SettingsChange) error {
	body := map[string]map[string]bool{}
	for _, s := range []struct {
		block, name string
		value       *bool
	}{
		{"schedule_meeting", "use_pmi_for_scheduled_meetings", change.UsePMIForScheduled},
		{"schedule_meeting", "use_pmi_for_instant_meetings", change.UsePMIForInstant},
		{"schedule_meeting", "join_before_host", change.JoinBeforeHost},
		{"in_meeting", "waiting_room", change.WaitingRoom},
		{"recording", "cloud_recording", change.CloudRecording},
	} {
		if s.value == nil {
			continue
		}
		if body[s.block] == nil {
			body[s.block] = map[string]bool{}
		}
		body[s.block][s.name] = *s.value
	}
	return c.do(ctx, userRequest("change user settings", http.MethodPatch, idOrEmail, "/settings", body))
}

// GetUser returns the user with this id or email address. The error has code
// 1001 if the account has no such user. (Zoom's call "check a user email" does
// not find users who log in by SSO.)
func (c *Client) GetUser(ctx context.Context, idOrEmail string) (User, error) {
	r := userRequest("get user", http.MethodGet, idOrEmail, "", nil)
	body, err := c.call(ctx, r)
	if err != nil {
		return User{}, err
	}
	j, ok := readObject(body)
	if !ok {
		return User{}, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return User{
		ID:     word(j.Get("id")),
		Type:   count(j.Get("type")),
		Status: word(j.Get("status")),
		UsePMI: truth(j.Get("use_pmi")),
	}, nil
}

// GetUserSettings returns the settings of the user with this id or email
// address. Zoom gives MeetingAuthentication in a second answer (Zoom, "Get user
// settings", option=meeting_authentication); if that call fails, it stays nil.
func (c *Client) GetUserSettings(ctx context.Context, idOrEmail string) (UserSettings, error) {
	r := userRequest("get user settings", http.MethodGet, idOrEmail, "/settings", nil)
	body, err := c.call(ctx, r)
	if err != nil {
		return UserSettings{}, err
	}
	j, ok := readObject(body)
	if !ok {
		return UserSettings{}, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	s := UserSettings{
		UsePMIForScheduled: truth(j.Get("schedule_meeting.use_pmi_for_scheduled_meetings")),
		UsePMIForInstant:   truth(j.Get("schedule_meeting.use_pmi_for_instant_meetings")),
		JoinBeforeHost:     truth(j.Get("schedule_meeting.join_before_host")),
		WaitingRoom:        truth(j.Get("in_meeting.waiting_room")),
		CloudRecording:     truth(j.Get("recording.cloud_recording")),
	}
	// The plan for concurrent meetings; without it, a user runs one at a time (Zoom,
	// "Hosting concurrent meetings").
	switch j.Get("feature.concurrent_meeting").String() {
	case "None":
		s.AtOnce = 1
	case "Basic":
		s.AtOnce = 2
	case "Plus":
		s.AtOnce = 20
	}
	r.path += "?option=meeting_authentication"
	if body, err = c.call(ctx, r); err == nil {
		j, _ = readObject(body)
		s.MeetingAuthentication = truth(j.Get("meeting_authentication"))
		if inner := j.Get("authentication_options.meeting_authentication.meeting_authentication"); s.MeetingAuthentication == nil {
			s.MeetingAuthentication = truth(inner)
		}
	}
	return s, nil
}
