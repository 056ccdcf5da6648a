package incident

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

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
