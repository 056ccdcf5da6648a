package incident_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// TestPromise drives incidents through random faults of Zoom, parallel callers and kills
// of the program, on one server with SQLite and on two with PostgreSQL, on a clock that
// needs no waiting. Whatever happens: every caller has an answer within three seconds,
// with a static link at hand always one with a link; all callers of an incident get the
// same link; no host creates more meetings than Zoom allows in a day; and in the end each
// incident has a link, and Zoom has one meeting for each bridge that uses one.
//
// With DRAWBRIDGE_SEEDS=25 there are as many runs of 40 incidents on each engine; a failed
// run is repeated with -run 'TestPromise/sqlite/7$'. Without it, there are a few short ones.
func TestPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than five seconds: run without -short")
	}
	t.Parallel()
	seeds, incidents, span := 2, 10, time.Minute
	if n, err := strconv.Atoi(os.Getenv("DRAWBRIDGE_SEEDS")); err == nil {
		seeds, incidents, span = n, 40, 5*time.Minute
	}
	for _, engine := range []struct {
		name    string
		servers int
		config  func(testing.TB) db.Config
	}{
		{"sqlite", 1, dbtest.Migrated},
		{"postgres", 2, dbtest.MigratedPostgres},
	} {
		t.Run(engine.name, func(t *testing.T) {
			for seed := range seeds {
				t.Run(strconv.Itoa(seed), func(t *testing.T) {
					cfg := engine.config(t)
					synctest.Test(t, func(t *testing.T) { newTown(t, cfg, engine.servers, true, uint64(seed)).live(incidents, span) })
				})
			}
		})
	}
}

var townHosts = []string{opener, backup, "second@example.com"}

// town is some servers, Zoom, and callers who call at random times.
type town struct {
	*testing.T
	rand    *rand.Rand
	cfg     db.Config
	sim     *zoomsim.Sim
	servers []*townServer
	runbook string
	static  bool                           // there is a static link
	wrap    func(*db.Store) incident.Store // what servers that start use, nil: the store itself

	mu    sync.Mutex
	links map[string]map[string]bool // the links that callers got, by dedup key
}

// townServer is one program. Its place is taken by another when it is killed.
type townServer struct {
	*incident.Service
	store *db.Store
	kill  func()
	dead  <-chan struct{}
}

func newTown(t *testing.T, cfg db.Config, servers int, runs bool, seed uint64) *town {
	town := &town{T: t, rand: rand.New(rand.NewPCG(seed, 1)), cfg: cfg, links: map[string]map[string]bool{}}
	town.cfg.Now = time.Now
	town.sim = zoomsim.New(zoomsim.Options{
		Now: time.Now, AccountID: "acc", ClientID: "cid", ClientSecret: simClientSecret, SecretToken: simSecretToken,
		Client: &http.Client{Transport: inMemory{http.NotFoundHandler()}}, WebhookURL: "http://drawbridge.test/webhook",
	})
	for _, email := range townHosts {
		town.sim.AddUser(zoomsim.User{Email: email, JoinBeforeHost: true, CloudRecording: true})
	}
	for range servers {
		town.servers = append(town.servers, town.start(runs))
	}
	s := town.servers[0]
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.SaveAccount(t.Context(), admin, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: townHosts[1:],
		Secrets: map[incident.SecretName]string{incident.ClientSecret: simClientSecret, incident.WebhookToken1: simSecretToken},
	}))
	if town.static = seed%2 == 1; town.static {
		must(s.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{warRoom}, 1))
	}
	r, _, err := s.SaveRunbook(t.Context(), admin, incident.Runbook{
		Name: "Outage", Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()}},
	})
	must(nil, err)
	town.runbook = r.ID
	return town
}

// start starts a program on the database. If it does not run, it does its work only when
// it is told to.
func (w *town) start(runs bool) *townServer {
	store, err := db.Open(context.Background(), w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	var used incident.Store = store
	if w.wrap != nil {
		used = w.wrap(store)
	}
	s := incident.New(incident.Config{
		Store: used, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		ZoomHTTP: &http.Client{Transport: inMemory{w.sim.API()}}, ZoomAPIURL: "http://zoom.test/v2", ZoomOAuthURL: "http://zoom.test/oauth/token",
	})
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = store.Run(ctx) })
	if runs {
		loops.Go(func() { _ = s.Run(ctx) })
	}
	dead := make(chan struct{})
	kill := sync.OnceFunc(func() {
		close(dead)
		_ = store.Close() // whatever the program still does, it can write down nothing
		stop()
		loops.Wait()
	})
	w.Cleanup(kill)
	return &townServer{s, store, kill, dead}
}

// A server dies while it asks Zoom for the meeting. Who calls again, at another server, gets
// the static link within three seconds and not when the lease of the dead one is over, and
// the meeting that Zoom made in the meantime is deleted.
func TestServerDiesWhileCallersWait(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault zoomsim.Faults
	}{
		{"Zoom is silent", zoomsim.Faults{Stall: true, Only: createOnly}},
		{"Zoom creates the meeting late", zoomsim.Faults{Latency: 10 * time.Second, Only: createOnly}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.MigratedPostgres(t)
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, cfg, 2, true, 1)
				w.sim.SetFaults(func(f *zoomsim.Faults) { *f = tt.fault })
				go w.servers[0].Open(context.Background(), anaIs, incident.OpenRequest{
					RunbookID: w.runbook, Name: "db down", Severity: "SEV1", DedupKey: "alert", Source: incident.SourceAPI,
				})
				time.Sleep(500 * time.Millisecond) // it is asking Zoom
				w.servers[0].kill()
				w.call(1, "alert") // within three seconds
				b := w.bridge(w.servers[1], 1)
				if b.Kind != incident.KindStatic || b.JoinURL != warRoom.URL {
					t.Errorf("the caller got %s %q: %s", b.Kind, b.JoinURL, why(b))
				}
				w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
				w.servers[1].kill()
				s := w.start(false)
				w.work(s, time.Hour, 2*time.Minute)
				w.check(s, 1)
			})
		})
	}
}

// faults are what Zoom does for a while.
var townFaults = []zoomsim.Faults{
	{}, {},
	{Latency: 2 * time.Second},
	{Latency: 20 * time.Second, Only: createOnly},
	{Reset: true},
	{Down: true},
	{Down: true, DownStatus: 503, Only: createOnly},
	{RateLimited: "second", Only: createOnly},
	{PerSecond: 2},
	{TokenRefused: true},
	{ResetAfterCommit: true, Only: createOnly},
	{TruncatedBody: true, Only: createOnly},
	{Stall: true, Only: createOnly},
	{Stall: true},
	{Lag: 20 * time.Second, ResetAfterCommit: true, Only: createOnly},
	{NewTokenKillsOld: true},
	{ResetAfterCommit: true, Only: opener},
	{OverwriteSettings: true},
}

func (w *town) live(incidents int, span time.Duration) {
	var all sync.WaitGroup
	for n := range incidents {
		key := fmt.Sprintf("alert-%d", n)
		at := time.Duration(w.rand.Int64N(int64(span)))
		for range 1 + w.rand.IntN(4) {
			late := time.Duration(w.rand.Int64N(int64(4 * time.Second)))
			server := w.rand.IntN(len(w.servers))
			all.Go(func() {
				time.Sleep(at + late)
				w.call(server, key)
			})
		}
	}
	end := time.Now().Add(span + 10*time.Second)
	for time.Now().Before(end) {
		time.Sleep(time.Duration(w.rand.Int64N(int64(20 * time.Second))))
		fault := townFaults[w.rand.IntN(len(townFaults))]
		w.sim.SetFaults(func(f *zoomsim.Faults) { *f = fault })
		if w.rand.IntN(4) == 0 {
			n := w.rand.IntN(len(w.servers))
			w.server(n).kill()
			next := w.start(true)
			w.mu.Lock()
			w.servers[n] = next
			w.mu.Unlock()
		}
	}
	all.Wait()
	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
	for _, s := range w.servers {
		s.kill()
	}
	s := w.start(false)
	w.work(s, time.Hour, 2*time.Minute)
	w.check(s, int64(incidents))
}

// work does a server's work for a while, at every step instead of every second, which
// would take most of the test's time.
func (w *town) work(s *townServer, span, step time.Duration) {
	for end := time.Now().Add(span); time.Now().Before(end); {
		time.Sleep(step)
		for did := 1; did > 0; {
			var err error
			if did, err = s.RunOnce(w.Context()); err != nil {
				w.Fatal(err)
			}
		}
	}
}

func (w *town) server(n int) *townServer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[n]
}

// call calls for help, and calls again if the server dies.
func (w *town) call(server int, key string) {
	for range 20 {
		s := w.server(server)
		began := time.Now()
		o, err := s.Open(context.Background(), anaIs, incident.OpenRequest{
			RunbookID: w.runbook, Name: "db down", Severity: "SEV1", DedupKey: key, Source: incident.SourceAPI,
		})
		took := time.Since(began)
		select {
		case <-s.dead:
			time.Sleep(time.Second)
			continue
		default:
		}
		if err != nil {
			w.Errorf("%s: %v", key, err)
			return
		}
		if took > 3*time.Second {
			w.Errorf("%s: the answer took %v", key, took)
		}
		if o.Pending != nil {
			w.Errorf("%s: an answer from memory, although the database works", key)
			return
		}
		b := s.Shown(w.bridge(s, o.Incident.Number))
		link := b.JoinURL
		if link == "" && w.static {
			w.Errorf("%s: no link: %s", key, why(b))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.links[key] == nil {
			w.links[key] = map[string]bool{}
		}
		if link != "" {
			w.links[key][link] = true
		}
		return
	}
	w.Errorf("%s: no server answers", key)
}

func (w *town) bridge(s *townServer, number int64) incident.Bridge {
	bridges, err := s.store.Bridges(context.Background(), number)
	if err != nil || len(bridges) != 1 {
		select {
		case <-s.dead:
		default:
			w.Errorf("%d has %d bridges, %v", number, len(bridges), err)
		}
		return incident.Bridge{JoinURL: "unknown"}
	}
	return bridges[0]
}

// check checks what must hold in the end.
func (w *town) check(s *townServer, incidents int64) {
	wanted := map[string]bool{}
	for n := range incidents {
		b := w.bridge(s, n+1)
		if b.State != incident.BridgeReady || b.JoinURL == "" {
			w.Errorf("INC-%d is %s: %s", n+1, b.State, why(b))
		}
		if b.MeetingID != "" {
			if wanted[b.MeetingID] {
				w.Errorf("INC-%d shares the meeting %s", n+1, b.MeetingID)
			}
			wanted[b.MeetingID] = true
		}
	}
	perHost := map[string]int{}
	for _, m := range w.sim.Meetings() {
		perHost[m.HostEmail]++
		if m.Status == "deleted" {
			continue
		}
		if id := fmt.Sprint(m.ID); !wanted[id] {
			w.Errorf("the meeting %s of no bridge is left: %s", id, m.Agenda)
		} else {
			delete(wanted, id)
		}
	}
	for id := range wanted {
		w.Errorf("the meeting %s of a bridge is gone", id)
	}
	for host, n := range perHost {
		if n > 100 {
			w.Errorf("%s created %d meetings in a day", host, n)
		}
	}
	for key, links := range w.links {
		delete(links, "unknown")
		if len(links) > 1 {
			w.Errorf("the callers of %s got %d links: %v", key, len(links), links)
		}
	}
}

// inMemory serves a handler without a network, so that the clock of testing/synctest
// advances while a call waits.
type inMemory struct{ h http.Handler }

func (tr inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	type answer struct {
		response *http.Response
		err      error
	}
	done := make(chan answer, 1)
	go func() {
		rec := httptest.NewRecorder()
		defer func() {
			cut := recover() != nil // the handler cut the connection
			res := rec.Result()
			switch sent := rec.Body.Bytes(); {
			case cut && len(sent) == 0:
				done <- answer{nil, io.ErrUnexpectedEOF}
				return
			case cut:
				res.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(sent)), broken{}))
			}
			done <- answer{res, nil}
		}()
		in := r.Clone(r.Context())
		in.Body = io.NopCloser(bytes.NewReader(body))
		in.RequestURI = r.URL.RequestURI()
		tr.h.ServeHTTP(rec, in)
	}()
	select {
	case a := <-done:
		return a.response, a.err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
