package incident

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// A gap is an event that Zoom sent but that is not stored here. Either Zoom gave
// up after its retries, which take 85 minutes, or the event was acknowledged and
// then lost with a disk. Zoom logs what it sent for seven days.

const (
	// GapsEvery is the time between automatic checks of the log.
	GapsEvery    = time.Hour
	gapsAfter    = 5 * time.Minute // minimum time between the last check and the first check of a process
	gapsTry      = time.Minute     // how often a process looks whether a check is due
	gapsLimit    = 2 * time.Minute
	gapsPatience = 20 * time.Second // when a person waits

	// Each check repeats this part of the log: entries may appear late, and a
	// failed delivery may still succeed.
	gapsOverlap = 2 * time.Hour
	gapsSettled = 90 * time.Minute
	gapsSlice   = 6 * time.Hour // how much of the log is read at a time; progress is kept after each
	gapsAtOnce  = 16            // events stored at the same time; far fewer than the receiver may store
)

// zoomRetries are the times of Zoom's attempts, counted from the first.
var zoomRetries = [...]time.Duration{0, 5 * time.Minute, 25 * time.Minute, 85 * time.Minute}

// gapSchedule is what a process knows about its checks.
type gapSchedule struct {
	next  time.Time
	whole bool // at least one of them finished
}

// GapLook is one check of Zoom's log of deliveries.
type GapLook struct {
	ID         string    `json:"-"`
	AppID      string    `json:"-"`
	At         time.Time `json:"-"`
	Actor      string    `json:"-"`          // email address; "": Drawbridge
	To         time.Time `json:"-"`          // all deliveries before this time are compared
	Deliveries int       `json:"deliveries"` // number of deliveries compared
	Recovered  int       `json:"recovered"`  // events that were missing and are stored now
	Lost       int       `json:"lost"`       // events that are missing and whose bodies Zoom did not keep
	Problem    Reason    `json:"problem"`    // why it did not finish; zero: it did

	// The number of validations of our address that failed in a row.
	FailedValidations  int       `json:"-"`
	ValidationFailedAt time.Time `json:"-"`
}

// FindGaps checks Zoom's log of deliveries for events that are missing here, and
// stores them. If the check itself fails, the GapLook says why and the error is
// nil.
func (s *Service) FindGaps(ctx context.Context, actor Actor) (GapLook, error) {
	if err := need(actor, Admin); err != nil {
		return GapLook{}, err
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return GapLook{}, err
	}
	if account.AppID == "" {
		return GapLook{}, invalid("Enter the App ID of the Zoom app first.", map[string]string{"app_id": "Drawbridge needs it to read Zoom’s delivery log. Copy it from the address of the app’s page in the Zoom App Marketplace."})
	}
	lookedTo, ok, err := s.store.ClaimGapLook(ctx, s.now(), s.now())
	if err != nil {
		return GapLook{}, err
	}
	if !ok {
		return GapLook{}, refuse(Conflict, "A check for missing events has just started. Wait for its result.")
	}
	ctx, cancel := attached(ctx, gapsPatience)
	defer cancel()
	look := s.lookForGaps(ctx, account, lookedTo, true)
	look.Actor = actor.Email
	return look, s.saveLook(ctx, look, s.audit(actor, AuditGapsFind, "", changesOf(nil, look)...))
}

// gapsOnce checks for gaps if a check is due. The first check of a process
// compares everything delivered since the last check, including what Zoom counts
// as delivered, because the database may have been restored from a backup. Later
// checks read only failed deliveries, because this process has stored everything
// that it acknowledged.
func (s *Service) gapsOnce(ctx context.Context) (int, error) {
	now := s.now()
	s.mu.Lock()
	due, first := !now.Before(s.gaps.next), !s.gaps.whole
	if due {
		s.gaps.next = now.Add(gapsTry)
	}
	s.mu.Unlock()
	if !due {
		return 0, nil
	}
	account, err := s.store.Account(ctx)
	if err != nil || account.AppID == "" || !account.Connected() {
		return 0, err
	}
	before := now.Add(-GapsEvery)
	if first {
		before = now.Add(-gapsAfter)
	}
	lookedTo, ok, err := s.store.ClaimGapLook(ctx, now, before)
	if err != nil || !ok { // another server is checking
		return 0, err
	}
	lookCtx, cancel := context.WithTimeout(ctx, gapsLimit)
	defer cancel()
	look := s.lookForGaps(lookCtx, account, lookedTo, first)
	if ctx.Err() != nil {
		return 0, nil // the program is stopping, which is not a problem of Zoom
	}
	s.mu.Lock()
	s.gaps.next = now.Add(GapsEvery)
	s.gaps.whole = s.gaps.whole || look.Problem.Code == ""
	s.mu.Unlock()
	if look.Recovered+look.Lost > 0 || look.Problem.Code != "" {
		s.log.Warn("checked Zoom's log of deliveries for missing events", "recovered", look.Recovered, "lost", look.Lost, "problem", look.Problem.Code)
	}
	return look.Recovered, s.saveLook(ctx, look, AuditEntry{})
}

func (s *Service) saveLook(ctx context.Context, look GapLook, audit AuditEntry) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	if look.Recovered > 0 {
		nudge(s.wakeReader)
	}
	return s.store.SaveGapLook(ctx, look, audit)
}

// comparison is a check in progress.
type comparison struct {
	*Service
	look   *GapLook
	missed map[string]time.Time // first attempts of failed deliveries without a body, by request id
	bodies map[[sha256.Size]byte]bool
	kept   map[string]bool // request ids with a body or with a successful attempt

	unanswered map[time.Time]bool // times of failed validations
}

// lookForGaps compares the deliveries in Zoom's log with the stored events:
// either all deliveries, or only the failed ones.
func (s *Service) lookForGaps(ctx context.Context, a Account, lookedTo time.Time, all bool) GapLook {
	look := GapLook{ID: newID(), AppID: a.AppID, At: s.now(), To: lookedTo}
	c := comparison{Service: s, look: &look, missed: map[string]time.Time{}, bodies: map[[sha256.Size]byte]bool{}, kept: map[string]bool{}, unanswered: map[time.Time]bool{}}
	end := s.now().Add(s.skew()).Truncate(time.Second) // on Zoom's clock
	from := lookedTo.Add(-gapsOverlap)
	if oldest := end.Add(time.Minute - zoom.DeliveryLogKept); from.Before(oldest) {
		from = oldest
	}
	query := zoom.DeliveryQuery{AppID: a.AppID, Outcome: zoom.FailedDeliveries}
	if all {
		query.Outcome = zoom.AllDeliveries
	}
	client, err := s.zoomClient(a)
	for query.From = from; err == nil && query.From.Before(end); query.From = query.To {
		query.To = query.From.Add(gapsSlice)
		if query.To.After(end) {
			query.To = end
		}
		err = client.Deliveries(ctx, query, func(page []zoom.Delivery) error { return c.compare(ctx, page) })
		if err == nil && query.To.After(look.To) {
			look.To = query.To
		}
	}
	if err == nil {
		err = c.countLost(ctx, client, query, lookedTo.Add(-gapsSettled), end.Add(-gapsSettled))
	}
	c.countValidations(a)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		look.Problem = Reason{Code: ReasonLogTooLong}
	case CodeOf(err) == Unavailable && !errors.Is(err, errNotConnected):
		look.Problem = Reason{Code: ReasonNotStored}
	default:
		look.Problem = reasonOf(err, "")
	}
	return look
}

// compare stores the events of a page of the log that are missing here.
func (c *comparison) compare(ctx context.Context, page []zoom.Delivery) error {
	var recovered atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(gapsAtOnce)
	for _, d := range page {
		switch {
		case d.Event == "endpoint.url_validation":
			if !d.Delivered() {
				c.unanswered[d.At] = true
			}
			continue
		case !oursToReceive(d.Endpoint):
			continue
		}
		c.look.Deliveries++
		if d.Body == nil {
			if d.Delivered() {
				c.kept[d.RequestID] = true
			} else if first := d.At.Add(-zoomRetries[min(d.Retry, len(zoomRetries)-1)]); c.missed[d.RequestID].IsZero() || first.Before(c.missed[d.RequestID]) {
				c.missed[d.RequestID] = first
			}
			continue
		}
		c.kept[d.RequestID] = true
		if hash := sha256.Sum256(d.Body); !c.bodies[hash] {
			c.bodies[hash] = true
			g.Go(func() error {
				fresh, err := c.recover(ctx, d)
				if fresh {
					recovered.Add(1)
				}
				return err
			})
		}
	}
	err := g.Wait()
	c.look.Recovered += int(recovered.Load())
	return err
}

// recover stores the body of a delivery. It needs no signature, because it came
// over TLS from Zoom's API with our token. It cannot be a replay, so it is never
// stale, however late it is. Late effects do no harm: the state of a bridge does
// not depend on the order of its events.
func (c *comparison) recover(ctx context.Context, d zoom.Delivery) (fresh bool, err error) {
	e := NewEvent{Origin: OriginRecovered, ReceivedAt: c.now(), SignedAt: d.At, Body: d.Body, Headers: map[string]string{}}
	if e.SignedAt.IsZero() {
		e.SignedAt = e.ReceivedAt
	}
	if d.RequestID != "" {
		e.Headers["X-Zm-Request-Id"] = d.RequestID // identifies the event if it is already stored
	}
	_, duplicate, err := c.store.AppendEvent(ctx, e)
	return err == nil && !duplicate, err
}

// countLost counts the events without a successful attempt whose body Zoom did
// not keep. Each counts once: in the check that covers the time of its first
// attempt.
func (c *comparison) countLost(ctx context.Context, client *zoom.Client, query zoom.DeliveryQuery, after, until time.Time) error {
	lost := map[string]bool{}
	oldest := until
	for id, first := range c.missed {
		if !c.kept[id] && first.After(after) && !first.After(until) {
			lost[id] = true
			if first.Before(oldest) {
				oldest = first
			}
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if query.Outcome != zoom.AllDeliveries { // a later attempt may have succeeded
		query.From, query.Outcome = oldest, zoom.SuccessfulDeliveries
		err := client.Deliveries(ctx, query, func(page []zoom.Delivery) error {
			for _, d := range page {
				delete(lost, d.RequestID)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.look.Lost = len(lost)
	return nil
}

// countValidations counts the validations that failed since the last known
// failure or success.
func (c *comparison) countValidations(a Account) {
	known := a.WebhookValidatedAt
	if a.ValidationFailedAt.After(known) {
		known = a.ValidationFailedAt
		c.look.FailedValidations, c.look.ValidationFailedAt = a.LoggedFailures, known
	}
	for at := range c.unanswered {
		if at.After(known) {
			c.look.FailedValidations++
			if at.After(c.look.ValidationFailedAt) {
				c.look.ValidationFailedAt = at
			}
		}
	}
}

// oursToReceive reports whether a delivery went to this server and not to another
// address of the app. It compares only the end of the path, because a proxy may
// change the host or add a path prefix.
func oursToReceive(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err != nil || u.Host == "" || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/webhook")
}
