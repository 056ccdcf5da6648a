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
	appendQueue = 1024 // events that may wait for a commit
	appendBatch = 512  // events in one commit
	// appendBytes limits the content of the waiting events together. Requests
	// give up while a slow disk keeps their events waiting.
	appendBytes   = 32 << 20
	appendTimeout = 5 * time.Second
	batchMemory   = 16 // commits over which the batch size is averaged
)

// requestID is the header that identifies a delivery. Zoom sends the same value
// each time it repeats the delivery.
const requestID = "X-Zm-Request-Id"

// pendingEvent is an event that waits for its commit. The caller computes
// everything that it can beforehand, because the time of the writer limits all
// senders.
type pendingEvent struct {
	incident.NewEvent
	keys     []eventKey // the key of the body comes first
	encoding int
	content  []byte
	done     chan appendResult // buffered, so that the writer never waits for a caller that has gone
}

type appendResult struct {
	id        int64
	duplicate bool
	err       error
}

// AppendEvent stores a verified event and returns after it is on disk. An event
// is a duplicate if a stored event has the same body, or the same request id
// and the same event_ts; id is then the id of that event. Run must be running.
// AppendEvent returns Unavailable at once if the queue is full. If ctx ends
// first, it returns Unavailable too, but the event may still be stored; the
// next delivery is then a duplicate.
func (s *Store) AppendEvent(ctx context.Context, e incident.NewEvent) (id int64, duplicate bool, err error) {
	p := &pendingEvent{NewEvent: e, done: make(chan appendResult, 1)}
	if p.ReceivedAt.IsZero() || p.SignedAt.IsZero() { // it would make its whole batch fail
		return 0, false, &incident.Error{Code: incident.Internal, Message: "The event has no time.", Err: errors.New("event without times")}
	}
	if p.Origin == "" {
		p.Origin = incident.OriginWebhook
	}
	p.keys = keysOf(e.Body, e.Headers[requestID])
	p.encoding, p.content = packContent(e.Headers, e.Body)
	p.Headers, p.Body = nil, nil
	select {
	case <-s.stopped:
		return 0, false, unavailable("Drawbridge is stopping.", nil)
	default:
	}
	if s.appendBytes.Add(int64(len(p.content))) > appendBytes {
		s.appendBytes.Add(-int64(len(p.content)))
		return 0, false, unavailable("Too many events are waiting to be stored.", errors.New("queue of events has too many bytes"))
	}
	select {
	case s.appends <- p:
	default:
		s.appendBytes.Add(-int64(len(p.content)))
		return 0, false, unavailable("Too many events are waiting to be stored.", errors.New("queue of events is full"))
	}
	select {
	case r := <-p.done:
		return r.id, r.duplicate, r.err
	case <-ctx.Done():
		return 0, false, unavailable("The event couldn’t be stored in time.", ctx.Err())
	case <-s.stopped:
	}
	select {
	case r := <-p.done: // answered just before Run ended
		return r.id, r.duplicate, r.err
	default:
		return 0, false, unavailable("Drawbridge is stopping.", nil)
	}
}

// Busy reports whether many events wait to be stored. Other transactions hold
// SQLite's only write connection, so during a flood of events each of them
// makes many senders wait.
func (s *Store) Busy() bool {
	const flood, recent = 4, 100 * time.Millisecond
	return s.batchSize.Load() > flood*batchMemory && s.now().UnixMilli()-s.batchAt.Load() < recent.Milliseconds()
}

// Calm waits until the store is not Busy, at most 200 ms.
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

// Run commits appended events until ctx ends, and then those that are left in
// the queue. Events that wait at the same time share a transaction. Run returns
// an error if the disk did not keep what was written: SQLite no longer knows
// what is on disk, so the process must end and start again.
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
	case s.fatal <- fmt.Errorf("the disk did not keep what was written (fsync failed), and we don't know what is on it; check the disk, then start Drawbridge again: %w", err):
	default:
	}
}

// waiting returns first and the events that wait behind it, up to one batch.
func (s *Store) waiting(first *pendingEvent) []*pendingEvent {
	// Let requests that are ready to run join this commit. If the processor is
	// the bottleneck, fewer commits leave more of it to them. If no request is
	// ready, this costs nothing.
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
