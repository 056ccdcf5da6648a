package incident

import (
	"slices"
	"strings"
	"time"
)

// BridgeState is the state of a bridge: new → creating → ready → live → ended. In
// unknown, we do not know whether Zoom created the meeting; in failed, no rung
// gave a link.
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

// A bridge of an open incident needs attention if it is in one of these states or its
// Attention is one of these levels.
var (
	AttentionStates = []BridgeState{BridgeFailed, BridgeUnknown}
	AttentionLevels = []Level{LevelWarning, LevelBad}
)

// NobodyCameAfter is when it is fair to say that nobody came to a bridge of an incident that is still open.
const NobodyCameAfter = 2 * time.Hour

// Kind is the kind of a bridge.
type Kind string

const (
	KindMeeting Kind = "meeting"
	KindStandby Kind = "standby" // a meeting that was made in advance
	KindStatic  Kind = "static"  // a link that a person gave, or one of the account's static links
)

// Rung is one way to get a meeting. Drawbridge tries the rungs in this order.
type Rung string

const (
	RungRunner  Rung = "runner" // the person who ran the step by hand
	RungOpener  Rung = "opener"
	RungBackup  Rung = "backup_user"
	RungStandby Rung = "standby"
	RungStatic  Rung = "static" // a static link of the account, once no other rung gave a meeting
)

// MeetingRungs are the rungs on which Zoom makes a meeting when it is asked.
var MeetingRungs = []Rung{RungRunner, RungOpener, RungBackup}

// Bridge is the call of an incident.
type Bridge struct {
	ID             string // UUIDv7
	IncidentNumber int64
	StepRunID      string
	Kind           Kind
	State          BridgeState
	Rung           Rung // the rung being tried, or the one that gave the link

	// What Drawbridge asked for. Topic and Agenda are templates.
	Asked MeetingTemplate

	// What Zoom returned.
	MeetingID      string // digits; Zoom's ids do not fit into 32 bits
	MeetingUUID    string
	PMI            string // set if Zoom used a personal meeting id
	Topic          string
	Agenda         string
	Recording      Recording
	JoinURL        string
	LinkName       string    // of a static link of the account; "": it has none
	LinkChangedAt  time.Time // when people who had a link had to use another one; zero: never
	Passcode       string    // of the meeting, or the PIN of a static link
	PhonePasscode  string    // of the meeting, for people who dial in: only digits
	HostEmail      string
	UsedBackupUser bool
	DialIn         []DialIn
	Findings       []Finding // differences between what was asked for and what Zoom set; empty: none

	// Why the bridge is in its state: why earlier rungs gave no link, or what
	// failed, in the order in which it happened.
	Reasons []Reason

	CreatedAt  time.Time
	ReadyAt    time.Time
	StartedAt  time.Time
	EndedAt    time.Time
	UpdatedAt  time.Time
	Inside     int // number of people in the call now
	InsideMost int
	Waiting    int // number of people who wait now to get in; see Waiting
	Recordings []RecordingLink
	Later      Later

	ToldAt time.Time // when Zoom last said something about the call
	ToldBy Told
	AskAt  time.Time // when Zoom is asked about the call next; zero: never
	Watch  Watch

	Alarm      Alarm
	AlarmSince time.Time // since when that has been wrong
	AgainAt    time.Time // when a person last started the call again after it had ended; zero: never
	AlarmAt    time.Time // when the next alarm may begin without any event; zero: never

	// What else its host runs while nobody has joined. The storage counts it when it reads
	// the bridge, because other bridges change it.
	HostRuns   int   // other calls of ours that run now
	HostRunsOf int64 // the incident of one of them
	HostMay    int   // calls that the host may run at once, by its last check; 0: not known
}

// HasPeople reports whether people are known to be in the call. Only then do pages call it
// live: Zoom also says that a call started when nobody is inside.
func (b Bridge) HasPeople() bool { return b.State == BridgeLive && b.Inside > 0 }

// Joinable reports whether the bridge has a link that people can use.
func (b Bridge) Joinable() bool {
	return b.JoinURL != "" && (b.State == BridgeReady || b.State == BridgeLive)
}

// NeedsPerson reports whether somebody has to do something so that people get in: people
// wait, there is no link, or the link leads nowhere.
func (b Bridge) NeedsPerson() bool {
	return slices.Contains(AttentionStates, b.State) || b.Waiting > 0 || b.Attention() == LevelBad
}

// DialIn is one telephone number of a meeting.
type DialIn struct {
	Country string `json:"country"`
	City    string `json:"city,omitempty"`
	Number  string `json:"number"`
	Type    string `json:"type"` // toll, tollfree
}

// AttemptState is the outcome of one call that creates a meeting.
type AttemptState string

const (
	AttemptCalling   AttemptState = "calling" // stored before the call; after a restart it means unknown
	AttemptDone      AttemptState = "done"
	AttemptRefused   AttemptState = "refused"
	AttemptUnknown   AttemptState = "unknown"
	AttemptDiscarded AttemptState = "discarded" // the meeting exists but no bridge uses it; it will be deleted
)

// Attempt is one call to Zoom to create a meeting for a bridge.
type Attempt struct {
	ID         string // UUIDv7; it is also in the meeting's agenda, so that the meeting can be found
	BridgeID   string
	Rung       Rung
	HostEmail  string
	State      AttemptState
	MeetingID  string
	Code       int    // Zoom's error code; 0: none
	Reason     Reason // why there is no meeting; zero: none
	Looks      int    // number of searches that Zoom answered and that did not find the meeting
	StartedAt  time.Time
	FinishedAt time.Time
}

// BridgeChange is one transition of a bridge with everything that changes with
// it.
type BridgeChange struct {
	Bridge   Bridge
	Insert   bool          // the bridge is new; From is ignored
	From     []BridgeState // the states in which the bridge may be; empty: it stays as it is
	FromLink string        // the link that the bridge must have; "": any

	Attempt     *Attempt     // inserted, or updated if AttemptFrom is set
	AttemptFrom AttemptState // expected state of the attempt to update
	// Alone is a state in which no other attempt of the bridge may be when one is inserted.
	// "": any may.
	Alone AttemptState
	// Room limits the meetings of the host of an inserted attempt. If there are as many
	// already, nothing is written and the error is ErrNoRoom.
	Room Room
	// Storm limits the inserted attempt. If its source has had its share, nothing is
	// written and the error is ErrStorm.
	Storm Storm
	// Standby is the id of a standby meeting that becomes the bridge's. If it is not
	// ready any more, nothing is written and the error is ErrStandbyTaken.
	Standby string

	StepRun     *StepRun // only state, reason and times are written
	StepRunFrom []StepState
	EndsJob     bool // the running job of StepRun, which is that of the caller, ends with this change

	ReadAgain *UnlinkedEvents // nil: no events

	Timeline []TimelineEntry
	Jobs     []Job
	Audit    AuditEntry
}

// EndsCall reports whether the bridge may have had a call that runs, and has none then.
func (c BridgeChange) EndsCall() bool {
	return c.Bridge.State != BridgeLive && slices.Contains(c.From, BridgeLive)
}

// UnlinkedEvents selects events of a meeting that were read before a bridge had
// the meeting: events that are not stale, belong to no bridge and have one of the
// origins.
type UnlinkedEvents struct {
	MeetingID string
	Since     time.Time // when they arrived, at the earliest
	Origins   []Origin
}

// Instance is one occurrence of a bridge's meeting. Zoom gives each its own uuid.
type Instance struct {
	UUID      string
	StartedAt time.Time // the exact times: from events, or from Zoom's past meetings
	EndedAt   time.Time
	SeenAt    time.Time // when Zoom first answered that it runs
	RunsAt    time.Time // when Zoom last answered that
	OverAt    time.Time // when Zoom first answered that it no longer runs
	AskedAt   time.Time // when Zoom's list of who was in it was read, or given up
	LeftAt    time.Time // when the bridge left its meeting for another link; zero: it did not
}

// Began returns when it began, as far as we know. Without the exact time, that is when
// Drawbridge noticed.
func (i Instance) Began() time.Time {
	if i.StartedAt.IsZero() {
		return i.SeenAt
	}
	return i.StartedAt
}

// Ended returns when it ended, as far as we know; zero: it runs. It also runs if Zoom has
// answered so since: the event about its end was wrong, or Zoom uses the uuid again. A call
// that the bridge has left counts as over then.
func (i Instance) Ended() time.Time {
	switch {
	case !i.EndedAt.IsZero() && !i.RunsAt.After(i.EndedAt.Add(startLag)):
		return i.EndedAt
	case i.OverAt.After(i.RunsAt):
		return i.OverAt
	}
	return i.LeftAt
}

// lastEnd returns when Zoom last said that it ended, whether it did or not.
func (i Instance) lastEnd() time.Time {
	if i.OverAt.After(i.EndedAt) {
		return i.OverAt
	}
	return i.EndedAt
}

// resumed reports whether it runs although Zoom had said that it ended.
func (i Instance) resumed() bool {
	return i.Ended().IsZero() && !i.lastEnd().IsZero()
}

// Place is where a person waits.
type Place string

const (
	WaitsForHost Place = "host" // the call has not started
	WaitsInRoom  Place = "room" // the waiting room
)

// Wait is one person who waits, or waited, to get into one instance. Since and
// Until are each the latest time seen. See Waiting.
type Wait struct {
	UUID   string // of the instance, or of the meeting before it starts
	Place  Place
	Person string // participant_uuid or user_id, or else the id of the Zoom user, or else the name
	Name   string
	Email  string
	Since  time.Time
	Until  time.Time
}

// Presence is one session of a person in one instance. Zoom sends joins and
// leaves in any order, so JoinedAt and LeftAt are each the latest time seen. See
// Inside.
type Presence struct {
	UUID      string // of the instance
	SessionID string // Zoom's user_id, or else participant_uuid
	Person    string // participant_uuid, or else user_id
	Name      string
	Email     string
	JoinedAt  time.Time
	LeftAt    time.Time
}

// sure reports whether the session has an id of its own: Zoom's user_id, which is digits or
// at least not the participant_uuid. Without it, sessions of two people, or of two devices
// of one person, can be one.
func (p Presence) sure() bool {
	return p.SessionID != p.Name && (p.SessionID != p.Person || strings.Trim(p.SessionID, "0123456789") == "")
}

// Inside reports whether the person is in the meeting, provided that the instance
// is running.
func (p Presence) Inside() bool {
	return !p.JoinedAt.IsZero() && p.LeftAt.Before(p.JoinedAt)
}
