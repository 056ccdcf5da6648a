//go:build unix

package dbtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// watch runs the server until its standard input ends, which happens when the
// test program ends, however it ends. Then it removes the directory.
const watch = `
trap '' INT TERM HUP
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c max_connections=300 -c shared_buffers=32MB >"$2/log" 2>&1 &
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
wait
rm -rf "$2"
`

// startServer creates a cluster in a temporary directory and starts it on a
// socket there. control kills all of its processes at once, like a crash, for "stop"
// and "restart", which starts it again.
func startServer() (address string, control func(string) error, err error) {
	bin, ok := binaries()
	if !ok {
		return "", nil, errNone
	}
	who, err := serverUser()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "drawbridge-pg-") // short: a socket's path is at most 107 bytes
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	attr := &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests must not reach the server
	if who != nil {
		attr.Credential = who
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return "", nil, err
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.SysProcAttr = dir, attr
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
		return cmd
	}
	initdb := command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	in, out, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	lifelines = append(lifelines, out)
	sh := command("/bin/sh", "-c", watch, "sh", bin, dir)
	sh.Stdin = in
	if err := sh.Start(); err != nil {
		return "", nil, err
	}
	in.Close()
	address = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := awaitServer(ctx, address); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", nil, fmt.Errorf("%w\n%s", err, log)
	}
	return address, func(verb string) error {
		// pg_ctl finds the options of the first start in a file.
		return command(filepath.Join(bin, "pg_ctl"), "-D", filepath.Join(dir, "data"), "-m", "immediate", "-l", filepath.Join(dir, "log"), "-w", verb).Run()
	}, nil
}

// lifelines are the standard inputs of the servers. They are kept here because
// the garbage collector closes a file that nothing refers to.
var lifelines []*os.File

// binaries returns the directory of the newest PostgreSQL server on this
// machine.
func binaries() (dir string, ok bool) {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql*/bin/initdb"} {
		paths, _ := filepath.Glob(pattern)
		found = append(found, paths...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", false
	}
	slices.SortStableFunc(found, func(a, b string) int { return version(b) - version(a) })
	return filepath.Dir(found[0]), true
}

// version returns the number in a path such as
// /usr/lib/postgresql/15/bin/initdb.
func version(path string) (n int) {
	for _, r := range path {
		if r >= '0' && r <= '9' {
			n = 10*n + int(r-'0')
		}
	}
	return n
}

// serverUser returns the user that runs the server; nil means the current user.
// PostgreSQL refuses to run as root, so root uses the user postgres.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (PostgreSQL refuses to run as root, and there is no user postgres)", errNone)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
