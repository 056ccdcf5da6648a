package zoom

import (
	"context"
	"net/http"
)

// User is a user of the Zoom account.
type User struct {
	ID          string // some events have it in lower case
	Email       string
	DisplayName string
	Type        int    // UserBasic, UserLicensed, UserUnassigned, UserNone
	Status      string // active, inactive or pending; only active users can host
	PMI         string
	UsePMI      bool // for instant meetings; UserSettings has the value for scheduled ones
}

// Types of users. Meetings of a basic user end after 40 minutes.
const (
	UserBasic      = 1
	UserLicensed   = 2
	UserUnassigned = 4
	UserNone       = 99
)

// UserSettings are the settings of a user that affect a bridge.
type UserSettings struct {
	UsePMIForScheduled    bool
	UsePMIForInstant      bool
	WaitingRoom           bool
	JoinBeforeHost        bool
	MeetingAuthentication bool
	CloudRecording        bool   // allowed
	LocalRecording        bool   // allowed
	AutoRecording         string // none, local or cloud
	ConcurrentMeeting     string // add-on for concurrent meetings: Basic, Plus or None
	Capacity              int    // people in one meeting; 0 if unknown
}

// GetUser returns the user with this id or e-mail address. The error has code
// 1001 if the account has no such user. (Zoom's call "check a user email" does
// not find users who log in by SSO.)
func (c *Client) GetUser(ctx context.Context, idOrEmail string) (User, error) {
	const op = "get user"
	path, err := userPath(op, idOrEmail)
	if err != nil {
		return User{}, err
	}
	body, err := c.call(ctx, request{op, http.MethodGet, path, nil})
	if err != nil {
		return User{}, err
	}
	j, _ := readObject(body)
	u := User{
		ID:     word(j.Get("id")),
		Email:  word(j.Get("email")),
		Type:   count(j.Get("type")),
		Status: word(j.Get("status")),
		PMI:    number(j.Get("pmi")),
		UsePMI: j.Get("use_pmi").Bool(),
		DisplayName: first(word(j.Get("display_name")),
			join(word(j.Get("first_name")), word(j.Get("last_name")))),
	}
	if u.ID == "" {
		return User{}, &Error{Op: op, Outcome: Unknown, Err: errUnusable}
	}
	return u, nil
}

// GetUserSettings returns the settings of the user with this id or e-mail
// address.
func (c *Client) GetUserSettings(ctx context.Context, idOrEmail string) (UserSettings, error) {
	const op = "get user settings"
	path, err := userPath(op, idOrEmail)
	if err != nil {
		return UserSettings{}, err
	}
	body, err := c.call(ctx, request{op, http.MethodGet, path + "/settings", nil})
	if err != nil {
		return UserSettings{}, err
	}
	j, _ := readObject(body)
	if !part(j, "schedule_meeting").Exists() {
		return UserSettings{}, &Error{Op: op, Outcome: Unknown, Err: errUnusable}
	}
	return UserSettings{
		UsePMIForScheduled:    j.Get("schedule_meeting.use_pmi_for_scheduled_meetings").Bool(),
		UsePMIForInstant:      j.Get("schedule_meeting.use_pmi_for_instant_meetings").Bool(),
		JoinBeforeHost:        j.Get("schedule_meeting.join_before_host").Bool(),
		WaitingRoom:           j.Get("in_meeting.waiting_room").Bool(),
		MeetingAuthentication: j.Get("meeting_authentication").Bool(),
		CloudRecording:        j.Get("recording.cloud_recording").Bool(),
		LocalRecording:        j.Get("recording.local_recording").Bool(),
		AutoRecording:         word(j.Get("recording.auto_recording")),
		ConcurrentMeeting:     word(j.Get("feature.concurrent_meeting")),
		Capacity:              count(j.Get("feature.meeting_capacity")),
	}, nil
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
