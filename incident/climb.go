package incident

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The limits of a meeting's texts, in characters: those of Zoom's "Create a meeting"
// (200 and 2000), less the mark in the agenda: a UUID and the installation.
const (
	MaxTopic  = 200
	MaxAgenda = 2000 - len("\n\n"+markStart) - 36 - len("/") - installationLength

	markStart = "Drawbridge ref "

	// listedAgenda is how much of an agenda Zoom's lists show (Zoom, "List meetings":
	// 250 characters). It is compared with bytes, to be safe.
	listedAgenda = 250
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
	if c.incident.Status != StatusOpen && c.bridge.State == BridgeFailed {
		return c.rest(ctx)
	}
	if c.incident.Status != StatusOpen {
		return c.fail(ctx, Reason{Code: ReasonResolved})
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

// skips reports whether another link is better than asking this host and those after it.
func (c *climber) skips(r rung) bool { return r.rests && c.atHand }

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

// request returns the request for the meeting. It sets everything that matters,
// because a meeting created through the API does not use the host's own defaults.
func (c *climber) request(marker string) zoom.MeetingRequest {
	r := zoom.MeetingRequest{
		Topic:           c.bridge.Topic,
		Agenda:          c.s.markAgenda(c.bridge.Agenda, marker),
		StartTime:       c.s.now(),
		DurationMinutes: c.bridge.Asked.DurationMinutes,
		AutoRecording:   string(c.bridge.Asked.Recording),
		WaitingRoom:     c.bridge.Asked.WaitingRoom,
		JoinBeforeHost:  c.bridge.Asked.JoinBeforeHost,
	}
	if !c.noAlternatives {
		r.AlternativeHosts = c.bridge.Asked.AlternativeHosts
	}
	return r
}

// markAgenda adds the attempt's id to the agenda. Zoom has no idempotency key, so
// this id is the way to find our meeting again. It stands at the end, unless Zoom's
// lists would not show it there. The installation in it keeps two of them that work with
// copies of the same database from deleting each other's meetings.
func (s *Service) markAgenda(agenda, marker string) string {
	mark := markStart + marker + "/" + s.installation
	if agenda = cutRunes(agenda, MaxAgenda); agenda == "" {
		return mark
	}
	if marked := agenda + "\n\n" + mark; len(marked) <= listedAgenda {
		return marked
	}
	return mark + "\n\n" + agenda
}

func cutRunes(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}

// render renders topic and agenda. A failing template never stops the bridge;
// only the first climb adds it to the timeline.
func (c *climber) render(first bool) {
	data := c.s.templateData(c.incident)
	names := slices.Sorted(maps.Keys(c.incident.Vars))
	topic, wrong := renderTemplate(c.bridge.Asked.Topic, names, data, MaxTopic)
	if topic = oneLine(topic); topic == "" {
		topic = plainTopic(c.incident)
	}
	c.templateFailed("topic", topic, wrong, first)
	agenda, wrong := renderTemplate(c.bridge.Asked.Agenda, names, data, MaxAgenda)
	c.templateFailed("agenda", topic, wrong, first)
	c.bridge.Topic, c.bridge.Agenda, c.bridge.Recording = topic, agenda, c.bridge.Asked.Recording
}

// plainTopic is the topic of a meeting whose template gives none.
func plainTopic(i Incident) string { return cutRunes(i.Key()+" "+oneLine(i.Name), MaxTopic) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// templateFailed adds a template error to the timeline on the first climb. It
// must not delay or stop the bridge.
func (c *climber) templateFailed(field, topic string, wrong []TemplateError, first bool) {
	if len(wrong) == 0 || !first {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stateWrite)
	defer cancel()
	entry := c.s.bridgeEntry(c.bridge, EntryTemplateFailed, TimelineData{Field: field, Topic: topic, Template: wrong[:min(len(wrong), 3)]})
	if err := c.s.store.AddTimeline(ctx, entry); err != nil {
		c.s.log.Error("could not write to the timeline", "incident", c.incident.Key(), "error", err)
	}
}

// write stores a transition even if the caller's time is over, because the
// storage must know what was done at Zoom.
func (c *climber) write(ctx context.Context, change BridgeChange) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	change.Bridge.UpdatedAt = c.s.now()
	change.FromLink = c.leaves
	// Should the program stop now, the job is what looks for the meetings of calls that are
	// under way.
	change.EndsJob = c.answers != nil && c.leaves == "" && len(c.calls) == 0 && change.StepRun != nil && change.StepRun.State == StepDone
	err := c.s.store.ChangeBridge(ctx, change)
	if err == nil {
		c.s.keepBridge(change.Bridge)
	}
	if change.AttemptFrom == AttemptCalling {
		c.s.asked(*change.Attempt, err)
	}
	return err
}

// refused stores that a rung gave no meeting, and reports whether to try the next
// one.
func (c *climber) refused(ctx context.Context, r rung, attempt Attempt, err error) (goOn bool, writeErr error) {
	why := reasonOf(err, r.host)
	c.why = append(c.why, why)
	c.busy = perSecond(err)
	c.news = c.news || why.AccountWide() || r.name == RungBackup
	state, code := AttemptRefused, 0
	var jobs []Job
	if z, ok := errors.AsType[*zoom.Error](err); ok {
		code = z.Code
		if z.Outcome == zoom.Unknown && !foreignLink(err) {
			state = AttemptUnknown
			c.doubt = true
			jobs = append(jobs, c.s.newJob(JobReconcile, attempt.ID, c.s.now().Add(firstLook)))
		}
	}
	c.s.log.Warn("could not create a meeting with this host", "incident", c.incident.Key(), "rung", r.name, "error", err)
	return !why.AccountWide() || state == AttemptUnknown, c.finish(ctx, attempt, state, code, why, jobs)
}

// finish closes an attempt and leaves the bridge as it is. If that fails, the
// climb must stop: the attempt stays "calling", and the next climb treats it as
// unknown and looks for its meeting.
func (c *climber) finish(ctx context.Context, attempt Attempt, state AttemptState, code int, why Reason, jobs []Job) error {
	attempt.State, attempt.Code, attempt.Reason, attempt.FinishedAt = state, code, why, c.s.now()
	change := BridgeChange{
		Bridge: c.bridge, From: []BridgeState{c.bridge.State},
		Attempt: &attempt, AttemptFrom: AttemptCalling, Jobs: jobs,
	}
	if !c.told(why) {
		change.Timeline = []TimelineEntry{c.s.bridgeEntry(c.bridge, EntryAttemptFailed, TimelineData{Host: attempt.HostEmail, Reasons: []Reason{why}})}
	}
	return c.write(ctx, change)
}

// told reports whether the last climb failed for this reason too.
func (c *climber) told(why Reason) bool {
	return slices.ContainsFunc(c.before, func(b Reason) bool {
		return b.Code == why.Code && b.Host == why.Host && (b.Zoom == nil) == (why.Zoom == nil) && (b.Zoom == nil || b.Zoom.Code == why.Zoom.Code)
	})
}

// ready gives the bridge its meeting. If the bridge has got a link meanwhile,
// from a person or another try, the meeting is not needed and will be deleted.
func (c *climber) ready(ctx context.Context, r rung, attempt Attempt, from AttemptState, m zoom.Meeting, findings []Finding) error {
	before := c.bridge.State
	c.bridge.changeLink(m.JoinURL, c.s.now())
	c.bridge.take(m)
	c.bridge.Findings = append(findings, compare(c.bridge.Asked, m)...)
	c.bridge.Rung, c.bridge.UsedBackupUser = r.name, slices.Contains(c.account.BackupUsers, r.host)
	if c.bridge.HostEmail = r.host; m.HostEmail != "" {
		c.bridge.HostEmail = CanonicalEmail(m.HostEmail)
	}
	c.bridge.State, c.bridge.ReadyAt = BridgeReady, c.s.now()
	c.bridge.Reasons = c.why
	switch {
	case len(c.why) > 0:
	case r.name == RungBackup && c.bridge.Asked.Host == HostBackup:
		c.bridge.Reasons = []Reason{{Code: ReasonRunbook}}
	case r.name == RungBackup && c.incident.OpenerEmail == "":
		c.bridge.Reasons = []Reason{{Code: ReasonNoOpener}}
	case r.name == RungRunner && r.host != c.incident.OpenerEmail:
		c.bridge.Reasons = []Reason{{Code: ReasonRanStep, Host: r.host}}
	}
	c.bridge.Reasons = append(c.passedOver(r.host, c.bridge.Reasons), c.bridge.Reasons...)
	attempt.State, attempt.MeetingID, attempt.FinishedAt = AttemptDone, m.ID, c.s.now()
	c.run.State, c.run.Reason, c.run.FinishedAt = StepDone, Reason{}, c.s.now()

	back := c.s.zoomIsBack()
	entry, audit := c.readyEntry()
	err := c.write(ctx, BridgeChange{
		Bridge: c.bridge, From: []BridgeState{before},
		Attempt: &attempt, AttemptFrom: from,
		StepRun: &c.run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed, StepDone},
		// Zoom may send events of a meeting before it answers the call that
		// creates it.
		ReadAgain: &UnlinkedEvents{MeetingID: m.ID, Since: c.bridge.CreatedAt, Origins: countingOrigins},
		Timeline:  []TimelineEntry{entry}, Audit: audit,
		Jobs: c.recheckIf(c.news || back),
	})
	if CodeOf(err) == Conflict {
		return c.s.discard(ctx, attempt, from)
	}
	if err == nil && back {
		c.s.retryNow(ctx)
	}
	return err
}

// zoomIsBack reports whether bridges failed because of the Zoom account or the network
// since it was called last.
func (s *Service) zoomIsBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	back := s.zoomDown
	s.zoomDown = false
	return back
}

// recheckIf returns the job that checks the account, because a bridge showed that the
// last check may no longer be true.
func (c *climber) recheckIf(news bool) []Job {
	if !news {
		return nil
	}
	at := c.s.now()
	if soonest := c.account.Check.At.Add(recheckSoon); soonest.After(at) {
		at = soonest
	}
	return []Job{c.s.newJob(JobRecheck, RecheckBridge, at)}
}

// retryNow makes every retry of a bridge due, because something has changed that
// may help. If that fails, the retries come at their times.
func (s *Service) retryNow(ctx context.Context) {
	if err := s.store.HastenRetries(ctx, s.now()); err != nil {
		s.log.Warn("could not retry bridges early", "error", err)
	}
	nudge(s.wakeJobs)
}

// take copies the meeting that Zoom returned, without the start URL. The start
// URL gives host rights, so it is requested only when a host asks for it.
func (b *Bridge) take(m zoom.Meeting) {
	b.MeetingID, b.MeetingUUID, b.PMI = m.ID, m.UUID, m.PMI
	b.Kind, b.JoinURL, b.Passcode, b.PhonePasscode, b.LinkName = KindMeeting, m.JoinURL, m.Passcode, m.PhonePasscode, ""
	if m.Topic != "" {
		b.Topic = m.Topic
	}
	if m.Settings.AutoRecording != "" {
		b.Recording = Recording(m.Settings.AutoRecording)
	}
	b.DialIn = nil
	for _, d := range m.DialIn {
		b.DialIn = append(b.DialIn, DialIn{Country: cmp.Or(d.CountryName, d.Country), City: d.City, Number: d.Number, Type: d.Type})
	}
}

// fail ends a climb without a link. Its reasons are those of the rungs and more.
// The bridge is unknown if Zoom may have created a meeting, and failed otherwise.
// While the incident is open, the rungs are tried again.
func (c *climber) fail(ctx context.Context, more ...Reason) error {
	before := c.bridge.State
	c.why = slices.CompactFunc(append(c.why, more...), func(a, b Reason) bool { return reflect.DeepEqual(a, b) })
	// Whoever opens too many must not use up the standby meetings: people need them.
	storm := slices.ContainsFunc(c.why, func(r Reason) bool { return r.Code == ReasonStorm }) && len(c.account.StaticLinks) > 0
	if !storm {
		if done, err := c.useStandby(ctx); done {
			return err
		}
	}
	if done, err := c.useStatic(ctx); done {
		return err
	}
	change := BridgeChange{
		From:    []BridgeState{before},
		StepRun: &c.run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed},
	}
	kind := EntryBridgeFailed
	if c.doubt {
		kind = EntryBridgeUnknown
		c.bridge.State = BridgeUnknown
	} else {
		last := &c.why[len(c.why)-1]
		if c.incident.Status == StatusOpen {
			at := c.s.now().Add(retryPause(c.s.now().Sub(c.bridge.CreatedAt)))
			if c.busy && c.attempts < maxAttempts {
				at = c.s.now().Add(retryBusy)
			}
			if last.Zoom != nil {
				wait := time.Duration(last.Zoom.RetrySeconds) * time.Second
				at = c.s.now().Add(max(at.Sub(c.s.now()), min(wait, retryMost)))
			}
			if !last.Code.awaitsAccount() {
				last.RetryAt = at
			}
			change.Jobs = []Job{c.s.newJob(JobRunStep, c.run.ID, at)}
			if last.AccountWide() {
				c.s.mu.Lock()
				c.s.zoomDown = true
				c.s.mu.Unlock()
			}
		}
		change.Jobs = append(change.Jobs, c.recheckIf(c.news)...)
		c.bridge.State = BridgeFailed
		c.run.State, c.run.Reason, c.run.FinishedAt = StepFailed, *last, c.s.now()
	}
	c.bridge.Reasons = c.why
	change.Bridge = c.bridge
	if kind == EntryBridgeUnknown || slices.ContainsFunc(c.why, func(r Reason) bool { return !c.told(r) }) {
		change.Timeline = []TimelineEntry{c.s.bridgeEntry(c.bridge, kind, TimelineData{Reasons: c.why})}
	}
	err := c.write(ctx, change)
	if CodeOf(err) == Conflict {
		return nil // it has got a link meanwhile
	}
	return err
}

// rest leaves a failed bridge as it is until its incident is reopened.
func (c *climber) rest(ctx context.Context) error {
	c.bridge.Reasons = slices.Clone(c.bridge.Reasons)
	for n := range c.bridge.Reasons {
		c.bridge.Reasons[n].RetryAt = time.Time{}
	}
	return moved(c.write(ctx, BridgeChange{Bridge: c.bridge, From: []BridgeState{BridgeFailed}}))
}

// interrupted continues after the program stopped during a climb or takes too long for it.
// why is the reason for calls of another process; see lost. The outcome of the calls is unknown, so their meetings are looked for: before another is created, or,
// if the bridge has got a link, to delete them.
func (s *Service) interrupted(ctx context.Context, b Bridge, run StepRun, attempts []Attempt, why Reason) error {
	change := BridgeChange{}
	var reasons []Reason
	waits := b.isBeingMade() || b.State == BridgeFailed
	for _, a := range attempts {
		at := s.now()
		if !waits {
			at = a.StartedAt.Add(moveCheck) // it may be a move that is under way
		}
		if a.State == AttemptCalling {
			change.Jobs = append(change.Jobs, s.newJob(JobReconcile, a.ID, at))
			reasons = append(reasons, s.lost(a, why))
		}
	}
	if len(reasons) == 0 {
		reasons = []Reason{why}
	}
	if waits {
		change.From = []BridgeState{b.State}
		b.State = BridgeUnknown
		b.Reasons = slices.CompactFunc(reasons, func(a, b Reason) bool { return reflect.DeepEqual(a, b) })
		run.State, run.Reason, run.FinishedAt = StepRunning, Reason{}, time.Time{}
		if len(change.Jobs) == 0 { // between two rungs
			b.State, run.State = BridgeNew, StepScheduled
			change.Jobs = []Job{s.newJob(JobRunStep, run.ID, s.now())}
		}
		change.StepRun, change.StepRunFrom = &run, []StepState{StepScheduled, StepRunning, StepFailed}
	}
	b.UpdatedAt = s.now()
	change.Bridge = b
	if err := s.store.ChangeBridge(ctx, change); err != nil {
		return err
	}
	if b.State != BridgeUnknown {
		return nil
	}
	return s.standIn(ctx, b.ID)
}
