package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// harness holds what the contenders share.
type harness struct {
	repo     string // of Drawbridge
	dir      string // for all files of the run, on the disk that is measured
	binary   string // Drawbridge, built from repo
	wordless string // Drawbridge without a search index
	self     string // this program
	node     string // "": skip the sample
	postgres *postgres
	busy     string // warning that other programs use the machine
}

// contender is one way to receive webhooks.
type contender struct {
	key    string // short name
	name   string
	stored string // is the event stored when 200 is sent?
	fill   int64  // events for measuring the size: about five seconds' worth
	start  func(ctx context.Context) (*server, error)
}

// server is a running contender. Its database was empty at the start.
type server struct {
	addr    string
	launch  func() (*process, error)
	process *process
	others  func() []int                               // other processes that work for it: PostgreSQL
	ids     func(ctx context.Context) ([]int64, error) // meetings of the stored events; nil: it stores none
	bytes   func(ctx context.Context) (int64, error)   // size of its database
	rows    func(ctx context.Context) (int64, error)   // size of the events and their indexes by type and meeting; nil: unknown
	remove  func()                                     // removes its database
}

// begin starts s, waits until it has answered an event with 200, and returns how
// long that took.
func (s *server) begin(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	var err error
	if s.process, err = s.launch(); err != nil {
		return 0, err
	}
	if err := s.process.awaitWebhook(ctx, s.addr); err != nil {
		s.process.kill()
		return 0, err
	}
	return time.Since(began), nil
}

func (s *server) end() {
	if s.process != nil {
		s.process.stop()
	}
	s.remove()
}

func (s *server) pids() []int {
	pids := tree(s.process.pid())
	if s.others != nil {
		pids = append(pids, s.others()...)
	}
	return pids
}

func (h *harness) contenders() []contender {
	list := []contender{
		{key: "verify", name: "echo v4, verify and discard", stored: "no", start: h.peer("verify")},
		{key: "sqlite", name: "**Drawbridge on SQLite**", stored: "yes, synced", fill: 100_000, start: h.drawbridge(h.binary, false)},
		{key: "wordless", name: "same, without search index", stored: "yes, synced", start: h.drawbridge(h.wordless, false)},
		{key: "each", name: "SQLite, one transaction per event", stored: "yes, synced", fill: 20_000, start: h.peer("each")},
	}
	if h.postgres != nil {
		list = append(list, contender{key: "postgres", name: "**Drawbridge on PostgreSQL**", stored: "yes, synced", fill: 100_000, start: h.drawbridge(h.binary, true)})
	}
	if h.postgres != nil && h.node != "" {
		list = append(list,
			contender{key: "sample", name: "Zoom’s sample (Node, PostgreSQL)", stored: "no: 200, then INSERT", start: h.sample("before")},
			contender{key: "awaiting", name: "same, answers after INSERT", stored: "yes, synced", start: h.sample("after")},
		)
	}
	return list
}

// peer starts this program as a peer in its own process.
func (h *harness) peer(kind string) func(context.Context) (*server, error) {
	return func(ctx context.Context) (*server, error) {
		dir, addr, err := h.place(kind)
		if err != nil {
			return nil, err
		}
		s := &server{addr: addr, remove: func() { os.RemoveAll(dir) }}
		s.launch = func() (*process, error) {
			return start(exec.Command(h.self, "serve", kind, addr, dir), filepath.Join(dir, "log"))
		}
		if kind == "each" {
			s.ids = func(ctx context.Context) ([]int64, error) {
				return query(ctx, "sqlite", "file:"+filepath.Join(dir, plainFile), `SELECT meeting_id FROM events`)
			}
			s.bytes = func(context.Context) (int64, error) { return dirSize(dir) }
			s.rows = inSQLite(filepath.Join(dir, plainFile))
		}
		return s, nil
	}
}

// inSQLite measures the tables and indexes that both SQLite contenders have.
func inSQLite(file string) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		n, err := query(ctx, "sqlite", "file:"+file+"?mode=ro",
			`SELECT SUM(pgsize) FROM dbstat WHERE name IN ('events', 'events_event', 'events_meeting')`)
		if err != nil || len(n) == 0 {
			return 0, errors.Join(err, errors.New("no size"))
		}
		return n[0], nil
	}
}

// place returns a new directory and a free address.
func (h *harness) place(name string) (dir, addr string, err error) {
	if addr, err = freeAddr(); err != nil {
		return
	}
	dir, err = os.MkdirTemp(h.dir, name+"-")
	return
}

// account configures Drawbridge to receive events. Only the secret token matters;
// nothing is sent to Zoom.
const account = `account:
  auth: server_to_server
  account_id: bench
  client_id: bench
  client_secret: bench-client-secret
  webhook_secret_tokens: ["` + secret + `"]
  backup_user_email: backup@example.com
`

func (h *harness) drawbridge(binary string, onPostgres bool) func(context.Context) (*server, error) {
	return func(ctx context.Context) (*server, error) {
		dir, address, addr, remove, err := h.fresh(ctx, onPostgres)
		if err != nil {
			return nil, err
		}
		return h.drawbridgeAt(ctx, binary, dir, address, addr, remove)
	}
}

// fresh returns an empty database for Drawbridge, a directory and a free address.
func (h *harness) fresh(ctx context.Context, onPostgres bool) (dir, address, addr string, remove func(), err error) {
	if dir, addr, err = h.place("drawbridge"); err != nil || !onPostgres {
		return dir, "", addr, func() { os.RemoveAll(dir) }, err
	}
	address, drop, err := h.postgres.database(ctx, "drawbridge_bench")
	return dir, address, addr, func() { drop(); os.RemoveAll(dir) }, err
}

// drawbridgeAt is Drawbridge on a database that may already have data.
func (h *harness) drawbridgeAt(ctx context.Context, binary, dir, address, addr string, remove func()) (*server, error) {
	if _, err := h.command(ctx, dir, address, account, "apply", "-"); err != nil {
		remove()
		return nil, err
	}
	s := &server{addr: addr, remove: remove}
	s.launch = func() (*process, error) {
		cmd := exec.Command(binary, "serve")
		cmd.Dir, cmd.Env = dir, environment(dir, address, addr)
		return start(cmd, filepath.Join(dir, "log"))
	}
	if address == "" {
		s.ids = func(ctx context.Context) ([]int64, error) {
			return query(ctx, "sqlite", "file:"+filepath.Join(dir, "drawbridge.db")+"?mode=ro", `SELECT meeting_id FROM events`)
		}
		s.bytes = func(context.Context) (int64, error) { return dirSize(dir) }
		s.rows = inSQLite(filepath.Join(dir, "drawbridge.db"))
		return s, nil
	}
	s.others = h.postgres.pids
	s.ids, s.bytes = inPostgres(address, `SELECT meeting_id FROM events`)
	return s, nil
}

// command runs a Drawbridge command and returns its output.
func (h *harness) command(ctx context.Context, dir, address, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.binary, args...)
	cmd.Dir, cmd.Env = dir, environment(dir, address, "")
	cmd.Stdin = bytes.NewReader([]byte(input))
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("drawbridge %s: %w\n%s", args[0], err, problems.Bytes())
	}
	return out.String(), nil
}

func environment(dir, address, addr string) []string {
	env := []string{"HOME=" + dir, "PATH=/usr/bin:/bin", "DRAWBRIDGE_DATA_DIR=" + dir, "DRAWBRIDGE_DATABASE_URL=" + address,
		"DRAWBRIDGE_LOG_LEVEL=warn",
		// Nothing listens there, so no packet leaves this machine.
		"DRAWBRIDGE_ZOOM_API_URL=http://127.0.0.1:9", "DRAWBRIDGE_ZOOM_OAUTH_URL=http://127.0.0.1:9/oauth/token"}
	if addr != "" {
		env = append(env, "DRAWBRIDGE_ADDR="+addr)
	}
	return env
}

// sample is Zoom's sample, which stores events in PostgreSQL.
func (h *harness) sample(answer string) func(context.Context) (*server, error) {
	return func(ctx context.Context) (*server, error) {
		dir, addr, err := h.place("sample")
		if err != nil {
			return nil, err
		}
		address, drop, err := h.postgres.database(ctx, "sample_bench")
		if err != nil {
			return nil, err
		}
		s := &server{addr: addr, others: h.postgres.pids, remove: func() { drop(); os.RemoveAll(dir) }}
		s.launch = func() (*process, error) {
			cmd := exec.Command(h.node, filepath.Join(h.repo, "bench", "sample", "server.js"))
			cmd.Dir = dir
			cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "NODE_ENV=production", "ANSWER=" + answer, "ADDR=" + addr,
				"DATABASE_URL=" + address, "ZOOM_WEBHOOK_SECRET_TOKEN=" + secret}
			return start(cmd, filepath.Join(dir, "log"))
		}
		s.ids, s.bytes = inPostgres(address, `SELECT meetingid FROM events`)
		return s, nil
	}
}

func inPostgres(address, meetings string) (ids func(context.Context) ([]int64, error), size func(context.Context) (int64, error)) {
	return func(ctx context.Context) ([]int64, error) { return query(ctx, "pgx", address, meetings) },
		func(ctx context.Context) (int64, error) {
			n, err := query(ctx, "pgx", address, `SELECT pg_database_size(current_database())`)
			if err != nil || len(n) == 0 {
				return 0, errors.Join(err, errors.New("no size"))
			}
			return n[0], nil
		}
}

// install installs the sample's packages from its lock file.
func (h *harness) install(ctx context.Context) error {
	dir := filepath.Join(h.repo, "bench", "sample")
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	if have, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && !have.ModTime().Before(lock.ModTime()) {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in bench/sample: %w\n%s", err, out)
	}
	return nil
}
