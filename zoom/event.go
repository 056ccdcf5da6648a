package zoom

import "time"

// Event is what we understand of one webhook.
type Event struct {
	Name        string
	At          time.Time
	AccountID   string
	Meeting     *EventMeeting
	Participant *EventParticipant
	Recording   *EventRecording
}

type EventMeeting struct {
	ID, UUID, HostID, HostEmail, Topic string
	StartTime, EndTime                 time.Time
	DurationMinutes                    int
}

type EventParticipant struct {
	Key, UserID, Name, Email string
	JoinTime, LeaveTime      time.Time
	LeaveReason              string
}

type EventRecording struct {
	ShareURL string
	Passcode string
	Files    []RecordingFile
}

type RecordingFile struct {
	Type, PlayURL string
	Start, End    time.Time
	Size          int64 // bytes
}

func ReadEvent(raw []byte) (Event, error) { panic("skeleton") }
func Redact(raw []byte) []byte            { panic("skeleton") }
