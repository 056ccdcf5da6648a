package incident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	// askLimit is the timeout of all questions about one call.
	askLimit = 10 * time.Second
	// askers is how many calls Zoom is asked about at the same time.
	askers = 2
	// startLag is how long Zoom may say that a call does not run after it began.
	startLag = 30 * time.Second
	// createLag is how long Zoom may not know a meeting that it has created.
	createLag = 2 * time.Minute
	// downFirst and downMost are the pauses of all questions while Zoom does not answer.
	downFirst = 5 * time.Second
	downMost  = time.Minute
)

// askOnce asks Zoom about the call of one bridge that is due, and stores the answer.
// Events may be late or missing, so what Zoom says when asked counts as well.
func (s *Service) askOnce(ctx context.Context) (int, error) {
	now := s.now()
	s.mu.Lock()
	paused := now.Before(s.askAfter)
	s.mu.Unlock()
	if paused {
		return 0, nil
	}
	f, found, err := s.store.ClaimAsk(ctx, now, now.Add(askSoon))
	if err != nil || !found {
		return 0, err
	}
	ctx, cancel := attached(ctx, askLimit)
	defer cancel()
	a := Answer{BridgeID: f.Bridge.ID, MeetingID: f.Bridge.MeetingID, At: now}
	f.At = now
	if !f.askAt(f.Bridge).IsZero() {
		account, err := s.store.Account(ctx)
		if err != nil {
			return 1, err
		}
		err = errNotConnected
		if !account.OnlyEvents() {
			var client *zoom.Client
			if client, err = s.zoomClient(account); err == nil {
				err = s.ask(ctx, client, f, &a)
			}
		}
		s.pauseAsking(err)
		if err != nil {
			s.log.Warn("could not ask Zoom about a call", "incident", Key(f.Bridge.IncidentNumber), "error", err)
			a.State = CallNoAnswer
		}
	}
	ctx, cancel = attached(ctx, stateWrite)
	defer cancel()
	return 1, s.store.ApplyAnswer(ctx, a, s.now(), FollowEvents)
}

// pauseAsking remembers whether Zoom answers. While it does not, few questions are
// asked, whatever the number of calls.
func (s *Service) pauseAsking(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.askFails, s.askAfter = 0, time.Time{}
		return
	}
	pause := min(downMost, downFirst<<min(s.askFails, 5))
	if z, ok := errors.AsType[*zoom.Error](err); ok {
		pause = max(pause, min(z.RetryAfter, askMost))
	}
	s.askFails++
	s.askAfter = s.now().Add(pause + rand.N(pause/4))
}

// ask fills in what Zoom says about the call of a bridge.
func (s *Service) ask(ctx context.Context, client *zoom.Client, f BridgeFacts, a *Answer) error {
	b := f.Bridge
	m, err := client.GetMeeting(ctx, cmp.Or(b.PMI, b.MeetingID))
	if err == nil {
		a.Meeting = &m
	}
	if foreignLink(err) {
		err = nil
	}
	switch {
	case gone(err):
		a.State = CallGone
		// Zoom's answer may be about a meeting that it does not list yet, so it counts
		// only if it is repeated.
		if b.Watch.Gone > 0 && s.now().Sub(b.ReadyAt) > createLag {
			a.DeletedAt = a.At
			a.entry(b, EntryMeetingGone, "gone-"+b.MeetingID)
		}
	case unsaid(err):
		a.State = CallUnsaid
	case err != nil:
		return err
	case m.Status == "started":
		a.State = CallRunning
		err = s.askRunning(ctx, client, f, a, cmp.Or(m.UUID, b.MeetingID))
	case m.Status == "waiting":
		a.State = CallNotRunning
	}
	if err == nil || a.State == CallGone {
		err = s.askPast(ctx, client, f, a)
	}
	return err
}

// unsaid reports an answer that says nothing about the call: Zoom answered, but not as
// its documentation says.
func unsaid(err error) bool {
	z, ok := errors.AsType[*zoom.Error](err)
	return ok && z.Status >= 200 && z.Status < 300
}

// askRunning adds that the call with this uuid runs.
func (s *Service) askRunning(ctx context.Context, client *zoom.Client, f BridgeFacts, a *Answer, uuid string) error {
	known := slices.IndexFunc(f.Instances, func(in Instance) bool { return in.UUID == uuid })
	if known < 0 {
		// The call that we know may have ended. If it did not, Zoom has two names for it.
		for _, in := range f.Instances {
			if !in.Ended().IsZero() {
				continue
			}
			switch end, err := s.askEnd(ctx, client, in, a); {
			case err != nil:
				return err
			case end == endKnown:
				a.entry(f.Bridge, EntrySeenEnded, "end-"+in.UUID)
			case end == endNone:
				a.Instances = append(a.Instances, Instance{UUID: in.UUID, RunsAt: a.At})
				return nil
			}
		}
	}
	a.Instances = append(a.Instances, Instance{UUID: uuid, SeenAt: a.At, RunsAt: a.At})
	if known < 0 || f.Instances[known].Began().IsZero() {
		a.entry(f.Bridge, EntrySeenRunning, "start-"+uuid)
	} else if over := f.Instances[known].Ended(); !over.IsZero() && a.At.After(over.Add(startLag)) {
		a.entry(f.Bridge, EntrySeenRunning, fmt.Sprint("again-", uuid, "-", over.UnixMilli()))
	}
	return nil
}

// pastEnd is what Zoom says about the end of an instance when asked for the past meeting.
type pastEnd int

const (
	endUnsaid pastEnd = iota // it refused to say: the plan or the scopes do not allow it
	endNone                  // it has no such past meeting, or one without an end
	endKnown
)

// askEnd asks Zoom whether an instance has ended, and adds the exact times.
func (s *Service) askEnd(ctx context.Context, client *zoom.Client, in Instance, a *Answer) (pastEnd, error) {
	past, err := client.GetPastMeeting(ctx, in.UUID)
	switch {
	case err == nil && !past.EndedAt.IsZero():
		a.Instances = append(a.Instances, Instance{UUID: in.UUID, StartedAt: past.StartedAt, EndedAt: past.EndedAt})
		return endKnown, nil
	case err == nil, gone(err):
		return endNone, nil
	case refusedByZoom(err):
		return endUnsaid, nil
	}
	return endUnsaid, err
}

// refusedByZoom reports an answer of Zoom that a repeated question would get again.
func refusedByZoom(err error) bool {
	z, ok := errors.AsType[*zoom.Error](err)
	return ok && z.Outcome == zoom.Refused && z.RateLimit == "" && z.Status != 401 || err != nil && zoom.ProblemOf(err).Code == zoom.ProblemNotAMeeting
}

// askPast adds the ends that no event told, and who was in the calls that ended.
func (s *Service) askPast(ctx context.Context, client *zoom.Client, f BridgeFacts, a *Answer) error {
	for _, in := range f.Instances {
		runs := in.Ended().IsZero()
		switch {
		case runs && (a.State == CallNotRunning || a.State == CallGone) && a.At.Sub(in.Began()) > startLag:
			end, err := s.askEnd(ctx, client, in, a)
			if err != nil {
				return err
			}
			if end != endKnown && f.Bridge.Watch.NotRunning+f.Bridge.Watch.Gone == 0 {
				continue
			}
			a.Instances = append(a.Instances, Instance{UUID: in.UUID, OverAt: a.At})
			a.entry(f.Bridge, EntrySeenEnded, "end-"+in.UUID)
		case in.wantsPast(a.At) && in.Ended().Before(a.At):
			if err := s.askWho(ctx, client, f, in, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// askWho adds who was in an instance that has ended.
func (s *Service) askWho(ctx context.Context, client *zoom.Client, f BridgeFacts, in Instance, a *Answer) error {
	past, err := client.GetPastMeeting(ctx, in.UUID)
	var people []zoom.PastParticipant
	if err == nil {
		people, err = client.ListPastParticipants(ctx, in.UUID)
	}
	switch {
	case err == nil:
	case gone(err) && a.At.Sub(in.Ended()) < pastFor/2: // Zoom needs some minutes
		return nil
	case refusedByZoom(err): // the plan or the scopes do not allow it
		a.Instances = append(a.Instances, Instance{UUID: in.UUID, AskedAt: a.At})
		return nil
	default:
		return err
	}
	a.Instances = append(a.Instances, Instance{UUID: in.UUID, StartedAt: past.StartedAt, EndedAt: past.EndedAt, AskedAt: a.At})
	for _, p := range people {
		if !p.Waited {
			a.Presences = append(a.Presences, f.session(in.UUID, p))
		}
	}
	return nil
}

// session returns the session that Zoom's list of who was in a call means. Events may
// have another id for it.
func (f BridgeFacts) session(uuid string, p zoom.PastParticipant) Presence {
	n := Presence{
		UUID: uuid, SessionID: cutRunes(cmp.Or(p.SessionID, p.Name), 100), Person: cutRunes(cmp.Or(p.SessionID, p.Name), 100),
		Name: cutRunes(p.Name, 200), Email: cutRunes(p.Email, 254), JoinedAt: p.JoinedAt, LeftAt: p.LeftAt,
	}
	for _, known := range f.Presences {
		same := known.UUID == uuid && known.SessionID == n.SessionID
		near := known.UUID == uuid && !known.JoinedAt.IsZero() && known.JoinedAt.Sub(p.JoinedAt).Abs() < 3*time.Second &&
			(known.Name == n.Name || known.Email != "" && strings.EqualFold(known.Email, n.Email))
		if same || near {
			n.SessionID, n.Person = known.SessionID, known.Person
			return n
		}
	}
	return n
}

// entry adds an entry to the timeline. What Zoom says twice is there once.
func (a *Answer) entry(b Bridge, kind TimelineKind, id string) {
	a.Timeline = append(a.Timeline, TimelineEntry{
		ID: "asked-" + b.ID + "-" + id, IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: a.At, Kind: kind,
	})
}
