package incident

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status of an incident.
const (
	StatusOpen     = "open"
	StatusResolved = "resolved"
)

// Incident is something being handled.
type Incident struct {
	Number      int64
	RunbookID   string
	RunbookName string
	Name        string
	Severity    string
	Type        string
	Description string
	Status      string
	OpenerEmail string
	OpenerName  string
	DedupKey    string // "" = none; unique among open incidents
	FormKey     string // "" = none; unique for ever: one form, one incident
	Vars        map[string]string
	Source      string // "form", "api"
	CreatedBy   string // actor's e-mail or token name
	JoinKey     string // random; with it the join page needs no login
	CreatedAt   time.Time
	ResolvedAt  time.Time
	UpdatedAt   time.Time
}

// Key is the incident's name in speech and links: INC-42.
func (i Incident) Key() string { return Key(i.Number) }

// StepState: waiting (for a person or a condition) → scheduled → running →
// done, failed or skipped.
type StepState string

const (
	StepWaiting   StepState = "waiting"
	StepScheduled StepState = "scheduled"
	StepRunning   StepState = "running"
	StepDone      StepState = "done"
	StepFailed    StepState = "failed"
	StepSkipped   StepState = "skipped"
)

// StepRun is one step of one incident, with the step as it was when the
// incident was opened.
type StepRun struct {
	ID             string // UUIDv7
	IncidentNumber int64
	Position       int
	Step           Step
	State          StepState
	Reason         string
	StartedAt      time.Time
	FinishedAt     time.Time
}

// TimelineEntry is one thing that happened to an incident.
type TimelineEntry struct {
	ID             string // UUIDv7, or derived from the event that caused it
	IncidentNumber int64
	BridgeID       string
	At             time.Time
	Kind           string // "opened", "bridge", "joined", "left", "step", "resolved", "reopened", "recording", "note"
	Text           string
	Actor          string // "" = the program or Zoom
}

// JobState: queued → running → done | dead.
type JobState string

const (
	JobQueued  JobState = "queued"
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobDead    JobState = "dead"
)

// Kinds of jobs. Subject is the id the job is about.
const (
	JobRunStep   = "run_step"          // a step run
	JobReconcile = "reconcile_attempt" // an attempt whose outcome is unknown
	JobDiscard   = "discard_meeting"   // an attempt whose meeting is not used
)

// Job is work that must be done even if the program stops.
type Job struct {
	ID         string
	Kind       string
	Subject    string
	State      JobState
	RunAt      time.Time
	Attempt    int // how often it was claimed
	LeaseUntil time.Time
	Worker     string
	LastError  string
	CreatedAt  time.Time
}

// Incidents stores incidents with their steps, bridges, timelines and jobs.
type Incidents interface {
	// OpenIncident gives the incident the next number and writes all of it. When
	// an open incident has its DedupKey, or any has its FormKey, it returns that
	// one and created = false. It fills in IncidentNumber of the rows.
	OpenIncident(ctx context.Context, n NewIncident) (i Incident, created bool, err error)
	Incident(ctx context.Context, number int64) (Incident, error)
	IncidentByDedupKey(ctx context.Context, key string) (Incident, error) // an open one
	// SetIncidentStatus is a Conflict if the incident does not have the status from.
	SetIncidentStatus(ctx context.Context, number int64, from, to string, at time.Time, entry TimelineEntry, audit AuditEntry) error
	StepRun(ctx context.Context, id string) (StepRun, error)
	StepRuns(ctx context.Context, number int64) ([]StepRun, error)
	AddTimeline(ctx context.Context, entries ...TimelineEntry) error

	Bridge(ctx context.Context, id string) (Bridge, error)
	BridgeOfStepRun(ctx context.Context, stepRunID string) (Bridge, error)
	Bridges(ctx context.Context, number int64) ([]Bridge, error)
	Attempt(ctx context.Context, id string) (Attempt, error)
	Attempts(ctx context.Context, bridgeID string) ([]Attempt, error) // oldest first
	// ChangeBridge makes one transition. It is a Conflict, and writes nothing, if
	// bridge, step run or attempt is in no state that the change expects.
	ChangeBridge(ctx context.Context, c BridgeChange) error
	// OpenBridgeWithMeeting is the id of another bridge with the meeting that has
	// not ended or failed, or "".
	OpenBridgeWithMeeting(ctx context.Context, meetingID, exceptBridgeID string) (string, error)
	Presences(ctx context.Context, bridgeID string) ([]Presence, error)

	// ClaimJobs leases jobs that are due to a worker. ClaimJob leases one even if
	// it is not due; false when somebody has it, or it is done or dead.
	ClaimJobs(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]Job, error)
	ClaimJob(ctx context.Context, id, worker string, now time.Time, lease time.Duration) (Job, bool, error)
	// FinishJob and RetryJob do nothing if the worker has lost the lease.
	FinishJob(ctx context.Context, j Job, state JobState, lastError string) error
	RetryJob(ctx context.Context, j Job, runAt time.Time, lastError string) error
	DeleteFinishedJobs(ctx context.Context, before time.Time) (int64, error)
}

// NewIncident is everything that opening an incident writes at once.
type NewIncident struct {
	Incident Incident
	StepRuns []StepRun
	Bridges  []Bridge // one for each create_meeting step that runs by itself
	Jobs     []Job
	Timeline []TimelineEntry
	Audit    AuditEntry
}

// EventState: new → read | unreadable.
type EventState string

const (
	EventNew        EventState = "new"
	EventRead       EventState = "read"
	EventUnreadable EventState = "unreadable"
)

// Where an event is from.
const (
	OriginWebhook   = "webhook"   // Zoom posted it
	OriginRecovered = "recovered" // it was read in Zoom's log of deliveries
	OriginImported  = "imported"  // it was taken over from another log
)

// countingOrigins are those of events that may change a bridge.
var countingOrigins = []string{OriginWebhook, OriginRecovered}

// counts reports whether the event may change a bridge.
func (e Event) counts() bool { return !e.Stale && slices.Contains(countingOrigins, e.Origin) }

// NewEvent is a verified webhook on its way to the log.
type NewEvent struct {
	Origin     string // "" is OriginWebhook
	ReceivedAt time.Time
	SignedAt   time.Time // the time of its signature
	Slot       int       // which secret token verified it: 0 is the newest
	Stale      bool      // signed outside the time window
	Body       []byte    // as received
	Headers    map[string]string
}

// Event is a stored webhook. The fields below Headers are empty until it is read.
type Event struct {
	ID int64
	NewEvent
	State          EventState
	ReadError      string
	Event          string
	EventAt        time.Time
	AccountID      string
	MeetingID      string
	MeetingUUID    string
	Topic          string
	Who            string // participant or user the event is about
	BridgeID       string
	TwinOf         int64     // the event of which this is another writing; 0: none
	BlankedAt      time.Time // when personal data was taken out; zero: it was not
	IncidentNumber int64     // of the bridge, filled by reads
}

// Reading is what the worker found in an event, and what follows from it. It is
// applied in one transaction together with marking the event read.
type Reading struct {
	EventID     int64
	State       EventState
	ReadError   string
	Event       string
	EventAt     time.Time
	AccountID   string
	MeetingID   string
	MeetingUUID string
	Topic       string
	Who         string
	Meaning     string          // equal for two writings of one event; "" = not known
	Text        string          // in whose words the event is found
	Nameless    bool            // it was made of a blanked body, or of none
	Again       bool            // it was read before
	BridgeID    string          // "" = belongs to no bridge, or does not count: no effects
	Awaits      bool            // belongs to no bridge; it is read again if one has its meeting by now
	Instance    *Instance       // upserted: earliest start, latest end
	Presence    *Presence       // upserted: latest join, latest leave
	Deleted     bool            // the meeting is gone: a bridge that is ready with it failed
	Recordings  []RecordingLink // added if their URL is new
	Timeline    []TimelineEntry // ids derived from the event, so twice is once
}

// Key is how people name incident n: "INC-42".
func Key(n int64) string { return "INC-" + strconv.FormatInt(n, 10) }

// ParseKey reads "INC-42" in any case, or "42".
func ParseKey(s string) (int64, bool) {
	if len(s) > 4 && strings.EqualFold(s[:4], "INC-") {
		s = s[4:]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && s[0] != '+'
}
