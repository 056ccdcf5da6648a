package db

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"time"
)

// eventKey is a row of event_keys without its event: one reason to take two
// deliveries for one event. Two deliveries are one event when they have the same
// body, or the same request id and event_ts: a delivery that Zoom repeats has the
// same body, whatever its signature, and Zoom documents that it has the same
// request id (webhook_logs, request_id).
type eventKey struct {
	at   int64
	hash [16]byte // the first byte is the kind
}

const (
	keyOfBody    = 'b'
	keyOfRequest = 'r'
	keyOfMeaning = 'e'
)

func newEventKey(kind byte, at int64, data []byte) eventKey {
	k := eventKey{at: at}
	sum := sha256.Sum256(data)
	k.hash[0] = kind
	copy(k.hash[1:], sum[:])
	return k
}

// compare orders keys as their table does.
func (k eventKey) compare(other eventKey) int {
	return cmp.Or(cmp.Compare(k.at, other.at), bytes.Compare(k.hash[:], other.hash[:]))
}

// keysOf are the keys of a delivery, that of its body first. The id of the
// request is not signed, so it counts only together with event_ts: who wants to
// keep an event out must know both before it happens.
func keysOf(body []byte, requestID string) []eventKey {
	at := eventTS(body)
	keys := []eventKey{newEventKey(keyOfBody, at, body)}
	if requestID != "" && at > 0 {
		keys = append(keys, newEventKey(keyOfRequest, at, []byte(requestID)))
	}
	return keys
}

// takeKeys inserts rows of event_keys and returns how many were not there.
func (s *Store) takeKeys(ctx context.Context, q queryer, args []any) (int64, error) {
	return s.execEach(ctx, q, keyTypes, insertKeys+` VALUES ($1, $2, $3)`+keysOnConflict,
		insertKeys+` SELECT * FROM `+unnest(1, keyTypes)+` AS u`+keysOnConflict, args)
}

// eventTS is the number behind the first "event_ts": of a body, 0 if there is
// none. It reads bytes, not JSON: all it must be is quick, and the same for the
// same body. Within a JSON string the quotes would be escaped.
func eventTS(body []byte) int64 {
	_, rest, ok := bytes.Cut(body, []byte(`"event_ts":`))
	if !ok {
		return 0
	}
	rest = bytes.TrimLeft(rest, ` "`)
	var n int64
	for i := 0; i < len(rest) && i < 16 && '0' <= rest[i] && rest[i] <= '9'; i++ {
		n = n*10 + int64(rest[i]-'0')
	}
	return n
}

// eventIDShift makes room for 4096 events a millisecond. Ids stay below 2^53,
// so JavaScript reads them exactly, until the year 2039.
const eventIDShift = 12

// FirstEventID is the lowest id of the events received at t or later. An event
// gets the higher of this and the next free id, so ids grow in the order of
// commits and tell the time of arrival.
func FirstEventID(t time.Time) int64 { return t.UnixMilli() << eventIDShift }

// DeleteEventKeys forgets up to limit keys of events whose event_ts is before a
// time, and returns how many. An event delivered again later is stored again.
func (s *Store) DeleteEventKeys(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	return s.writeRows(ctx, `
		DELETE FROM event_keys WHERE (at, key) IN (SELECT at, key FROM event_keys WHERE at > 0 AND at < $1 ORDER BY at, key LIMIT $2)`, before, limit)
}

// EventArrival is when the event with this id arrived, to the millisecond.
func EventArrival(id int64) time.Time { return time.UnixMilli(id >> eventIDShift).UTC() }
