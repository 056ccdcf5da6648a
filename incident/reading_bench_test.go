package incident_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// BenchmarkReadEvents measures the time to read one event, from the log and back
// into it. The events belong to no bridge's meeting, as most events do.
func BenchmarkReadEvents(b *testing.B) {
	const body = `{"event":"meeting.participant_joined","event_ts":%d,"payload":{"account_id":"VjZoEArIT5y-HlWxkV-tVA",` +
		`"object":{"uuid":"%024d","id":%d,"host_id":"x1yCzABCDEfg23HiJKl4mN","topic":"Weekly sync of the %d. team","type":2,` +
		`"start_time":"2026-11-22T08:44:51Z","duration":60,"timezone":"America/Los_Angeles",` +
		`"participant":{"user_id":"%d","user_name":"Jill Chill","id":"8lzIwvZTSOqjndWPbPqzuA","participant_uuid":"%032d",` +
		`"date_time":"2026-11-22T08:46:01Z","email":"jchill@example.com","registrant_id":"abcdefghij0-klmnopq23456"}}}}`
	for _, engine := range []struct {
		name string
		cfg  func(testing.TB) db.Config
	}{{"sqlite", dbtest.SQLite}, {"postgres", dbtest.Postgres}} {
		b.Run(engine.name, func(b *testing.B) {
			store := dbtest.Open(b, engine.cfg(b))
			service := incident.New(incident.Config{
				Store: store, Now: func() time.Time { return dbtest.Now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
			var g errgroup.Group
			g.SetLimit(64)
			for n := range b.N {
				g.Go(func() error {
					at := dbtest.Now.Add(time.Duration(n) * time.Millisecond)
					_, _, err := store.AppendEvent(b.Context(), incident.NewEvent{
						ReceivedAt: at, SignedAt: at, Body: fmt.Appendf(nil, body, at.UnixMilli(), n, 10_000_000_000+n, n%7, n, n),
					})
					return err
				})
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for read := 0; read < b.N; {
				n, err := service.ReadEvents(b.Context())
				if err != nil || n == 0 {
					b.Fatal(n, err)
				}
				read += n
			}
		})
	}
}
