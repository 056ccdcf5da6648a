package views

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

// RunbooksPage is GET /runbooks.
type RunbooksPage struct {
	Frame     Frame
	CanEdit   bool   // admins: New runbook, Edit, switch
	CanRun    bool   // responders: Open incident
	NoBridges string // why no incident gets a bridge; "" if nothing is known to prevent it
	Rows      []RunbookRow
	Archived  []RunbookRow // deleted, but kept because incidents refer to them
}

// href is where a runbook's name leads: people who run it get its form, admins edit it.
func (p RunbooksPage) href(r RunbookRow) string {
	if p.CanRun && !p.CanEdit && r.Enabled {
		return "/incidents/new?runbook=" + url.QueryEscape(r.ID)
	}
	return "/runbooks/" + r.ID
}

// RunbookRow is one runbook of the list.
type RunbookRow struct {
	ID           string
	Name         string
	IncidentType string
	Default      bool // takes incidents whose runbook doesn’t exist
	Description  string
	Steps        []string // in words: "Create Zoom meeting, automatically"
	Incidents    int
	LastRunAt    When   // of its last incident; zero for none
	LastRunKey   string // "INC-42"; "" for none
	LastRunURL   string
	Enabled      bool
	Problem      string // why it wouldn't work; "" for nothing
}

// RunbookPage is GET /runbooks/new and /runbooks/{id}, and every answer to the editor's form.
//
// The form posts to /runbooks (new) or /runbooks/{id} with: version, name, incident_type,
// description; for each step, i from 0: step.{i}.id, .kind, .name, .topic, .agenda, .recording
// (none | cloud | local), .text, .with_people (true), .execute_automatically (true), .duration (minutes), .host
// (opener_with_backup | always_backup), .waiting_room (true), .join_before_host (true),
// .alternative_hosts (comma separated), .alarm_nobody_minutes, .alarm_empty_minutes,
// .alarm_long_hours (0: no alarm), .end_empty (true), .open (true while the card is open),
// .when, .after_step (number of a step, from 1), .after_outcome, .wait (minutes), .match (all |
// any), .repeat ("" | every | change), .every (minutes), .times, .schedule_open (true), and for
// each condition, j from 0: .if.{j}.field, .is, .value (one a line, or separated by commas; or
// .value.{k} for each), .zone;
// for each variable: variable.{i}.name, .label, .type (text | number | choice | date),
// .required (true), .default, .help, .choices (one a line); preview_incident (number of a
// past incident, or "" for the sample).
//
// op is the pressed button: save, preview, add-step:KIND, remove-step:I, step-up:I,
// step-down:I, add-condition:I, remove-condition:I.J, add-variable, remove-variable:I, variable-up:I, variable-down:I.
// Every op except save answers 200 with the changed page and stores nothing.
type RunbookPage struct {
	Frame Frame

	ID      string // "" for a new runbook
	Version int64

	Name         string
	IncidentType string
	Default      bool // takes incidents whose runbook doesn’t exist
	Description  string
	Enabled      bool
	Archived     bool
	Incidents    int  // opened with it; if there are any, deleting it archives it
	Drilled      bool // the schedule starts drills of it

	Steps     []StepForm
	Variables []VariableForm
	Kinds     []StepKind // the choices of Add step
	Triggers  []Choice   // of When
	Outcomes  []Choice   // of an earlier step
	Fields    []Choice   // that conditions can be about
	Types     []string   // incident types in use, as suggestions

	CanEdit   bool
	CanRun    bool              // responders: View the form
	Changed   bool              // the form differs from the stored runbook
	Conflict  string            // who else saved in the meantime, and when; "" for nobody
	Errors    map[string]string // field name → sentence; "step.0.topic", "variable.1.name"
	Broken    map[string]string // like Errors: what can't be saved because something else was removed
	NoBridges string            // why no incident gets a bridge; "" if nothing is known to prevent it
	Focus     string            // field with the cursor: "step.1.topic" after Add step; "" for none
	Preview   RunbookPreviewPart
	Insert    []InsertGroup
}

// StepForm is one step in the editor.
type StepForm struct {
	ID     string // "" before it is saved
	Kind   string // "create_meeting"
	Label  string // "Create Zoom meeting"
	Name   string // of the step; "" for none
	Icon   templ.Component
	Was    int  // its number before it was moved
	Open   bool // the card is open, as a card with an error always is
	Topic  string
	Agenda string

	Recording            string // "none", "cloud", "local"
	ExecuteAutomatically bool
	Duration             string // minutes, as typed
	Host                 string // "opener_with_backup", "always_backup"
	WaitingRoom          bool
	JoinBeforeHost       bool
	AlternativeHosts     string // as typed
	NobodyMinutes        string // as typed, like the next two; "0": no alarm
	EmptyMinutes         string
	LongHours            string
	EndEmpty             bool

	Inputs   []StepInput // of a kind other than create_meeting
	Schedule ScheduleForm
}

// title is the step's name, or else its text, or else what its kind does.
func (s StepForm) title() string {
	for _, in := range s.Inputs {
		if in.Template {
			return cmp.Or(s.Name, strings.TrimSpace(in.Value), s.Label)
		}
	}
	return cmp.Or(s.Name, s.Label)
}

// StepInput is one setting of a step in the editor.
type StepInput struct {
	Name, Label, Help, Placeholder string
	Template                       bool // it holds a template
	Rows                           int  // of a text of several lines; 0: of one
	Value                          string
	Check, Checked                 bool // it is a box to check
}

// ScheduleForm is the section "Conditions & scheduling" of a step, as typed.
type ScheduleForm struct {
	Open                                bool
	When, AfterStep, AfterOutcome, Wait string
	Match                               string // "all", "any"
	Conditions                          []ConditionForm
	Repeat                              string // "", "every", "change"
	Every, Times                        string

	Repeats bool     // the kind of step can
	Earlier []Choice // the steps that it can run after, and the one that it does
	Says    string   // the whole in one sentence
}

// ConditionForm is one condition of a step, as typed.
type ConditionForm struct {
	Field, Is, Value, Zone string // Value has one value a line, or several separated by commas

	Missing     string   // what Field was called, if it is about something that doesn't exist
	Comparisons []Choice // that suit the field
	Values      []Choice // the only ones, selected or not
	Input       InputKind
	Example     string // of a value
	Zoned       bool   // times are in Zone
}

// InputKind says how a value is entered.
type InputKind string

const (
	InputNone   InputKind = "none"
	InputLine   InputKind = "line"
	InputLines  InputKind = "lines"
	InputSelect InputKind = "select" // one of Values
	InputChecks InputKind = "checks" // some of Values
	InputTimes  InputKind = "times"  // two times of the day
	InputDate   InputKind = "date"
)

// VariableForm is one variable in the editor.
type VariableForm struct {
	Name     string
	Label    string
	Type     string // "text", "number", "choice", "date"
	Required bool
	Default  string
	Help     string
	Choices  string // one a line
}

// StepKind is one choice of Add step.
type StepKind struct {
	Kind  string // "create_meeting"
	Label string
	Help  string // one line
	Icon  templ.Component
}

// InsertGroup is a group of template variables.
type InsertGroup struct {
	Title string // "This runbook"
	Items []InsertItem
}

// InsertItem is one variable that can be inserted into a template.
type InsertItem struct {
	Code  string // "{{ incident.name }}"
	Help  string
	Value string // in the sample incident; "" for none
}

// RunbookPreviewPart is the answer to POST /runbooks/preview, which takes the editor's form.
type RunbookPreviewPart struct {
	Samples []PreviewSample
	Number  string // of another incident, as typed
	Problem string // with one of both
	Opener  string // of the made-up incident, as typed
	Me      string // who is its opener otherwise
	Steps   []StepPreview
}

// PreviewSample is an incident that the preview can use.
type PreviewSample struct {
	Value    string // of preview_incident: the incident's number, or "" for the sample
	Label    string // "INC-41 · db down"
	Selected bool
}

// StepPreview is what a step would do for the chosen incident.
type StepPreview struct {
	Index      int // of the step in the form
	Label      string
	When       string // when it would run
	At         When   // the time that belongs to it; zero: none
	Conditions []IncidentCondition
	Texts      []TextPreview
	Asks       []string // what Drawbridge asks Zoom for, one line each

	Link      string // how the incident would get its link; "" if the step can't be saved
	LinkLevel Level
	Why       string // why Zoom wouldn’t be asked; "" if it would
	Hosts     []HostPreview
	Storm     string
	Calls     []CallPreview
	CallsNote string
}

// HostPreview is somebody who may host the meeting of a step.
type HostPreview struct {
	Email   string
	Role    string // "Backup user"
	Level   Level
	Says    string
	Checked When
}

// CallPreview is a call to Zoom, as it would be sent.
type CallPreview struct{ Line, Body string }

// TextPreview is one rendered template.
type TextPreview struct {
	Label   string // "Topic"
	Field   string // its name in the form, after the step's
	Text    string // rendered; "" if there are Errors
	Length  int    // in characters, before it is cut
	Max     int
	Errors  []TemplateError
	Instead string          // what an incident would get while Text is ""
	Hints   []TemplateError // what works but may surprise
}

// TemplateError is one mistake in a template.
type TemplateError struct {
	Line, Column int // from 1; 0 if it isn't known
	Message      string
	DidYouMean   string // "incident.severity"; "" for no suggestion
}

func (e TemplateError) place() string {
	if e.Column == 0 {
		return fmt.Sprintf("Line %d", e.Line)
	}
	return fmt.Sprintf("Line %d, column %d", e.Line, e.Column)
}

// onOff is the last part of the path that toggles a runbook.
func onOff(enabled bool) string {
	if enabled {
		return "disable"
	}
	return "enable"
}
