package db

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const (
	appendQueue   = 1024 // events that may wait for a commit
	appendBatch   = 512  // events in one commit
	appendTimeout = 5 * time.Second
	batchMemory   = 16 // commits that the average size of batches is about
)

// requestID names a delivery in the headers of an event; Zoom repeats a delivery
// with the same one.
const requestID = "X-Zm-Request-Id"

// pendingEvent is an event that waits for its commit. All that can be worked
// out before is, by the caller: the writer's time is what limits everybody.
type pendingEvent struct {
	incident.NewEvent
	keys     []eventKey // that of the body first
	encoding int
	content  []byte
	done     chan appendResult // buffered: the writer never waits for a caller that left
}

type appendResult struct {
	id        int64
	duplicate bool
	err       error
}

// AppendEvent stores a verified event and returns after it is on disk. An event
// that is stored already is a duplicate, and id is the first one's: one with the
// same body, or with the same request id of Zoom's and the same event_ts. Run
// must be running. When the queue is full the answer is unavailable at once, and
// when ctx ends first it is unavailable too, although the event may yet be
// stored: the next delivery is then a duplicate.
func (s *Store) AppendEvent(ctx context.Context, e incident.NewEvent) (id int64, duplicate bool, err error) {
	p := &pendingEvent{NewEvent: e, done: make(chan appendResult, 1)}
	if p.ReceivedAt.IsZero() || p.SignedAt.IsZero() { // it would fail with all that are in its batch
		return 0, false, &incident.Error{Code: incident.Internal, Message: "The event has no time.", Err: errors.New("event without times")}
	}
	if p.Origin == "" {
		p.Origin = incident.OriginWebhook
	}
	p.keys = keysOf(e.Body, e.Headers[requestID])
	p.encoding, p.content = packContent(e.Headers, e.Body)
	select {
	case <-s.stopped:
		return 0, false, unavailable("Drawbridge is stopping.", nil)
	default:
	}
	select {
	case s.appends <- p:
	default:
		return 0, false, unavailable("Too many events wait to be stored.", errors.New("queue of events is full"))
	}
	select {
	case r := <-p.done:
		return r.id, r.duplicate, r.err
	case <-ctx.Done():
		return 0, false, unavailable("The event could not be stored in time.", ctx.Err())
	case <-s.stopped:
	}
	select {
	case r := <-p.done: // answered just before the end
		return r.id, r.duplicate, r.err
	default:
		return 0, false, unavailable("Drawbridge is stopping.", nil)
	}
}

// Busy reports that many events wait to be stored. The transactions of others
// hold SQLite's only write connection, so in a flood of events each of them
// costs many senders time.
func (s *Store) Busy() bool {
	const flood, recent = 4, 100 * time.Millisecond
	return s.batchSize.Load() > flood*batchMemory && s.now().UnixMilli()-s.batchAt.Load() < recent.Milliseconds()
}

// Calm waits until the store is not Busy, 200 ms at most.
func (s *Store) Calm(ctx context.Context) {
	const steps, step = 100, 2 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for n := 0; n < steps && s.Busy(); n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Run commits appended events until ctx ends, those that wait together in one
// transaction, and then what is left in the queue. It returns an error when the
// disk has refused to keep what was written: SQLite cannot know any more what is
// on disk, so the process must end and start again.
func (s *Store) Run(ctx context.Context) error {
	defer close(s.stopped)
	w := newEventWriter(s)
	defer w.close()
	for {
		select {
		case err := <-s.fatal:
			return err
		default:
		}
		select {
		case err := <-s.fatal:
			return err
		case p := <-s.appends:
			w.commit(s.waiting(p))
		case <-ctx.Done():
			for {
				select {
				case p := <-s.appends:
					w.commit(s.waiting(p))
				default:
					return nil
				}
			}
		}
	}
}

// stop ends all writing and makes Run return err.
func (s *Store) stop(err error) {
	s.broken.Store(true)
	select {
	case s.fatal <- fmt.Errorf("the disk did not keep what was written (fsync failed), and what is on it is not known: look at the disk, then start again: %w", err):
	default:
	}
}

// waiting is first and all that waits behind it, up to one batch.
func (s *Store) waiting(first *pendingEvent) []*pendingEvent {
	// Requests that are ready to run come before the commit and so are part of
	// it: where the processor is what everybody waits for, fewer commits leave
	// more of it. Where nobody is ready this is nothing.
	runtime.Gosched()
	batch := []*pendingEvent{first}
	for len(batch) < appendBatch {
		select {
		case p := <-s.appends:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}
