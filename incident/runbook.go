package incident

import (
	"context"
	"time"
)

// StepKind says what a step does.
type StepKind string

const StepCreateMeeting StepKind = "create_meeting"

// Recording says whether and where Zoom records a meeting by itself.
type Recording string

const (
	RecordingNone  Recording = "none"
	RecordingLocal Recording = "local" // on the host's computer
	RecordingCloud Recording = "cloud"
)

// Runbook is what to do for one type of incident.
type Runbook struct {
	ID           string // UUIDv7
	Name         string // unique among runbooks that are not archived
	IncidentType string
	Description  string
	Variables    []Variable
	Steps        []Step
	DisabledAt   time.Time
	ArchivedAt   time.Time
	Version      int64 // of the last save; a save with another is a conflict
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Runbooks stores runbooks.
type Runbooks interface {
	Runbook(ctx context.Context, id string) (Runbook, error)         // also an archived one
	RunbookByName(ctx context.Context, name string) (Runbook, error) // not an archived one
	InsertRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// UpdateRunbook replaces the runbook and its steps and increments Version.
	// Conflict if r.Version is not the stored one.
	UpdateRunbook(ctx context.Context, r Runbook, audit AuditEntry) error
	// DeleteRunbook deletes one without incidents and archives any other.
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

// Step is one action of a runbook. Conditions and Schedule are JSON texts whose
// place is kept; "" means always, and at once.
type Step struct {
	ID                   string
	Kind                 StepKind
	ExecuteAutomatically bool
	Meeting              MeetingTemplate // of create_meeting
	Conditions           string
	Schedule             string
}

// HostChoice says who hosts a bridge.
type HostChoice string

const (
	HostOpener HostChoice = "opener_with_backup"
	HostBackup HostChoice = "always_backup"
)

// MeetingTemplate is what a create_meeting step asks Zoom for. Topic and Agenda
// are Liquid templates, see package template.
type MeetingTemplate struct {
	Topic            string     `json:"topic"`
	Agenda           string     `json:"agenda"`
	Recording        Recording  `json:"recording"`
	DurationMinutes  int        `json:"duration_minutes"`
	Host             HostChoice `json:"host"`
	WaitingRoom      bool       `json:"waiting_room"`
	JoinBeforeHost   bool       `json:"join_before_host"`
	AlternativeHosts []string   `json:"alternative_hosts,omitempty"`
}

// NewMeetingTemplate is the template a new step starts with.
func NewMeetingTemplate() MeetingTemplate {
	return MeetingTemplate{
		Topic:           "{{ incident.key }} {{ incident.name }}",
		Agenda:          "{{ incident.description }}",
		Recording:       RecordingNone,
		DurationMinutes: 60,
		Host:            HostOpener,
		JoinBeforeHost:  true,
	}
}
