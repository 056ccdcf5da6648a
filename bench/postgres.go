package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgres is a PostgreSQL server with default settings: it syncs at every commit.
type postgres struct {
	url     string
	process *process // nil if TEST_POSTGRES_URL names a running server
	dir     string
}

var errNoPostgres = errors.New("no PostgreSQL: set TEST_POSTGRES_URL or install it (on Debian: apt-get install postgresql)")

// startPostgres creates its own cluster in base. Run by root, it does so as the
// user postgres, because PostgreSQL refuses to run as root.
func startPostgres(ctx context.Context, base string) (*postgres, error) {
	if u := os.Getenv("TEST_POSTGRES_URL"); u != "" {
		return &postgres{url: u}, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, errNoPostgres
	}
	bin := filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return versionIn(a) - versionIn(b) }))
	dir, err := os.MkdirTemp(base, "drawbridge-bench-pg-")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir}
	attr, err := p.asOtherUser()
	if err != nil {
		p.stop()
		return nil, err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
		cmd.SysProcAttr = attr
		return cmd
	}
	out, err := command("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions").CombinedOutput()
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p.process, err = start(command("postgres", "-D", "data", "-k", dir, "-c", "listen_addresses="), filepath.Join(dir, "log"))
	if err != nil {
		p.stop()
		return nil, err
	}
	p.url = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := p.exec(ctx, `SELECT 1`)
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			defer p.stop()
			return nil, p.process.fault(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *postgres) asOtherUser() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (there is no user postgres)", errNoPostgres)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(p.dir, uid, gid)
}

// versionIn is the number in /usr/lib/postgresql/15/bin/initdb.
func versionIn(path string) (n int) {
	for _, r := range path {
		if r >= '0' && r <= '9' {
			n = 10*n + int(r-'0')
		}
	}
	return n
}

func (p *postgres) stop() {
	if p.process != nil {
		_ = p.process.cmd.Process.Signal(syscall.SIGINT) // ends open sessions
		<-p.process.done
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// pids are the server's processes, none for a server that we did not start.
func (p *postgres) pids() []int {
	if p.process == nil {
		return nil
	}
	return tree(p.process.pid())
}

func (p *postgres) exec(ctx context.Context, text string) error {
	conn, err := sql.Open("pgx", p.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.ExecContext(ctx, text)
	return err
}

func (p *postgres) version(ctx context.Context) (v string) {
	if conn, err := sql.Open("pgx", p.url); err == nil {
		defer conn.Close()
		_ = conn.QueryRowContext(ctx, `SHOW server_version`).Scan(&v)
	}
	v, _, _ = strings.Cut(v, " ")
	return v
}

// database creates an empty database and returns its address and a function that
// drops it.
func (p *postgres) database(ctx context.Context, name string) (address string, drop func(), err error) {
	drop = func() {
		_ = p.exec(context.WithoutCancel(ctx), `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
		_ = p.exec(context.WithoutCancel(ctx), `CHECKPOINT`) // so that the next measurement does not pay for it
	}
	drop()
	if err := p.exec(ctx, `CREATE DATABASE `+name); err != nil {
		return "", nil, err
	}
	u, err := url.Parse(p.url)
	if err != nil {
		return "", nil, errors.New("TEST_POSTGRES_URL is not a URL")
	}
	u.Path = "/" + name
	return u.String(), drop, nil
}

// query reads one column of numbers, stored as numbers or text. It skips "".
func query(ctx context.Context, driver, address, text string) (numbers []int64, err error) {
	conn, err := sql.Open(driver, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		if n, err := strconv.ParseInt(s.String, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, rows.Err()
}
