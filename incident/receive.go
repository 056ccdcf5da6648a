package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Events stores the event log and what is known about its completeness.
type Events interface {
	// AppendEvent stores a verified event and returns after it is on disk. For a
	// duplicate, id is the id of the first event.
	AppendEvent(ctx context.Context, e NewEvent) (id int64, duplicate bool, err error)
	Busy() bool               // reports whether many events wait to be stored
	Calm(ctx context.Context) // waits a short time at most until few events wait
	Event(ctx context.Context, id int64) (Event, error)
	NewEvents(ctx context.Context, limit int) ([]Event, error) // state new, oldest first
	EventTypes(ctx context.Context) ([]string, error)
	// MeetingsOfBridges returns those of the meeting ids and uuids that some
	// bridge has.
	MeetingsOfBridges(ctx context.Context, ids []string) (map[string]bool, error)
	// BridgeForMeeting finds the bridge that an event belongs to; "" if none.
	BridgeForMeeting(ctx context.Context, uuid, meetingID string, at time.Time) (bridgeID string, incidentNumber int64, err error)
	// BridgesOfHost returns the bridges that are ready or live and have a meeting that one of
	// these users hosts, or the user with this id in Zoom.
	BridgesOfHost(ctx context.Context, emails []string, zoomID string) ([]string, error)
	// ApplyReadings marks events as read and stores their effects. It then
	// updates each affected bridge by the rule, while nobody else can change the
	// bridge.
	ApplyReadings(ctx context.Context, readings []Reading, at time.Time, rule BridgeRule) error
	// ReprocessEvent makes a stored event new again, and no longer stale.
	ReprocessEvent(ctx context.Context, id int64, audit AuditEntry) error
	// EventEntries returns the timeline entries that a read event caused.
	EventEntries(ctx context.Context, e Event) ([]TimelineEntry, error)
	AddRefusals(ctx context.Context, minute time.Time, byReason map[Rejection]int64) error

	// ClaimGapLook stores that a missing-event check starts now, and returns the
	// time up to which deliveries are already compared. ok is false if another
	// check started after before.
	ClaimGapLook(ctx context.Context, now, before time.Time) (lookedTo time.Time, ok bool, err error)
	SaveGapLook(ctx context.Context, l GapLook, audit AuditEntry) error

	SavedFilter(ctx context.Context, id string) (SavedFilter, error)
	SavedFilters(ctx context.Context) ([]SavedFilter, error)    // sorted by name
	InsertSavedFilter(ctx context.Context, f SavedFilter) error // Conflict if the name is taken
	DeleteSavedFilter(ctx context.Context, id string) error

	DeleteRefusals(ctx context.Context, before time.Time) (int64, error)
	DeleteMinuteCounts(ctx context.Context, now time.Time) (int64, error)
	PrepareMonths(ctx context.Context) error // prepares storage for the events of the coming months
}

// A signature is fresh within this window, on a clock corrected by the skew seen
// in Zoom's answers. Zoom retries a delivery for 85 minutes.
const (
	signedBefore = 2 * time.Hour
	signedAfter  = 5 * time.Minute
)

// tokensFor is how long secret tokens are cached, so that a burst of webhooks
// needs only one read.
const tokensFor = time.Second

// webhookTokens is the result of the last read by WebhookTokens.
type webhookTokens struct {
	at     time.Time // when the read started
	tokens []Secret
	locked bool
}

// WebhookTokens returns the secret tokens that may sign a webhook, newest first.
// It caches them for a second. With fresh, it returns tokens from a read that
// started after the call. Callers use fresh before they reject a request, because
// another program may have added a token a moment ago and Zoom does not retry
// after a 401. If the database does not answer, it returns the tokens of the last
// read, because Zoom must get an answer when it validates our address; with
// fresh, or if there was no read yet, it returns an error. locked means that the
// master key cannot decrypt a stored token, so a wrong signature proves nothing.
func (s *Service) WebhookTokens(ctx context.Context, fresh bool) (tokens []Secret, locked bool, err error) {
	arrived := s.now()
	if fresh {
		// Only one such read runs at a time, so that forged requests occupy at
		// most one database connection. A caller that waited can use a read that
		// started while it waited.
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
// that was signed outside the time window is stored and marked as stale: our own
// wrong clock must not cost an event, and a replay must have no effect.
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

// skew returns how far Zoom's clock is ahead of ours, or 0 if unknown.
func (s *Service) skew() time.Duration {
	skew, _ := s.ClockSkew()
	return skew
}

// NoteValidation stores that Zoom validated our webhook address just now.
func (s *Service) NoteValidation(ctx context.Context) error {
	return s.store.SetWebhookValidated(ctx, s.now())
}

// Rejection is why a request to the webhook address was rejected: one of these, or a
// zoom.VerifyProblem. The codes are stored.
type Rejection string

const (
	RejectedValidation Rejection = "wrong_validation" // asks for validation, with a wrong signature
	RejectedChallenge  Rejection = "validation"       // asks for validation as Zoom never does
	RejectedTooLarge   Rejection = "too_large"
	RejectedWrongPath  Rejection = "wrong_path"     // signed, but sent to another address of this server
	RejectedIncomplete Rejection = "incomplete"     // ended before its body was complete
	NoWebhookToken     Rejection = "not_configured" // this and what follows is our fault
	WebhookTokenLocked Rejection = "locked"
	NotStored          Rejection = "storage"
	TooBusy            Rejection = "busy"
)

// CountRefusal counts a rejected request. Rejected requests are not stored. Their
// number is stored after a few seconds, so that a flood of them costs little.
func (s *Service) CountRefusal(reason Rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[reason]++
}

func (s *Service) flushRefusals(ctx context.Context) error {
	s.mu.Lock()
	counts := s.refusals
	s.refusals = map[Rejection]int64{}
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
