package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math/bits"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const (
	appendQueue   = 1024 // events that may wait for a commit
	appendBatch   = 512  // events in one commit
	appendTimeout = 5 * time.Second
)

// eventIDShift makes room for 4096 events a millisecond. Ids stay below 2^53,
// so JavaScript reads them exactly, until the year 2039.
const eventIDShift = 12

// pendingEvent is an event that waits for its commit.
type pendingEvent struct {
	incident.NewEvent
	hash    [sha256.Size]byte
	headers string
	done    chan appendResult // buffered: the writer never waits for a caller that left
}

type appendResult struct {
	id        int64
	duplicate bool
	err       error
}

// AppendEvent stores a verified event and returns after it is on disk. A body
// that is stored already is a duplicate, and id is the first one's. Run must be
// running. When the queue is full the answer is unavailable at once, and when
// ctx ends first it is unavailable too, although the event may yet be stored:
// the next delivery is then a duplicate. The body must not be changed later.
func (s *Store) AppendEvent(ctx context.Context, e incident.NewEvent) (id int64, duplicate bool, err error) {
	p := &pendingEvent{
		NewEvent: e,
		hash:     sha256.Sum256(e.Body),
		headers:  asJSON(e.Headers),
		done:     make(chan appendResult, 1),
	}
	if p.Body == nil {
		p.Body = []byte{} // nil would be NULL
	}
	if p.ReceivedAt.IsZero() || p.SignedAt.IsZero() { // it would fail with all that are in its batch
		return 0, false, &incident.Error{Code: incident.Internal, Message: "The event has no time.", Err: errors.New("event without times")}
	}
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

// Run commits appended events until ctx ends, those that wait together in one
// transaction, and then what is left in the queue. It returns an error when the
// disk has refused to keep what was written: SQLite cannot know any more what is
// on disk, so the process must end and start again.
func (s *Store) Run(ctx context.Context) error {
	defer close(s.stopped)
	w := eventWriter{s: s}
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

// stop makes Run return err.
func (s *Store) stop(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// waiting is first and all that waits behind it, up to one batch.
func (s *Store) waiting(first *pendingEvent) []*pendingEvent {
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

// eventWriter is what Run keeps from one batch to the next.
type eventWriter struct {
	s      *Store
	lastID int64                            // 0: not known
	insert [len(insertEventsText)]*sql.Stmt // prepared when first needed
}

func (w *eventWriter) close() {
	for _, stmt := range w.insert {
		if stmt != nil {
			stmt.Close()
		}
	}
}

// prepare makes ready the statements that n events need. It cannot be done
// inside the transaction, which holds SQLite's only connection.
func (w *eventWriter) prepare(ctx context.Context, n int) error {
	for i := range bits.Len(uint(min(n, maxChunk))) {
		if w.insert[i] != nil {
			continue
		}
		stmt, err := w.s.w.PrepareContext(ctx, insertEventsText[i])
		if err != nil {
			return coded(err)
		}
		w.insert[i] = stmt
	}
	return nil
}

// commit stores a batch in one transaction and answers every waiter.
func (w *eventWriter) commit(batch []*pendingEvent) {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	var results []appendResult
	err := w.prepare(ctx, len(batch))
	for try := 0; err == nil && try < 5; try++ {
		err = w.s.write(ctx, func(tx *sql.Tx) (err error) {
			results, err = w.store(ctx, tx, batch)
			return err
		})
		if !isUnique(err) || try == 4 {
			break
		}
		w.lastID, err = 0, nil // another server took an id: read the highest again
	}
	for i, p := range batch {
		if err != nil {
			p.done <- appendResult{err: err}
		} else {
			p.done <- results[i]
		}
	}
}

// store gives every event of a batch its result. Rows are matched by hash: what
// RETURNING gives back does not say which row was left out.
func (w *eventWriter) store(ctx context.Context, tx *sql.Tx, batch []*pendingEvent) ([]appendResult, error) {
	if w.lastID == 0 {
		ids, err := list(ctx, tx, scalar[int64], `SELECT COALESCE(MAX(id), 0) FROM events`)
		if err != nil {
			return nil, err
		}
		w.lastID = ids[0]
	}

	ids := make(map[[sha256.Size]byte]int64, len(batch))
	results := make([]appendResult, len(batch))
	fresh := make([]*pendingEvent, 0, len(batch))
	for i, p := range batch {
		if _, twice := ids[p.hash]; twice {
			results[i].duplicate = true
			continue
		}
		id := firstEventID(p.ReceivedAt)
		if w.s.postgres { // several servers may write in one millisecond
			id += rand.Int64N(1 << (eventIDShift - 1))
		}
		w.lastID = max(w.lastID+1, id)
		ids[p.hash] = w.lastID
		fresh = append(fresh, p)
	}

	stored := make(map[[sha256.Size]byte]bool, len(fresh))
	for rest := fresh; len(rest) > 0; {
		// Powers of two, so that a few statements do for every batch.
		n := 1 << (bits.Len(uint(min(len(rest), maxChunk))) - 1)
		hashes, err := w.storeChunk(ctx, tx, rest[:n], ids)
		if err != nil {
			return nil, err
		}
		for _, h := range hashes {
			stored[h] = true
		}
		rest = rest[n:]
	}
	if len(stored) < len(fresh) {
		var old []any
		for _, p := range fresh {
			if !stored[p.hash] {
				old = append(old, p.hash[:])
			}
		}
		type known struct {
			id   int64
			hash [sha256.Size]byte
		}
		rows, err := list(ctx, tx, func(r row) (k known, err error) {
			var hash []byte
			err = r.Scan(&k.id, &hash)
			copy(k.hash[:], hash)
			return k, err
		}, `SELECT id, body_hash FROM events WHERE body_hash IN (`+placeholders(1, len(old))+`)`, old...)
		if err != nil {
			return nil, err
		}
		for _, k := range rows {
			ids[k.hash] = k.id
		}
	}
	for i, p := range batch {
		results[i].id = ids[p.hash]
		results[i].duplicate = results[i].duplicate || !stored[p.hash]
	}
	if len(stored) == 0 {
		return results, nil
	}
	return results, bump(ctx, tx, TopicEvents)
}

// storeChunk inserts events and returns the hashes of those that were new.
func (w *eventWriter) storeChunk(ctx context.Context, tx *sql.Tx, chunk []*pendingEvent, ids map[[sha256.Size]byte]int64) ([][sha256.Size]byte, error) {
	const columns = 8
	args := make([]any, 0, columns*len(chunk))
	for _, p := range chunk {
		args = append(args, ids[p.hash], p.ReceivedAt, p.SignedAt, p.Slot, p.Stale, p.hash[:], p.Body, p.headers)
	}
	insert := prepared{tx.StmtContext(ctx, w.insert[bits.Len(uint(len(chunk)))-1])}
	return list(ctx, insert, func(r row) (hash [sha256.Size]byte, err error) {
		var b []byte
		err = r.Scan(&b)
		copy(hash[:], b)
		return hash, err
	}, "", args...)
}

// prepared is a statement in place of a connection and a text.
type prepared struct{ *sql.Stmt }

func (p prepared) ExecContext(ctx context.Context, _ string, args ...any) (sql.Result, error) {
	return p.Stmt.ExecContext(ctx, args...)
}

func (p prepared) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return p.Stmt.QueryContext(ctx, args...)
}

// maxChunk is how many events one statement inserts. SQLite looks a parameter
// such as $9 up by its name among all others, so twice as many take four times
// as long.
const maxChunk = 64

// insertEventsText holds the statements for 1, 2, 4 … maxChunk events.
var insertEventsText = func() (texts [7]string) {
	for i := range texts {
		var b strings.Builder
		b.WriteString(`INSERT INTO events (id, received_at, signed_at, slot, stale, body_hash, body, headers,
			state, read_error, event, account_id, meeting_id, meeting_uuid, topic, who, bridge_id) VALUES `)
		for n := range 1 << i {
			if n > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + placeholders(8*n+1, 8) + ",'new','','','','','','','','')")
		}
		b.WriteString(` ON CONFLICT (body_hash) DO NOTHING RETURNING body_hash`)
		texts[i] = b.String()
	}
	return texts
}()

// firstEventID is the lowest id of the events received at t or later. An event
// gets the higher of this and the next free id, so ids grow in the order of
// commits and tell the time of arrival.
func firstEventID(t time.Time) int64 { return t.UnixMilli() << eventIDShift }
