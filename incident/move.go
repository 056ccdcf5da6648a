package incident

import (
	"context"
	"time"
)

// moveCheck is when the job of a move's attempt looks after it, in case the program
// stopped during the move.
const moveCheck = 30 * time.Second

// Movable reports whether a new Zoom meeting may take the place of the bridge's link: of one
// that isn't a meeting, or of a meeting that people can't get into.
func (b Bridge) Movable() bool {
	return b.State == BridgeReady && (b.Kind == KindStatic || b.Verdict().Help == HelpAnotherLink)
}

// MoveToZoom asks Zoom for a meeting for a bridge that has another link. Until Zoom
// returns one, the bridge keeps its link. It returns Unavailable, with the reason, if
// no host could give it a meeting.
func (s *Service) MoveToZoom(ctx context.Context, actor Actor, bridgeID string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	c := climber{s: s, movedBy: &actor, answers: make(chan *call)}
	err := c.load(ctx, bridgeID)
	if err != nil {
		return err
	}
	if c.incident.Status != StatusOpen {
		return refuse(Conflict, "The incident is resolved. Reopen it to move its bridge.")
	}
	if !c.bridge.Movable() {
		return refuse(Conflict, "This bridge works now, or people are in it. Check it again.")
	}
	if c.account, err = s.store.Account(ctx); err != nil {
		return err
	}
	c.leaves, c.before = c.bridge.JoinURL, c.bridge.Reasons
	c.render(false)
	if c.client, err = s.zoomClient(c.account); err != nil {
		return stays(reasonOf(err, ""))
	}
	list := rungs(c.account, c.incident, c.run, c.bridge.Asked)
	defer c.hangUp(ctx, nil)
	if done, err := c.askHosts(ctx, list); done || err != nil {
		return err
	}
	if len(c.why) == 0 {
		c.why = []Reason{{Code: ReasonNobodyHosts}}
	}
	return stays(c.why[len(c.why)-1])
}

// stays says that a bridge keeps its link.
func stays(why Reason) error {
	return &Error{Code: Unavailable, Message: "Zoom gave no meeting, so the incident keeps its link.", Reason: &why}
}

// began stores that an attempt begins. A bridge that has a link keeps it meanwhile.
func (c *climber) began(ctx context.Context, r rung, attempt Attempt) error {
	if c.leaves != "" {
		look := c.s.newJob(JobReconcile, attempt.ID, c.s.now().Add(moveCheck))
		change := BridgeChange{Bridge: c.bridge, From: []BridgeState{c.bridge.State}, Attempt: &attempt, Room: c.room(r), Jobs: []Job{look}}
		if len(c.calls)+len(c.why) == 0 { // whoever presses the button meanwhile must not spend another meeting
			change.Alone = AttemptCalling
		}
		return c.write(ctx, change)
	}
	from := c.bridge.State
	c.bridge.State, c.bridge.Rung, c.bridge.HostEmail = BridgeCreating, r.name, r.host
	c.run.State, c.run.StartedAt = StepRunning, c.s.now()
	err := c.write(ctx, BridgeChange{
		Bridge: c.bridge, From: []BridgeState{from}, Attempt: &attempt, Room: c.room(r), Storm: c.storm(),
		StepRun: &c.run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed},
	})
	if err != nil {
		c.bridge.State = from
	}
	return err
}

// readyEntry says in the timeline that the bridge has its meeting.
func (c *climber) readyEntry() (TimelineEntry, AuditEntry) {
	entry := c.s.bridgeEntry(c.bridge, EntryBridgeReady, TimelineData{Host: c.bridge.HostEmail, Reasons: c.bridge.Reasons})
	if c.movedBy == nil {
		return entry, AuditEntry{}
	}
	entry.Kind, entry.Actor = EntryMoved, c.movedBy.Email
	return entry, c.s.audit(*c.movedBy, AuditBridgeMove, Key(c.bridge.IncidentNumber), hostChange(c.leaves, c.bridge.JoinURL)...)
}

// ZoomIsBack reports whether something shows that Zoom works again, since the bridge
// got its link: a check that found no blocking problem, or another bridge that got a
// meeting. number is the incident of that bridge, or 0.
func (b Bridge) ZoomIsBack(a Account, newest []Bridge, now time.Time) (number int64, back bool) {
	for _, other := range newest {
		if other.Kind == KindMeeting && other.MeetingID != "" && other.ReadyAt.After(b.ReadyAt) {
			return other.IncidentNumber, true
		}
	}
	level, _ := a.Readiness(now)
	return 0, a.Connected() && a.Report(now).At.After(b.ReadyAt) && level != LevelBad
}
