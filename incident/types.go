package incident

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status is the status of an incident.
type Status string

const (
	StatusOpen     Status = "open"
	StatusResolved Status = "resolved"
)

// Source says how an incident was opened.
type Source string

const (
	SourceForm  Source = "form"
	SourceAPI   Source = "api"
	SourceDrill Source = "drill" // see Drill
)

// Incident is something that people are handling.
type Incident struct {
	Number         int64
	RunbookID      string
	RunbookName    string
	RunbookVersion int64 // 0: not known
	Name           string
	Severity       string
	Type           string
	Description    string
	Status         Status
	OpenerEmail    string
	OpenerName     string
	DedupKey       string // "": none; unique among open incidents
	FormKey        string // "": none; unique forever, so that one form opens one incident
	Vars           map[string]string
	Source         Source
	CreatedBy      string // the actor's email address, or the name of the API token
	JoinKey        string // random; the join page needs no login with it
	CreatedAt      time.Time
	ResolvedAt     time.Time
	UpdatedAt      time.Time

	SeverityBefore string    // the severity before its last change; "": it had none, or never changed
	ChangedAt      time.Time // when severity or status last changed; zero: never
}

// Key returns the incident's name for people and links: INC-42.
func (i Incident) Key() string { return Key(i.Number) }

// StepState is the state of a step run: waiting (for a person, a time or conditions) →
// scheduled → running (a line of a checklist, until somebody ticks it) → done, failed or
// skipped. A step that repeats is scheduled or runs again.
type StepState string

const (
	StepWaiting   StepState = "waiting"
	StepScheduled StepState = "scheduled"
	StepRunning   StepState = "running"
	StepDone      StepState = "done"
	StepFailed    StepState = "failed"
	StepSkipped   StepState = "skipped"
)

// StepRun is one step of one incident, with a copy of the step from when the
// incident was opened.
type StepRun struct {
	ID             string // UUIDv7
	IncidentNumber int64
	Position       int
	Step           Step
	State          StepState
	Reason         Reason // why it failed or was done in another way; zero: none
	StartedAt      time.Time
	FinishedAt     time.Time
	RunBy          string    // email address of the user who last ran or ticked it; "": nobody
	Times          int       // how often it ran by itself
	DueAt          time.Time // when its last run was due; its repetitions count from then
	Seen           string    // what its conditions were about when it last ran because of a change; "": they did not hold since
	Said           string    // the text of the last run, if it has one
}

// JobState is the state of a job: queued → running → done or dead.
type JobState string

const (
	JobQueued  JobState = "queued"
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobDead    JobState = "dead"
)

// JobKind says what to do. The comment of each kind says whose id Job.Subject is.
type JobKind string

const (
	JobRunStep   JobKind = "run_step"          // a step run
	JobReconcile JobKind = "reconcile_attempt" // an attempt with unknown outcome
	JobLastLook  JobKind = "last_look"         // an attempt that counts as not created
	JobDiscard   JobKind = "discard_meeting"   // an attempt whose meeting no bridge uses
	JobStandby   JobKind = "keep_standby"      // none: the standby meetings
	JobRename    JobKind = "rename_standby"    // a bridge that got a standby meeting
	JobPreflight JobKind = "preflight"         // none, or PreflightAll
	JobRecheck   JobKind = "recheck"           // none, or RecheckBridge: the check of the account
	JobEndEmpty  JobKind = "end_empty"         // a bridge whose call everybody left
)

// Job is work that must be done even if the program stops in between.
type Job struct {
	ID         string
	Kind       JobKind
	Subject    string
	State      JobState
	RunAt      time.Time
	Attempt    int // how many times it was claimed
	LeaseUntil time.Time
	Worker     string
	CreatedAt  time.Time
}

// Incidents stores incidents with their steps, bridges, timelines and jobs.
type Incidents interface {
	// OpenIncident stores a new incident with the next number and fills in
	// IncidentNumber of all rows. If an open incident has the same DedupKey, or
	// any incident has the same FormKey, it returns that one and created is
	// false.
	OpenIncident(ctx context.Context, n NewIncident) (i Incident, created bool, err error)
	Incident(ctx context.Context, number int64) (Incident, error)
	IncidentByDedupKey(ctx context.Context, key string) (Incident, error) // an open one
	IncidentByFormKey(ctx context.Context, key string) (Incident, error)
	// SetIncidentStatus changes the status. It returns Conflict if the incident
	// does not have the status from.
	SetIncidentStatus(ctx context.Context, number int64, from, to Status, at time.Time, entry TimelineEntry, audit AuditEntry) error
	StepRun(ctx context.Context, id string) (StepRun, error)
	StepRuns(ctx context.Context, numbers ...int64) ([]StepRun, error) // in the order of the runbook
	// ChangeSteps makes transitions of step runs. It returns Conflict and writes nothing if
	// one of them is not in the state that the change expects.
	ChangeSteps(ctx context.Context, number int64, c StepsChange) error
	// FollowSteps applies the rule to one incident whose steps are to be looked at, if there
	// is one: something about it changed, or its time has come.
	FollowSteps(ctx context.Context, now time.Time, rule StepRule) (n int, err error)
	AddTimeline(ctx context.Context, entries ...TimelineEntry) error
	// AddNote adds an entry that a person wrote. It writes nothing if an entry with
	// this id exists.
	AddNote(ctx context.Context, entry TimelineEntry, audit AuditEntry) error
	// EditIncident stores what the rule makes of an incident as it is now. The rule may be
	// called more than once.
	EditIncident(ctx context.Context, number int64, rule EditRule) (Incident, error)

	Bridge(ctx context.Context, id string) (Bridge, error)
	BridgeOfStepRun(ctx context.Context, stepRunID string) (Bridge, error)
	Bridges(ctx context.Context, number int64) ([]Bridge, error) // of an incident
	Attempt(ctx context.Context, id string) (Attempt, error)
	Attempts(ctx context.Context, bridgeID string) ([]Attempt, error) // oldest first
	// ChangeBridge makes one transition. It returns Conflict and writes nothing
	// if the bridge, the step run or the attempt is not in a state that the
	// change expects.
	ChangeBridge(ctx context.Context, c BridgeChange) error
	// HostLoads returns how much the hosts of bridges have to do, by email address.
	HostLoads(ctx context.Context, at HostLoads) (map[string]HostLoad, error)
	// CountStorm returns how many bridges of the source have got a new meeting since then.
	CountStorm(ctx context.Context, m Storm) (int, error)
	// BridgesBeingMade returns how many bridges that were created since a time are on
	// their way to a link.
	BridgesBeingMade(ctx context.Context, since time.Time) (int, error)
	// OpenBridgeWithMeeting returns the id of another bridge that has this
	// meeting and has not ended or failed, or "".
	OpenBridgeWithMeeting(ctx context.Context, meetingID, exceptBridgeID string) (string, error)
	// StaticUses returns the static bridges of open incidents that people can join, in
	// the order in which they got their links.
	StaticUses(ctx context.Context) ([]StaticUse, error)
	Presences(ctx context.Context, bridgeID string) ([]Presence, error)
	// Call returns a bridge with what events and Zoom's answers say about its calls.
	Call(ctx context.Context, bridgeID string) (BridgeFacts, error)

	// ClaimAsk leases the bridge whose call Zoom is to be asked about next, if one is due,
	// with all facts about the call except readings.
	ClaimAsk(ctx context.Context, now, until time.Time) (f BridgeFacts, found bool, err error)
	// ApplyAnswer applies what Zoom said, and what follows from it by the rule. It does
	// nothing if the bridge has another meeting meanwhile.
	ApplyAnswer(ctx context.Context, a Answer, at time.Time, rule BridgeRule) error

	// FollowDue applies the rule to one bridge whose AlarmAt has come, if there is one.
	FollowDue(ctx context.Context, now time.Time, rule BridgeRule) (n int, err error)

	// ClaimJobs leases jobs that are due to a worker. ClaimJob leases one job
	// even before it is due; it returns false if another worker has it, or if it
	// is done or dead.
	ClaimJobs(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]Job, error)
	ClaimJob(ctx context.Context, id, worker string, now time.Time, lease time.Duration) (Job, bool, error)
	// FreeJobs ends the leases of a server that is gone, if it is certain that no
	// other server runs. Otherwise it does nothing, and the leases expire.
	FreeJobs(ctx context.Context) error
	// LookJobs returns the unfinished jobs that look for a bridge's meetings, the
	// next one first.
	LookJobs(ctx context.Context, bridgeID string) ([]Job, error)
	// RetryJobs returns the jobs that try again to get links for the failed bridges of
	// an open incident, the next one first.
	RetryJobs(ctx context.Context, number int64) ([]Job, error)
	// HastenRetries makes all of them due now.
	HastenRetries(ctx context.Context, now time.Time) error
	// RenewJob makes the lease of a running job last until a time. It returns false if
	// the worker has lost the lease. FinishJob and RetryJob do nothing then.
	RenewJob(ctx context.Context, j Job, until time.Time) (bool, error)
	FinishJob(ctx context.Context, j Job, state JobState) error
	// QueueJob stores a job, unless one with its kind and subject is queued. A job
	// without a subject is not needed beside another of its kind.
	QueueJob(ctx context.Context, j Job) error
	// Openers returns who opened incidents since then, at most 500 addresses.
	Openers(ctx context.Context, since time.Time) ([]string, error)
	RetryJob(ctx context.Context, j Job, runAt time.Time) error
	DeleteFinishedJobs(ctx context.Context, before time.Time) (int64, error)
}

// NewIncident holds everything that opening an incident writes in one
// transaction.
type NewIncident struct {
	Incident Incident
	StepRuns []StepRun
	Bridges  []Bridge // one for each create_meeting step that runs automatically
	Jobs     []Job
	Timeline []TimelineEntry
	Audit    AuditEntry
	Next     time.Time // when its steps are looked at first although nothing changes; zero: not before something does
}

// EventState is the state of an event: new → read or unreadable.
type EventState string

const (
	EventNew        EventState = "new"
	EventRead       EventState = "read"
	EventUnreadable EventState = "unreadable"
)

// Origin says how an event got here.
type Origin string

const (
	OriginWebhook   Origin = "webhook"   // Zoom posted it
	OriginRecovered Origin = "recovered" // read from Zoom's log of deliveries
	OriginImported  Origin = "imported"  // copied from another log
)

// ReadProblem says why an event could not be read.
type ReadProblem string

const (
	ReadNotJSON   ReadProblem = "not_json"   // the body is not a JSON object
	ReadCrashed   ReadProblem = "crashed"    // the reader panicked
	ReadNotStored ReadProblem = "not_stored" // its effects could not be stored
)

// countingOrigins are the origins of events that may change a bridge.
var countingOrigins = []Origin{OriginWebhook, OriginRecovered}

// counts reports whether the event may change a bridge.
func (e Event) counts() bool { return !e.Stale && slices.Contains(countingOrigins, e.Origin) }

// NewEvent is a verified webhook before it is stored.
type NewEvent struct {
	Origin     Origin // "" means OriginWebhook
	ReceivedAt time.Time
	SignedAt   time.Time // the time of its signature
	Slot       int       // index of the secret token that verified it: 0 is the newest
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
	Who            string // the participant or user that the event is about
	BridgeID       string
	TwinOf         int64     // the earlier event of which this is a variant; 0: none
	BlankedAt      time.Time // when its personal data was removed; zero: never
	IncidentNumber int64     // of the bridge; set by reads
}

// Reading is what the worker found in an event, with the effects of the event.
// One transaction applies the effects and marks the event as read.
type Reading struct {
	EventID     int64
	State       EventState
	Problem     ReadProblem
	Event       string
	EventAt     time.Time // as Zoom says
	At          time.Time // when it happened: EventAt, unless that lies in the future
	AccountID   string
	MeetingID   string
	MeetingUUID string
	Topic       string
	Who         string
	Meaning     string          // the same for two variants of one event; "": unknown
	Text        string          // the text in which a search finds the event
	Nameless    bool            // the body was blanked, or could not be read
	Again       bool            // the event had been read before
	BridgeID    string          // "": no bridge, or the event does not count, so it has no effects
	Awaits      bool            // it belongs to no bridge yet; it is read again if a bridge has got its meeting meanwhile
	Instance    *Instance       // upsert: the earliest start and the latest end count
	Presence    *Presence       // upsert: the latest join and the latest leave count
	Wait        *Wait           // upsert: the latest since and the latest until count
	DeletedAt   time.Time       // when the meeting was deleted, so that a bridge that is ready with it has failed
	RestoredAt  time.Time       // when it was recovered
	Recordings  []RecordingLink // added if the URL is new
	Files       []FileChange    // of recordings, also of other bridges than BridgeID; the latest times count
	Recheck     *Recheck        // what the account's check says about a user is no longer known
	ChangedHost *ChangedHost    // the same for the pre-flight check
	Changed     []string        // the bridges whose meetings may have been changed in Zoom, so that it is asked soon
	Timeline    []TimelineEntry // their ids are derived from the event, so that reading it twice adds them once
}

// Key returns the name of incident n: "INC-42".
func Key(n int64) string { return "INC-" + strconv.FormatInt(n, 10) }

// ParseKey parses "INC-42" in any case, or "42", and reports whether it
// succeeded.
func ParseKey(s string) (int64, bool) {
	if len(s) > 4 && strings.EqualFold(s[:4], "INC-") {
		s = s[4:]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && s[0] != '+'
}
