package views

import "fmt"

// RunbooksPage is GET /runbooks.
type RunbooksPage struct {
	Frame    Frame
	CanEdit  bool // admin: New runbook, Edit, switch
	CanRun   bool // responder: Run
	Rows     []RunbookRow
	Archived []RunbookRow // deleted, kept because incidents refer to them
}

// RunbookRow is one runbook of the list.
type RunbookRow struct {
	ID           string
	Name         string
	IncidentType string
	Description  string
	Steps        []string // in words: "Create Zoom meeting, automatically"
	Incidents    int
	LastRunAt    When   // zero: never run
	LastRunKey   string // "INC-42"; "" when never run
	LastRunURL   string
	Enabled      bool
	Problem      string // why it would not work as it is; "" for none
}

// RunbookPage is GET /runbooks/new and /runbooks/{id}, and every answer of the editor's form.
//
// The form posts to /runbooks (new) or /runbooks/{id} with: version, name, incident_type,
// description; for each step, i from 0: step.{i}.id, .kind, .topic, .agenda, .recording
// (none | cloud | local), .execute_automatically (true), .duration (minutes), .host
// (opener_with_backup | always_backup), .waiting_room (true), .join_before_host (true),
// .alternative_hosts (comma separated), .open (true while the card is open);
// for each variable: variable.{i}.name, .label, .type (text | number | choice | date),
// .required (true), .default, .help, .choices (one a line); preview_incident (number of a
// past incident, or "" for the sample).
//
// op is the button pressed: save, preview, add-step:KIND, remove-step:I, step-up:I,
// step-down:I, add-variable, remove-variable:I, variable-up:I, variable-down:I.
// Every op but save answers 200 with the same page, changed, and stores nothing.
type RunbookPage struct {
	Frame Frame

	ID      string // "" for a new one
	Version int64

	Name         string
	IncidentType string
	Description  string
	Enabled      bool
	Archived     bool
	Incidents    int // how many were opened with it; decides delete or archive

	Steps     []StepForm
	Variables []VariableForm
	Kinds     []StepKind // what Add step offers
	Types     []string   // incident types already in use, offered while typing

	CanEdit  bool
	CanRun   bool              // responder: See the form
	Changed  bool              // the form differs from what is stored
	Conflict string            // somebody saved meanwhile: who and when, as a sentence
	Errors   map[string]string // field name → sentence; "step.0.topic", "variable.1.name"
	Focus    string            // field to put the cursor in: "step.1.topic" after Add step; "" for none
	Preview  RunbookPreviewPart
	Insert   []InsertGroup
}

// StepForm is one step as the editor holds it.
type StepForm struct {
	ID     string // "" until it is saved
	Kind   string // "create_meeting"
	Label  string // "Create Zoom meeting"
	Open   bool   // the card is open; a card with an error always is
	Topic  string
	Agenda string

	Recording            string // "none", "cloud", "local"
	ExecuteAutomatically bool
	Duration             string // minutes, as typed
	Host                 string // "opener_with_backup", "always_backup"
	WaitingRoom          bool
	JoinBeforeHost       bool
	AlternativeHosts     string // as typed
}

// VariableForm is one variable as the editor holds it.
type VariableForm struct {
	Name     string
	Label    string
	Type     string // "text", "number", "choice", "date"
	Required bool
	Default  string
	Help     string
	Choices  string // one a line
}

// StepKind is one line of Add step.
type StepKind struct {
	Kind  string // "create_meeting"
	Label string
	Help  string // one line
}

// InsertGroup is one heading of the list of template variables.
type InsertGroup struct {
	Title string // "This runbook"
	Items []InsertItem
}

// InsertItem is one variable that can be put into a template.
type InsertItem struct {
	Code  string // "{{ incident.name }}"
	Help  string
	Value string // what it is in the sample; "" for nothing
}

// RunbookPreviewPart is the answer of POST /runbooks/preview, which takes the editor's form.
type RunbookPreviewPart struct {
	Samples []PreviewSample
	Steps   []StepPreview
}

// PreviewSample is one incident the preview can be filled with.
type PreviewSample struct {
	Value    string // of preview_incident: "" for the sample, else the incident's number
	Label    string // "INC-41 · db down"
	Selected bool
}

// StepPreview is what one step would do for the chosen incident.
type StepPreview struct {
	Index  int // of the step in the form
	Label  string
	Topic  TextPreview
	Agenda TextPreview
	Asks   []string // "Zoom will be asked for", one sentence each
}

// TextPreview is one rendered template.
type TextPreview struct {
	Text   string // rendered; what would be used instead when there are Errors
	Length int    // in characters, before it is cut
	Max    int
	Errors []TemplateError
}

// TemplateError is one mistake in a template.
type TemplateError struct {
	Line, Column int // from 1; 0 when it is not known
	Message      string
	DidYouMean   string // "incident.severity"; "" for no idea
}

func (e TemplateError) place() string {
	if e.Column == 0 {
		return fmt.Sprintf("Line %d", e.Line)
	}
	return fmt.Sprintf("Line %d, column %d", e.Line, e.Column)
}

func trueFalse(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// onOff is the last part of the address that turns a runbook's switch.
func onOff(enabled bool) string {
	if enabled {
		return "disable"
	}
	return "enable"
}
