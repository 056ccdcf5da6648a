package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestAppendEvent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		for _, tt := range []struct {
			name string
			body []byte
		}{
			{"ordinary", []byte(`{"event":"meeting.started"}`)},
			{"W-34 nothing", nil},
			{"W-40 not UTF-8", []byte("{\"topic\":\"\xff\xfe\xed\xa0\x80\"}")},
			{"W-41 NUL", []byte("{\"topic\":\"\x00\"}")},
			{"W-33 one MiB", bytes.Repeat([]byte{'7'}, 1<<20)},
		} {
			t.Run(tt.name, func(t *testing.T) {
				e := incident.NewEvent{
					Origin: incident.OriginWebhook, ReceivedAt: after(2), SignedAt: after(1), Slot: 1, Stale: true,
					Body: tt.body, Headers: map[string]string{"X-Zm-Request-Timestamp": "1761955200"},
				}
				var id int64
				changed := topics(t, s, func() {
					var duplicate bool
					var err error
					id, duplicate, err = s.AppendEvent(t.Context(), e)
					check(t, err)
					if duplicate {
						t.Fatal("the first is a duplicate")
					}
				})
				same(t, changed, []string{}) // until it is read
				got, err := s.Event(t.Context(), id)
				check(t, err)
				if !bytes.Equal(got.Body, tt.body) {
					t.Errorf("the body comes back as %.100q", got.Body)
				}
				same(t, got, incident.Event{ID: id, NewEvent: e, State: incident.EventNew}, cmpopts.IgnoreFields(incident.NewEvent{}, "Body"))

				// W-20, W-22: a redelivery with another time and signature.
				e.SignedAt, e.Slot, e.Headers = after(60), 0, nil
				again, duplicate, err := s.AppendEvent(t.Context(), e)
				check(t, err)
				if again != id || !duplicate {
					t.Errorf("the second has id %d, duplicate %v; the first has %d", again, duplicate, id)
				}
			})
		}
	})
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		first := addEvent(t, s, 10, "1")
		second := addEvent(t, s, 10, "2")
		early := addEvent(t, s, 0, "3") // the clock went back
		if !(first < second && second < early) {
			t.Errorf("ids %d, %d, %d do not grow", first, second, early)
		}
		if got := time.UnixMilli(first >> 12); !got.Equal(after(10)) {
			t.Errorf("the id tells %v", got)
		}
		if first >= 1<<53 {
			t.Errorf("JavaScript cannot hold %d", first)
		}
		reopened := dbtest.Open(t, cfg)
		if next := addEvent(t, reopened, 0, "4"); next <= early {
			t.Errorf("after a restart %d follows %d", next, early)
		}
	})
}

// Equal bodies that arrive at the same moment: W-21.
func TestAppendEventRace(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		stores := []*db.Store{dbtest.Open(t, cfg), dbtest.Open(t, cfg)}
		if cfg.DatabaseURL == "" {
			stores = stores[:1] // SQLite has one server
		}
		const bodies, copies = 40, 16
		var mu sync.Mutex
		ids := map[int]map[int64]bool{}
		var fresh atomic.Int64
		var wg sync.WaitGroup
		for n := range bodies * copies {
			wg.Go(func() {
				body := n % bodies
				id, duplicate, err := stores[n%len(stores)].AppendEvent(t.Context(), incident.NewEvent{
					ReceivedAt: now, SignedAt: now, Body: fmt.Appendf(nil, `{"n":%d}`, body)})
				if err != nil {
					t.Error(err)
					return
				}
				if !duplicate {
					fresh.Add(1)
				}
				mu.Lock()
				defer mu.Unlock()
				if ids[body] == nil {
					ids[body] = map[int64]bool{}
				}
				ids[body][id] = true
			})
		}
		wg.Wait()
		if fresh.Load() != bodies {
			t.Errorf("%d were new, want %d", fresh.Load(), bodies)
		}
		all := map[int64]bool{}
		for body, got := range ids {
			if len(got) != 1 {
				t.Errorf("body %d has ids %v", body, got)
			}
			for id := range got {
				all[id] = true
			}
		}
		if len(all) != bodies {
			t.Errorf("%d bodies have %d ids", bodies, len(all))
		}
		n, err := stores[0].CountEvents(t.Context(), time.UnixMilli(0))
		check(t, err)
		if n != bodies {
			t.Errorf("%d rows, want %d", n, bodies)
		}
	})
}

// No caller waits if there is no writer, and a full queue is reported at once.
func TestAppendEventWithoutWriter(t *testing.T) {
	t.Parallel()
	s, err := db.Open(t.Context(), dbtest.SQLite(t))
	check(t, err)
	defer s.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	appendOne := func(ctx context.Context, n int) error {
		_, _, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: fmt.Append(nil, n)})
		return err
	}
	for n := range 1024 {
		wantCode(t, appendOne(ended, n), incident.Unavailable)
	}
	wantCode(t, appendOne(t.Context(), 1024), incident.Unavailable) // the queue is full

	// Events that wait when the program stops are stored; later ones are
	// rejected.
	check(t, s.Run(ended))
	n, err := s.CountEvents(t.Context(), time.UnixMilli(0))
	check(t, err)
	if n != 1024 {
		t.Errorf("%d events are stored", n)
	}
	wantCode(t, appendOne(t.Context(), 1025), incident.Unavailable)
}

// BenchmarkAppendEvent compares many senders with a commit for each batch
// ("group") and a commit for each event ("each").
func BenchmarkAppendEvent(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 700)
	for _, engine := range []struct {
		name string
		cfg  func(testing.TB) db.Config
	}{{"sqlite", dbtest.SQLite}, {"postgres", dbtest.Postgres}} {
		b.Run(engine.name+"/group", func(b *testing.B) {
			s := dbtest.Open(b, engine.cfg(b))
			var n atomic.Int64
			b.SetParallelism(32) // 64 senders on two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _, err := s.AppendEvent(b.Context(), incident.NewEvent{ReceivedAt: now, SignedAt: now,
						Body: fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, n.Add(1), body)})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
		})
		b.Run(engine.name+"/each", func(b *testing.B) {
			cfg := engine.cfg(b)
			dbtest.Open(b, cfg)
			conn := eachConn(b, cfg)
			var n atomic.Int64
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					_, err := conn.Exec(`
						INSERT INTO events (id, received_at, signed_at, slot, stale, origin, encoding, content,
							state, read_error, event, account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
						VALUES ($1, $2, $2, 0, FALSE, 'webhook', 0, $3, 'new', '', '', '', '', '', '', '', '')`,
						i, now.UnixMilli(), fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, i, body))
					if err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// eachConn writes as the store does, one commit for each statement.
func eachConn(b *testing.B, cfg db.Config) *sql.DB {
	conn := raw(b, cfg)
	conn.SetMaxOpenConns(16)
	if cfg.DatabaseURL == "" {
		conn.SetMaxOpenConns(1)
		_, err := conn.Exec(`PRAGMA synchronous = FULL`)
		check(b, err)
	}
	return conn
}
