package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Store is the storage the Service needs. It is here, and not beside its one
// implementation in package db, because db imports this package.
//
// Every method is one transaction. A method that takes an AuditEntry writes it
// in that transaction when its Action is not empty. Reads of something that is
// not there are a NotFound error. A storage that does not answer is
// Unavailable. Whatever changes what a page shows bumps the topics of Pulse.
type Store interface {
	// Account. A fresh database has the zero Account.
	Account(ctx context.Context) (Account, error)
	// SaveAccount writes everything but Secrets, Check and what is known of validations,
	// seals the secrets in set, removes those in remove, and increments Version.
	// a.Version must be the stored one, else Conflict.
	SaveAccount(ctx context.Context, a Account, set map[SecretName]Secret, remove []SecretName, audit AuditEntry) error
	SaveCheck(ctx context.Context, r CheckReport) error
	SetWebhookValidated(ctx context.Context, at time.Time) error

	// The access token that all servers use, by version of the account; see
	// zoom.TokenStore. It is kept sealed and goes when the account is saved.
	ZoomToken(ctx context.Context, accountVersion int64) (zoom.SharedToken, error)
	ClaimZoomToken(ctx context.Context, accountVersion, version int64, now time.Time, lease time.Duration) (bool, error)
	SaveZoomToken(ctx context.Context, accountVersion int64, t zoom.SharedToken) (bool, error)
	ReleaseZoomToken(ctx context.Context, accountVersion, version int64) error

	// Runbooks.
	Runbook(ctx context.Context, id string) (Runbook, error)
	RunbookByName(ctx context.Context, name string) (Runbook, error) // not archived ones
	InsertRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// UpdateRunbook replaces the runbook and its steps where Version is still
	// r.Version, and increments it.
	UpdateRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// DeleteRunbook deletes one without incidents and archives any other.
	DeleteRunbook(ctx context.Context, id string, at time.Time, audit AuditEntry) (archived bool, err error)

	// Incidents.
	// OpenIncident gives the incident the next number and writes all of it, or,
	// when an open incident has its DedupKey or any has its FormKey, returns
	// that one and created = false. The store fills in IncidentNumber of the rows.
	OpenIncident(ctx context.Context, n NewIncident) (i Incident, created bool, err error)
	Incident(ctx context.Context, number int64) (Incident, error)
	IncidentByDedupKey(ctx context.Context, key string) (Incident, error) // open ones
	// SetIncidentStatus moves it from one status to the other; Conflict if it is not there.
	SetIncidentStatus(ctx context.Context, number int64, from, to string, at time.Time, entry TimelineEntry, audit AuditEntry) error
	StepRun(ctx context.Context, id string) (StepRun, error)
	StepRuns(ctx context.Context, number int64) ([]StepRun, error)
	AddTimeline(ctx context.Context, entries ...TimelineEntry) error

	// Bridges.
	Bridge(ctx context.Context, id string) (Bridge, error)
	BridgeOfStepRun(ctx context.Context, stepRunID string) (Bridge, error)
	Bridges(ctx context.Context, number int64) ([]Bridge, error)
	Attempt(ctx context.Context, id string) (Attempt, error)
	Attempts(ctx context.Context, bridgeID string) ([]Attempt, error) // oldest first
	// ChangeBridge makes one transition; Conflict if the bridge, the step run or
	// the attempt is not in a state the change expects. Nothing is written then.
	ChangeBridge(ctx context.Context, c BridgeChange) error
	// OpenBridgeWithMeeting is the id of another bridge, not ended or failed,
	// that has the meeting id, or "".
	OpenBridgeWithMeeting(ctx context.Context, meetingID, exceptBridgeID string) (string, error)
	Presences(ctx context.Context, bridgeID string) ([]Presence, error)

	// Events.
	// AppendEvent stores a verified event and returns after it is on disk.
	// A body that is stored already is a duplicate: id is the first one's.
	AppendEvent(ctx context.Context, e NewEvent) (id int64, duplicate bool, err error)
	Event(ctx context.Context, id int64) (Event, error)
	NewEvents(ctx context.Context, limit int) ([]Event, error) // state new, oldest first
	// Calm waits, for a moment at most, until few events wait to be stored: what
	// can be done later makes way for what is to be answered.
	Calm(ctx context.Context)
	Busy() bool // many events wait to be stored
	// MeetingsOfBridges are those of the ids and uuids that some bridge has.
	MeetingsOfBridges(ctx context.Context, ids []string) (map[string]bool, error)
	// BridgeForMeeting finds the bridge an event belongs to: by uuid of an
	// instance or of the created meeting, else the newest by meeting id or PMI
	// created before at (plus a minute). "" = none.
	BridgeForMeeting(ctx context.Context, uuid, meetingID string, at time.Time) (bridgeID string, incidentNumber int64, err error)
	// ApplyReadings marks events read with all that follows, then sets each
	// touched bridge to what DeriveBridge says of its instances and presences.
	ApplyReadings(ctx context.Context, readings []Reading, at time.Time) error
	// ClaimGapLook notes that a look into Zoom's log of deliveries begins now, and
	// says until when they are compared. Not ok: a look began after before.
	ClaimGapLook(ctx context.Context, now, before time.Time) (lookedTo time.Time, ok bool, err error)
	SaveGapLook(ctx context.Context, l GapLook, audit AuditEntry) error
	// ReprocessEvent makes a stored event new again, no longer stale.
	ReprocessEvent(ctx context.Context, id int64, audit AuditEntry) error
	// EventEntries are the entries of a timeline that follow from a read event.
	EventEntries(ctx context.Context, e Event) ([]TimelineEntry, error)
	AddRefusals(ctx context.Context, minute time.Time, byReason map[string]int64) error
	SavedFilter(ctx context.Context, id string) (SavedFilter, error)
	SavedFilters(ctx context.Context) ([]SavedFilter, error)    // by name
	InsertSavedFilter(ctx context.Context, f SavedFilter) error // Conflict if the name is taken
	DeleteSavedFilter(ctx context.Context, id string) error     // NotFound if it is not there

	// Retention. Rules come in the order of their families.
	Retention(ctx context.Context) ([]RetentionRule, error)
	// SaveRetention replaces the rules, and counts anew what is done.
	SaveRetention(ctx context.Context, rules []RetentionRule, audit AuditEntry) error
	EventTypes(ctx context.Context) ([]string, error)
	// The next six do a slice and return how much it was, 0 when nothing is
	// left. A slice is smaller than asked for when others have waited for it. Events of an open incident's bridge are not removed, nor are events
	// that were not read yet. DropEventMonths removes whole months of events that
	// arrived before a time, DeleteEventsBefore so many, the oldest first, and
	// DeleteEventsOfType so many of a type ("" = those that cannot be read).
	DropEventMonths(ctx context.Context, before time.Time) (int64, error)
	DeleteEventsBefore(ctx context.Context, before time.Time, limit int) (int64, error)
	DeleteEventsOfType(ctx context.Context, event string, before time.Time, limit int) (int64, error)
	// RetireWordParts takes a part of the search index out of use whose events
	// are all gone; FreeWordParts frees so many pages of such parts, a while
	// later, since a search may have begun in one.
	RetireWordParts(ctx context.Context) (int64, error)
	FreeWordParts(ctx context.Context, pages int) (int64, error)
	// BlankEvents takes what says who somebody was out of events of a type that
	// arrived before a time, and out of the search index.
	BlankEvents(ctx context.Context, event string, before, at time.Time, limit int) (int64, error)
	// BlankBridge takes out of a bridge that ended before a time, and whose
	// incident is resolved, who was on it.
	BlankBridge(ctx context.Context, before, at time.Time) (int64, error)
	// TellRetention tells the pages that show how far it is. Slices do not: they
	// are many.
	TellRetention(ctx context.Context) error

	// Jobs. ClaimJobs leases due jobs (queued, or running with a lease that is
	// over) to worker; ClaimJob one by id even if it is not due, false when it
	// is leased, done or dead.
	ClaimJobs(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]Job, error)
	ClaimJob(ctx context.Context, id, worker string, now time.Time, lease time.Duration) (Job, bool, error)
	// FinishJob and RetryJob do nothing when the worker has lost the lease.
	FinishJob(ctx context.Context, j Job, state JobState, lastError string) error
	RetryJob(ctx context.Context, j Job, runAt time.Time, lastError string) error

	// People.
	User(ctx context.Context, id string) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	CountAdmins(ctx context.Context) (int, error)                   // not disabled ones
	InsertUser(ctx context.Context, u User, audit AuditEntry) error // Conflict if the e-mail is taken
	// UpdateUser writes name, role, password hash and DisabledAt. endSessions
	// deletes the person's sessions in the same transaction, all but keepSession
	// (a hashed session token, "" = none). It refuses with Conflict to leave no
	// admin who is not disabled.
	UpdateUser(ctx context.Context, u User, endSessions bool, keepSession string, audit AuditEntry) error
	TouchUser(ctx context.Context, id string, at time.Time) error
	// SaveSetupLink replaces any setup link. UseSetupLink makes the first admin
	// with it, once: Conflict when it was used or there is an admin, NotFound
	// when it is unknown or over.
	SaveSetupLink(ctx context.Context, tokenHash string, expires time.Time) error
	SetupLink(ctx context.Context, tokenHash string) (expires, used time.Time, err error)
	UseSetupLink(ctx context.Context, tokenHash string, now time.Time, u User, audit AuditEntry) error
	InsertToken(ctx context.Context, t Token, audit AuditEntry) error
	TokenByHash(ctx context.Context, hash string) (Token, error)
	RevokeToken(ctx context.Context, id string, at time.Time, audit AuditEntry) error
	TouchToken(ctx context.Context, id string, at time.Time) error
	LoginFailures(ctx context.Context, key string) (LoginFailures, error)
	AddLoginFailure(ctx context.Context, key string, at time.Time) error
	ClearLoginFailures(ctx context.Context, key string) error
	AddAudit(ctx context.Context, e AuditEntry) error

	// Tidying: each removes what nobody needs any more and says how much it was.
	DeleteExpiredSessions(ctx context.Context) (int64, error)
	DeleteLoginFailures(ctx context.Context, before time.Time) (int64, error)
	DeleteFinishedJobs(ctx context.Context, before time.Time) (int64, error)
	DeleteRefusals(ctx context.Context, before time.Time) (int64, error)
	DeleteMinuteCounts(ctx context.Context, now time.Time) (int64, error)
	// DeleteEventKeys forgets what arrived once, if its event_ts is before a
	// time, up to limit keys.
	DeleteEventKeys(ctx context.Context, before time.Time, limit int) (int64, error)
	// PrepareMonths makes room for the events of the months to come.
	PrepareMonths(ctx context.Context) error
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

// BridgeChange is one transition of a bridge with all that goes with it.
type BridgeChange struct {
	Bridge Bridge
	Insert bool          // the bridge is new; From is not looked at
	From   []BridgeState // the states it may be in

	Attempt     *Attempt     // inserted, or updated when AttemptFrom is set
	AttemptFrom AttemptState // expected state of an attempt that is updated

	StepRun     *StepRun // state, reason and times are written
	StepRunFrom []StepState

	Timeline []TimelineEntry
	Jobs     []Job
	Audit    AuditEntry
}
