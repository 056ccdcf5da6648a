package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Drill is a synthetic incident that tries the whole way to a bridge: it gets a meeting
// as any incident does, deletes it and is resolved.
type Drill struct {
	ID             string // UUIDv7, or derived from the day if the schedule started it
	RunbookID      string // "": no runbook could be used
	RunbookName    string
	StartedAt      time.Time
	FinishedAt     time.Time // zero: it runs
	StartedBy      string    // email address; "": the schedule
	IncidentNumber int64     // 0: not opened yet
	Stages         []DrillStage
	Result         Level // the worst level of the stages; "": it runs
}

// DrillStageCode is a stage of a drill. The codes are stored, so the meaning of a code
// must never change. The comment of each code names the data that it comes with.
type DrillStageCode string

const (
	DrillOpen    DrillStageCode = "open"    // Reasons: why no incident was opened; Took: from the start of the drill
	DrillLink    DrillStageCode = "link"    // Rung, Host, Reasons; Took: from the incident to its link
	DrillVerdict DrillStageCode = "verdict" // Findings: what keeps people out
	DrillDelete  DrillStageCode = "delete"  // Reasons: why the meeting still exists
	DrillEvent   DrillStageCode = "event"   // Took: how long Zoom's first event about the meeting was on its way
	DrillResolve DrillStageCode = "resolve" //
)

// DrillStages are the stages in their order. A drill without a meeting leaves out those
// that are about it.
var DrillStages = []DrillStageCode{DrillOpen, DrillLink, DrillVerdict, DrillDelete, DrillEvent, DrillResolve}

// DrillStage is the result of one stage.
type DrillStage struct {
	Code     DrillStageCode `json:"code"`
	Level    Level          `json:"level"`
	At       time.Time      `json:"at"`             // when it was over
	Took     time.Duration  `json:"took,omitempty"` // 0: there is nothing to measure
	Rung     Rung           `json:"rung,omitempty"`
	Host     string         `json:"host,omitempty"`
	Findings []Finding      `json:"findings,omitempty"`
	Reasons  []Reason       `json:"reasons,omitempty"`
}

// Stage returns a stage that is over.
func (d Drill) Stage(code DrillStageCode) (DrillStage, bool) {
	i := slices.IndexFunc(d.Stages, func(s DrillStage) bool { return s.Code == code })
	if i < 0 {
		return DrillStage{}, false
	}
	return d.Stages[i], true
}

// IsDrill reports whether the incident is a drill, so that people must not be told.
func (i Incident) IsDrill() bool { return i.Source == SourceDrill }

// JobDrill does the stages of a drill. Job.Subject is its id.
const JobDrill JobKind = "drill"

// Drills stores drills.
type Drills interface {
	// InsertDrill stores a new drill with its job. It returns false and writes nothing
	// if there is one with its id, and Conflict if another one runs.
	InsertDrill(ctx context.Context, d Drill, job Job, audit AuditEntry) (bool, error)
	Drill(ctx context.Context, id string) (Drill, error)
	// UpdateDrill writes what changes while a drill runs.
	UpdateDrill(ctx context.Context, d Drill) error
	// FirstEventOf returns when Zoom sent the first event about one of the meetings that
	// arrived at the time or later, and when it arrived; zero: none has.
	FirstEventOf(ctx context.Context, meetingIDs []string, from time.Time) (sent, received time.Time, err error)

	DrillPlan(ctx context.Context) (DrillPlan, error) // DefaultDrillPlan if none was saved
	SaveDrillPlan(ctx context.Context, p DrillPlan, audit AuditEntry) error
}

const (
	// DrillLinkLimit is how fast a link should be there.
	DrillLinkLimit = 3 * time.Second
	// drillSettles is how long a drill waits for a bridge of which Zoom does not say
	// whether it has a meeting.
	drillSettles = time.Minute
	drillLook    = time.Second
	// drillLeaves is how long a drill waits for people to leave its meeting.
	drillLeaves = 10 * time.Minute
	// drillDeletes is how long it tries to delete its meeting while Zoom does not answer.
	drillDeletes = 2 * time.Minute
	// drillHears is how long it waits for an event about its meeting.
	drillHears = 30 * time.Second
)

// drillName is the name of the incident of a drill.
const drillName = "Drill"

// RunDrill starts a drill with a runbook; "" means the default one, or else the first that
// can be used. A repeated call with the same id starts nothing. The worker runs the drill.
// RunDrill returns Conflict if another one runs.
func (s *Service) RunDrill(ctx context.Context, actor Actor, id, runbookID string) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	if account.OnlyEvents() {
		return errOnlyEvents
	}
	runbook, err := s.drillRunbook(ctx, runbookID)
	if err != nil {
		return err
	}
	if runbook.ID == "" {
		return invalid("No drill was started.", map[string]string{"runbook": "Choose an enabled runbook that creates a meeting automatically."})
	}
	_, err = s.startDrill(ctx, Drill{ID: id, RunbookID: runbook.ID, RunbookName: runbook.Name, StartedBy: actor.Email},
		s.audit(actor, AuditDrillRun, runbook.Name))
	return err
}

func (s *Service) startDrill(ctx context.Context, d Drill, audit AuditEntry) (bool, error) {
	d.StartedAt = s.now()
	started, err := s.store.InsertDrill(ctx, d, s.newJob(JobDrill, d.ID, d.StartedAt), audit)
	nudge(s.wakeJobs)
	return started, err
}

// Drillable reports whether a drill can use the runbook.
func (r Runbook) Drillable() bool {
	return r.ArchivedAt.IsZero() && r.DisabledAt.IsZero() &&
		slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Kind == StepCreateMeeting && s.ExecuteAutomatically })
}

// DefaultOfDrills reports whether drills that name no runbook use this one.
func (r Runbook) DefaultOfDrills() bool { return r.Default && r.Drillable() }

// drillRunbook returns the runbook with this id; for "" the default one, or else the first
// that can be used. It returns the zero Runbook if there is none that can be used.
func (s *Service) drillRunbook(ctx context.Context, id string) (Runbook, error) {
	if id != "" {
		r, err := s.store.Runbook(ctx, id)
		if CodeOf(err) == NotFound || err == nil && !r.Drillable() {
			return Runbook{}, nil
		}
		return r, err
	}
	all, err := s.store.ActiveRunbooks(ctx)
	all = slices.DeleteFunc(all, func(r Runbook) bool { return !r.Drillable() })
	if i := slices.IndexFunc(all, Runbook.DefaultOfDrills); i >= 0 {
		return all[i], err
	}
	if len(all) == 0 {
		return Runbook{}, err
	}
	return all[0], err
}

// drillOn does the next stages of a drill, until one has to wait. Each is stored when it
// is over, so that a restart continues with the next.
func (s *Service) drillOn(ctx context.Context, id string) (again time.Time, err error) {
	d, err := s.store.Drill(ctx, id)
	if err != nil || !d.FinishedAt.IsZero() {
		return time.Time{}, err
	}
	for _, code := range DrillStages {
		if _, over := d.Stage(code); over {
			continue
		}
		stage, again, err := s.drillStage(ctx, &d, code)
		if err != nil || !again.IsZero() {
			return again, err
		}
		if stage.Level == "" {
			continue // there is nothing to do
		}
		stage.Code, stage.At = code, s.now()
		d.Stages = append(d.Stages, stage)
		if err := s.store.UpdateDrill(ctx, d); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, s.finishDrill(ctx, d)
}

func (s *Service) finishDrill(ctx context.Context, d Drill) error {
	d.FinishedAt, d.Result = s.now(), LevelOK
	for _, stage := range d.Stages {
		if stage.Level.Compare(d.Result) > 0 {
			d.Result = stage.Level
		}
	}
	return s.store.UpdateDrill(ctx, d)
}

// giveUpDrill ends a drill whose job is dead.
func (s *Service) giveUpDrill(ctx context.Context, id string) error {
	d, err := s.store.Drill(ctx, id)
	if err != nil || !d.FinishedAt.IsZero() {
		return err
	}
	for _, code := range DrillStages {
		if _, over := d.Stage(code); !over {
			d.Stages = append(d.Stages, DrillStage{Code: code, Level: LevelBad, At: s.now(), Reasons: []Reason{{Code: ReasonGaveUp}}})
			break
		}
	}
	return s.finishDrill(ctx, d)
}

// drillStage does one stage. It returns a stage without a level if the drill leaves it
// out, and a time if it must be called again then.
func (s *Service) drillStage(ctx context.Context, d *Drill, code DrillStageCode) (stage DrillStage, again time.Time, err error) {
	if code == DrillOpen {
		stage, err = s.drillOpen(ctx, d)
		return stage, time.Time{}, err
	}
	if d.IncidentNumber == 0 {
		return DrillStage{}, time.Time{}, nil
	}
	i, err := s.store.Incident(ctx, d.IncidentNumber)
	if err != nil {
		return DrillStage{}, time.Time{}, err
	}
	bridges, err := s.store.Bridges(ctx, d.IncidentNumber)
	if err != nil {
		return DrillStage{}, time.Time{}, err
	}
	meetings := slices.DeleteFunc(slices.Clone(bridges), func(b Bridge) bool { return b.Kind == KindStatic || b.MeetingID == "" })
	if len(meetings) == 0 && code != DrillLink && code != DrillResolve {
		return DrillStage{}, time.Time{}, nil
	}
	switch code {
	case DrillLink:
		return s.drillLink(i, bridges)
	case DrillVerdict:
		stage.Level = LevelOK
		for _, b := range meetings {
			v := b.Verdict()
			if v.Level.Compare(stage.Level) > 0 {
				stage.Level = v.Level
			}
			stage.Findings = append(stage.Findings, v.Causes...)
		}
		return stage, time.Time{}, nil
	case DrillDelete:
		return s.drillDelete(ctx, *d, meetings)
	case DrillEvent:
		return s.drillEvent(ctx, *d, i, meetings)
	case DrillResolve:
		err := s.setStatus(ctx, d.actor(), i.Number, StatusResolved, EntryResolved, AuditIncidentResolved)
		if CodeOf(err) == Conflict { // it is resolved
			err = nil
		}
		return DrillStage{Level: LevelOK}, time.Time{}, err
	case DrillOpen: // done above
	}
	return DrillStage{}, time.Time{}, fmt.Errorf("unknown stage of a drill %q", code)
}

// actor is who opens and resolves the incident of a drill.
func (d Drill) actor() Actor {
	a := Actor{Role: Admin, Email: "Drawbridge"}
	if validEmail(d.StartedBy) {
		a.Kind, a.Email = ActorUser, d.StartedBy
	}
	return a
}

func (s *Service) drillOpen(ctx context.Context, d *Drill) (DrillStage, error) {
	noRunbook := DrillStage{Level: LevelBad, Reasons: []Reason{{Code: ReasonNoRunbook}}}
	if d.RunbookID == "" && d.RunbookName != "" { // the one that the schedule names
		return noRunbook, nil
	}
	r, err := s.drillRunbook(ctx, d.RunbookID)
	if err != nil || r.ID == "" {
		return noRunbook, err
	}
	// The key makes sure that a repeated call finds the same incident.
	i, _, err := s.OpenIncident(ctx, d.actor(), OpenRequest{RunbookID: r.ID, Name: drillName, Source: SourceDrill, FormKey: "drill-" + d.ID})
	if CodeOf(err) == Invalid { // it has just been disabled
		return noRunbook, nil
	}
	d.IncidentNumber, d.RunbookID, d.RunbookName = i.Number, r.ID, r.Name
	return DrillStage{Level: LevelOK, Took: i.CreatedAt.Sub(d.StartedAt)}, err
}

// drillLink waits for the links of the incident.
func (s *Service) drillLink(i Incident, bridges []Bridge) (stage DrillStage, again time.Time, err error) {
	stage.Level = LevelOK
	worse := func(l Level, why []Reason) {
		if l.Compare(stage.Level) > 0 {
			stage.Level = l
		}
		stage.Reasons = append(stage.Reasons, why...)
	}
	for _, b := range bridges {
		if open := b.isBeingMade() || b.State == BridgeUnknown; open && s.now().Sub(i.CreatedAt) < drillSettles {
			return DrillStage{}, s.now().Add(drillLook), nil
		}
		if b.ReadyAt.IsZero() || b.JoinURL == "" {
			why := b.Reasons
			if len(why) == 0 {
				why = []Reason{{Code: ReasonOutOfTime}}
			}
			worse(LevelBad, withoutRetries(why))
			continue
		}
		stage.Rung, stage.Host = b.Rung, b.HostEmail
		stage.Took = max(stage.Took, b.ReadyAt.Sub(i.CreatedAt))
		level := LevelOK
		if !slices.Contains(MeetingRungs, b.Rung) {
			level = LevelBad
		}
		worse(level, withoutRetries(b.Reasons))
	}
	if stage.Took > DrillLinkLimit {
		worse(LevelWarning, nil)
	}
	return stage, time.Time{}, nil
}

// withoutRetries returns reasons without the times of retries, of which a drill has none.
func withoutRetries(list []Reason) []Reason {
	list = slices.Clone(list)
	for i := range list {
		list[i].RetryAt = time.Time{}
	}
	return list
}

// last is when the last stage was over.
func (d Drill) last() time.Time {
	if len(d.Stages) == 0 {
		return d.StartedAt
	}
	return d.Stages[len(d.Stages)-1].At
}

// drillDelete deletes the meetings of a drill, but none with people in it.
func (s *Service) drillDelete(ctx context.Context, d Drill, meetings []Bridge) (DrillStage, time.Time, error) {
	account, err := s.store.Account(ctx)
	if err != nil {
		return DrillStage{}, time.Time{}, err
	}
	client, err := s.zoomClient(account)
	if err != nil {
		return DrillStage{Level: LevelBad, Reasons: []Reason{reasonOf(err, "")}}, time.Time{}, nil
	}
	since, all, marks := d.last(), meetings, map[string][]string{}
	for _, b := range meetings {
		attempts, err := s.store.Attempts(ctx, b.ID)
		if err != nil {
			return DrillStage{}, time.Time{}, err
		}
		marks[b.ID] = []string{b.ID} // of a standby meeting
		for _, a := range attempts {
			marks[b.ID] = append(marks[b.ID], a.ID)
			// Zoom made it, and it was no good. If it is another bridge's, it stays.
			if a.State == AttemptRefused && a.MeetingID != "" && a.Reason.Code != ReasonMeetingIDTaken {
				b.MeetingID, b.HostEmail, b.State = a.MeetingID, a.HostEmail, BridgeEnded
				all = append(slices.Clip(all), b)
			}
		}
	}
	for _, b := range all {
		busy, err := s.deleteDrilled(ctx, client, b, marks[b.ID])
		waited := s.now().Sub(since)
		switch {
		case CodeOf(err) == Conflict: // the bridge has just changed
			return DrillStage{}, s.now().Add(drillLook), nil
		case busy && waited < drillLeaves:
			return DrillStage{}, s.now().Add(askAgain), nil
		case busy:
			return DrillStage{Level: LevelBad, Host: b.HostEmail, Reasons: []Reason{{Code: ReasonPeopleInside, Count: b.Inside}}}, time.Time{}, nil
		case errors.Is(err, errNotMade):
			return DrillStage{Level: LevelBad, Host: b.HostEmail, Reasons: []Reason{{Code: ReasonNotMade}}}, time.Time{}, nil
		case err != nil && !refusedByZoom(err) && waited < drillDeletes:
			return DrillStage{}, s.now().Add(backoff(1)), nil
		case err != nil:
			return DrillStage{Level: LevelBad, Host: b.HostEmail, Reasons: []Reason{reasonOf(err, b.HostEmail)}}, time.Time{}, nil
		}
	}
	return DrillStage{Level: LevelOK, Took: s.now().Sub(since)}, time.Time{}, nil
}

var errNotMade = errors.New("the meeting does not have the mark of the drill")

// deleteDrilled deletes the meeting of a bridge, unless people are in it or may be. It
// returns errNotMade if the meeting has none of the marks: it may be another bridge's.
func (s *Service) deleteDrilled(ctx context.Context, client *zoom.Client, b Bridge, marks []string) (busy bool, err error) {
	m, err := client.GetMeeting(ctx, b.MeetingID)
	if foreignLink(err) {
		err = nil
	}
	if gone(err) {
		return false, s.endDrilled(ctx, b)
	}
	if err != nil {
		return false, err
	}
	other, err := s.store.OpenBridgeWithMeeting(ctx, b.MeetingID, b.ID)
	if err != nil {
		return false, err
	}
	if ours := s.made(m.Agenda) && (b.Kind == KindStandby || slices.Contains(marks, markOf(m.Agenda))); !ours || other != "" {
		return false, errNotMade
	}
	if m.Status == "started" {
		// Only events say who is in a call. Somebody started it, so it is empty only if
		// they said that everybody left, and the host too.
		if b.State != BridgeLive || b.Inside > 0 || b.Watch.Unseen {
			return true, nil
		}
		f, err := s.store.Call(ctx, b.ID)
		if err != nil {
			return false, err
		}
		if _, unsure, err := s.mayHold(ctx, f, m); unsure || err != nil {
			return unsure, err
		}
		if err := client.EndMeeting(ctx, b.MeetingID); err != nil && !gone(err) {
			return false, err
		}
	}
	// The bridge ends before its meeting is deleted, so that nobody gets a link that
	// does not work, and Zoom's event about it is no surprise.
	if err := s.endDrilled(ctx, b); err != nil {
		return false, err
	}
	if err := client.DeleteMeeting(ctx, b.MeetingID); err != nil && !gone(err) {
		return false, err
	}
	return false, nil
}

// endDrilled ends a bridge that is ready. One that is live ends when Zoom says so.
func (s *Service) endDrilled(ctx context.Context, b Bridge) error {
	if b.State != BridgeReady {
		return nil
	}
	b.State, b.EndedAt, b.UpdatedAt = BridgeEnded, s.now(), s.now()
	return s.store.ChangeBridge(ctx, BridgeChange{
		Bridge: b, From: []BridgeState{BridgeReady}, FromLink: b.JoinURL,
		Timeline: []TimelineEntry{s.bridgeEntry(b, EntryDrillEnded, TimelineData{})},
	})
}

// drillEvent waits for an event about the meetings of a drill. The Zoom app may send
// none, which is no failure.
func (s *Service) drillEvent(ctx context.Context, d Drill, i Incident, meetings []Bridge) (DrillStage, time.Time, error) {
	var ids []string
	for _, b := range meetings {
		ids = append(ids, b.MeetingID)
		if b.PMI != "" {
			ids = append(ids, b.PMI)
		}
	}
	sent, received, err := s.store.FirstEventOf(ctx, ids, i.CreatedAt)
	if err != nil {
		return DrillStage{}, time.Time{}, err
	}
	if !received.IsZero() {
		return DrillStage{Level: LevelOK, Took: max(received.Sub(sent), 0)}, time.Time{}, nil
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return DrillStage{}, time.Time{}, err
	}
	if tokens, _ := account.WebhookTokens(); len(tokens) > 0 && s.now().Sub(d.last()) < drillHears {
		return DrillStage{}, s.now().Add(drillLook), nil
	}
	return DrillStage{Level: LevelNote}, time.Time{}, nil
}
