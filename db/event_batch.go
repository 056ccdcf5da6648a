package db

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// eventWriter holds what Run keeps between batches.
type eventWriter struct {
	s      *Store
	lastID int64 // 0: unknown
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

// nextID returns the id for an event that arrived at t.
func (w *eventWriter) nextID(t time.Time) int64 {
	id := FirstEventID(t)
	if w.s.postgres { // several servers may write in the same millisecond
		id += rand.Int64N(1 << (eventIDShift - 1))
	}
	w.lastID = max(w.lastID+1, id)
	return w.lastID
}

func (w *eventWriter) close() {
	w.keys.close()
	w.events.close()
}

// commit stores a batch in one transaction and answers every waiting caller.
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
			w.answer(batch, results)
			return
		}
		err = nil // the separate steps below also say what is wrong
	}
	for try := 0; err == nil && try < 5; try++ {
		err = w.s.writeEvents(ctx, func(tx *sql.Tx) (err error) {
			results, err = w.store(w.s.unwatched(ctx), tx, batch)
			return err
		})
		if !isUnique(err) || try == 4 {
			break
		}
		w.lastID, err = 0, nil // another server took an id, so read the highest id again
	}
	if err != nil {
		results = slices.Repeat([]appendResult{{err: err}}, len(batch))
	}
	w.answer(batch, results)
}

func (w *eventWriter) answer(batch []*pendingEvent, results []appendResult) {
	for i, p := range batch {
		w.s.appendBytes.Add(-int64(len(p.content)))
		p.done <- results[i]
	}
}

// place chooses the ids of a batch's events. It returns a result for each
// event, in which an event that repeats an earlier one of the batch is a
// duplicate; the event that owns each key; and the rows for event_keys.
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
	// In a fixed order, so that two writers cannot deadlock.
	slices.SortFunc(keys, eventKey.compare)
	rows = make([]any, 0, len(keys)*len(keyTypes))
	for _, k := range keys {
		rows = append(rows, k.at, k.hash[:], owner[k])
	}
	return results, owner, rows
}

// newEventRows returns the rows of the events that are not duplicates.
func newEventRows(batch []*pendingEvent, results []appendResult) []any {
	rows := make([]any, 0, len(batch)*len(newEventTypes))
	for i, p := range batch {
		if !results[i].duplicate {
			rows = append(rows, results[i].id, p.ReceivedAt.UnixMilli(), p.SignedAt.UnixMilli(), int64(p.Slot), p.Stale, string(p.Origin), int64(p.encoding), p.content)
		}
	}
	return rows
}

// storeAtOnce stores a batch on PostgreSQL with one statement, at half the cost
// of a transaction with four. It fails and stores nothing if one of the keys is
// taken, which is rare, because nearly every delivery is the first. The
// statement undoes itself by casting a text that is not a number.
func (w *eventWriter) storeAtOnce(ctx context.Context, batch []*pendingEvent) ([]appendResult, error) {
	if err := w.knowLastID(ctx, w.s.w); err != nil {
		return nil, err
	}
	results, owner, keys := w.place(batch)
	args := append(arrays(keyTypes, keys), arrays(newEventTypes, newEventRows(batch, results))...)
	err := exec(ctx, w.s.w, `
		WITH fresh AS (`+insertKeys+` SELECT * FROM `+unnest(1, keyTypes)+` AS k`+keysOnConflict+` RETURNING 1),
		stored AS (`+insertEvents+` SELECT `+newEventConstants+`e.* FROM `+unnest(4, newEventTypes)+` AS e RETURNING 1)
		SELECT CASE WHEN (SELECT COUNT(*) FROM fresh) = $12 THEN 1
			ELSE CAST('Drawbridge stores redelivered events in another way; new keys: ' || (SELECT COUNT(*) FROM fresh) AS BIGINT) END`,
		append(args, len(owner))...)
	return results, err
}

// store stores a batch and returns a result for each event. An event is new if
// its keys are, and the insert skips keys that exist.
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
	return results, err // ApplyReadings updates the pages when the events are read
}

// findFirst sets the owner of each key to the event that had the key before.
// That event also gets the other keys of the delivery, which are new.
func findFirst(ctx context.Context, tx *sql.Tx, owner map[eventKey]int64) error {
	first := map[int64]int64{} // the earlier event, by the id that is not needed
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
			if err := exec(ctx, tx, `UPDATE event_keys SET event_id = $3 WHERE at = $1 AND key = $2`, k.at, k.hash[:], first[id]); err != nil {
				return err
			}
		}
	}
	return nil
}
