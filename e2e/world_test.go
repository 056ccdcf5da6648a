package e2e

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/cli"
	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// slowly is longer than an answer may take on a machine that does other things as well.
// docs/ladder.md has the times on a clock without load.
const slowly = 20 * time.Second

// The tests use the logins and credentials of the demo.
const (
	demoEmail        = cli.DemoEmail
	demoPassword     = cli.DemoPassword
	demoBackup       = cli.DemoBackup
	demoAccountID    = cli.DemoAccountID
	demoClientID     = cli.DemoClientID
	demoAppID        = cli.DemoAppID
	demoClientSecret = cli.DemoClientSecret
	demoSecretToken  = cli.DemoSecretToken
)

// commandLine is the actor of commands.
var commandLine = incident.Actor{Kind: "cli", Email: "command line", Role: incident.Admin}

// world is the program with its own database and port, and the simulator in place
// of Zoom.
type world struct {
	program *cli.Program
	store   *db.Store
	service *incident.Service
	url     string
	sim     *zoomsim.Sim
	clock   clock
	log     lockedBuffer
	stop    func()
	ends    []func() // called by stop, last one first
}

func (w *world) after(end func()) { w.ends = append(w.ends, end) }

// clock is the machine's clock, which a test can set back to create old data.
type clock struct{ back atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(-time.Duration(c.back.Load())) }
func (c *clock) set(ago time.Duration) { c.back.Store(int64(ago)) }

// lockedBuffer is a log that a test can read while the server writes it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startWorld starts an empty world in a directory. publicURL is the public URL in its
// configuration; if it is "", the world uses its real address. With the address of a
// PostgreSQL database, the world is two servers behind a load balancer.
func startWorld(dir, publicURL, database string) (*world, error) {
	w := &world{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.url = "http://" + listener.Addr().String()
	cfg := cli.Config{Addr: listener.Addr().String(), DataDir: dir, DatabaseURL: database, PublicURL: publicURL}
	listeners, addresses := []net.Listener{listener}, []string{w.url}
	if database != "" {
		second, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners, addresses = append(listeners, second), append(addresses, "http://"+second.Addr().String())
		var balancer *httptest.Server
		balancer, w.url = balance(func() []string { return addresses })
		w.after(balancer.Close)
		cfg.PublicURL, cfg.Proxies = w.url, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	w.sim = zoomsim.New(zoomsim.Options{
		Now:       w.clock.now,
		AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret, AppID: demoAppID,
		SecretToken: demoSecretToken, WebhookURL: w.url + "/webhook",
		Stylesheets: []string{static.URL("vendor/tabler.css"), static.URL("app.css")}, Icon: static.URL("mark.svg"),
	})
	for _, u := range []zoomsim.User{
		{Email: demoEmail, DisplayName: "Ada Admin", JoinBeforeHost: true, CloudRecording: true},
		{Email: "ravi@example.com", DisplayName: "Ravi", JoinBeforeHost: true, UsePMIForScheduled: true},
	} {
		w.sim.AddUser(u)
	}
	for _, email := range cli.DemoPool {
		w.sim.AddUser(zoomsim.User{Email: email, DisplayName: "On-call bridge", JoinBeforeHost: true, CloudRecording: true})
	}
	api := httptest.NewServer(w.sim.API())
	cfg.ZoomAPIURL, cfg.ZoomOAuthURL = api.URL+"/v2", api.URL+"/oauth/token"

	log := slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	w.after(api.Close)
	w.stop = func() {
		cancel()
		for _, end := range slices.Backward(w.ends) {
			end()
		}
	}
	for _, listener := range listeners {
		p, err := cli.Open(ctx, cfg, w.clock.now, log)
		if err != nil {
			w.stop()
			return nil, err
		}
		done := make(chan error, 1)
		go func() { done <- p.Serve(ctx, listener, nil, func() error { return nil }) }()
		w.after(func() { <-done; p.Store.Close() })
		w.program, w.store, w.service = p, p.Store, p.Service
	}
	return w, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, "")
}

func newWorldAt(t *testing.T, publicURL string) *world {
	t.Helper()
	return newWorldOn(t, publicURL, "")
}

func newWorldOn(t *testing.T, publicURL, database string) *world {
	t.Helper()
	dir := t.TempDir()
	w, err := startWorld(dir, publicURL, database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.stop()
		w.keepsSecrets(t, dir)
	})
	return w
}

// keepsSecrets checks that neither the log nor a file contains a secret in plain text.
func (w *world) keepsSecrets(t *testing.T, dir string) {
	t.Helper()
	places := map[string]string{"the log": w.log.String()}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		places[name] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for place, text := range places {
		for _, secret := range []string{demoClientSecret, demoSecretToken, demoPassword} {
			if strings.Contains(text, secret) {
				t.Errorf("%s contains %s", place, secret)
			}
		}
	}
}

// newSeededWorld starts a world with the data of the demo: users, the account,
// runbooks, two incidents.
func newSeededWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(t).seeded(t)
}

func (w *world) seeded(t *testing.T) *world {
	t.Helper()
	if err := w.program.SeedDemo(t.Context(), w.sim, false); err != nil {
		t.Fatal(err)
	}
	return w
}

// everywhere runs a journey in an empty world: on two servers with PostgreSQL, and if all
// tests run, on SQLite too.
func everywhere(t *testing.T, journey func(t *testing.T, w *world)) {
	slow(t)
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		long(t)
		t.Parallel()
		journey(t, newWorld(t))
	})
	t.Run("two servers", func(t *testing.T) { onTwoServers(t, journey) })
}

// onTwoServers runs a journey in an empty world on two servers with PostgreSQL, where more
// can go wrong than on SQLite.
func onTwoServers(t *testing.T, journey func(t *testing.T, w *world)) {
	slow(t)
	t.Parallel()
	journey(t, newWorldOn(t, "", dbtest.PostgresURL(t)))
}

// admin returns the demo's admin as an actor.
func (w *world) admin(ctx context.Context) (incident.Actor, error) {
	u, err := w.store.UserByEmail(ctx, demoEmail)
	return incident.Actor{Kind: "user", UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Address: "127.0.0.1"}, err
}

// validated waits until the server has recorded that Zoom validated the webhook. It
// does so after it has answered Zoom.
func (w *world) validated(ctx context.Context) error {
	for {
		a, err := w.store.Account(ctx)
		if err != nil || !a.WebhookValidatedAt.IsZero() {
			return err
		}
	}
}

// runbookID returns the ID of the runbook with this name.
func (w *world) runbookID(t *testing.T, name string) string {
	t.Helper()
	r, err := w.store.RunbookByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// bridge returns the first bridge of an incident.
func (w *world) bridge(t *testing.T, number int64) incident.Bridge {
	t.Helper()
	bridges, err := w.store.Bridges(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	if len(bridges) == 0 {
		t.Fatalf("incident %d has no bridge", number)
	}
	return bridges[0]
}

// join lets a person join a meeting in the simulator and returns their key.
func (w *world) join(t *testing.T, meetingID, name string) string {
	t.Helper()
	key, err := w.sim.Join(t.Context(), meetingID, zoomsim.Person{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return key
}
