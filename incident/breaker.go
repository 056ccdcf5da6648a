package incident

import (
	"context"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	// mostSilences is how many calls in a row Zoom may leave unanswered before bridges
	// that have another link at hand stop waiting for it.
	mostSilences = 3
	// betweenProbes is the pause between questions whether Zoom answers again.
	betweenProbes = 5 * time.Second
	probeLimit    = 3 * time.Second
	// warmEvery is how often the access token is renewed if it is about to expire, so that
	// no bridge has to wait for it. warmRest is the pause after Zoom gave none.
	warmEvery = time.Minute
	warmRest  = 10 * time.Minute
)

// silences are the problems of a Zoom that cannot be reached, or that does not answer
// or answers nonsense.
var silences = []zoom.ProblemCode{zoom.ProblemUnreachable, zoom.ProblemTimedOut, zoom.ProblemServerError, zoom.ProblemUnreadable}

func isSilence(err error) bool {
	return err != nil && slices.Contains(silences, zoom.ProblemOf(err).Code)
}

// heard remembers whether Zoom answered a call. err is that of the call; nil means that
// it succeeded.
func (s *Service) heard(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isSilence(err) {
		s.silent, s.probeAt = 0, time.Time{} // a check that found Zoom silent is repeated at once
		return
	}
	if s.silent == 0 {
		s.silentFrom = s.now()
	}
	s.silent++
	s.probeAt = s.now().Add(betweenProbes)
}

// zoomIsSilent reports whether Zoom answered none of the last calls.
func (s *Service) zoomIsSilent() bool { return !s.SilentSince().IsZero() }

// SilentSince returns since when Zoom has answered no call, or zero if it answers.
func (s *Service) SilentSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent < mostSilences {
		return time.Time{}
	}
	return s.silentFrom
}

// probeOnce asks Zoom for a user, which changes nothing there, until it answers: while it is
// silent, and while the last check says so. Once Zoom answers, that check is repeated.
func (s *Service) probeOnce(ctx context.Context) (int, error) {
	s.mu.Lock()
	now, silent := s.now(), s.silent >= mostSilences
	due := !now.Before(s.probeAt)
	if due {
		s.probeAt = now.Add(betweenProbes)
	}
	renew := !now.Before(s.renewAt)
	s.mu.Unlock()
	if !due || !silent && !renew {
		return 0, nil
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return 0, err
	}
	renew = renew && account.Check.foundSilence()
	client, err := s.zoomClient(account)
	if err != nil || !silent && !renew {
		return 0, nil // no account to ask with, or nothing to ask
	}
	user := "me"
	if len(account.BackupUsers) > 0 {
		user = account.BackupUsers[0]
	}
	asking, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	_, err = client.GetUser(asking, user)
	if s.heard(err); isSilence(err) {
		return 1, nil
	}
	if silent {
		s.log.Info("Zoom answers again")
		s.retryNow(ctx)
	}
	if renew {
		s.mu.Lock()
		s.renewAt = s.now().Add(recheckEvery) // some calls may go on failing
		s.mu.Unlock()
		return 1, s.renewCheck(ctx, RecheckBridge)
	}
	return 1, nil
}

// foundSilence reports whether Zoom didn't answer a call of the check.
func (r CheckReport) foundSilence() bool {
	return slices.ContainsFunc(r.Lines, func(f Finding) bool { return f.Zoom != nil && slices.Contains(silences, f.Zoom.Code) })
}

// warmOnce has a token at hand before a bridge needs it. A Zoom that gives none because it
// does not answer is known as silent before the next incident.
func (s *Service) warmOnce(ctx context.Context) (int, error) {
	s.mu.Lock()
	now := s.now()
	due := !now.Before(s.warmAt)
	if due {
		s.warmAt = now.Add(warmEvery)
	}
	s.mu.Unlock()
	if !due {
		return 0, nil
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return 0, err
	}
	client, err := s.zoomClient(account)
	if err != nil {
		return 0, nil // there is nothing to connect to
	}
	ctx, cancel := context.WithTimeout(ctx, jobLimit)
	defer cancel()
	_, err = client.Token(ctx)
	switch {
	case isSilence(err):
		s.heard(err)
	case err != nil:
		s.mu.Lock()
		s.warmAt = s.now().Add(warmRest)
		s.mu.Unlock()
	}
	return 0, nil
}
