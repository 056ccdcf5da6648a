package incident

import (
	"context"
	"time"
)

// Recording says whether and where Zoom automatically records a meeting.
type Recording string

const (
	RecordingNone  Recording = "none"
	RecordingLocal Recording = "local" // on the host's computer
	RecordingCloud Recording = "cloud"
)

// Runbook describes what to do for one type of incident.
type Runbook struct {
	ID           string     `json:"-" yaml:"-"`       // UUIDv7
	Name         string     `json:"name" yaml:"name"` // unique among runbooks that are not archived
	IncidentType string     `json:"incident_type" yaml:"incident_type,omitempty"`
	Description  string     `json:"description" yaml:"description,omitempty"`
	Variables    []Variable `json:"variables" yaml:"variables,omitempty"`
	Steps        []Step     `json:"steps" yaml:"steps,omitempty"`
	Default      bool       `json:"default" yaml:"default,omitempty"` // takes incidents whose runbook does not exist; at most one does
	DisabledAt   time.Time  `json:"disabled" yaml:"-"`
	ArchivedAt   time.Time  `json:"archived" yaml:"-"`
	Version      int64      `json:"-" yaml:"-"` // number of the last save; saving with another number is a Conflict
	CreatedAt    time.Time  `json:"-" yaml:"-"`
	UpdatedAt    time.Time  `json:"-" yaml:"-"`
}

// RunbookVersion is what one save made of a runbook: Version and UpdatedAt are those of
// that save.
type RunbookVersion struct {
	Runbook
	ActorKind ActorKind // "": not known
	Actor     string
}

// RunbookChanges returns what differs between two versions of a runbook.
func RunbookChanges(before, after Runbook) []Change { return changesOf(before, after) }

// Runbooks stores runbooks with all their versions.
type Runbooks interface {
	Runbook(ctx context.Context, id string) (Runbook, error)         // finds archived runbooks too
	RunbookByName(ctx context.Context, name string) (Runbook, error) // does not find archived runbooks
	RunbookVersion(ctx context.Context, id string, version int64) (RunbookVersion, error)
	DefaultRunbook(ctx context.Context) (Runbook, error)
	ActiveRunbooks(ctx context.Context) ([]Runbook, error) // those that are not archived, sorted by name
	// InsertRunbook and UpdateRunbook take Default from another runbook that has it.
	InsertRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// UpdateRunbook replaces the runbook and its steps and increments Version. It
	// returns Conflict if r.Version is not the stored version.
	UpdateRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// DeleteRunbook deletes a runbook without incidents and archives any other.
	DeleteRunbook(ctx context.Context, id string, at time.Time, audit AuditEntry) (archived bool, err error)
}

// Variable is one field that the runbook's form asks for.
type Variable struct {
	Name     string   `json:"name" yaml:"name"` // [a-z][a-z0-9_]*
	Label    string   `json:"label" yaml:"label"`
	Type     string   `json:"type" yaml:"type"` // text, number, choice, date
	Required bool     `json:"required,omitempty" yaml:"required,omitempty"`
	Default  string   `json:"default,omitempty" yaml:"default,omitempty"`
	Help     string   `json:"help,omitempty" yaml:"help,omitempty"`
	Choices  []string `json:"choices,omitempty" yaml:"choices,omitempty"`
}

// HostChoice says who hosts a bridge.
type HostChoice string

const (
	HostOpener HostChoice = "opener_with_backup"
	HostBackup HostChoice = "always_backup"
)

// MeetingTemplate describes the meeting of a create_meeting step. Topic and
// Agenda are Liquid templates, see package template.
type MeetingTemplate struct {
	Topic            string     `json:"topic" yaml:"topic"`
	Agenda           string     `json:"agenda" yaml:"agenda"`
	Recording        Recording  `json:"recording" yaml:"recording"`
	DurationMinutes  int        `json:"duration_minutes" yaml:"duration_minutes"`
	Host             HostChoice `json:"host" yaml:"host"`
	WaitingRoom      bool       `json:"waiting_room" yaml:"waiting_room,omitempty"`
	JoinBeforeHost   bool       `json:"join_before_host" yaml:"join_before_host"`
	AlternativeHosts []string   `json:"alternative_hosts,omitempty" yaml:"alternative_hosts,omitempty"`

	// What is an alarm while the incident is open; 0: nothing.
	NobodyMinutes int  `json:"alarm_nobody_minutes" yaml:"alarm_nobody_minutes"` // nobody has joined for so long
	EmptyMinutes  int  `json:"alarm_empty_minutes" yaml:"alarm_empty_minutes"`   // everybody left so long ago
	LongHours     int  `json:"alarm_long_hours" yaml:"alarm_long_hours"`         // the call has been running for so long
	EndEmpty      bool `json:"end_empty" yaml:"end_empty,omitempty"`             // then Drawbridge ends the empty call
}

// SampleRunbook returns a runbook that creates a meeting when an incident is opened.
func SampleRunbook() Runbook {
	m := NewMeetingTemplate()
	m.Topic = "{{ incident.severity }} {{ incident.name }}"
	return Runbook{Name: "Incident", Description: "Creates a Zoom meeting at once.",
		Steps: []Step{{Kind: StepCreateMeeting, ExecuteAutomatically: true, Meeting: m}}}
}

// NewMeetingTemplate returns the template of a new step.
func NewMeetingTemplate() MeetingTemplate {
	return MeetingTemplate{
		Topic:           "{{ incident.key }} {{ incident.name }}",
		Agenda:          "{{ incident.description }}",
		Recording:       RecordingNone,
		DurationMinutes: 60,
		Host:            HostOpener,
		JoinBeforeHost:  true,
		NobodyMinutes:   10,
		EmptyMinutes:    15,
		LongHours:       4,
	}
}
