package db

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"time"
)

// eventKey is a row of event_keys without its event. Two deliveries with a
// common key are the same event. They have the same body, or the same request
// id and event_ts: a redelivery has the same body, although its signature may
// differ, and Zoom documents that it has the same request id (webhook_logs,
// request_id).
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

// keysOf returns the keys of a delivery; the key of its body comes first. The
// request id is not signed, so it counts only together with event_ts. To keep
// an event out, an attacker would have to know both before the event happens.
func keysOf(body []byte, requestID string) []eventKey {
	at := eventTS(body)
	keys := []eventKey{newEventKey(keyOfBody, at, body)}
	if requestID != "" && at > 0 {
		keys = append(keys, newEventKey(keyOfRequest, at, []byte(requestID)))
	}
	return keys
}

// takeKeys inserts rows of event_keys and returns how many were new.
func (s *Store) takeKeys(ctx context.Context, q queryer, args []any) (int64, error) {
	return s.execEach(ctx, q, keyTypes, insertKeys+` VALUES ($1, $2, $3)`+keysOnConflict,
		insertKeys+` SELECT * FROM `+unnest(1, keyTypes)+` AS u`+keysOnConflict, args)
}

// eventTS returns the number after the first "event_ts": of a body, or 0 if
// there is none. It reads bytes instead of JSON, because it only has to be fast
// and return the same for the same body. Inside a JSON string the quotes would
// be escaped.
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

// eventIDShift leaves room for 4096 events per millisecond. Ids stay below
// 2^53, so that JavaScript reads them exactly, until the year 2039.
const eventIDShift = 12

// FirstEventID returns the lowest id of the events received at t or later. An
// event gets this id or the next free one, whichever is higher. Ids therefore
// grow in the order of commits and contain the time of arrival.
func FirstEventID(t time.Time) int64 { return t.UnixMilli() << eventIDShift }

// DeleteEventKeys deletes up to limit keys of events that arrived before a time,
// and returns how many. If such an event is delivered again, it is stored again.
// An event_ts that is in seconds, or years old, does not shorten this.
func (s *Store) DeleteEventKeys(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	return s.writeRows(ctx, `
		DELETE FROM event_keys WHERE (at, key) IN (SELECT at, key FROM event_keys WHERE at > 0 AND at < $1 AND event_id < $3 ORDER BY at, key LIMIT $2)`,
		before, limit, FirstEventID(before))
}

// EventArrival returns when the event with this id arrived, to the millisecond.
func EventArrival(id int64) time.Time { return time.UnixMilli(id >> eventIDShift).UTC() }
