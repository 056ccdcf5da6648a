package zoom

import (
	"context"
	"net/http"
)

// User is a user of the Zoom account.
type User struct {
	ID     string // some events have it in lower case
	Type   int    // UserBasic, UserLicensed, or a type that cannot host
	Status string // active, inactive or pending; only active users can host
	UsePMI bool   // for instant meetings; UserSettings has the value for scheduled ones
}

// Types of users. Meetings of a basic user end after 40 minutes.
const (
	UserBasic    = 1
	UserLicensed = 2
)

// UserSettings are the settings of a user that affect a bridge.
type UserSettings struct {
	UsePMIForScheduled bool
	UsePMIForInstant   bool
	WaitingRoom        bool
	JoinBeforeHost     bool
	CloudRecording     bool // allowed
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
	j, _ := readObject(body)
	u := User{
		ID:     word(j.Get("id")),
		Type:   count(j.Get("type")),
		Status: word(j.Get("status")),
		UsePMI: j.Get("use_pmi").Bool(),
	}
	if u.ID == "" {
		return User{}, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return u, nil
}

// GetUserSettings returns the settings of the user with this id or email
// address.
func (c *Client) GetUserSettings(ctx context.Context, idOrEmail string) (UserSettings, error) {
	r := userRequest("get user settings", http.MethodGet, idOrEmail, "/settings", nil)
	body, err := c.call(ctx, r)
	if err != nil {
		return UserSettings{}, err
	}
	j, _ := readObject(body)
	if !part(j, "schedule_meeting").Exists() {
		return UserSettings{}, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return UserSettings{
		UsePMIForScheduled: j.Get("schedule_meeting.use_pmi_for_scheduled_meetings").Bool(),
		UsePMIForInstant:   j.Get("schedule_meeting.use_pmi_for_instant_meetings").Bool(),
		JoinBeforeHost:     j.Get("schedule_meeting.join_before_host").Bool(),
		WaitingRoom:        j.Get("in_meeting.waiting_room").Bool(),
		CloudRecording:     j.Get("recording.cloud_recording").Bool(),
	}, nil
}
