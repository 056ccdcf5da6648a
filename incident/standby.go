package incident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// MaxStandby is the limit for standby meetings.
const MaxStandby = 10

const (
	standbyEvery = 20 * time.Second // how often the standby meetings are looked after
	standbyCheck = 6 * time.Hour    // how often each is read back
	standbyRetry = time.Minute      // the pause after Zoom did not answer
	// standbyAge is when a standby meeting is replaced. Zoom keeps the id of a recurring
	// meeting that nobody uses for a year, and that of any other for 30 days.
	standbyAge      = 300 * 24 * time.Hour
	standbyAgeOther = 25 * 24 * time.Hour
	// peopleReserve is how many of a host's creates of a day are not spent on standby
	// meetings.
	peopleReserve = HostDayLimit / 5

	typeScheduled = 2
	typeRecurring = 3
)

// StandbyState is the state of a standby meeting: calling → made → ready → claimed.
type StandbyState string

const (
	StandbyCalling StandbyState = "calling" // stored before the call that creates it; after a restart it means unknown
	StandbyUnknown StandbyState = "unknown" // Zoom may have created it
	StandbyMade    StandbyState = "made"    // not read back yet
	StandbyReady   StandbyState = "ready"
	StandbyClaimed StandbyState = "claimed" // it is the meeting of a bridge
	StandbyStale   StandbyState = "stale"   // not needed, or not as it should be: it will be deleted
	StandbyRefused StandbyState = "refused" // Zoom did not create it
	StandbyGone    StandbyState = "gone"
)

// Standby is a meeting that was made in advance, so that a bridge exists while Zoom
// does not answer.
type Standby struct {
	ID        string // UUIDv7; it is also in the meeting's agenda, so that the meeting can be found
	HostEmail string
	State     StandbyState
	Meeting   zoom.Meeting // without StartURL
	Reason    Reason       // why it is not ready; zero: none
	Looks     int          // number of searches that Zoom answered and that did not find it
	BridgeID  string
	CreatedAt time.Time
	CheckedAt time.Time // when it was last read back
	TryAt     time.Time // do nothing with it before
	ClaimedAt time.Time
}

// Standbys stores standby meetings.
type Standbys interface {
	// Standbys returns the standby meetings that may exist in Zoom and belong to no
	// bridge, and those that Zoom refused since a time, oldest first.
	Standbys(ctx context.Context, refusedSince time.Time) ([]Standby, error)
	// SaveStandby inserts a standby meeting, or updates it if from is set. It returns
	// Conflict if it is not in that state, or if it was doubted after m.CheckedAt.
	SaveStandby(ctx context.Context, m Standby, from StandbyState) error
	// DoubtStandbys forgets when those of the standby meetings that are not claimed were
	// read back. at is when the doubt arose.
	DoubtStandbys(ctx context.Context, ids []string, at time.Time) error
	// EnsureJob stores a job, or makes the one with its id due if it is not running.
	EnsureJob(ctx context.Context, j Job) error
}

// checkStandby adds what is wrong with the number of standby meetings to fields.
func checkStandby(fields map[string]string, a Account) {
	n, hosts := a.StandbyMeetings, len(a.BackupUsers)
	day := hosts * (HostDayLimit - peopleReserve)
	switch {
	case n > day && hosts > 0:
		fields["standby_meetings"] = fmt.Sprintf("Zoom lets each backup user create %d meetings a day, and Drawbridge keeps %d of them for incidents. With %d × %d = %d a day, it can’t keep %d ready. Enter a number from 0 to %d.",
			HostDayLimit, peopleReserve, hosts, HostDayLimit-peopleReserve, day, n, MaxStandby)
	case n < 0 || n > MaxStandby:
		fields["standby_meetings"] = fmt.Sprintf("Enter a number from 0 to %d.", MaxStandby)
	}
}

// ErrStandbyTaken says that a standby meeting was claimed or replaced meanwhile.
// ChangeBridge returns it.
var ErrStandbyTaken = refuse(Conflict, "The standby meeting is not ready any more.")

// wakeStandby has the standby meetings looked after at once. The job never ends: it has
// one fixed id, so that only one server does it at a time.
func (s *Service) wakeStandby(ctx context.Context) {
	j := s.newJob(JobStandby, "", s.now())
	j.ID = "standby"
	if err := s.store.EnsureJob(ctx, j); err != nil {
		s.log.Error("could not queue the job for standby meetings", "error", err)
		return
	}
	nudge(s.wakeJobs)
}

// standbyEvents are the events that say that a meeting may no longer do as a standby meeting.
var standbyEvents = []string{"meeting.deleted", "meeting.permanently_deleted", "meeting.updated", "meeting.started"}

// doubtStandbys has the standby meetings that events are about read back at once. One
// that was deleted is never handed out again, even if Zoom falls silent now.
func (s *Service) doubtStandbys(ctx context.Context, events []Event, readings []Reading) error {
	var meetings, deleted, ids []string
	for i, r := range readings {
		if events[i].counts() && r.MeetingID != "" && slices.Contains(standbyEvents, r.Event) {
			meetings = append(meetings, r.MeetingID)
			if r.Event == "meeting.deleted" || r.Event == "meeting.permanently_deleted" {
				deleted = append(deleted, r.MeetingID)
			}
		}
	}
	if len(meetings) == 0 {
		return nil
	}
	rows, err := s.store.Standbys(ctx, s.now())
	if err != nil {
		return err
	}
	for _, m := range rows {
		if slices.Contains(meetings, m.Meeting.ID) {
			ids = append(ids, m.ID)
		}
		if from := m.State; slices.Contains(deleted, m.Meeting.ID) && (from == StandbyMade || from == StandbyReady) {
			m.State, m.TryAt = StandbyStale, time.Time{}
			if err := moved(s.store.SaveStandby(ctx, m, from)); err != nil {
				return err
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := s.store.DoubtStandbys(ctx, ids, s.now()); err != nil {
		return err
	}
	s.wakeStandby(ctx)
	return nil
}

// keepStandby looks after the standby meetings: it makes, checks and deletes them until
// nothing is left to do or its time is over. again is when to call it again.
func (s *Service) keepStandby(ctx context.Context) (again time.Time) {
	for {
		if end, ok := ctx.Deadline(); ok && time.Until(end) < jobLimit/2 {
			return s.now()
		}
		did, err := s.keepOneStandby(ctx)
		if err != nil {
			s.log.Warn("could not check the standby meetings", "error", err)
		}
		if err != nil || !did {
			return s.now().Add(standbyEvery)
		}
	}
}

// keepOneStandby does the next thing for the standby meetings and reports whether it did.
func (s *Service) keepOneStandby(ctx context.Context) (did bool, err error) {
	a, err := s.store.Account(ctx)
	if err != nil {
		return false, err
	}
	rows, err := s.store.Standbys(ctx, s.now().Add(-hostRest))
	if err != nil || a.StandbyMeetings == 0 && len(rows) == 0 {
		return false, err
	}
	client, err := s.zoomClient(a)
	if err != nil {
		return false, nil // no Zoom app is connected
	}
	return keeper{s, a, client}.step(ctx, rows)
}

type keeper struct {
	s       *Service
	account Account
	client  *zoom.Client
}

// step does one thing and reports whether it did.
func (k keeper) step(ctx context.Context, rows []Standby) (did bool, err error) {
	now := k.s.now()
	rows, refused := split(rows)
	for _, m := range rows {
		due := !m.TryAt.After(now)
		switch {
		case m.State == StandbyCalling: // the program stopped during the call
			m.Reason = Reason{Code: ReasonRestarted}
			return true, k.save(ctx, m, StandbyUnknown)
		case m.State == StandbyUnknown && due:
			return true, k.look(ctx, m)
		case m.State == StandbyStale && due:
			return true, k.remove(ctx, m)
		case k.surplus(rows, m):
			return true, k.save(ctx, m, StandbyStale)
		case (m.State == StandbyMade || m.State == StandbyReady) && due && k.wantsCheck(m):
			return true, k.check(ctx, m)
		}
	}
	return k.refill(ctx, rows, refused)
}

// split separates the standby meetings that Zoom refused.
func split(rows []Standby) (kept, refused []Standby) {
	for _, m := range rows {
		if m.State == StandbyRefused {
			refused = append(refused, m)
		} else {
			kept = append(kept, m)
		}
	}
	return kept, refused
}

// save stores a standby meeting in another state, or in the same with other data.
func (k keeper) save(ctx context.Context, m Standby, to StandbyState) error {
	from := m.State
	m.State = to
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	return moved(k.s.store.SaveStandby(ctx, m, from))
}

func (k keeper) later(ctx context.Context, m Standby, pause time.Duration) error {
	m.TryAt = k.s.now().Add(pause)
	return k.save(ctx, m, m.State)
}

// alive reports whether a standby meeting counts as one of those that are wanted.
func (m Standby) alive() bool {
	return m.State == StandbyCalling || m.State == StandbyUnknown || m.State == StandbyMade || m.State == StandbyReady
}

// countStandbys returns how many standby meetings there are on each host, and in all.
func countStandbys(rows []Standby) (on map[string]int, all int) {
	on = map[string]int{}
	for _, m := range rows {
		if m.alive() {
			on[m.HostEmail]++
			all++
		}
	}
	return on, all
}

// surplus reports whether nobody wants a standby meeting any more: its host left the
// pool, it is too old, or there are more than wanted, of which the hosts with the most
// give theirs up first.
func (k keeper) surplus(rows []Standby, m Standby) bool {
	if m.State != StandbyMade && m.State != StandbyReady {
		return false
	}
	oldest := standbyAge
	if m.Meeting.Type != typeRecurring {
		oldest = standbyAgeOther
	}
	if !slices.Contains(k.account.BackupUsers, m.HostEmail) || k.s.now().Sub(m.CreatedAt) > oldest {
		return true
	}
	on, all := countStandbys(rows)
	for _, n := range on {
		if n > on[m.HostEmail] {
			return false
		}
	}
	return all > k.account.StandbyMeetings
}

func (k keeper) wantsCheck(m Standby) bool {
	return m.State == StandbyMade || k.s.now().Sub(m.CheckedAt) >= standbyCheck || m.CheckedAt.Before(k.account.UpdatedAt)
}

// check reads a standby meeting back. One that Zoom has changed is replaced.
func (k keeper) check(ctx context.Context, m Standby) error {
	now := k.s.now() // what changes during the call may not be in its answer
	got, err := k.client.GetMeeting(ctx, m.Meeting.ID)
	switch {
	case gone(err) && now.Sub(m.CreatedAt) < createLag:
		return k.later(ctx, m, betweenLooks)
	case gone(err):
		return k.save(ctx, m, StandbyGone)
	case foreignLink(err):
		return k.save(ctx, m, StandbyStale)
	case err != nil:
		m.Reason = reasonOf(err, m.HostEmail)
		return k.later(ctx, m, standbyRetry)
	}
	got.StartURL = Secret{}
	changed := m.State == StandbyReady && (got.Passcode != m.Meeting.Passcode || got.JoinURL != m.Meeting.JoinURL || !reflect.DeepEqual(got.Settings, m.Meeting.Settings))
	if personalID(got) || got.Status == "started" || changed {
		return k.save(ctx, m, StandbyStale)
	}
	m.Meeting, m.CheckedAt, m.TryAt, m.Reason = got, now, time.Time{}, Reason{}
	return k.save(ctx, m, StandbyReady)
}

// remove deletes a standby meeting from Zoom, unless people are in it.
func (k keeper) remove(ctx context.Context, m Standby) error {
	got, err := k.client.GetMeeting(ctx, m.Meeting.ID)
	if err == nil && got.Status == "started" {
		return k.later(ctx, m, time.Hour)
	}
	if (err == nil || foreignLink(err)) && !k.s.made(got.Agenda) {
		return k.save(ctx, m, StandbyGone) // a person or another installation uses it
	}
	if err == nil || foreignLink(err) {
		err = k.client.DeleteMeeting(ctx, m.Meeting.ID)
	}
	if err == nil || gone(err) || cannotHost(err) { // without the host, there is no meeting
		return k.save(ctx, m, StandbyGone)
	}
	if k.s.now().Sub(m.CreatedAt) > standbyAge+standbyCheck {
		k.s.log.Error("gave up deleting a standby meeting", "meeting", m.Meeting.ID, "host", m.HostEmail, "error", err)
		return k.save(ctx, m, StandbyGone)
	}
	m.Reason = reasonOf(err, m.HostEmail)
	return k.later(ctx, m, standbyRetry)
}

// look searches for a standby meeting that Zoom may have created. Zoom can create it
// long after the call was cut off.
func (k keeper) look(ctx context.Context, m Standby) error {
	meeting, found, err := k.s.findMarked(ctx, Attempt{ID: m.ID, HostEmail: m.HostEmail, StartedAt: m.CreatedAt}, k.s.now())
	age := k.s.now().Sub(m.CreatedAt)
	switch {
	case found:
		meeting.StartURL = Secret{}
		m.Meeting, m.Reason, m.TryAt = meeting, Reason{}, time.Time{}
		if err != nil { // its link is foreign
			return k.save(ctx, m, StandbyStale)
		}
		return k.save(ctx, m, StandbyMade)
	case err == nil:
		m.Looks++
		if m.Looks >= looksNeeded && age >= lastLook {
			return k.save(ctx, m, StandbyGone)
		}
		return k.later(ctx, m, betweenLooks)
	case cannotHost(err) || age > giveUpLook:
		k.s.log.Warn("gave up finding a standby meeting", "host", m.HostEmail, "error", err)
		return k.save(ctx, m, StandbyGone)
	}
	return k.later(ctx, m, standbyRetry)
}

// refill makes one standby meeting if there are too few, Zoom answers, and no incident
// waits for its bridge.
func (k keeper) refill(ctx context.Context, rows, refused []Standby) (did bool, err error) {
	on, all := countStandbys(rows)
	if all >= k.account.StandbyMeetings || k.s.zoomIsSilent() {
		return false, nil
	}
	now := k.s.now()
	loads, err := k.s.hostLoads(ctx, k.account.BackupUsers)
	if err != nil {
		return false, err
	}
	busy, err := k.s.store.BridgesBeingMade(ctx, now.Add(-waitFor))
	if err != nil || busy > 0 {
		return false, err
	}
	hosts := slices.DeleteFunc(slices.Clone(k.account.BackupUsers), func(email string) bool {
		h := k.account.Host(email, loads[email], now)
		if h.Why.Code != "" || h.Creates >= HostDayLimit-peopleReserve {
			return true
		}
		return slices.ContainsFunc(refused, func(m Standby) bool {
			rest := hostRest
			if m.HostEmail != email || m.Reason.AccountWide() || m.Reason.Zoom == nil || slices.Contains(passing, m.Reason.Zoom.Code) {
				rest = standbyRetry
			}
			if k.account.UpdatedAt.After(m.CreatedAt) {
				rest = 0
			}
			return (m.HostEmail == email || m.Reason.AccountWide()) && now.Sub(m.CreatedAt) < rest
		})
	})
	if len(hosts) == 0 {
		return false, nil
	}
	host := slices.MinFunc(hosts, func(a, b string) int {
		return cmp.Or(cmp.Compare(on[a], on[b]), cmp.Compare(loads[a].Creates, loads[b].Creates))
	})
	return true, k.make(ctx, host)
}

func (k keeper) make(ctx context.Context, host string) error {
	m := Standby{ID: newID(), HostEmail: host, State: StandbyCalling, CreatedAt: k.s.now()}
	if err := k.s.store.SaveStandby(ctx, m, ""); err != nil {
		return err
	}
	asked := NewMeetingTemplate()
	call, cancel := context.WithTimeout(ctx, jobLimit/3)
	defer cancel()
	meeting, err := k.client.CreateMeeting(call, host, zoom.MeetingRequest{
		Topic: "Standby meeting", Agenda: k.s.markAgenda("Drawbridge keeps this meeting ready for an incident.", m.ID), Recurring: true,
		AutoRecording: string(RecordingNone), WaitingRoom: asked.WaitingRoom, JoinBeforeHost: asked.JoinBeforeHost,
	})
	meeting.StartURL = Secret{}
	m.Meeting = meeting
	z, isZoom := errors.AsType[*zoom.Error](err)
	switch {
	case err == nil:
		return k.save(ctx, m, StandbyMade)
	case foreignLink(err):
		m.Reason = reasonOf(err, host)
		return k.save(ctx, m, StandbyStale)
	case isZoom && z.Outcome == zoom.Unknown:
		m.Reason, m.TryAt = reasonOf(err, host), k.s.now().Add(firstLook)
		return k.save(ctx, m, StandbyUnknown)
	}
	m.Reason = reasonOf(err, host)
	return k.save(ctx, m, StandbyRefused)
}

// standbys returns the standby meetings that a bridge can have now, the best first. Those
// from full on can't start, because their hosts run as many calls as they may. They are left
// out if there is a static link, which people can use.
func (s *Service) standbys(ctx context.Context, a Account) (rows []Standby, full int, err error) {
	rows, err = s.store.Standbys(ctx, s.now())
	if err != nil {
		return nil, 0, err
	}
	rows = slices.DeleteFunc(rows, func(m Standby) bool {
		return m.State != StandbyReady || !slices.Contains(a.BackupUsers, m.HostEmail)
	})
	if len(rows) == 0 {
		return nil, 0, nil
	}
	loads, err := s.hostLoads(ctx, a.BackupUsers)
	if err != nil { // any of them is better than none
		s.log.Warn("could not read the loads of hosts", "error", err)
	}
	// Those with room come first, and those whose host is full last.
	place := func(m Standby) int {
		switch h := a.Host(m.HostEmail, loads[m.HostEmail], s.now()); {
		case h.RunsAll():
			return placeRuns
		case h.Room() < 1:
			return placeFull
		default:
			return placeFree
		}
	}
	slices.SortStableFunc(rows, func(m, n Standby) int {
		return cmp.Or(cmp.Compare(place(m), place(n)), n.CheckedAt.Compare(m.CheckedAt))
	})
	if full = slices.IndexFunc(rows, func(m Standby) bool { return place(m) == placeRuns }); full < 0 {
		full = len(rows)
	}
	if len(a.StaticLinks) > 0 {
		rows = rows[:full]
	}
	return rows, full, nil
}

// useStandby gives the bridge a standby meeting, because no host gave one. c.why says
// why. It returns false if there is none. A meeting that may exist is still looked for,
// and deleted.
func (c *climber) useStandby(ctx context.Context) (done bool, err error) {
	if c.incident.Status != StatusOpen || c.leaves != "" || c.account.StandbyMeetings == 0 {
		return false, nil
	}
	look, cancel := attached(ctx, stateWrite)
	defer cancel()
	rows, _, err := c.s.standbys(look, c.account)
	if err != nil {
		c.s.log.Warn("could not read the standby meetings", "error", err)
		return false, nil
	}
	before, run := c.bridge, c.run
	for _, m := range rows {
		now := c.s.now()
		c.bridge.changeLink(m.Meeting.JoinURL, now)
		c.bridge.take(m.Meeting)
		c.bridge.Topic, c.bridge.Kind, c.bridge.Rung = before.Topic, KindStandby, RungStandby
		c.bridge.HostEmail, c.bridge.UsedBackupUser = m.HostEmail, true
		c.bridge.Findings = compareStandby(c.bridge.Asked, m.Meeting, false)
		c.bridge.State, c.bridge.ReadyAt = BridgeReady, now
		c.bridge.Reasons = append(slices.Clone(c.why), Reason{Code: ReasonStandby})
		c.run.Reason = Reason{}
		err := c.helpOut(ctx, before.State, BridgeChange{
			Standby:   m.ID,
			ReadAgain: &UnlinkedEvents{MeetingID: m.Meeting.ID, Since: c.bridge.CreatedAt, Origins: countingOrigins},
			Timeline:  []TimelineEntry{c.s.bridgeEntry(c.bridge, EntryBridgeReady, TimelineData{Host: m.HostEmail, Reasons: c.bridge.Reasons})},
			Jobs:      append(c.recheckIf(c.news), c.s.newJob(JobRename, c.bridge.ID, now)),
		})
		if errors.Is(err, ErrStandbyTaken) {
			c.bridge, c.run = before, run
			continue
		}
		return true, moved(err)
	}
	return false, nil
}

// compareStandby is compare for a meeting that was made before the step was known. What
// nobody asked Zoom for is no setting that Zoom changed. renamed says that it has been asked
// to record the meeting as the step says.
func compareStandby(asked MeetingTemplate, m zoom.Meeting, renamed bool) []Finding {
	list := compare(asked, m)
	for i, f := range list {
		switch {
		case f.Code == FoundOtherRecording && !renamed && f.Value == string(RecordingNone):
			list[i] = Finding{Code: FoundStandbyRecording, Topic: f.Topic, Level: f.Level}
		case f.Code == FoundWaitingRoomOff:
			list[i].Code = FoundStandbyRoom
		case f.Code == FoundNoAlternative:
			list[i].Code = FoundStandbyHost
		}
	}
	return list
}

// helpOut stores the link that the bridge got although no host gave one.
func (c *climber) helpOut(ctx context.Context, from BridgeState, change BridgeChange) error {
	c.run.State, c.run.FinishedAt = StepDone, c.s.now()
	change.Bridge, change.From = c.bridge, []BridgeState{from}
	change.StepRun, change.StepRunFrom = &c.run, []StepState{StepScheduled, StepRunning, StepFailed}
	return c.write(ctx, change)
}

// renaming is what changes in the standby meeting of a bridge.
func (s *Service) renaming(b Bridge) zoom.MeetingChange {
	return zoom.MeetingChange{Topic: b.Topic, Agenda: s.markAgenda(b.Agenda, b.ID), AutoRecording: string(b.Asked.Recording)}
}

// rename gives the meeting of a standby bridge the topic, agenda and recording that the
// step asks for, and reads back what Zoom made of it.
func (s *Service) rename(ctx context.Context, job Job) (again time.Time, err error) {
	bridge, err := s.store.Bridge(ctx, job.Subject)
	if err != nil || bridge.Kind != KindStandby || bridge.State != BridgeReady && bridge.State != BridgeLive {
		return time.Time{}, err
	}
	again = s.now().Add(backoff(job.Attempt))
	client, err := s.accountClient(ctx)
	if err != nil {
		return again, nil
	}
	err = client.UpdateMeeting(ctx, bridge.MeetingID, s.renaming(bridge))
	var m zoom.Meeting
	if err == nil {
		m, err = client.GetMeeting(ctx, bridge.MeetingID)
	}
	if err == nil {
		err = s.storeReadBack(ctx, bridge, m, func(b *Bridge) (TimelineEntry, AuditEntry) {
			b.Findings = slices.DeleteFunc(slices.Clone(b.Findings), func(f Finding) bool { return f.Code == FoundStandbyRecording })
			b.readBack(m)
			return s.bridgeEntry(*b, EntryRenamed, TimelineData{Topic: b.Topic}), AuditEntry{}
		})
	}
	if err == nil || gone(err) || s.now().Sub(bridge.ReadyAt) > giveUpLook {
		return time.Time{}, nil
	}
	s.log.Warn("could not rename a standby meeting", "incident", Key(bridge.IncidentNumber), "error", err)
	return again, nil
}

// lookAtHand sets whether a link is there if Zoom gives none in time.
func (c *climber) lookAtHand(ctx context.Context) error {
	c.opens = len(c.account.StaticLinks) > 0
	if c.atHand = c.opens; c.atHand || c.account.StandbyMeetings == 0 {
		return nil
	}
	rows, full, err := c.s.standbys(ctx, c.account)
	c.atHand, c.opens = len(rows) > 0, full > 0
	return err
}
