package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The window in which a signature counts as fresh, by a clock corrected with
// the skew seen in Zoom's answers. Zoom repeats a delivery for 85 minutes.
const (
	signedBefore = 2 * time.Hour
	signedAfter  = 5 * time.Minute
)

// tokensFor is how long secret tokens are used without asking the database, so
// that a burst of webhooks is one read.
const tokensFor = time.Second

// webhookTokens is what WebhookTokens last read.
type webhookTokens struct {
	at     time.Time // when the read began
	tokens []Secret
	locked bool
}

// WebhookTokens are the secret tokens that may sign a webhook, newest first. A
// read is used for a second; fresh demands one that begins now, which a caller
// asks for before it turns a request away: a token may have been added by
// another program a moment ago, and Zoom does not repeat what was answered 401.
// When the database does not answer, those of the last read are returned: Zoom
// must be answered when it validates our address. err is only returned when
// there was never a read. locked means a token is stored that the master key
// cannot open, so a wrong signature proves nothing.
func (s *Service) WebhookTokens(ctx context.Context, fresh bool) (tokens []Secret, locked bool, err error) {
	arrived := s.now()
	if fresh {
		// One at a time, so that forged requests cost one reader at most; who
		// waited may use a read that began while they did.
		s.rereading.Lock()
		defer s.rereading.Unlock()
	}
	s.mu.Lock()
	last := s.tokens
	s.mu.Unlock()
	switch age := arrived.Sub(last.at); {
	case last.at.IsZero():
	case fresh && last.at.After(arrived):
		return last.tokens, last.locked, nil
	case !fresh && age >= 0 && age < tokensFor:
		return last.tokens, last.locked, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	next := webhookTokens{at: s.now()}
	account, err := s.store.Account(ctx)
	if err != nil {
		if !fresh && !last.at.IsZero() {
			return last.tokens, last.locked, nil
		}
		return nil, false, err
	}
	next.tokens, next.locked = account.WebhookTokens()
	s.mu.Lock()
	s.tokens = next
	s.mu.Unlock()
	return next.tokens, next.locked, nil
}

// KeepEvent stores a verified webhook and returns after it is on disk. An event
// signed outside the time window is kept and marked stale: our wrong clock must
// not cost an event, and a replay has no effect.
func (s *Service) KeepEvent(ctx context.Context, sig zoom.Signature, headers map[string]string, body []byte) (duplicate bool, err error) {
	now := s.now()
	age := now.Add(s.skew()).Sub(sig.Timestamp)
	_, duplicate, err = s.store.AppendEvent(ctx, NewEvent{
		ReceivedAt: now,
		SignedAt:   sig.Timestamp,
		Slot:       sig.Slot,
		Stale:      age > signedBefore || age < -signedAfter,
		Body:       body,
		Headers:    headers,
	})
	if err == nil && !duplicate {
		nudge(s.wakeReader)
	}
	return duplicate, err
}

// skew is how far Zoom's clock is ahead of ours, 0 when not known.
func (s *Service) skew() time.Duration {
	skew, _ := s.ClockSkew()
	return skew
}

// NoteValidation remembers that Zoom validated our webhook address.
func (s *Service) NoteValidation(ctx context.Context) error {
	return s.store.SetWebhookValidated(ctx, s.now())
}

// CountRefusal counts a request that was refused. Refused requests are not
// stored; their number is, within seconds, so that a flood costs nothing.
func (s *Service) CountRefusal(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[reason]++
}

func (s *Service) flushRefusals(ctx context.Context) error {
	s.mu.Lock()
	counts := s.refusals
	s.refusals = map[string]int64{}
	s.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	err := s.store.AddRefusals(ctx, s.now().Truncate(time.Minute), counts)
	if err != nil {
		s.mu.Lock()
		for reason, n := range counts {
			s.refusals[reason] += n
		}
		s.mu.Unlock()
	}
	return err
}
