package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// fill stores at least one row of everything in a database, and this number of
// events.
func fill(t *testing.T, s *db.Store, events int) {
	t.Helper()
	check(t, s.SaveAccount(t.Context(), incident.Account{Auth: zoom.ServerToServer, ZoomAccountID: "acc", ClientID: "cid", BackupUsers: []string{"oncall@example.com"}},
		map[incident.SecretName]incident.Secret{incident.ClientSecret: zoom.NewSecret("the client secret")}, nil, entry("account.save")))
	ok, err := s.ClaimZoomToken(t.Context(), 1, 0, now, 0)
	if check(t, err); !ok {
		t.Fatal("the token is claimed")
	}
	_, err = s.SaveZoomToken(t.Context(), 1, zoom.SharedToken{Value: zoom.NewSecret("the token"), Version: 1})
	check(t, err)
	check(t, s.InsertUser(t.Context(), incident.User{ID: id(), Email: "åsa@example.com", Name: "Åsa 🚒", Role: incident.Admin, CreatedAt: now}, entry("user.add")))
	check(t, s.InsertUser(t.Context(), incident.User{ID: id(), Email: "Zoë@example.com", Name: "Zoë", Role: incident.Viewer, CreatedAt: now, DisabledAt: now}, incident.AuditEntry{}))
	_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
	readyBridge(t, s, bridge, "81000000001")
	check(t, s.AddRefusals(t.Context(), now, map[incident.Rejection]int64{"signature": 3}))

	var g sync.WaitGroup
	for worker := range 50 {
		g.Go(func() {
			for n := worker; n < events; n += 50 {
				at := now.AddDate(0, -n%5, 0)
				_, _, err := s.AppendEvent(t.Context(), incident.NewEvent{
					ReceivedAt: at, SignedAt: at, Stale: n%7 == 0, Headers: map[string]string{"X-Zm-Request-Id": fmt.Sprint("request-", n)},
					Body: fmt.Appendf(nil, `{"event":"meeting.started","event_ts":%d,"payload":{"object":{"topic":"Topic number%d"}}}`, at.UnixMilli(), n),
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	for {
		fresh, err := s.NewEvents(t.Context(), 500)
		check(t, err)
		if len(fresh) < 100 { // some are left unread
			return
		}
		var readings []incident.Reading
		for n, e := range fresh {
			r := incident.Reading{EventID: e.ID, State: incident.EventRead, Event: "meeting.started", EventAt: e.SignedAt, MeetingID: fmt.Sprint(81000000000 + n), Text: zoom.EventText(e.Body)}
			if n == 3 {
				r = incident.Reading{EventID: e.ID, State: incident.EventUnreadable, Problem: incident.ReadNotJSON, Text: zoom.EventText(e.Body)}
			}
			readings = append(readings, r)
		}
		check(t, s.ApplyReadings(t.Context(), readings, now, incident.FollowEvents))
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	source := dbtest.SQLite(t)
	from := dbtest.Open(t, source)
	fill(t, from, 6000)
	target := db.Config{DatabaseURL: dbtest.PostgresURL(t), Now: source.Now, Log: source.Log}
	quiet := func(string, int64, int64) {}

	// Interrupt the copy after the first events, as a kill would. What is
	// committed stays.
	ctx, stop := context.WithCancel(t.Context())
	_, err := db.Copy(ctx, source, target, func(what string, done, total int64) {
		if what == "copying events" && done > 0 {
			stop()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "run the command again") {
		t.Fatalf("the stopped copy says %v", err)
	}
	asServer := target
	asServer.Keys = source.Keys
	if s, err := db.Open(t.Context(), asServer); err == nil || !strings.Contains(err.Error(), "unfinished copy") {
		t.Errorf("a server opens half a copy: %v, %v", s, err)
	}

	first := int64(-1)
	copied, err := db.Copy(t.Context(), source, target, func(what string, done, total int64) {
		if what == "copying events" && first < 0 {
			first = done
		}
	})
	check(t, err)
	if first != 5000 {
		t.Errorf("the copy went on after %d events, want 5000", first)
	}
	names := map[string]int64{}
	for _, c := range copied {
		if names[c.Name] = c.Rows; len(c.Hash) != 16 {
			t.Errorf("%s has the hash %q", c.Name, c.Hash)
		}
	}
	if names["events"] != 6000 || names["event_keys"] < 12000 || names["secrets"] != 1 || names["zoom_tokens"] != 1 || names["users"] != 2 || len(names) < 20 {
		t.Errorf("copied: %v", names)
	}
	if _, err := db.Copy(t.Context(), source, target, quiet); err == nil || !strings.Contains(err.Error(), "already has data") {
		t.Errorf("a second copy over the first: %v", err)
	}

	// Both databases give the same answers.
	to := dbtest.Open(t, asServer)
	account, err := from.Account(t.Context())
	check(t, err)
	got, err := to.Account(t.Context())
	check(t, err)
	same(t, got, account)
	token, err := to.ZoomToken(t.Context(), 1)
	check(t, err)
	if token.Value.Reveal() != "the token" {
		t.Error("the sealed token did not survive")
	}
	for _, f := range []db.EventFilter{{}, {Text: "number4711"}, {Text: "topic", Stale: true}, {Unread: true}, {MeetingID: "81000000007"}, {Events: []string{"meeting.started"}, Text: "number1*"}} {
		want, err := from.EventRows(t.Context(), f, "", 200)
		check(t, err)
		page, err := to.EventRows(t.Context(), f, "", 200)
		check(t, err)
		if len(want.Items) == 0 {
			t.Errorf("nothing is found by %+v", f)
		}
		same(t, page.Items, want.Items, cmpopts.EquateApproxTime(0))
	}
	event, err := from.EventRows(t.Context(), db.EventFilter{Text: "number42"}, "", 1)
	check(t, err)
	a, err := from.Event(t.Context(), event.Items[0].ID)
	check(t, err)
	b, err := to.Event(t.Context(), a.ID)
	check(t, err)
	same(t, b, a)
	_, duplicate, err := to.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: now, SignedAt: now, Headers: a.Headers, Body: a.Body})
	if check(t, err); !duplicate {
		t.Error("a delivery that Zoom repeats after the copy is a new event")
	}
	if n := rows(t, raw(t, asServer), `SELECT COUNT(*) FROM events_rest`); n[0][0] != "0" {
		t.Errorf("%s events are in no month", n[0][0])
	}
}

func TestCopyRefused(t *testing.T) {
	t.Parallel()
	source := dbtest.SQLite(t)
	from := dbtest.Open(t, source)
	fill(t, from, 10)
	quiet := func(string, int64, int64) {}
	empty := db.Config{DatabaseURL: dbtest.PostgresURL(t), Now: source.Now, Log: source.Log}
	refused := func(name string, source, target db.Config, says string) {
		t.Run(name, func(t *testing.T) {
			_, err := db.Copy(t.Context(), source, target, quiet)
			if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v, want something about %q", err, says)
			}
		})
	}

	nothing, otherKey := source, source
	nothing.DataDir = t.TempDir()
	refused("no source", nothing, empty, "no database")
	otherKey.Keys = dbtest.Keys(t, "another")
	refused("another master key", otherKey, empty, "master key")
	refused("not PostgreSQL", source, db.Config{DatabaseURL: "sqlite:x", Now: source.Now}, "postgres://")
	refused("unreachable server", source, db.Config{DatabaseURL: "postgres://u:CANARY@127.0.0.1:1/x", Now: source.Now}, "127.0.0.1")
	used := dbtest.Postgres(t)
	check(t, dbtest.Open(t, used).InsertUser(t.Context(), incident.User{ID: id(), Email: "a@example.com", Role: incident.Admin, CreatedAt: now}, incident.AuditEntry{}))
	refused("a target in use", source, used, "already has data (in users)")

	release, err := db.Lock(source.DataDir)
	check(t, err)
	refused("a server runs", source, empty, "stop it")
	release()

	// A change in the source after its copy is detected.
	ctx, stop := context.WithCancel(t.Context())
	_, err = db.Copy(ctx, source, empty, func(what string, _, _ int64) {
		if what == "copying events" {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	u, err := from.UserByEmail(t.Context(), "åsa@example.com")
	check(t, err)
	u.Name = "Åsa Ødegård"
	check(t, from.UpdateUser(t.Context(), u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
	refused("the source was changed", source, empty, "empty the target database")
}
