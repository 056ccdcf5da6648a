package incident

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// shortestRung is how long a rung waits, at least, before another one starts beside it.
// Both end lastMargin before the time is over. A rung does not start with less than
// leastTime left. stateWrite is the timeout for storing the result.
const (
	shortestRung = 1400 * time.Millisecond
	lastMargin   = 150 * time.Millisecond
	leastTime    = 400 * time.Millisecond
	// shortestCall is the time that a call to Zoom needs at least. Cutting it off
	// would make its outcome unknown.
	shortestCall = 300 * time.Millisecond
	stateWrite   = 5 * time.Second
)

// While an incident is open, Drawbridge retries the rungs of a bridge without a link,
// after pauses that grow with the age of the bridge from retryFirst to retryMost. A
// day has fewer retries than Zoom lets a host create meetings (100 a day; Zoom, "Rate
// limits").
const (
	retryFirst = 15 * time.Second
	retryMost  = 30 * time.Minute
	retryBusy  = 2 * time.Second // after Zoom's limit of calls in a second
)

// retryPause is the pause before a bridge of this age is tried again.
func retryPause(age time.Duration) time.Duration { return min(max(age/2, retryFirst), retryMost) }

// errOutOfTime leaves the climb to the worker, which has more time.
var errOutOfTime = errors.New("no time is left to ask Zoom")

// rung is one way to get a meeting. They are tried in order until one gives a
// link.
type rung struct {
	name   Rung
	host   string // email address of a Zoom user
	rests  bool   // Zoom refused the host recently
	runs   bool   // the host runs as many calls as it may, so another one can't start
	atOnce int    // the call is made only if the host has fewer meetings of ours; 0: in any case
}

// rungs returns the rungs for the bridge of a step: the person who ran it by hand,
// the opener and the backup users, or only the backup users if the step asks for
// that. It never lists the same host twice.
func rungs(a Account, i Incident, run StepRun, asked MeetingTemplate) []rung {
	var list []rung
	add := func(name Rung, host string) {
		if host != "" && !slices.ContainsFunc(list, func(r rung) bool { return r.host == host }) {
			list = append(list, rung{name: name, host: host})
		}
	}
	if asked.Host != HostBackup {
		add(RungRunner, run.RunBy)
		add(RungOpener, i.OpenerEmail)
	}
	for _, host := range a.BackupUsers {
		add(RungBackup, host)
	}
	return list
}

func hostsOf(list []rung) (hosts []string) {
	for _, r := range list {
		hosts = append(hosts, r.host)
	}
	return hosts
}

// climber holds the data for one bridge while its rungs are tried.
type climber struct {
	s        *Service
	incident Incident
	run      StepRun
	bridge   Bridge
	account  Account
	client   *zoom.Client

	calls   []*call    // under way
	answers chan *call // gets each of them once

	why    []Reason // why earlier rungs gave no link
	passed []Reason // why hosts were passed over
	wished []string // the hosts in the order in which they would be asked if nothing stood against any
	atHand bool     // a standby meeting or a static link is there
	opens  bool     // and people get into it, whatever calls the hosts run
	busy   bool     // the last failure was Zoom's limit of calls in a second
	news   bool     // a rung failed for a reason that the account's check should show
	// attempts is how many attempts there were before this climb.
	attempts int
	// before are the reasons of the last climb, which the timeline does not repeat.
	before []Reason
	// spare is a meeting that works but should not be used, because its id is
	// shared. It is better than no bridge.
	spare *spareMeeting
	// doubt is set if a rung may have created a meeting that we do not know
	// about.
	doubt bool
	// leaves is the link that the bridge keeps until it has a meeting, and movedBy who
	// moves it; see MoveToZoom.
	leaves  string
	movedBy *Actor
	// noAlternatives is set if Zoom rejected the alternative hosts.
	noAlternatives bool
}

type spareMeeting struct {
	rung    rung
	attempt Attempt
	meeting zoom.Meeting
	finding Finding
}

// climb gets a link for the bridge of a step that is scheduled, was interrupted,
// or failed for a temporary reason. It returns an error only if it must be called
// again. ctx must have a deadline.
func (s *Service) climb(ctx context.Context, run StepRun) error {
	c := climber{s: s, run: run, answers: make(chan *call)}
	var err error
	if c.bridge, err = s.store.BridgeOfStepRun(ctx, run.ID); err != nil {
		return err
	}
	if c.incident, err = s.store.Incident(ctx, run.IncidentNumber); err != nil {
		return err
	}
	attempts, err := s.store.Attempts(ctx, c.bridge.ID)
	if err != nil {
		return err
	}
	cut := slices.ContainsFunc(attempts, func(a Attempt) bool { return a.State == AttemptCalling })
	switch {
	case cut || c.bridge.State == BridgeCreating:
		return s.interrupted(ctx, c.bridge, run, attempts, Reason{Code: ReasonRestarted})
	case c.bridge.State == BridgeNew:
	case c.bridge.State == BridgeFailed:
		c.before = c.bridge.Reasons
	default:
		return nil // someone else has already made progress
	}
	c.attempts = len(attempts)
	c.noAlternatives = slices.ContainsFunc(attempts, func(a Attempt) bool { return a.Code == codeAlternativeHost })
	if c.incident.Status != StatusOpen {
		runs, err := s.store.StepRuns(ctx, run.IncidentNumber)
		switch may := (StepFacts{Incident: c.incident, Runs: runs}).runsResolved(run); {
		case err != nil:
			return err
		case may && c.bridge.State == BridgeNew:
		case c.bridge.State == BridgeFailed:
			return c.rest(ctx)
		default:
			return c.fail(ctx, Reason{Code: ReasonResolved})
		}
	}
	if c.account, err = s.store.Account(ctx); err != nil {
		return err
	}
	c.render(len(attempts) == 0)
	if err := c.lookAtHand(ctx); err != nil {
		return err
	}
	if c.atHand { // something better than waiting longer
		var cancel context.CancelFunc
		ctx, cancel = beforeStatic(ctx)
		defer cancel()
	}
	if why := c.connect(); why.Code != "" {
		return c.fail(ctx, why)
	}
	if done, err := c.takeForeign(ctx, attempts); done || err != nil {
		return err
	}
	list := rungs(c.account, c.incident, c.run, c.bridge.Asked)
	if len(list) == 0 {
		return c.fail(ctx, Reason{Code: ReasonNobodyHosts})
	}
	defer c.hangUp(ctx, nil)
	if done, err := c.askHosts(ctx, list); done || err != nil {
		return err
	}
	if c.spare != nil {
		return c.ready(ctx, c.spare.rung, c.spare.attempt, AttemptRefused, c.spare.meeting, []Finding{c.spare.finding})
	}
	return c.fail(ctx)
}

// connect sets the client for calls to Zoom. It returns why no host can be asked, or the
// zero Reason.
func (c *climber) connect() Reason {
	if c.atHand && c.s.zoomIsSilent() {
		return Reason{Code: ReasonZoomSilent}
	}
	var err error
	if c.client, err = c.s.zoomClient(c.account); err != nil {
		return reasonOf(err, "")
	}
	return Reason{}
}

// load reads a bridge, its step and its incident.
func (c *climber) load(ctx context.Context, bridgeID string) (err error) {
	if c.bridge, err = c.s.store.Bridge(ctx, bridgeID); err != nil {
		return err
	}
	if c.run, err = c.s.store.StepRun(ctx, c.bridge.StepRunID); err != nil {
		return err
	}
	c.incident, err = c.s.store.Incident(ctx, c.bridge.IncidentNumber)
	return err
}

// skips reports whether another link is better than asking this host and those after it.
func (c *climber) skips(r rung) bool {
	return r.rests && c.atHand || r.runs && (c.opens || c.leaves != "")
}

// askHosts tries the rungs, in the order that suits their hosts, until one gives a
// meeting.
func (c *climber) askHosts(ctx context.Context, list []rung) (done bool, err error) {
	loads, err := c.s.hostLoads(ctx, hostsOf(list))
	if err != nil {
		return false, err
	}
	list = c.order(list, loads)
	for at := 0; at < len(list); at++ {
		r := list[at]
		if c.skips(r) {
			c.why = append(c.why, c.passedOver("", c.why)...)
			break
		}
		err := c.begin(ctx, r)
		if errors.Is(err, errOutOfTime) && (len(c.calls) > 0 || c.leaves != "" || c.atHand) {
			if len(c.calls)+len(c.why) == 0 {
				c.why = []Reason{{Code: ReasonOutOfTime}}
			}
			break
		}
		if errors.Is(err, ErrStorm) {
			c.why = append(c.why, Reason{Code: ReasonStorm, Count: c.account.StormLimit})
			break
		}
		if errors.Is(err, ErrNoRoom) { // another incident took it meanwhile
			r.atOnce = 0
			list = append(list, r)
			c.passed = append(c.passed, Reason{Code: ReasonHostBusy, Host: r.host})
			continue
		}
		if err != nil {
			return false, err
		}
		done, goOn, err := c.hear(ctx, c.s.rungLimit())
		if done || err != nil {
			return done, err
		}
		if !goOn {
			break
		}
	}
	done, _, err = c.hear(ctx, jobLimit)
	return done, err
}

func perSecond(err error) bool {
	z, ok := errors.AsType[*zoom.Error](err)
	return ok && z.RateLimit == "second"
}

const codeAlternativeHost = 1114

// dropAlternatives reports whether to repeat the call without alternative hosts.
// An alternative host who has left the company must not cost the bridge.
func (c *climber) dropAlternatives(err error) bool {
	z, ok := errors.AsType[*zoom.Error](err)
	if c.noAlternatives || len(c.bridge.Asked.AlternativeHosts) == 0 || !ok || z.Code != codeAlternativeHost {
		return false
	}
	c.noAlternatives = true
	return true
}
