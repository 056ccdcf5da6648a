package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Events stores the event log and what is known about its completeness.
type Events interface {
	// AppendEvent stores a verified event and returns after it is on disk. For a
	// duplicate, id is that of the first.
	AppendEvent(ctx context.Context, e NewEvent) (id int64, duplicate bool, err error)
	Busy() bool               // many events wait to be stored
	Calm(ctx context.Context) // waits, for a moment at most, until few do
	Event(ctx context.Context, id int64) (Event, error)
	NewEvents(ctx context.Context, limit int) ([]Event, error) // state new, oldest first
	EventTypes(ctx context.Context) ([]string, error)
	// MeetingsOfBridges are those of the ids and uuids that some bridge has.
	MeetingsOfBridges(ctx context.Context, ids []string) (map[string]bool, error)
	// BridgeForMeeting finds the bridge an event belongs to, "" for none.
	BridgeForMeeting(ctx context.Context, uuid, meetingID string, at time.Time) (bridgeID string, incidentNumber int64, err error)
	// ApplyReadings marks events read with all that follows, then sets each bridge
	// they name to what the rule says of it, while nobody else changes it.
	ApplyReadings(ctx context.Context, readings []Reading, at time.Time, rule BridgeRule) error
	// ReprocessEvent makes a stored event new again, no longer stale.
	ReprocessEvent(ctx context.Context, id int64, audit AuditEntry) error
	// EventEntries are the entries of a timeline that follow from a read event.
	EventEntries(ctx context.Context, e Event) ([]TimelineEntry, error)
	AddRefusals(ctx context.Context, minute time.Time, byReason map[string]int64) error

	// ClaimGapLook notes that a look for gaps begins now, and returns the time up
	// to which deliveries are compared. Not ok if one began after before.
	ClaimGapLook(ctx context.Context, now, before time.Time) (lookedTo time.Time, ok bool, err error)
	SaveGapLook(ctx context.Context, l GapLook, audit AuditEntry) error

	SavedFilter(ctx context.Context, id string) (SavedFilter, error)
	SavedFilters(ctx context.Context) ([]SavedFilter, error)    // by name
	InsertSavedFilter(ctx context.Context, f SavedFilter) error // Conflict if the name is taken
	DeleteSavedFilter(ctx context.Context, id string) error

	DeleteRefusals(ctx context.Context, before time.Time) (int64, error)
	DeleteMinuteCounts(ctx context.Context, now time.Time) (int64, error)
	PrepareMonths(ctx context.Context) error // makes room for the events of the next months
}

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
