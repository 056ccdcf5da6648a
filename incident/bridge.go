package incident

import "time"

// BridgeState is where a bridge stands:
// new → creating → ready → live → ended, with unknown (Zoom did not say whether
// the meeting exists) and failed (no rung gave a link).
type BridgeState string

const (
	BridgeNew      BridgeState = "new"
	BridgeCreating BridgeState = "creating"
	BridgeUnknown  BridgeState = "unknown"
	BridgeReady    BridgeState = "ready"
	BridgeLive     BridgeState = "live"
	BridgeEnded    BridgeState = "ended"
	BridgeFailed   BridgeState = "failed"
)

// A bridge of an open incident needs attention in one of these states, or with a
// finding of this level.
var AttentionStates = []BridgeState{BridgeFailed, BridgeUnknown}

const AttentionLevel = LevelBad

// Kind of a bridge.
type Kind string

const (
	KindMeeting Kind = "meeting"
	KindStatic  Kind = "static" // a link somebody gave
)

// Rung is a way to get a meeting. They are tried in this order.
type Rung string

const (
	RungOpener Rung = "opener"
	RungBackup Rung = "backup_user"
)

// Bridge is the call of an incident.
type Bridge struct {
	ID             string // UUIDv7
	IncidentNumber int64
	StepRunID      string
	Kind           Kind
	State          BridgeState
	Rung           Rung // the rung that is tried or that gave the link

	// What was asked, rendered.
	Asked MeetingTemplate

	// What came out.
	MeetingID      string // decimal text; Zoom's ids exceed 32 bits
	MeetingUUID    string
	PMI            string // set when Zoom used a personal meeting id
	Topic          string
	Agenda         string
	Recording      Recording
	JoinURL        string
	Passcode       string
	HostEmail      string
	UsedBackupUser bool
	DialIn         []DialIn
	Findings       []Finding // asked against got; empty = everything as asked

	// Why it is as it is: why earlier rungs gave nothing, or what failed, in the
	// order in which it happened.
	Reasons []Reason

	CreatedAt  time.Time
	ReadyAt    time.Time
	StartedAt  time.Time
	EndedAt    time.Time
	UpdatedAt  time.Time
	Inside     int // people in it now
	InsideMost int
	Recordings []RecordingLink
}

// DialIn is one telephone number of a meeting.
type DialIn struct {
	Country string `json:"country"`
	City    string `json:"city,omitempty"`
	Number  string `json:"number"`
	Type    string `json:"type"` // toll, tollfree
}

// RecordingLink is one recording of a bridge, as recording.completed named it.
type RecordingLink struct {
	URL   string    `json:"url"`
	Type  string    `json:"type"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// AttemptState is how one call for a meeting went.
type AttemptState string

const (
	AttemptCalling   AttemptState = "calling" // written before the call; after a restart it means unknown
	AttemptDone      AttemptState = "done"
	AttemptRefused   AttemptState = "refused"
	AttemptUnknown   AttemptState = "unknown"
	AttemptDiscarded AttemptState = "discarded" // the meeting exists and was not used; it is deleted
)

// Attempt is one call to Zoom for a bridge.
type Attempt struct {
	ID         string // UUIDv7; stands in the meeting's agenda, by which we find it
	BridgeID   string
	Rung       Rung
	HostEmail  string
	State      AttemptState
	MeetingID  string
	Code       int    // Zoom's error code, 0 for none
	Reason     Reason // why it gave no meeting; zero for none
	Looks      int    // answered looks for its meeting that did not find it
	StartedAt  time.Time
	FinishedAt time.Time
}

// BridgeChange is one transition of a bridge with all that goes with it.
type BridgeChange struct {
	Bridge Bridge
	Insert bool          // the bridge is new; From is not looked at
	From   []BridgeState // the states it may be in

	Attempt     *Attempt     // inserted, or updated when AttemptFrom is set
	AttemptFrom AttemptState // expected state of an attempt that is updated

	StepRun     *StepRun // state, reason and times are written
	StepRunFrom []StepState

	ReadAgain *UnlinkedEvents // nil: none

	Timeline []TimelineEntry
	Jobs     []Job
	Audit    AuditEntry
}

// UnlinkedEvents are events of a meeting that were read before a bridge knew the
// meeting: they are not stale, of no bridge and from one of the origins.
type UnlinkedEvents struct {
	MeetingID string
	Since     time.Time // they arrived then or later
	Origins   []Origin
}

// Instance is one running of a bridge's meeting; Zoom gives each a uuid.
type Instance struct {
	UUID      string
	StartedAt time.Time
	EndedAt   time.Time
}

// Presence is one person's stay in one instance. Zoom sends joins and leaves in
// any order, so JoinedAt and LeftAt are each the latest seen; see Inside.
type Presence struct {
	UUID      string // of the instance
	SessionID string // Zoom's user_id, else participant_uuid
	Person    string // participant_uuid, else user_id
	Name      string
	Email     string
	JoinedAt  time.Time
	LeftAt    time.Time
}

// Inside reports whether the person is in the meeting, if the instance runs.
func (p Presence) Inside() bool {
	return !p.JoinedAt.IsZero() && p.LeftAt.Before(p.JoinedAt)
}
