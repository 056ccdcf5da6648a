package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// runsProgram in the environment makes the test binary the program.
const runsProgram = "TEST_RUNS_PROGRAM"

// cluster is two server processes on one PostgreSQL database, with a load balancer in
// front and the simulator in place of Zoom.
type cluster struct {
	*testing.T
	database string
	servers  [2]*node
	balancer *server
	sim      *zoomsim.Sim
	env      []string
	token    string // API token
}

// node is a process of the program.
type node struct {
	server
	cmd   *exec.Cmd
	ended chan struct{}
}

// newCluster starts two servers with the demo's admin, the account, and one runbook,
// "Production outage".
func newCluster(t *testing.T, database string) *cluster {
	t.Helper()
	c := &cluster{T: t, database: database}
	balancer, address := c.balance()
	t.Cleanup(balancer.Close)
	c.balancer = &server{url: address}
	c.sim = zoomsim.New(zoomsim.Options{
		Now: time.Now, AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret,
		SecretToken: demoSecretToken, WebhookURL: address + "/webhook",
	})
	c.sim.AddUser(zoomsim.User{Email: demoBackup, JoinBeforeHost: true, CloudRecording: true})
	zoom := httptest.NewServer(c.sim.API())
	t.Cleanup(zoom.Close)
	pool, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	options := pool.Query()
	options.Set("pool_max_conns", "8")
	pool.RawQuery = options.Encode()
	c.env = []string{
		runsProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"DRAWBRIDGE_DATABASE_URL=" + pool.String(), "DRAWBRIDGE_KEY=" + newKey(),
		"DRAWBRIDGE_PUBLIC_URL=" + address, "DRAWBRIDGE_TRUSTED_PROXIES=127.0.0.1/32",
		"DRAWBRIDGE_ZOOM_API_URL=" + zoom.URL + "/v2", "DRAWBRIDGE_ZOOM_OAUTH_URL=" + zoom.URL + "/oauth/token",
		"ZOOM_CLIENT_SECRET=" + demoClientSecret, "ZOOM_WEBHOOK_SECRET=" + demoSecretToken,
	}
	for i := range c.servers {
		c.servers[i] = c.start()
	}
	c.ok(demoPassword, "user", "add", demoEmail, "--role", "admin", "--password-stdin")
	c.ok(applied, "apply", "-")
	c.token = strings.TrimSpace(c.ok("", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	return c
}

func newKey() string {
	key := make([]byte, 32)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// spawn starts a command of the program. It is killed when the test ends.
func (c *cluster) spawn(in string, args ...string) *node {
	c.Helper()
	p := &node{cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = c.env, c.TempDir()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(in), &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	c.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *node) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// ok runs a command that must succeed, and returns its output.
func (c *cluster) ok(in string, args ...string) string {
	c.Helper()
	p := c.spawn(in, args...)
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		c.Fatalf("%s: status %d, %s", strings.Join(args, " "), code, p.err.String())
	}
	return p.out.String()
}

func (c *cluster) start() *node {
	c.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	p := c.spawn("", "serve", "--addr", addr)
	p.url = "http://" + addr
	until(c.T, "the server is ready", func() bool {
		select {
		case <-p.ended:
			c.Fatalf("the server exited: %s", p.err.String())
		default:
		}
		response, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

// balance is a round-robin load balancer that skips servers that it cannot reach.
func (c *cluster) balance() (*httptest.Server, string) {
	return balance(func() (addresses []string) {
		for _, p := range c.servers {
			addresses = append(addresses, p.url)
		}
		return addresses
	})
}

func balance(addresses func() []string) (*httptest.Server, string) {
	var turn atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme = "http"
		},
		Transport: roundTripper(func(r *http.Request) (response *http.Response, err error) {
			all := addresses()
			body := r.Body
			for range all {
				if body != nil {
					r.Body = io.NopCloser(body) // it is unread if the server is down
				}
				r.URL.Host = strings.TrimPrefix(all[int(turn.Add(1))%len(all)], "http://")
				response, err = http.DefaultTransport.RoundTrip(r)
				if dial := (*net.OpError)(nil); !errors.As(err, &dial) || dial.Op != "dial" {
					break
				}
			}
			return response, err
		}),
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(proxy)
	return s, s.URL
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// post delivers an event as Zoom does and returns the status, 0 without an answer.
func (c *cluster) post(home string, body []byte) int {
	r, err := http.NewRequest(http.MethodPost, home+"/webhook", bytes.NewReader(body))
	if err != nil {
		c.Error(err)
		return 0
	}
	r.Header = c.sim.Sign(body, time.Now())
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// started returns the body of a meeting.started event.
func started(meeting string) []byte {
	return fmt.Appendf(nil, `{"event":"meeting.started","event_ts":%d,"payload":{"account_id":"%s","object":{"id":"%s","uuid":"uuid-%s","topic":"Topic of %s","host_id":"h","type":2,"start_time":"2026-11-22T09:00:00Z","duration":60,"timezone":"UTC"}}}`,
		time.Now().UnixMilli(), demoAccountID, meeting, meeting, meeting)
}

// query reads one value from the database.
func query[T any](c *cluster, text string, args ...any) (value T) {
	c.Helper()
	conn, err := sql.Open("pgx", c.database)
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRow(text, args...).Scan(&value); err != nil {
		c.Fatalf("%s: %v", text, err)
	}
	return value
}

// open opens an incident with the API of a server. It never calls Fatal, because tests
// call it in goroutines.
func (c *cluster) open(home, key string) (status int, number any, bridge map[string]any) {
	sent, _ := json.Marshal(map[string]any{"runbook": "Production outage", "name": "db down", "severity": "SEV1",
		"opener_email": demoBackup, "dedup_key": key, "vars": map[string]string{"customer": "all"}})
	r, err := http.NewRequest(http.MethodPost, home+"/api/v1/incidents", bytes.NewReader(sent))
	if err != nil {
		c.Error(err)
		return 0, nil, nil
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil
	}
	defer response.Body.Close()
	var i map[string]any
	if err := json.NewDecoder(response.Body).Decode(&i); err != nil || response.StatusCode >= 300 {
		return response.StatusCode, nil, nil
	}
	return response.StatusCode, i["number"], i["bridges"].([]any)[0].(map[string]any)
}

// meetings returns the number of meetings in the simulator.
func (c *cluster) meetings() int { return len(c.sim.Meetings()) }

// load sends webhooks through the balancer until it is ended. It retries each until the
// answer is 200, as Zoom does, only sooner.
type load struct {
	c        *cluster
	answered sync.Map // the meeting IDs of acknowledged events
	count    atomic.Int64
	refused  atomic.Int64 // attempts without an answer of 200
	stop     chan struct{}
	workers  sync.WaitGroup
}

func (c *cluster) load() *load {
	l := &load{c: c, stop: make(chan struct{})}
	for worker := range 8 {
		l.workers.Go(func() {
			for n := 0; ; n++ {
				meeting := fmt.Sprintf("9%02d%07d", worker, n)
				body := started(meeting)
				for late := time.Now().Add(90 * time.Second); ; {
					select {
					case <-l.stop:
						return
					default:
					}
					status := c.post(c.balancer.url, body)
					if status == http.StatusOK {
						l.answered.Store(meeting, true)
						l.count.Add(1)
						break
					}
					if l.refused.Add(1); status >= 400 && status < 500 || time.Now().After(late) {
						c.Errorf("an event: status %d", status)
						return
					}
				}
			}
		})
	}
	return l
}

// end stops the load and checks that every acknowledged event is stored once.
func (l *load) end() {
	c := l.c
	c.Helper()
	close(l.stop)
	l.workers.Wait()
	until(c.T, "all events are read", func() bool {
		return query[int](c, `SELECT COUNT(*) FROM events WHERE state = 'new'`) == 0
	})
	db, err := sql.Open("pgx", c.database)
	if err != nil {
		c.Fatal(err)
	}
	defer db.Close()
	// One snapshot: an event whose sender was told 503 may still be stored now.
	conn, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Rollback()
	rows, err := conn.Query(`SELECT meeting_id, COUNT(*) FROM events GROUP BY meeting_id`)
	if err != nil {
		c.Fatal(err)
	}
	defer rows.Close()
	stored := map[string]bool{}
	for rows.Next() {
		var meeting string
		var n int
		if err := rows.Scan(&meeting, &n); err != nil {
			c.Fatal(err)
		}
		if stored[meeting] = true; n != 1 {
			c.Errorf("%d rows of meeting %s", n, meeting)
		}
	}
	var unread, counted, twins int
	if err := conn.QueryRow(`
		SELECT (SELECT COUNT(*) FROM events WHERE state = 'new'), (SELECT COALESCE(SUM(count), 0) FROM event_counts WHERE width = 3600000),
			(SELECT COUNT(*) FROM events WHERE twin_of IS NOT NULL)`).Scan(&unread, &counted, &twins); err != nil {
		c.Fatal(err)
	}
	missing := 0
	l.answered.Range(func(meeting, _ any) bool {
		if !stored[meeting.(string)] {
			missing++
		}
		return true
	})
	if n := len(stored); unread+counted != n {
		c.Errorf("%d events are stored, but %d were counted and %d are unread", n, counted, unread)
	}
	if twins != 0 {
		c.Errorf("%d redelivered events were stored as variants", twins)
	}
	if missing > 0 {
		c.Errorf("%d of %d acknowledged events are not stored", missing, l.count.Load())
	}
}

// Both servers have the same state.
func TestTwoServers(t *testing.T) {
	slow(t)
	t.Parallel()
	c := newCluster(t, dbtest.PostgresURL(t))
	a, b := c.servers[0], c.servers[1]
	ada := newPerson(t, a.url)
	at := func(s *node) *person { return &person{t, s.url, ada.client} } // cookies do not depend on the port

	t.Run("sessions", func(t *testing.T) {
		if !ada.canLogIn(demoEmail, demoPassword) || !at(b).in() {
			t.Fatal("a login at one server does not count at the other")
		}
		at(a).do("POST", "/logout", nil)
		if at(b).in() {
			t.Error("a logout at one server does not count at the other")
		}
		wrong := url.Values{"email": {"someone@example.com"}, "password": {"wrong"}}
		slowed := 0
		for n := range 12 {
			if status, _ := newPerson(t, c.servers[n%2].url).do("POST", "/login", wrong); status == http.StatusTooManyRequests {
				slowed++
			}
		}
		if slowed < 5 {
			t.Errorf("12 wrong passwords, 6 at each server: %d were rate-limited", slowed)
		}
		if !ada.canLogIn(demoEmail, demoPassword) {
			t.Error("another user is rejected too")
		}
	})

	t.Run("live pages", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/live?topic=events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := ada.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		stream := bufio.NewScanner(response.Body)
		changed := func() {
			t.Helper()
			for stream.Scan() {
				if stream.Text() == "event: changed" {
					return
				}
			}
			t.Fatal("the stream ended: ", stream.Err())
		}
		changed() // changes from before the stream
		shortest := time.Hour
		for n := range 3 {
			meeting := fmt.Sprintf("8100000000%d", n)
			if status := c.post(a.url, started(meeting)); status != http.StatusOK {
				t.Fatalf("the event: status %d", status)
			}
			begin := time.Now()
			for {
				changed() // once when it is stored, once when it is read
				if _, page := at(b).do("GET", "/events", nil); strings.Contains(page, "Topic of "+meeting) {
					break
				}
			}
			shortest = min(shortest, time.Since(begin))
		}
		if shortest > time.Second {
			t.Errorf("an event at one server appears on the other's page after %s", shortest)
		}
	})

	t.Run("W-21 one delivery, 64 at once", func(t *testing.T) {
		body := started("82000000001")
		var g sync.WaitGroup
		for n := range 64 {
			g.Go(func() {
				if status := c.post(c.servers[n%2].url, body); status != http.StatusOK {
					t.Errorf("status %d", status)
				}
			})
		}
		g.Wait()
		until(t, "the event is read", func() bool {
			return query[int](c, `SELECT COUNT(*) FROM events WHERE state = 'new'`) == 0
		})
		if n := query[int](c, `SELECT COUNT(*) FROM events WHERE meeting_id = '82000000001'`); n != 1 {
			t.Errorf("%d rows", n)
		}
	})

	t.Run("one alert, 32 at once", func(t *testing.T) {
		var created atomic.Int64
		var g sync.WaitGroup
		for n := range 32 {
			g.Go(func() {
				status, number, bridge := c.open(c.servers[n%2].url, "alert-7")
				if status == http.StatusCreated {
					created.Add(1)
				} else if status != http.StatusOK {
					t.Errorf("status %d", status)
				}
				if number != 1.0 || bridge["state"] == "failed" {
					t.Errorf("incident %v, bridge %v", number, bridge)
				}
			})
		}
		g.Wait()
		if created.Load() != 1 || c.meetings() != 1 || query[int](c, `SELECT COUNT(*) FROM bridges`) != 1 {
			t.Errorf("%d incidents were created, with %d meetings", created.Load(), c.meetings())
		}
	})

	// It is unknown whether Zoom created these meetings. Both servers look for them.
	t.Run("Q13 each job once", func(t *testing.T) {
		before := c.meetings()
		const incidents = 10
		c.sim.SetFaults(func(f *zoomsim.Faults) {
			f.ResetAfterCommit, f.Only, f.Times = true, "POST /users/{userId}/meetings", incidents
		})
		var g sync.WaitGroup
		for n := range incidents {
			g.Go(func() {
				if status, _, _ := c.open(c.servers[n%2].url, fmt.Sprint("unclear-", n)); status != http.StatusCreated {
					t.Errorf("status %d", status)
				}
			})
		}
		g.Wait()
		until(t, "every meeting is found", func() bool {
			return query[int](c, `SELECT COUNT(*) FROM bridges WHERE state <> 'ready'`) == 0
		})
		if n := c.meetings() - before; n != incidents {
			t.Errorf("%d incidents, but %d meetings", incidents, n)
		}
		if n := query[int](c, `SELECT COUNT(*) FROM step_runs WHERE state <> 'done'`); n != 0 {
			t.Errorf("%d steps have not finished", n)
		}
	})

	// Both servers used the same token from the first call on.
	if n := query[int](c, `SELECT version FROM zoom_tokens`); n != 1 {
		t.Errorf("%d access tokens were requested", n)
	}
}

// One of two servers is killed with kill -9 while webhooks arrive and while it waits
// for Zoom. No acknowledged event is lost, and the other server takes over.
func TestDeadServer(t *testing.T) {
	long(t)
	t.Parallel()
	c := newCluster(t, dbtest.PostgresURL(t))
	dead, left := c.servers[0], c.servers[1]

	// The killed server leaves an unfinished job.
	c.sim.SetFaults(func(f *zoomsim.Faults) { f.Stall, f.Only, f.Times = true, "POST /users/{userId}/meetings", 1 })
	opening := make(chan int, 1)
	go func() {
		status, _, _ := c.open(dead.url, "alert-8")
		opening <- status
	}()
	until(t, "Zoom is called for a meeting", func() bool { return c.meetings() > 0 })

	l := c.load()
	until(t, "webhooks arrive", func() bool { return l.count.Load() > 100 })
	dead.kill()
	before := l.count.Load()
	// On a slow machine the caller's time was over before.
	if status := <-opening; status != 0 && status != http.StatusCreated {
		t.Errorf("the killed server answered with %d", status)
	}
	until(t, "more webhooks are stored", func() bool { return l.count.Load() > before+200 })
	l.end()

	// People can use the other server at once, with the same link.
	if !newPerson(t, c.balancer.url).canLogIn(demoEmail, demoPassword) {
		t.Error("cannot log in while one server is down")
	}
	status, number, _ := c.open(c.balancer.url, "alert-8")
	if status != http.StatusOK || number != 1.0 {
		t.Errorf("the repeated alert: status %d, incident %v", status, number)
	}
	until(t, "the job of the killed server is taken over", func() bool {
		_, i := api(t, &left.server, c.token, "GET", "/api/v1/incidents/1", nil)
		return i["bridges"].([]any)[0].(map[string]any)["state"] == "ready"
	})
	if c.meetings() != 1 {
		t.Errorf("Zoom has %d meetings", c.meetings())
	}
}

// PostgreSQL crashes under both servers while webhooks and alerts arrive. Both servers
// recover by themselves. Requests in progress are answered 503 and, when they are
// retried, stored once, whether or not the first commit succeeded.
func TestDatabaseRestarts(t *testing.T) {
	long(t)
	t.Parallel()
	database, _, restart := dbtest.OwnPostgres(t)
	c := newCluster(t, database)
	l := c.load()
	until(t, "webhooks arrive", func() bool { return l.count.Load() > 100 })
	for crash := range 3 {
		before := l.count.Load()
		var g sync.WaitGroup
		for n := range 4 {
			g.Go(func() {
				key := fmt.Sprintf("alert-%d-%d", crash, n)
				for late := time.Now().Add(90 * time.Second); ; {
					status, _, _ := c.open(c.balancer.url, key)
					if status == http.StatusOK || status == http.StatusCreated {
						return
					}
					if status < 500 && status != 0 || time.Now().After(late) {
						t.Errorf("%s: status %d", key, status)
						return
					}
				}
			})
		}
		restart()
		g.Wait()
		until(t, "more webhooks are stored", func() bool { return l.count.Load() > before+100 })
	}
	l.end()
	if l.refused.Load() == 0 {
		t.Error("no webhook failed while the database was down")
	}
	for _, s := range c.servers {
		if response, err := http.Get(s.url + "/readyz"); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("/readyz after the crashes: %v, %v", response, err)
		}
	}
	if n := query[int](c, `SELECT COUNT(*) FROM incidents`); n != 12 {
		t.Errorf("12 alerts opened %d incidents", n)
	}
	until(t, "each incident has its bridge", func() bool {
		return query[int](c, `SELECT COUNT(*) FROM bridges WHERE state = 'ready'`) == 12
	})
	if n := c.meetings(); n != 12 {
		t.Errorf("12 incidents have %d meetings", n)
	}
}
