package incident

import (
	"context"
	"slices"
	"strings"
	"time"
)

// humanBudget is how long a person who opens an incident waits for its bridge at
// most. The worker does the rest.
const humanBudget = 2900 * time.Millisecond

// bridgeLook is how often a caller looks whether the bridge that someone else
// makes has a link.
const bridgeLook = 50 * time.Millisecond

// OpenRequest holds the data for opening an incident.
type OpenRequest struct {
	RunbookID   string // either the id or the name
	RunbookName string
	Name        string
	Severity    string
	Type        string // "": the runbook's
	Description string
	OpenerEmail string // "": the actor's
	DedupKey    string // "": none
	FormKey     string // the id of one rendered form: sending the form twice opens one incident
	Source      Source
	Vars        map[string]string
	Given       *StaticLink  // the link that people got from memory before the incident could be stored; nil: none
	OpenedAt    time.Time    // when that was; zero: now
	Adjusted    []Adjustment // what the caller already changed to make the request usable
}

// OpenIncident opens an incident and runs its automatic steps. It returns when
// they are done, or after humanBudget at the latest; the bridges then show their
// progress. If an open incident has the same DedupKey, or any incident has the
// same FormKey, OpenIncident waits in the same way for the bridges of that one and
// returns it; created is false.
//
// People are asked to correct what they typed. A request of a program (SourceAPI)
// is made usable instead, as its timeline then says, and rejected only if it names
// no runbook or has no name.
func (s *Service) OpenIncident(ctx context.Context, actor Actor, req OpenRequest) (i Incident, created bool, err error) {
	if err := need(actor, Responder); err != nil {
		return Incident{}, false, err
	}
	whole, cancel := attached(ctx, humanBudget)
	defer cancel()
	// A repeated alert must find its incident even if the runbook has changed and
	// would now reject it.
	if req.Source == SourceAPI && req.DedupKey != "" {
		if key := storedKey(req.DedupKey); key != req.DedupKey {
			req.Adjusted = append(req.Adjusted, Adjustment{Code: AdjustedHashed, Field: "dedup_key", Limit: maxKey, Text: cutRunes(strings.ReplaceAll(req.DedupKey, "\x00", ""), maxDescription)})
			req.DedupKey = key
		}
	}
	if req.DedupKey != "" {
		if i, err = s.store.IncidentByDedupKey(ctx, req.DedupKey); CodeOf(err) != NotFound {
			if err == nil {
				s.awaitBridges(whole, i.Number)
			}
			return i, false, err
		}
	}
	runbook, err := s.findRunbook(ctx, req)
	if CodeOf(err) == Invalid && req.Source == SourceAPI {
		if byDefault, found := s.store.DefaultRunbook(ctx); found == nil && byDefault.DisabledAt.IsZero() {
			runbook, err = byDefault, nil
			req.Adjusted = append(req.Adjusted, Adjustment{Code: AdjustedRunbook, Field: "runbook", Text: cutRunes(strings.ReplaceAll(strings.ToValidUTF8(req.RunbookName, ""), "\x00", ""), maxDescription)})
		}
	}
	if err != nil {
		return Incident{}, false, err
	}
	if i, req.Adjusted, err = s.newIncident(actor, runbook, req); err != nil {
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
	if len(req.Adjusted) > 0 {
		n.Timeline = append(n.Timeline, TimelineEntry{ID: newID(), At: i.CreatedAt, Kind: EntryAdjusted, Data: TimelineData{Adjusted: req.Adjusted}, Actor: actor.Email})
	}
	given := req.Given
	if given != nil {
		n.Timeline = append(n.Timeline, memoryEntry(Pending{Actor: actor, Request: req}, 0))
	}
	for at, step := range runbook.stepsFor(i) {
		run := StepRun{ID: newID(), Position: at, Step: step, State: StepWaiting}
		if step.ExecuteAutomatically && step.Kind == StepCreateMeeting && given != nil {
			b := s.newBridge(run)
			b.fromMemory(*given, i.CreatedAt)
			run.State, run.Reason, run.StartedAt, run.FinishedAt = StepDone, b.Reasons[1], i.CreatedAt, i.CreatedAt
			n.Bridges, given = append(n.Bridges, b), nil
		}
		n.StepRuns = append(n.StepRuns, run)
	}
	mine := s.beginAtOnce(&n)

	ctx = whole // the incident is opened even if the browser has gone
	write := ctx
	if s.hasLinks() && req.Given == nil {
		var cancel context.CancelFunc
		write, cancel = context.WithTimeout(ctx, writeFromMemory)
		defer cancel()
	}
	i, created, err = s.store.OpenIncident(write, n)
	if err == nil && created {
		for at := range n.Bridges {
			n.Bridges[at].IncidentNumber = i.Number
		}
		s.KeepCall(i, n.Bridges)
	}
	if err == nil && !created {
		s.awaitBridges(ctx, i.Number)
	}
	if err != nil || !created {
		return i, false, err
	}
	for _, job := range mine {
		if !tooLate(ctx) {
			s.do(ctx, job)
			continue
		}
		if err := s.store.RetryJob(ctx, job, job.RunAt); err != nil {
			s.log.Error("a job waits for the end of its claim", "job", job.ID, "error", err)
		}
	}
	nudge(s.wakeSteps)
	s.openerSeen()
	return i, true, nil
}

// awaitBridges gets the links of an incident's bridges for someone who asks for them
// again. It tries at once to make those that failed, unless that was tried in the last
// seconds, and waits while others are being made: by another caller, who may be on
// another server, or by the worker. ctx must have a deadline.
func (s *Service) awaitBridges(ctx context.Context, number int64) {
	jobs, err := s.store.RetryJobs(ctx, number)
	if err != nil {
		return // the worker retries
	}
	for _, job := range jobs {
		if s.mayRetryEarly(ctx, job) {
			s.runNow(ctx, job.ID)
		}
	}
	again := time.NewTicker(bridgeLook)
	defer again.Stop()
	end, _ := ctx.Deadline()
	late := time.NewTimer(time.Until(end) - overdueMargin)
	defer late.Stop()
	for {
		bridges, err := s.store.Bridges(ctx, number)
		if err != nil {
			return
		}
		if !slices.ContainsFunc(bridges, Bridge.isBeingMade) {
			jobs, err := s.store.RetryJobs(ctx, number)
			if err != nil || !slices.ContainsFunc(jobs, func(j Job) bool { return j.State == JobRunning && j.LeaseUntil.After(s.now()) }) {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, b := range slices.DeleteFunc(bridges, func(b Bridge) bool { return !b.isBeingMade() }) {
					if err := moved(s.overdue(ctx, b)); err != nil {
						s.log.Error("could not give an overdue bridge another link", "incident", Key(number), "error", err)
					}
				}
			}()
			select {
			case <-ctx.Done(): // the caller leaves in time, whatever the database does
				return
			case <-done:
			}
		case <-again.C:
		}
	}
}

// earlyAttempts is how many attempts a bridge may have before repeated alerts no
// longer bring its retries forward. A monitoring tool can repeat an alert every second
// of a day, and Zoom lets a host create 100 meetings (Zoom, "Rate limits").
const earlyAttempts = 20

func (s *Service) mayRetryEarly(ctx context.Context, job Job) bool {
	if job.State != JobQueued || s.now().Sub(job.CreatedAt) < retryFirst/3 {
		return false
	}
	bridge, err := s.store.BridgeOfStepRun(ctx, job.Subject)
	if err != nil {
		return false
	}
	attempts, err := s.store.Attempts(ctx, bridge.ID)
	return err == nil && len(attempts) < earlyAttempts
}

func (b Bridge) isBeingMade() bool { return b.State == BridgeNew || b.State == BridgeCreating }

// runNow does a job at once instead of leaving it to the worker. The worker
// repeats it if it fails, and does it if too little time is left.
func (s *Service) runNow(ctx context.Context, jobID string) {
	if tooLate(ctx) {
		nudge(s.wakeJobs)
		return
	}
	job, ok, err := s.store.ClaimJob(ctx, jobID, s.worker, s.now(), jobLease)
	if err == nil && ok {
		s.do(ctx, job)
		return
	}
	if err != nil {
		s.log.Error("could not claim a job", "job", jobID, "error", err)
	}
	nudge(s.wakeJobs)
}

// tooLate reports whether ctx leaves too little time for a rung.
func tooLate(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < shortestRung
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

// noRunbook refuses a request that names no runbook that can be used, and says how a person
// or a program finds one.
func noRunbook(by Source, problem string) error {
	if by != SourceAPI {
		return invalid(problem, map[string]string{"runbook": "Choose a runbook."})
	}
	return invalid(problem+" GET /api/v1/runbooks lists the runbooks.",
		map[string]string{"runbook": "Use the name of a runbook that GET /api/v1/runbooks lists as not disabled. An admin can also mark a runbook as the default one, which opens such incidents of programs."})
}

func (s *Service) findRunbook(ctx context.Context, req OpenRequest) (Runbook, error) {
	var r Runbook
	var err error
	switch {
	case req.RunbookID != "":
		r, err = s.store.Runbook(ctx, req.RunbookID)
	case req.RunbookName != "":
		r, err = s.store.RunbookByName(ctx, req.RunbookName)
	default:
		return Runbook{}, noRunbook(req.Source, "No runbook is chosen.")
	}
	switch {
	case CodeOf(err) == NotFound || err == nil && !r.ArchivedAt.IsZero():
		return Runbook{}, noRunbook(req.Source, "This runbook doesn’t exist. It may have been renamed or deleted.")
	case err != nil:
		return Runbook{}, err
	case !r.DisabledAt.IsZero():
		return Runbook{}, noRunbook(req.Source, "This runbook is disabled. An admin can enable it.")
	}
	return r, nil
}

func (s *Service) newIncident(actor Actor, r Runbook, req OpenRequest) (Incident, []Adjustment, error) {
	now := s.now()
	if !req.OpenedAt.IsZero() {
		now = req.OpenedAt
	}
	i := Incident{
		RunbookID: r.ID, RunbookName: r.Name, RunbookVersion: r.Version,
		Name: req.Name, Severity: req.Severity, Type: req.Type, Description: req.Description,
		Status:      StatusOpen,
		OpenerEmail: req.OpenerEmail,
		DedupKey:    req.DedupKey,
		FormKey:     req.FormKey,
		Vars:        map[string]string{},
		Source:      req.Source,
		CreatedBy:   actor.Email,
		JoinKey:     newToken()[:joinKeyLength],
		CreatedAt:   now, UpdatedAt: now,
	}
	fit := fitter{made: req.Adjusted}
	for _, field := range incidentFields {
		at := i.field(field)
		if req.Source == SourceAPI {
			*at = fit.field(r, field, *at)
		}
		*at = cleanField(field, *at)
	}
	if req.Source == SourceAPI {
		req.Vars = fit.variables(r, req.Vars)
	}
	if i.Type == "" {
		i.Type = r.IncidentType
	}
	if i.OpenerEmail == "" && actor.Kind == "user" {
		i.OpenerEmail, i.OpenerName = actor.Email, actor.Name
	}

	fields := map[string]string{}
	for _, field := range incidentFields {
		if problem := fieldProblem(r, field, *i.field(field)); problem != "" {
			fields[field] = problem
		}
	}
	tooLong(fields, "dedup_key", i.DedupKey, maxKey)
	tooLong(fields, "form_key", i.FormKey, maxKey)
	for _, v := range r.Variables {
		value := strings.TrimSpace(req.Vars[v.Name])
		if value == "" {
			value = v.Default
		}
		problem := v.check(value)
		if req.Source == SourceAPI || req.Source == SourceDrill {
			problem = "" // fit made it usable, or there is nobody to ask
		}
		if problem != "" {
			fields["vars."+v.Name] = problem
		}
		i.Vars[v.Name] = value
	}
	for name := range req.Vars {
		if _, known := i.Vars[name]; !known {
			fields["vars."+name] = "The runbook has no variable with this name."
		}
	}
	if len(fields) > 0 {
		return Incident{}, nil, invalid("Some fields are missing or invalid.", fields)
	}
	return i, fit.kept(), nil
}

const joinKeyLength = 16

// JoinPage returns the URL of an incident's join page, which never changes. The
// key in it replaces a login, because people join by phone and in a hurry. The
// number alone would be easy to guess.
func (s *Service) JoinPage(i Incident) string {
	return s.publicURL + "/j/" + i.Key() + "?k=" + i.JoinKey
}
