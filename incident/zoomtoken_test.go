package incident_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// tokens returns how many times Zoom was asked for a token.
func (w *world) tokens() (n int) {
	for _, c := range w.sim.Calls() {
		if c.Operation == "POST /oauth/token" {
			n++
		}
	}
	return n
}

// all opens an incident through every service at the same time. Each must get a
// bridge, on a slow machine from the worker.
func (w *world) all(services ...*incident.Service) {
	w.Helper()
	var g sync.WaitGroup
	opened := make(chan incident.Incident, 4*len(services))
	for n := range 4 * len(services) {
		g.Go(func() {
			i, _, err := services[n%len(services)].OpenIncident(w.Context(), anaIs, incident.OpenRequest{
				RunbookID: w.runbook.ID, Name: fmt.Sprint("db down ", n), Severity: "SEV1", Source: "form"})
			if err != nil {
				w.Error(err)
				return
			}
			opened <- i
		})
	}
	g.Wait()
	close(opened)
	for i := range opened {
		if w.bridge(i).State == incident.BridgeNew { // no time was left to ask Zoom
			w.work(3 * time.Second)
		}
		if b := w.bridge(i); b.State != incident.BridgeReady || b.Kind != incident.KindMeeting {
			w.Errorf("the bridge is %s, %s", b.State, why(b))
		}
	}
}

// Servers with the same database share one access token, even if Zoom invalidates
// a token when another is requested.
func TestServersShareToken(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		w := worldWith(t, dbtest.Open(t, cfg))
		b := w.another(dbtest.Open(t, cfg))
		w.faults(zoomsim.Faults{NewTokenKillsOld: true})
		want := 0
		asked := func(when string, more int) {
			t.Helper()
			if want += more; w.tokens() != want {
				t.Fatalf("%s: Zoom was asked for %d tokens, want %d", when, w.tokens(), want)
			}
		}

		w.all(w.service, b)
		asked("both at once", 1)
		w.all(w.service, b, w.another(w.store))
		asked("a third one, later", 0)

		_, err := w.zoom().GetUser(t.Context(), backup)
		w.ok(err)
		asked("someone else ends the token", 1)
		w.all(w.service, b)
		asked("after 124", 1)

		w.clock.Add(56 * time.Minute)
		w.all(w.service, b)
		asked("before it is over", 1)

		w.must(b.CheckConnection(t.Context(), admin))
		asked("a check", 1)
		w.all(b)
		asked("the same server after it", 0)
		w.all(w.service, b)
		asked("the others after it", 0)

		// This server crashed while it was asking.
		_, err = w.zoom().GetUser(t.Context(), backup)
		w.ok(err)
		want++
		account := w.account()
		stored, err := w.store.ZoomToken(t.Context(), account.Version)
		w.ok(err)
		claim := func() bool {
			t.Helper()
			ok, err := w.store.ClaimZoomToken(t.Context(), account.Version, stored.Version, w.clock.Now(), 5*time.Second)
			w.ok(err)
			return ok
		}
		if !claim() || claim() {
			t.Fatal("a claim is not given once")
		}
		w.clock.Add(6 * time.Second)
		w.all(w.service, b)
		asked("after the lease of the dead", 1)

		// Zoom rejects the request: nobody waits for the end of a lease, and the
		// next server asks.
		w.faults(zoomsim.Faults{TokenRefused: true})
		w.must(b.CheckConnection(t.Context(), admin))
		w.faults(zoomsim.Faults{NewTokenKillsOld: true})
		want = w.tokens()
		w.must(w.service.CheckConnection(t.Context(), admin))
		asked("after a refusal", 1)

		// Other credentials start without a token.
		w.must(w.service.SaveAccount(t.Context(), admin, incident.AccountForm{
			Version: account.Version, Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: []string{opener}}))
		w.all(w.service, b)
		asked("after the account was saved", 1)

		if strings.Contains(w.log.String(), "could not share the Zoom token") {
			t.Errorf("a server went its own way:\n%s", w.log)
		}
	})
}

// The shared token is stored encrypted, and bridges work without it.
func TestTokenStoreFails(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Migrated(t)
	w := worldWith(t, dbtest.Open(t, cfg))
	w.all(w.service)
	conn, err := sql.Open("sqlite", "file:"+filepath.Join(cfg.DataDir, db.SQLiteFile)+"?_pragma=busy_timeout(2000)")
	w.ok(err)
	defer conn.Close()
	var sealed string
	w.ok(conn.QueryRow(`SELECT sealed FROM zoom_tokens`).Scan(&sealed))
	if !strings.HasPrefix(sealed, "v1.") {
		t.Errorf("stored as %q", sealed)
	}

	t.Run("other master key", func(t *testing.T) {
		_, err := conn.Exec(`UPDATE zoom_tokens SET sealed = $1`, sealed[:len(sealed)-4]+"AAAA")
		w.ok(err)
		before := w.tokens()
		w.all(w.another(w.store))
		w.all(w.another(w.store))
		if got := w.tokens() - before; got != 1 {
			t.Errorf("Zoom was asked for %d tokens, want 1", got)
		}
	})
	t.Run("no table", func(t *testing.T) {
		_, err := conn.Exec(`DROP TABLE zoom_tokens`)
		w.ok(err)
		before := w.tokens()
		w.all(w.another(w.store))
		if got := w.tokens() - before; got != 1 || !strings.Contains(w.log.String(), "could not share the Zoom token") {
			t.Errorf("Zoom was asked for %d tokens, want 1; the log:\n%s", got, w.log)
		}
	})
}
