package zoom

import (
	"context"
	"time"
)

// TypeScheduled is a meeting with a start time; it outlives an instant one.
const TypeScheduled = 2

// MeetingRequest says which meeting to create.
type MeetingRequest struct {
	Topic            string    // ≤ 200 characters
	Agenda           string    // ≤ 2000 characters
	Type             int       // 0 means TypeScheduled
	StartTime        time.Time // zero: not sent, Zoom takes now
	DurationMinutes  int
	AutoRecording    string // none, local or cloud; "" means none
	WaitingRoom      bool
	JoinBeforeHost   bool
	AlternativeHosts []string // e-mail addresses
}

// Meeting as Zoom answered.
type Meeting struct {
	ID              string
	PMI             string
	UUID            string
	HostID          string
	HostEmail       string
	Topic           string
	Agenda          string
	Type            int
	Status          string
	StartURL        Secret
	JoinURL         string
	Passcode        string
	CreatedAt       time.Time
	StartTime       time.Time
	DurationMinutes int
	Settings        MeetingSettings
	DialIn          []DialIn
}

// MeetingSettings are the settings in force, which Zoom may have changed.
type MeetingSettings struct {
	AutoRecording         string
	WaitingRoom           bool
	JoinBeforeHost        bool
	UsePMI                bool
	MeetingAuthentication bool
	AlternativeHosts      []string
}

// DialIn is one telephone number of a meeting.
type DialIn struct {
	Country     string // two letters
	CountryName string
	City        string
	Number      string
	Type        string // toll or tollfree
}

func (c *Client) CreateMeeting(ctx context.Context, host string, r MeetingRequest) (Meeting, error) {
	panic("skeleton")
}
func (c *Client) GetMeeting(ctx context.Context, id string) (Meeting, error) { panic("skeleton") }
func (c *Client) DeleteMeeting(ctx context.Context, id string) error         { panic("skeleton") }
func (c *Client) ListMeetings(ctx context.Context, host string) ([]Meeting, error) {
	panic("skeleton")
}
