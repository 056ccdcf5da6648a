package zoom

import "context"

// User of the Zoom account.
type User struct {
	ID          string
	Email       string
	DisplayName string
	Type        int    // UserBasic, UserLicensed, UserUnassigned, UserNone
	Status      string // active, inactive or pending; only active users can host
	PMI         string
	UsePMI      bool // for instant meetings
}

// Types of users. Meetings of a basic user end after 40 minutes.
const (
	UserBasic      = 1
	UserLicensed   = 2
	UserUnassigned = 4
	UserNone       = 99
)

// UserSettings are those of a user's settings that decide about a bridge.
type UserSettings struct {
	UsePMIForScheduled    bool
	UsePMIForInstant      bool
	WaitingRoom           bool
	JoinBeforeHost        bool
	MeetingAuthentication bool
	CloudRecording        bool
	LocalRecording        bool
	AutoRecording         string // none, local or cloud
	ConcurrentMeeting     string // Basic, Plus or None: the add-on for more meetings at once
	Capacity              int    // people in one meeting; 0 not said
}

func (c *Client) GetUser(ctx context.Context, idOrEmail string) (User, error) { panic("skeleton") }
func (c *Client) GetUserSettings(ctx context.Context, idOrEmail string) (UserSettings, error) {
	panic("skeleton")
}
