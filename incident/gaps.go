package incident

import (
	"context"
	"crypto/sha256"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// A gap is an event that Zoom sent and that is not here: Zoom gave up after its
// retries, which last 85 minutes, or it was answered and lost with a disk. Zoom
// keeps what it sent for seven days in a log.

const (
	// GapsEvery is how often the log is looked into without being asked.
	GapsEvery    = time.Hour
	gapsAfter    = 5 * time.Minute // at least between the last look and the first of a process
	gapsTry      = time.Minute     // how often it is asked whether a look is due
	gapsLimit    = 2 * time.Minute
	gapsPatience = 20 * time.Second // of a person

	// What is compared anew in each look: entries may appear late, and a delivery
	// that failed may still succeed.
	gapsOverlap = 2 * time.Hour
	gapsSettled = 90 * time.Minute
	gapsSlice   = 6 * time.Hour // of the log is read at a time; what is read through stays so
	gapsAtOnce  = 16            // events that wait to be stored; far below what the receiver may use
)

// zoomRetries is how long after the first attempt Zoom makes the others.
var zoomRetries = [...]time.Duration{0, 5 * time.Minute, 25 * time.Minute, 85 * time.Minute}

// gapSchedule is what a process knows of its looks.
type gapSchedule struct {
	next  time.Time
	whole bool // one of them came to its end
}

// GapLook is one look into Zoom's log of its deliveries.
type GapLook struct {
	ID         string    `json:"-"`
	AppID      string    `json:"-"`
	At         time.Time `json:"-"`
	Actor      string    `json:"-"`          // e-mail; "" = the program
	To         time.Time `json:"-"`          // everything before is compared
	Deliveries int       `json:"deliveries"` // compared
	Recovered  int       `json:"recovered"`  // events that were not here, and are now
	Lost       int       `json:"lost"`       // events that are not here and whose bodies Zoom did not keep
	Problem    Reason    `json:"problem"`    // why it did not come to its end; zero = it did

	// Validations of our address that failed in a row.
	FailedValidations  int       `json:"-"`
	ValidationFailedAt time.Time `json:"-"`
}

// FindGaps looks into Zoom's log of its deliveries for events that are not here,
// and brings them in. What kept it from looking is in the look, not an error.
func (s *Service) FindGaps(ctx context.Context, actor Actor) (GapLook, error) {
	if err := need(actor, Admin); err != nil {
		return GapLook{}, err
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return GapLook{}, err
	}
	if account.AppID == "" {
		return GapLook{}, invalid("Enter the App ID of the Zoom app first.", map[string]string{"app_id": "Zoom’s log of deliveries is asked for by it. Copy it out of the address of the app’s page in Zoom’s marketplace."})
	}
	lookedTo, ok, err := s.store.ClaimGapLook(ctx, s.now(), s.now())
	if err != nil {
		return GapLook{}, err
	}
	if !ok {
		return GapLook{}, refuse(Conflict, "A look for gaps begins this moment. See what it finds.")
	}
	ctx, cancel := attached(ctx, gapsPatience)
	defer cancel()
	look := s.lookForGaps(ctx, account, lookedTo, true)
	look.Actor = actor.Email
	return look, s.saveLook(ctx, look, s.audit(actor, AuditGapsFind, "", changesOf(nil, look)...))
}

// gapsOnce looks for gaps when that is due. The first look of a process compares
// all that was delivered since the last one, also what Zoom thinks was received:
// it may be that the database is older than it was, from a backup. Later looks
// ask for failed deliveries only, because what this process answered it has.
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
	if err != nil || !ok { // another server looks
		return 0, err
	}
	lookCtx, cancel := context.WithTimeout(ctx, gapsLimit)
	defer cancel()
	look := s.lookForGaps(lookCtx, account, lookedTo, first)
	if ctx.Err() != nil {
		return 0, nil // the program stops: that is no problem of Zoom's
	}
	s.mu.Lock()
	s.gaps.next = now.Add(GapsEvery)
	s.gaps.whole = s.gaps.whole || look.Problem.Code == ""
	s.mu.Unlock()
	if look.Recovered+look.Lost > 0 || look.Problem.Code != "" {
		s.log.Warn("looked for gaps in Zoom's log of deliveries", "recovered", look.Recovered, "lost", look.Lost, "problem", look.Problem.Code)
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

// comparison is a look on its way.
type comparison struct {
	*Service
	look   *GapLook
	missed map[string]time.Time // request ids of failed deliveries without a body: their first attempt
	bodies map[[sha256.Size]byte]bool
	kept   map[string]bool // request ids with a body, or with an answer that Zoom wants

	unanswered map[time.Time]bool // when validations failed
}

// lookForGaps compares the deliveries of Zoom's log with the events here: all of
// them, or the failed ones.
func (s *Service) lookForGaps(ctx context.Context, a Account, lookedTo time.Time, all bool) GapLook {
	look := GapLook{ID: newID(), AppID: a.AppID, At: s.now(), To: lookedTo}
	c := comparison{Service: s, look: &look, missed: map[string]time.Time{}, bodies: map[[sha256.Size]byte]bool{}, kept: map[string]bool{}, unanswered: map[time.Time]bool{}}
	end := s.now().Add(s.skew()).Truncate(time.Second) // by Zoom's clock
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
	case CodeOf(err) == Unavailable && err != errNotConnected:
		look.Problem = Reason{Code: ReasonNotStored}
	default:
		look.Problem = reasonOf(err, "")
	}
	return look
}

// compare brings in what a page of the log has and the events here have not.
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

// recover stores the body of a delivery. It comes over TLS from Zoom's API and
// was asked for with our token, so it needs no signature, and nobody can replay
// it: it is never stale, however late it is. That it has its effects late does no
// harm, because what a bridge is follows from all its events in any order.
func (c *comparison) recover(ctx context.Context, d zoom.Delivery) (fresh bool, err error) {
	e := NewEvent{Origin: OriginRecovered, ReceivedAt: c.now(), SignedAt: d.At, Body: d.Body, Headers: map[string]string{}}
	if e.SignedAt.IsZero() {
		e.SignedAt = e.ReceivedAt
	}
	if d.RequestID != "" {
		e.Headers["X-Zm-Request-Id"] = d.RequestID // by which the event is known when it is here
	}
	_, duplicate, err := c.store.AppendEvent(ctx, e)
	return err == nil && !duplicate, err
}

// countLost counts the events of which no attempt succeeded and Zoom kept no
// body. They are counted once: when their first attempt was made in a time of
// which other looks count none.
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

// countValidations adds those that failed since the last one that is known, or
// that succeeded.
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

// oursToReceive leaves out what the app sends to other addresses. A proxy may
// give this server another host or a longer path.
func oursToReceive(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err != nil || u.Host == "" || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/webhook")
}
