package incident

import (
	"context"
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// humanBudget is how long a person who opens an incident waits at most for its
// bridge. What is not done by then goes on in the worker.
const humanBudget = 2900 * time.Millisecond

// jobLease is how long a claimed job is ours; a job of a program that died is
// free again after it.
const jobLease = 30 * time.Second

// OpenRequest asks for an incident.
type OpenRequest struct {
	RunbookID   string // or
	RunbookName string
	Name        string
	Severity    string
	Type        string // "" = the runbook's
	Description string
	OpenerEmail string // "" = the actor's
	DedupKey    string // "" = none
	FormKey     string // of one rendered form: sending it twice opens one incident
	Source      Source
	Vars        map[string]string
}

// OpenIncident opens an incident, runs the steps that run automatically, and
// returns when they are done or humanBudget is over, whichever is first; the
// bridges then say how far they are. When an open incident has the DedupKey, or
// any has the FormKey, that one is returned and created is false.
func (s *Service) OpenIncident(ctx context.Context, actor Actor, req OpenRequest) (i Incident, created bool, err error) {
	if err := need(actor, Responder); err != nil {
		return Incident{}, false, err
	}
	// An alert that comes again finds its incident even when the runbook was
	// changed meanwhile and would refuse it.
	if req.DedupKey != "" {
		if i, err = s.store.IncidentByDedupKey(ctx, req.DedupKey); CodeOf(err) != NotFound {
			return i, false, err
		}
	}
	runbook, err := s.findRunbook(ctx, req)
	if err != nil {
		return Incident{}, false, err
	}
	if i, err = s.newIncident(actor, runbook, req); err != nil {
		return Incident{}, false, err
	}
	if i.OpenerName == "" {
		if u, err := s.store.UserByEmail(ctx, i.OpenerEmail); err == nil {
			i.OpenerName = u.Name
		}
	}

	n := NewIncident{
		Incident: i,
		Audit:    s.audit(actor, AuditIncidentOpen, i.Name, Change{Field: "runbook", After: runbook.Name}, Change{Field: "severity", After: i.Severity}),
		Timeline: []TimelineEntry{{ID: newID(), At: i.CreatedAt, Kind: EntryOpened, Data: TimelineData{Runbook: runbook.Name}, Actor: actor.Email}},
	}
	for at, step := range runbook.Steps {
		run := StepRun{ID: newID(), Position: at, Step: step, State: StepWaiting}
		if step.ExecuteAutomatically {
			run.State = StepScheduled
			n.Bridges = append(n.Bridges, s.newBridge(run))
			// Ours by its id while a person waits; the worker would not tell them.
			n.Jobs = append(n.Jobs, s.newJob(JobRunStep, run.ID, i.CreatedAt.Add(humanBudget)))
		}
		n.StepRuns = append(n.StepRuns, run)
	}

	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	i, created, err = s.store.OpenIncident(ctx, n)
	if err != nil || !created {
		return i, false, err
	}
	for _, job := range n.Jobs {
		s.runNow(ctx, job.ID)
	}
	return i, true, nil
}

// runNow does one job at once instead of leaving it to the worker. A failure is
// the worker's to repeat, and so is a job that too little time is left for.
func (s *Service) runNow(ctx context.Context, jobID string) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < rungLimit {
		nudge(s.wakeJobs)
		return
	}
	job, ok, err := s.store.ClaimJob(ctx, jobID, s.worker, s.now(), jobLease)
	if err == nil && ok {
		s.do(ctx, job)
		return
	}
	if err != nil {
		s.log.Error("claim a job", "job", jobID, "err", err)
	}
	nudge(s.wakeJobs)
}

func (s *Service) newBridge(run StepRun) Bridge {
	now := s.now()
	return Bridge{
		ID: newID(), IncidentNumber: run.IncidentNumber, StepRunID: run.ID,
		Kind: KindMeeting, State: BridgeNew, Asked: run.Step.Meeting,
		CreatedAt: now, UpdatedAt: now,
	}
}

func (s *Service) newJob(kind JobKind, subject string, at time.Time) Job {
	return Job{ID: newID(), Kind: kind, Subject: subject, State: JobQueued, RunAt: at, CreatedAt: s.now()}
}

func (s *Service) findRunbook(ctx context.Context, req OpenRequest) (Runbook, error) {
	missing := invalid("This runbook does not exist.", map[string]string{"runbook": "There is no runbook of this name. It may have been renamed or deleted."})
	var r Runbook
	var err error
	switch {
	case req.RunbookID != "":
		r, err = s.store.Runbook(ctx, req.RunbookID)
	case req.RunbookName != "":
		r, err = s.store.RunbookByName(ctx, req.RunbookName)
	default:
		return Runbook{}, invalid("Say which runbook to run.", map[string]string{"runbook": "Give the name of a runbook."})
	}
	switch {
	case CodeOf(err) == NotFound:
		return Runbook{}, missing
	case err != nil:
		return Runbook{}, err
	case !r.ArchivedAt.IsZero():
		return Runbook{}, missing
	case !r.DisabledAt.IsZero():
		return Runbook{}, invalid("This runbook is disabled.", map[string]string{"runbook": "This runbook is disabled. An admin can enable it."})
	}
	return r, nil
}

// Limits of what a form or a script may send, in characters.
const (
	maxName        = 200
	maxDescription = 4000
	maxVar         = 1000
	maxKey         = 200
)

func (s *Service) newIncident(actor Actor, r Runbook, req OpenRequest) (Incident, error) {
	now := s.now()
	i := Incident{
		RunbookID: r.ID, RunbookName: r.Name,
		Name:        strings.TrimSpace(req.Name),
		Severity:    strings.TrimSpace(req.Severity),
		Type:        strings.TrimSpace(req.Type),
		Description: strings.TrimSpace(req.Description),
		Status:      StatusOpen,
		OpenerEmail: CanonicalEmail(req.OpenerEmail),
		DedupKey:    req.DedupKey,
		FormKey:     req.FormKey,
		Vars:        map[string]string{},
		Source:      req.Source,
		CreatedBy:   actor.Email,
		JoinKey:     newToken()[:16],
		CreatedAt:   now, UpdatedAt: now,
	}
	if i.Type == "" {
		i.Type = r.IncidentType
	}
	if i.OpenerEmail == "" && actor.Kind == "user" {
		i.OpenerEmail, i.OpenerName = actor.Email, actor.Name
	}

	fields := map[string]string{}
	if i.Name == "" {
		fields["name"] = "Say in a few words what is wrong."
	}
	tooLong(fields, "name", i.Name, maxName)
	tooLong(fields, "severity", i.Severity, 40)
	tooLong(fields, "type", i.Type, 100)
	tooLong(fields, "description", i.Description, maxDescription)
	tooLong(fields, "dedup_key", i.DedupKey, maxKey)
	tooLong(fields, "form_key", i.FormKey, maxKey)
	if i.OpenerEmail != "" && !validEmail(i.OpenerEmail) {
		fields["opener_email"] = "This is not an e-mail address."
	}
	for _, v := range r.Variables {
		value := strings.TrimSpace(req.Vars[v.Name])
		if value == "" {
			value = v.Default
		}
		if problem := v.check(value); problem != "" {
			fields["vars."+v.Name] = problem
		}
		i.Vars[v.Name] = value
	}
	for name := range req.Vars {
		if _, known := i.Vars[name]; !known {
			fields["vars."+name] = "The runbook has no variable of this name."
		}
	}
	if len(fields) > 0 {
		return Incident{}, invalid("Something is missing or wrong.", fields)
	}
	return i, nil
}

// check says what is wrong with a value of the variable, "" for nothing.
func (v Variable) check(value string) string {
	if value == "" {
		if v.Required {
			return v.label() + " is needed."
		}
		return ""
	}
	if problem := textProblem(value, maxVar); problem != "" {
		return problem
	}
	switch v.Type {
	case "number":
		// Go reads NaN, Inf and 0x1p-2 as numbers too; people do not.
		if n, err := strconv.ParseFloat(value, 64); err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(value, "xX") {
			return "Give a number, such as 42 or 0.5."
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "Give a date as 2026-01-31."
		}
	case "choice":
		if !slices.Contains(v.Choices, value) {
			return "Choose one of: " + strings.Join(v.Choices, ", ") + "."
		}
	}
	return ""
}

func (v Variable) label() string {
	if v.Label != "" {
		return v.Label
	}
	return v.Name
}

func tooLong(fields map[string]string, name, value string, limit int) {
	if problem := textProblem(value, limit); problem != "" {
		fields[name] = problem
	}
}

// textProblem says why a text of at most limit characters cannot be kept, "" for nothing.
func textProblem(value string, limit int) string {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "This text holds characters that cannot be stored."
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return fmt.Sprintf("Use at most %d characters; these are %d.", limit, n)
	}
	return ""
}

// CanonicalEmail is the one form in which an address is stored and compared.
func CanonicalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, " \t\r\n/\\?#%")
}

// ResolveIncident ends an open incident. Its bridge stays usable.
func (s *Service) ResolveIncident(ctx context.Context, actor Actor, number int64) error {
	return s.setStatus(ctx, actor, number, StatusResolved, EntryResolved, AuditIncidentResolved)
}

// ReopenIncident opens a resolved incident again; Conflict when another open
// incident has taken its dedup key meanwhile.
func (s *Service) ReopenIncident(ctx context.Context, actor Actor, number int64) error {
	return s.setStatus(ctx, actor, number, StatusOpen, EntryReopened, AuditIncidentReopened)
}

func (s *Service) setStatus(ctx context.Context, actor Actor, number int64, to Status, kind TimelineKind, action AuditAction) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	from := StatusOpen
	if to == StatusOpen {
		from = StatusResolved
	}
	now := s.now()
	entry := TimelineEntry{ID: newID(), IncidentNumber: number, At: now, Kind: kind, Actor: actor.Email}
	return s.store.SetIncidentStatus(ctx, number, from, to, now, entry,
		s.audit(actor, action, Key(number), Change{Field: "status", Before: string(from), After: string(to)}))
}

// RunStep runs a step that waits for a person, or one that failed, and returns
// when it is done or humanBudget is over. A step that runs or is done already
// is a Conflict.
func (s *Service) RunStep(ctx context.Context, actor Actor, stepRunID string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	run, err := s.store.StepRun(ctx, stepRunID)
	if err != nil {
		return err
	}
	i, err := s.store.Incident(ctx, run.IncidentNumber)
	if err != nil {
		return err
	}
	if i.Status != StatusOpen {
		return refuse(Conflict, "The incident is resolved. Open it again to run its steps.")
	}
	bridge, err := s.store.BridgeOfStepRun(ctx, run.ID)
	insert := CodeOf(err) == NotFound
	if err != nil && !insert {
		return err
	}
	if insert {
		bridge = s.newBridge(run)
	}
	bridge.State, bridge.Reasons = BridgeNew, nil
	return s.schedule(ctx, actor, BridgeChange{
		Bridge: bridge, Insert: insert, From: []BridgeState{BridgeFailed},
		StepRun: &run, StepRunFrom: []StepState{StepWaiting, StepFailed},
		Audit: s.audit(actor, AuditStepRun, Key(run.IncidentNumber)),
	})
}

// schedule writes the change with a job to do its step, and does the job.
func (s *Service) schedule(ctx context.Context, actor Actor, c BridgeChange) error {
	now := s.now()
	job := s.newJob(JobRunStep, c.StepRun.ID, now.Add(humanBudget)) // ours until then
	c.StepRun.State, c.StepRun.Reason = StepScheduled, Reason{}
	c.Jobs = []Job{job}
	c.Timeline = []TimelineEntry{{ID: newID(), IncidentNumber: c.Bridge.IncidentNumber, BridgeID: c.Bridge.ID,
		At: now, Kind: EntryStepStarted, Data: TimelineData{Step: c.StepRun.Step.Kind}, Actor: actor.Email}}
	if err := s.store.ChangeBridge(ctx, c); err != nil {
		return err
	}
	s.runNow(ctx, job.ID)
	return nil
}

// JoinPage is the address of an incident's join page, a link that never
// changes. Its key stands for a login: people join by phone, in a hurry, and the
// number alone could be guessed.
func (s *Service) JoinPage(i Incident) string {
	return s.publicURL + "/j/" + i.Key() + "?k=" + i.JoinKey
}
