package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const (
	// zoomTakes is how long a healthy Zoom takes for each call.
	zoomTakes = 150 * time.Millisecond
	// zoomLimit is how long Drawbridge waits for Zoom if another link is at hand.
	zoomLimit = 2700 * time.Millisecond
	// standbys is how many standby meetings are kept ready, and inOutage how many
	// incidents are opened one after the other in an outage.
	standbys, inOutage = 10, 8
)

// simulator is a Zoom in this process. It has a user for each incident, so that every
// opener can host.
type simulator struct {
	*zoomsim.Sim
	server *http.Server
	addr   string

	mu      sync.Mutex
	created []time.Duration // how long it took to answer each call that creates a meeting
}

func startZoom(users int) (*simulator, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	z := &simulator{addr: listener.Addr().String(), Sim: zoomsim.New(zoomsim.Options{Now: time.Now,
		AccountID: "bench", ClientID: "bench", ClientSecret: "bench-client-secret", SecretToken: secret})}
	z.AddUser(zoomsim.User{Email: "backup@example.com"})
	for n := range users {
		z.AddUser(zoomsim.User{Email: openerOf(n)})
	}
	api := z.API()
	z.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/meetings") {
			w = &answering{w, z, time.Now()}
		}
		api.ServeHTTP(w, r)
	})}
	go z.server.Serve(listener)
	return z, nil
}

// answering measures how long it takes until an answer begins.
type answering struct {
	http.ResponseWriter
	zoom  *simulator
	begin time.Time
}

func (a *answering) WriteHeader(status int) {
	a.zoom.mu.Lock()
	a.zoom.created = append(a.zoom.created, time.Since(a.begin))
	a.zoom.mu.Unlock()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (z *simulator) heal() {
	z.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Latency: zoomTakes} })
}

// outages are the ways in which Zoom is down.
var outages = []struct {
	name     string
	begin    func(*simulator)
	definite bool // it is certain that Zoom created nothing
	silent   bool
}{
	{"refuses connections", func(z *simulator) { z.server.Close() }, true, false},
	{"answers 502", func(z *simulator) { z.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Down: true} }) }, false, false},
	{"never answers", (*simulator).fallSilent, false, true},
}

func (z *simulator) fallSilent() {
	z.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Latency: time.Hour} })
}

// takeCreated returns the times of the calls since it was called last.
func (z *simulator) takeCreated() []time.Duration {
	z.mu.Lock()
	defer z.mu.Unlock()
	list := z.created
	z.created = nil
	return list
}

// desk is a Drawbridge that uses a simulator, and where incidents are opened.
type desk struct {
	*server
	zoom  *simulator
	token string
}

func nameOf(n int) string   { return fmt.Sprintf("outage %04d", n) }
func openerOf(n int) string { return fmt.Sprintf("opener-%04d@example.com", n) }

// desk starts both on an empty database, with more settings of the account as YAML. It
// returns when the wanted standby meetings are ready.
func (h *harness) desk(ctx context.Context, onPostgres bool, users, standby int, settings string) (d *desk, err error) {
	zoom, err := startZoom(users)
	if err != nil {
		return nil, err
	}
	dir, address, addr, remove, err := h.fresh(ctx, onPostgres)
	if err != nil {
		zoom.server.Close()
		return nil, err
	}
	s, err := h.drawbridgeAt(ctx, h.binary, dir, address, addr, func() { zoom.server.Close(); remove() })
	if err != nil {
		zoom.server.Close()
		return nil, err
	}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	config := account + fmt.Sprintf("  standby_meetings: %d\n", standby) + settings + `runbooks:
  - {name: Bench, steps: [{kind: create_meeting, execute_automatically: true, topic: "{{ incident.name }}"}]}
`
	if _, err := h.command(ctx, dir, address, config, "apply", "-"); err != nil {
		return nil, err
	}
	token, err := h.command(ctx, dir, address, "", "token", "create", "--name", "bench", "--scope", "incidents:write,read")
	if err != nil {
		return nil, err
	}
	s.launch = func() (*process, error) {
		cmd := exec.Command(h.binary, "serve")
		cmd.Dir = dir
		cmd.Env = append(environment(dir, address, addr), "DRAWBRIDGE_ZOOM_API_URL=http://"+zoom.addr+"/v2", "DRAWBRIDGE_ZOOM_OAUTH_URL=http://"+zoom.addr+"/oauth/token")
		return start(cmd, filepath.Join(dir, "log"))
	}
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	driver := "pgx"
	if !onPostgres {
		driver, address = "sqlite", "file:"+filepath.Join(dir, "drawbridge.db")+"?mode=ro"
	}
	err = await(ctx, time.Minute, func() (bool, error) {
		n, err := query(ctx, driver, address, `SELECT COUNT(*) FROM standby_meetings WHERE state = 'ready'`)
		return err == nil && n[0] >= int64(standby), err
	})
	if err != nil {
		return nil, fmt.Errorf("%d standby meetings: %w", standby, err)
	}
	awaitIdle(ctx, s.pids, 10*time.Second)
	zoom.heal()
	zoom.takeCreated()
	return &desk{s, zoom, strings.TrimSpace(token)}, nil
}

// await waits until done, at most for limit.
func await(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// opened is the answer to somebody who opened an incident.
type opened struct {
	waited time.Duration
	rung   string // "": no link
}

// open opens incident n on a connection of its own.
func (d *desk) open(ctx context.Context, n int) (o opened, err error) {
	body := fmt.Sprintf(`{"runbook": "Bench", "name": %q, "severity": "SEV1", "opener_email": %q}`, nameOf(n), openerOf(n))
	request := fmt.Appendf(nil, "POST /api/v1/incidents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", d.token, len(body), body)
	begin := time.Now()
	status, answer, err := fetch(ctx, d.addr, request)
	o.waited = time.Since(begin)
	var got struct {
		Bridges []struct {
			Kind    string
			JoinURL string `json:"join_url"`
			Backup  bool   `json:"used_backup_user"`
		}
	}
	if err == nil {
		err = json.Unmarshal(answer, &got)
	}
	if err != nil || status != http.StatusCreated || len(got.Bridges) != 1 {
		return o, fmt.Errorf("opening an incident was answered with %d %s, %w", status, answer, err)
	}
	switch b := got.Bridges[0]; {
	case b.JoinURL == "":
	case b.Kind == "meeting" && b.Backup:
		o.rung = "host pool"
	case b.Kind == "meeting":
		o.rung = "opener"
	default:
		o.rung = b.Kind
	}
	return o, nil
}

// ownTime opens incidents one after the other.
func (h *harness) ownTime(ctx context.Context, onPostgres bool, count int) (caller, zoom, own result, err error) {
	d, err := h.desk(ctx, onPostgres, count, 0, "")
	if err != nil {
		return
	}
	defer d.end()
	for n := range count {
		o, err := d.open(ctx, n)
		calls := d.zoom.takeCreated()
		if err == nil && (o.rung != "opener" || len(calls) != 1) {
			err = fmt.Errorf("incident %d got its link from %q after %d calls", n, o.rung, len(calls))
		}
		if err != nil {
			return caller, zoom, own, err
		}
		caller.latencies = append(caller.latencies, o.waited)
		zoom.latencies = append(zoom.latencies, calls[0])
		own.latencies = append(own.latencies, o.waited-calls[0])
	}
	return caller.sort(), zoom.sort(), own.sort(), nil
}

// staticLink are the settings that make a static link the last rung.
const staticLink = "  static_links: [{name: War room, url: \"https://meet.example.com/war\"}]\n"

// outage opens incidents one after the other while Zoom is down, and returns how long
// each took. All get their link from rung.
func (h *harness) outage(ctx context.Context, onPostgres bool, begin func(*simulator), rung string) (waits []time.Duration, err error) {
	standby, settings := standbys, ""
	if rung == "static" {
		standby, settings = 0, staticLink
	}
	d, err := h.desk(ctx, onPostgres, inOutage, standby, settings)
	if err != nil {
		return nil, err
	}
	defer d.end()
	begin(d.zoom)
	for n := range inOutage {
		o, err := d.open(ctx, n)
		if err == nil && o.rung != rung {
			err = fmt.Errorf("incident %d got its link from %q, not from %q", n, o.rung, rung)
		}
		if err != nil {
			return nil, err
		}
		waits = append(waits, o.waited)
	}
	return waits, nil
}

// storm is what came of many incidents, one each 100 ms.
type storm struct {
	waits result
	rungs map[string]int // number of incidents by rung
	most  int            // the most meetings that one incident has in the end
}

func (h *harness) storm(ctx context.Context, onPostgres, down bool, brake, count int) (s storm, err error) {
	d, err := h.desk(ctx, onPostgres, count, standbys, staticLink+fmt.Sprintf("  storm_limit: %d\n", brake))
	if err != nil {
		return s, err
	}
	defer d.end()
	if down {
		d.zoom.fallSilent()
	}
	var group sync.WaitGroup
	all, errs := make([]opened, count), make([]error, count)
	for n := range count {
		group.Go(func() {
			time.Sleep(time.Duration(n) * 100 * time.Millisecond)
			all[n], errs[n] = d.open(ctx, n)
		})
	}
	group.Wait()
	s.rungs = map[string]int{}
	for n, o := range all {
		if errs[n] != nil {
			return s, errs[n]
		}
		s.rungs[o.rung]++
		s.waits.latencies = append(s.waits.latencies, o.waited)
	}
	s.waits.sort()
	d.zoom.heal()
	// When Zoom is back, standby meetings get the names of their incidents.
	err = await(ctx, time.Minute, func() (bool, error) {
		live, named := map[string]int{}, 0
		for _, m := range d.zoom.Meetings() {
			if m.Status != "deleted" && strings.HasPrefix(m.Topic, "outage") {
				live[m.Topic]++
				named++
				s.most = max(s.most, live[m.Topic])
			}
		}
		return named >= count-s.rungs["static"]-s.rungs[""], nil
	})
	if err != nil {
		return s, fmt.Errorf("naming the standby meetings: %w", err)
	}
	return s, nil
}
