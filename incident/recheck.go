package incident

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Recheck is stored with the event that causes it: from At on, the check is out
// of date, and the job repeats it.
type Recheck struct {
	At  time.Time
	Job Job // not stored if one like it is queued
}

// userEvents are the events after which a host may no longer be what the last
// check found.
var userEvents = []string{"user.activated", "user.deactivated", "user.deleted", "user.disassociated", "user.updated", "user.settings_updated"}

// RecheckBridge is the subject of a job that repeats the check because a bridge failed
// for a reason that the check should show, or is the first that did not.
const RecheckBridge = "bridge"

// recheckEvery is the shortest time between two checks that events cause.
const recheckEvery = time.Minute

// recheckSoon is the same if a bridge showed that the last check is no longer true: Overview
// must not say for a minute what people see is wrong.
const recheckSoon = 10 * time.Second

// recheck returns what the event means for the account's check, or nil. The time
// is that of our clock, like the check's, so that reading an event again after
// the check changes nothing.
func (s *Service) recheck(a Account, e Event, u *zoom.EventUser) *Recheck {
	if u == nil || !a.Check.about(a.BackupUsers, *u) || !e.ReceivedAt.After(a.Check.At) {
		return nil
	}
	at := s.now()
	if soonest := a.Check.At.Add(recheckEvery); soonest.After(at) {
		at = soonest
	}
	return &Recheck{At: e.ReceivedAt, Job: s.newJob(JobRecheck, "", at)}
}

// about reports whether the report says something about the user. Zoom writes
// ids in lower case in some events.
func (r CheckReport) about(pool []string, u zoom.EventUser) bool {
	for _, email := range u.Emails {
		if _, ok := r.Users[CanonicalEmail(email)]; ok || slices.Contains(pool, CanonicalEmail(email)) {
			return true
		}
	}
	for _, id := range r.Users {
		if u.ID != "" && strings.EqualFold(id, u.ID) {
			return true
		}
	}
	// Before a check has found a backup user, we don't know their id.
	return len(u.Emails) == 0 && slices.ContainsFunc(pool, func(host string) bool { return r.Users[host] == "" })
}

// outdated reports whether a user has changed since the check.
func (a Account) outdated() bool { return a.HostsChangedAt.After(a.Check.At) }

// renewCheck repeats the check if it is out of date, as it always is if a bridge is the
// cause. An account without credentials or without a check stays as it is. If Zoom does
// not answer, it returns an error so that it is called again, and the last check stays
// unless it disagrees with the bridge.
func (s *Service) renewCheck(ctx context.Context, cause string) error {
	began := s.now() // before the account is read: see Account.Report
	a, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	if !a.Connected() || a.Report(s.now()).At.IsZero() || !a.outdated() && cause != RecheckBridge {
		return nil
	}
	var people []string
	for _, l := range a.Check.Lines {
		if l.Topic == TopicPerson && !slices.Contains(people, l.Email) {
			people = append(people, l.Email)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	c := checker{report: CheckReport{At: began, Asked: a.Check.Asked}}
	c.all(ctx, s, a, people)
	var passes error
	for _, l := range c.report.Lines {
		if l.passes() {
			passes = fmt.Errorf("check the connection: %s", l.Zoom.Code)
		}
	}
	if passes != nil && cause != RecheckBridge {
		return passes
	}
	return cmp.Or(s.store.SaveCheck(ctx, c.report), s.shareCheck(ctx, c.report), passes)
}

// passing are the problems that pass without anybody mending them.
var passing = []zoom.ProblemCode{zoom.ProblemRateLimit, zoom.ProblemDayLimit, zoom.ProblemUnreachable, zoom.ProblemTimedOut, zoom.ProblemServerError, zoom.ProblemUnreadable}
