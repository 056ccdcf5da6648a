package incident

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status of an incident.
type Status string

const (
	StatusOpen     Status = "open"
	StatusResolved Status = "resolved"
)

// Source says where an incident comes from.
type Source string

const (
	SourceForm Source = "form"
	SourceAPI  Source = "api"
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
	Status      Status
	OpenerEmail string
	OpenerName  string
	DedupKey    string // "" = none; unique among open incidents
	FormKey     string // "" = none; unique for ever: one form, one incident
	Vars        map[string]string
	Source      Source
	CreatedBy   string // actor's e-mail or token name
	JoinKey     string // random; with it the join page needs no login
	CreatedAt   time.Time
	ResolvedAt  time.Time
	UpdatedAt   time.Time
}

// Key is the incident's name in speech and links: INC-42.
func (i Incident) Key() string { return Key(i.Number) }

// StepState: waiting (for a person or a condition) → scheduled → running →
// done or failed.
type StepState string

const (
	StepWaiting   StepState = "waiting"
	StepScheduled StepState = "scheduled"
	StepRunning   StepState = "running"
	StepDone      StepState = "done"
	StepFailed    StepState = "failed"
)

// StepRun is one step of one incident, with the step as it was when the
// incident was opened.
type StepRun struct {
	ID             string // UUIDv7
	IncidentNumber int64
	Position       int
	Step           Step
	State          StepState
	Reason         Reason // why it failed, or why it is done another way; zero for none
	StartedAt      time.Time
	FinishedAt     time.Time
}

// JobState: queued → running → done | dead.
type JobState string

const (
	JobQueued  JobState = "queued"
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobDead    JobState = "dead"
)

// JobKind says what is to be done. The comment names what Job.Subject is the id of.
type JobKind string

const (
	JobRunStep   JobKind = "run_step"          // a step run
	JobReconcile JobKind = "reconcile_attempt" // an attempt whose outcome is unknown
	JobDiscard   JobKind = "discard_meeting"   // an attempt whose meeting is not used
)

// Job is work that must be done even if the program stops.
type Job struct {
	ID         string
	Kind       JobKind
	Subject    string
	State      JobState
	RunAt      time.Time
	Attempt    int // how often it was claimed
	LeaseUntil time.Time
	Worker     string
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
	SetIncidentStatus(ctx context.Context, number int64, from, to Status, at time.Time, entry TimelineEntry, audit AuditEntry) error
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
	FinishJob(ctx context.Context, j Job, state JobState) error
	RetryJob(ctx context.Context, j Job, runAt time.Time) error
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

// Origin says where an event is from.
type Origin string

const (
	OriginWebhook   Origin = "webhook"   // Zoom posted it
	OriginRecovered Origin = "recovered" // it was read in Zoom's log of deliveries
	OriginImported  Origin = "imported"  // it was taken over from another log
)

// ReadProblem says why an event cannot be read.
type ReadProblem string

const (
	ReadNotJSON   ReadProblem = "not_json"   // the body is no JSON object
	ReadCrashed   ReadProblem = "crashed"    // the reader failed on it
	ReadNotStored ReadProblem = "not_stored" // what follows from it could not be stored
)

// countingOrigins are those of events that may change a bridge.
var countingOrigins = []Origin{OriginWebhook, OriginRecovered}

// counts reports whether the event may change a bridge.
func (e Event) counts() bool { return !e.Stale && slices.Contains(countingOrigins, e.Origin) }

// NewEvent is a verified webhook on its way to the log.
type NewEvent struct {
	Origin     Origin // "" is OriginWebhook
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
	Problem        ReadProblem // with EventUnreadable
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
	Problem     ReadProblem
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
