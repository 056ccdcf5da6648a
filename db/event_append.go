package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const (
	appendQueue   = 1024 // events that may wait for a commit
	appendBatch   = 512  // events in one commit
	appendTimeout = 5 * time.Second
	batchMemory   = 16 // commits that the average size of batches is about
)

// eventIDShift makes room for 4096 events a millisecond. Ids stay below 2^53,
// so JavaScript reads them exactly, until the year 2039.
const eventIDShift = 12

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

// Busy; see incident.Store. The transactions of others hold SQLite's only write
// connection, so in a flood of events each of them costs many senders time.
func (s *Store) Busy() bool {
	const flood, recent = 4, 100 * time.Millisecond
	return s.batchSize.Load() > flood*batchMemory && s.now().UnixMilli()-s.batchAt.Load() < recent.Milliseconds()
}

// Calm; see incident.Store.
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

// DeleteEventKeys; see incident.Store.
func (s *Store) DeleteEventKeys(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err = exec(ctx, tx, `
			DELETE FROM event_keys WHERE (at, key) IN (SELECT at, key FROM event_keys WHERE at > 0 AND at < $1 ORDER BY at, key LIMIT $2)`, before, limit)
		return err
	})
	return n, err
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

// eventWriter is what Run keeps from one batch to the next.
type eventWriter struct {
	s      *Store
	lastID int64 // 0: not known
	keys   *batchInsert
	events *batchInsert
}

func newEventWriter(s *Store) *eventWriter {
	return &eventWriter{
		s:      s,
		keys:   s.newBatchInsert(keyTypes, insertKeys, keysOnConflict, ``),
		events: s.newBatchInsert(newEventTypes, insertEvents, ``, newEventConstants),
	}
}

var (
	keyTypes      = []string{"BIGINT", "BYTEA", "BIGINT"}
	newEventTypes = []string{"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BOOLEAN", "TEXT", "BIGINT", "BYTEA"}
)

const (
	insertEvents = `INSERT INTO events (state, read_error, event, account_id, meeting_id, meeting_uuid, topic, who, bridge_id,
		id, received_at, signed_at, slot, stale, origin, encoding, content)`
	newEventConstants = `'new', '', '', '', '', '', '', '', '', `
	insertKeys        = `INSERT INTO event_keys (at, key, event_id)`
	keysOnConflict    = ` ON CONFLICT (at, key) DO NOTHING`
)

func (w *eventWriter) knowLastID(ctx context.Context, q queryer) error {
	if w.lastID != 0 {
		return nil
	}
	ids, err := list(ctx, q, scalar[int64], `SELECT COALESCE(MAX(id), 0) FROM events`)
	if err == nil {
		w.lastID = ids[0]
	}
	return err
}

// nextID is for an event that arrived at t.
func (w *eventWriter) nextID(t time.Time) int64 {
	id := firstEventID(t)
	if w.s.postgres { // several servers may write in one millisecond
		id += rand.Int64N(1 << (eventIDShift - 1))
	}
	w.lastID = max(w.lastID+1, id)
	return w.lastID
}

func (w *eventWriter) close() {
	w.keys.close()
	w.events.close()
}

// commit stores a batch in one transaction and answers every waiter.
func (w *eventWriter) commit(batch []*pendingEvent) {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	w.s.batchAt.Store(w.s.now().UnixMilli())
	w.s.batchSize.Add(int64(len(batch)) - w.s.batchSize.Load()/batchMemory)
	var results []appendResult
	err := errors.Join(w.keys.prepare(ctx, 2*len(batch)), w.events.prepare(ctx, len(batch)))
	if w.s.postgres && err == nil {
		if results, err = w.storeAtOnce(ctx, batch); err == nil {
			w.s.disk.noteWrite(nil)
			answer(batch, results)
			return
		}
		err = nil // in steps, then, which also say what is wrong
	}
	for try := 0; err == nil && try < 5; try++ {
		err = w.s.writeEvents(ctx, func(tx *sql.Tx) (err error) {
			results, err = w.store(w.s.unwatched(ctx), tx, batch)
			return err
		})
		if !isUnique(err) || try == 4 {
			break
		}
		w.lastID, err = 0, nil // another server took an id: read the highest again
	}
	if err != nil {
		results = slices.Repeat([]appendResult{{err: err}}, len(batch))
	}
	answer(batch, results)
}

func answer(batch []*pendingEvent, results []appendResult) {
	for i, p := range batch {
		p.done <- results[i]
	}
}

// place gives the events of a batch their ids and says who is the owner of each
// key, which of the batch's events are repeated in it, and what rows that makes.
func (w *eventWriter) place(batch []*pendingEvent) (results []appendResult, owner map[eventKey]int64, rows []any) {
	results = make([]appendResult, len(batch))
	owner = make(map[eventKey]int64, 2*len(batch))
	var keys []eventKey
	for i, p := range batch {
		for _, k := range p.keys {
			if id, twice := owner[k]; twice {
				results[i] = appendResult{id: id, duplicate: true}
			}
		}
		if results[i].duplicate {
			continue
		}
		results[i].id = w.nextID(p.ReceivedAt)
		for _, k := range p.keys {
			owner[k] = results[i].id
			keys = append(keys, k)
		}
	}
	// In one order, so that two writers wait for each other and never in a circle.
	slices.SortFunc(keys, eventKey.compare)
	rows = make([]any, 0, len(keys)*len(keyTypes))
	for _, k := range keys {
		rows = append(rows, k.at, k.hash[:], owner[k])
	}
	return results, owner, rows
}

// newEventRows are those of the events that are no duplicates.
func newEventRows(batch []*pendingEvent, results []appendResult) []any {
	rows := make([]any, 0, len(batch)*len(newEventTypes))
	for i, p := range batch {
		if !results[i].duplicate {
			rows = append(rows, results[i].id, p.ReceivedAt.UnixMilli(), p.SignedAt.UnixMilli(), int64(p.Slot), p.Stale, string(p.Origin), int64(p.encoding), p.content)
		}
	}
	return rows
}

// storeAtOnce stores a batch with one statement on PostgreSQL, for half of what
// the four of a transaction cost. When one of the keys is taken it fails, and
// nothing is stored: nearly every delivery is the first, and the statement that
// ends in a text which is no number undoes itself.
func (w *eventWriter) storeAtOnce(ctx context.Context, batch []*pendingEvent) ([]appendResult, error) {
	if err := w.knowLastID(ctx, w.s.w); err != nil {
		return nil, err
	}
	results, owner, keys := w.place(batch)
	args := append(arrays(keyTypes, keys), arrays(newEventTypes, newEventRows(batch, results))...)
	_, err := exec(ctx, w.s.w, `
		WITH fresh AS (`+insertKeys+` SELECT * FROM `+unnest(1, keyTypes)+` AS k`+keysOnConflict+` RETURNING 1),
		stored AS (`+insertEvents+` SELECT `+newEventConstants+`e.* FROM `+unnest(4, newEventTypes)+` AS e RETURNING 1)
		SELECT CASE WHEN (SELECT COUNT(*) FROM fresh) = $12 THEN 1
			ELSE CAST('Drawbridge stores deliveries that are repeated in another way; new keys: ' || (SELECT COUNT(*) FROM fresh) AS BIGINT) END`,
		append(args, len(owner))...)
	return results, err
}

// store gives every event of a batch its result. Its keys decide whether it is
// new: the insert leaves out those that are there.
func (w *eventWriter) store(ctx context.Context, tx *sql.Tx, batch []*pendingEvent) ([]appendResult, error) {
	if err := w.knowLastID(ctx, tx); err != nil {
		return nil, err
	}
	results, owner, keys := w.place(batch)
	taken, err := w.keys.insert(ctx, tx, keys)
	if err != nil {
		return nil, err
	}
	if taken < len(owner) {
		if err := findFirst(ctx, tx, owner); err != nil {
			return nil, err
		}
		for i, p := range batch {
			for _, k := range p.keys {
				if id, ok := owner[k]; ok && id != results[i].id {
					results[i] = appendResult{id: id, duplicate: true}
				}
			}
		}
	}
	_, err = w.events.insert(ctx, tx, newEventRows(batch, results))
	return results, err // pages show the events once they are read; see ApplyReadings
}

// findFirst sets the owner of each key to the event that had it before, and
// gives that event the other keys of the delivery, which are new.
func findFirst(ctx context.Context, tx *sql.Tx, owner map[eventKey]int64) error {
	first := map[int64]int64{} // by the id that is not to be used
	ours := map[eventKey]bool{}
	for k, id := range owner {
		stored, err := one(ctx, tx, "event", scalar[int64], `SELECT event_id FROM event_keys WHERE at = $1 AND key = $2`, k.at, k.hash[:])
		if err != nil {
			return err
		}
		if ours[k] = stored == id; !ours[k] && (first[id] == 0 || k.hash[0] == keyOfBody) {
			first[id] = stored
		}
	}
	for k, id := range owner {
		if first[id] == 0 {
			continue
		}
		owner[k] = first[id]
		if ours[k] {
			if _, err := exec(ctx, tx, `UPDATE event_keys SET event_id = $3 WHERE at = $1 AND key = $2`, k.at, k.hash[:], first[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstEventID is the lowest id of the events received at t or later. An event
// gets the higher of this and the next free id, so ids grow in the order of
// commits and tell the time of arrival.
func firstEventID(t time.Time) int64 { return t.UnixMilli() << eventIDShift }
