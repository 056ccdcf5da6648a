package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// call is a call to Zoom that creates the meeting of a rung.
type call struct {
	rung    rung
	attempt Attempt
	cancel  context.CancelFunc

	// The answer, once it is in climber.answers.
	meeting zoom.Meeting
	err     error
	took    time.Duration
}

// begin starts a rung.
func (c *climber) begin(ctx context.Context, r rung) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < leastTime {
		return errOutOfTime
	}
	attempt := Attempt{ID: newID(), BridgeID: c.bridge.ID, Rung: r.name, HostEmail: r.host, State: AttemptCalling, StartedAt: c.s.now()}
	if err := c.began(ctx, r, attempt); err != nil {
		return err
	}
	c.s.asks(attempt)
	c.ask(ctx, r, attempt)
	return nil
}

// asks remembers that this process makes the call of an attempt.
func (s *Service) asks(a Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == nil {
		s.asking = map[string]bool{}
	}
	s.asking[a.ID] = true
}

// asked forgets the call of an attempt if its outcome is stored, or if err says that
// somebody else closed the attempt.
func (s *Service) asked(a Attempt, err error) {
	if err != nil && CodeOf(err) != Conflict {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asking, a.ID)
}

// lost returns why the outcome of an attempt isn't stored: the call takes too long, if
// this process makes it, or else otherwise.
func (s *Service) lost(a Attempt, otherwise Reason) Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asking[a.ID] {
		return otherwise
	}
	return Reason{Code: ReasonZoom, Host: a.HostEmail, Zoom: &zoom.Problem{Code: zoom.ProblemTimedOut, MaybeCreated: true}}
}

// ask makes a call, for which it has all the time that is left: another rung starts after
// rungLimit, but a link that comes later is used too. The client waits out Zoom's limit of
// calls in a second.
func (c *climber) ask(ctx context.Context, r rung, attempt Attempt) {
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	ctx, cancel := context.WithTimeout(ctx, left-lastMargin)
	a, request := &call{rung: r, attempt: attempt, cancel: cancel}, c.request(attempt.ID)
	c.calls = append(c.calls, a)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("panic: %v", p)
			}
			c.answers <- a
		}()
		a.meeting, a.err = c.client.CreateMeeting(ctx, r.host, request)
		a.took = left - time.Until(deadline)
	}()
}

// hear waits for answers until there is a link, no call is left, or another rung can
// start because limit is over. done means that the bridge has a link, goOn that another
// rung may help.
func (c *climber) hear(ctx context.Context, limit time.Duration) (done, goOn bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	goOn = true
	for len(c.calls) > 0 {
		select {
		case a := <-c.answers:
			done, helps, err := c.answered(ctx, c.over(a))
			if done || err != nil {
				return done, false, err
			}
			goOn = goOn && helps
		case <-timer.C:
			if goOn {
				return false, true, nil
			}
		}
	}
	return false, goOn, nil
}

// over removes a call that was answered from calls.
func (c *climber) over(a *call) *call {
	a.cancel()
	c.calls = slices.DeleteFunc(c.calls, func(b *call) bool { return a == b })
	a.attempt.MeetingID = a.meeting.ID
	return a
}

// hangUp ends the calls that nobody needs any more. What they may have created is looked
// for, and deleted if the bridge has a link. winner is the call that gave it, or nil:
// calls that began after it say nothing about why the bridge is what it is.
func (c *climber) hangUp(ctx context.Context, winner *call) {
	for _, a := range c.calls {
		a.cancel()
	}
	for len(c.calls) > 0 {
		a := c.over(<-c.answers)
		var err error
		if a.err != nil {
			why, told := c.why, c.before
			if winner != nil && winner.attempt.ID < a.attempt.ID {
				c.before = append(slices.Clone(told), reasonOf(a.err, a.rung.host))
			} else {
				why = append(why, reasonOf(a.err, a.rung.host))
			}
			_, err = c.refused(ctx, a.rung, a.attempt, a.err)
			c.why, c.before = why, told
		} else {
			err = c.s.discard(ctx, a.attempt, AttemptCalling)
		}
		if err != nil { // the attempt stays "calling", so its meeting is looked for
			c.s.log.Error("could not store the outcome of a call to Zoom", "incident", c.incident.Key(), "error", err)
		}
	}
}

// answered takes the answer to a call.
func (c *climber) answered(ctx context.Context, a *call) (done, goOn bool, err error) {
	c.s.heard(a.err)
	if a.err != nil && c.dropAlternatives(a.err) {
		if err := c.finish(ctx, a.attempt, AttemptRefused, codeAlternativeHost, Reason{Code: ReasonNoAlternatives, Host: a.rung.host}, nil); err != nil {
			return false, false, err
		}
		return false, true, c.begin(ctx, a.rung)
	}
	if a.err != nil {
		goOn, err = c.refused(ctx, a.rung, a.attempt, a.err)
		return false, goOn, err
	}

	c.s.zoomTook(a.took)
	c.bridge.HostEmail = a.rung.host
	finding, why, err := c.shared(ctx, a.meeting)
	if err != nil {
		return false, false, err
	}
	if finding != nil {
		c.why = append(c.why, why)
		c.spare = &spareMeeting{a.rung, a.attempt, a.meeting, *finding}
		return false, true, c.finish(ctx, a.attempt, AttemptRefused, 0, why, nil)
	}
	c.hangUp(ctx, a)
	err = c.ready(ctx, a.rung, a.attempt, AttemptCalling, a.meeting, nil)
	return err == nil, false, err
}

// zoomTook remembers how long Zoom took to create a meeting.
func (s *Service) zoomTook(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.createTook = d
}

// rungLimit is how long a rung waits before another one starts beside it: a little
// longer than Zoom took last, so that a Zoom that is slow today doesn't create every
// meeting twice.
func (s *Service) rungLimit() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(shortestRung, s.createTook*5/4)
}
