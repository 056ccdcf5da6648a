//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kit holds what the crash tests use: the real program; the control, which is the same
// program but does not wait for the disk; and processes that inspect data directories.
type kit struct {
	real, control string
	inspectors    chan *inspector
	full          bool // the long form
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{real: realProgram(t), control: controlProgram(t), full: os.Getenv("DRAWBRIDGE_CRASH") == "full"}
	inspect := inspectProgram(t)
	k.inspectors = make(chan *inspector, runtime.GOMAXPROCS(0))
	for range cap(k.inspectors) {
		k.inspectors <- &inspector{program: inspect}
	}
	t.Cleanup(func() {
		for range cap(k.inspectors) {
			(<-k.inspectors).stop()
		}
	})
	return k
}

// inspector is a process that inspects data directories; see db/dbtest/inspect.
type inspector struct {
	program string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	err     bytes.Buffer
}

// found is the report of an inspector on a data directory.
type found struct {
	OpenError, ReadError, Integrity, Schema, KeyProblem string
	Tokens                                              int
	Bodies                                              []string
}

// inspect returns an inspector's report on a data directory.
func (k *kit) inspect(dir string) (f found, err error) {
	i := <-k.inspectors
	defer func() { k.inspectors <- i }()
	if i.cmd == nil {
		if err := i.start(); err != nil {
			return f, err
		}
	}
	_, err = io.WriteString(i.in, dir+"\n")
	var line []byte
	if err == nil {
		line, err = i.out.ReadBytes('\n')
	}
	if err != nil {
		i.stop()
		return f, fmt.Errorf("the inspector exited: %w\n%.2000s", err, i.err.String())
	}
	return f, json.Unmarshal(line, &f)
}

func (i *inspector) start() (err error) {
	i.cmd = exec.Command(i.program)
	i.cmd.Stderr = &i.err
	if i.in, err = i.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	i.out = bufio.NewReader(out)
	return i.cmd.Start()
}

func (i *inspector) stop() {
	if i.cmd != nil {
		i.in.Close()
		_ = i.cmd.Wait()
		i.cmd = nil
	}
}

// needStrace skips the test if processes cannot be traced.
func needStrace(t *testing.T) {
	t.Helper()
	if err := exec.Command("strace", "-f", "-o", os.DevNull, "true").Run(); err == nil {
		return
	}
	const why = "strace does not work here: install it (Debian: apt-get install strace) and allow the tests to trace their own processes"
	if os.Getenv("REQUIRE_STRACE") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// process is a program that uses a data directory.
type process struct {
	cmd      *exec.Cmd
	url      string
	out, err lockedBuffer
	ended    chan struct{} // closed when cmd.Wait returned
}

// spawn starts a command, under another one (strace and its arguments) if one is given.
// It is killed when the test ends.
func spawn(t *testing.T, wrapper []string, stdin string, args ...string) *process {
	t.Helper()
	line := slices.Concat(wrapper, args)
	p := &process{cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	p.cmd.Dir = t.TempDir() // no .env
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.cmd.Dir, "TMPDIR=" + p.cmd.Dir,
		"ZOOM_CLIENT_SECRET=" + demoClientSecret, "ZOOM_WEBHOOK_SECRET=" + demoSecretToken}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // also waits for strace, which has the same output
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// wait returns the exit status of a process that exits by itself, -1 after a signal.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(90 * time.Second):
		t.Fatalf("the program did not exit:\n%s", p.err.String())
		return 0
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stopped terminates a server that may already have exited.
func (p *process) stopped(t *testing.T) int {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait(t)
}

// terminate stops a server as a service manager does. The exit status must be 0.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if code := p.stopped(t); code != 0 {
		t.Errorf("the server exited with status %d:\n%s", code, p.err.String())
	}
}

// spawnServer starts the server on a data directory and waits until it answers or
// exits.
func spawnServer(t *testing.T, binary, dir string, wrapper ...string) *process {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	p := spawn(t, wrapper, "", binary, "serve", "--addr", addr, "--data-dir", dir)
	p.url = "http://" + addr
	until(t, "the server answers", func() bool {
		response, err := http.Get(p.url + "/livez")
		if err == nil {
			response.Body.Close()
		}
		return !p.running() || err == nil
	})
	return p
}

// serving starts a server that must answer.
func serving(t *testing.T, binary, dir string) *process {
	t.Helper()
	p := spawnServer(t, binary, dir)
	if !p.running() {
		t.Fatalf("the server exited with status %d:\n%s", p.wait(t), p.err.String())
	}
	return p
}

// configure runs apply on a data directory, so that webhooks are verified.
func configure(t *testing.T, binary, dir string, wrapper ...string) *process {
	t.Helper()
	return spawn(t, wrapper, applied, binary, "apply", "-", "--data-dir", dir)
}

// configured returns a data directory to which the configuration was applied.
func configured(t *testing.T, binary string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	p := configure(t, binary, dir)
	if code := p.wait(t); code != 0 {
		t.Fatalf("apply: status %d, %s", code, p.err.String())
	}
	return dir
}

// noPanic fails the test if the output of a program contains a panic.
func (p *process) noPanic(t *testing.T) {
	t.Helper()
	for _, sign := range []string{"panic:", "fatal error:", "goroutine ", "SIGSEGV"} {
		if text := p.err.String(); strings.Contains(text, sign) {
			t.Errorf("the program panicked:\n%s", text)
			return
		}
	}
}

// inject makes system calls of a running process fail until the returned
// function is called.
func (p *process) inject(t *testing.T, calls, fault string) (end func()) {
	t.Helper()
	tracer := spawn(t, nil, "", "strace", "-f", "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+calls+":"+fault,
		"-p", strconv.Itoa(p.cmd.Process.Pid))
	until(t, "strace is attached", func() bool {
		return strings.Contains(tracer.err.String(), " attached") || !tracer.running()
	})
	if !tracer.running() {
		const why = "strace cannot attach to a process here: run the tests as root, or set kernel.yama.ptrace_scope to 0"
		if os.Getenv("REQUIRE_STRACE") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return func() {
		_ = tracer.cmd.Process.Signal(os.Interrupt)
		tracer.wait(t)
	}
}

// bodies returns n different events as Zoom sends them, most of a usual size and some
// that fill several database pages.
func bodies(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	list := make([][]byte, n)
	for i := range list {
		noise := make([]byte, 300+random.IntN(900))
		if i%3 == 2 {
			noise = make([]byte, 10_000+random.IntN(30_000))
		}
		for j := range noise {
			noise[j] = byte(random.Uint32())
		}
		list[i] = fmt.Appendf(nil, `{"event":"meeting.participant_joined","event_ts":%d,"payload":{"account_id":%q,"object":{"id":"%d",`+
			`"uuid":"uuid%d==","topic":"Crash %d","host_id":"host","participant":{"user_id":"%d","user_name":"Ana","join_time":"2026-11-25T10:00:00Z"},"noise":%q}}}`,
			time.Now().UnixMilli()+int64(i), demoAccountID, 85_000_000_000+i%7, i%7, i, 16_000_000+i, base64.StdEncoding.EncodeToString(noise))
	}
	return list
}

// signed returns an HTTP request with a webhook that is signed as Zoom signs.
func signed(ctx context.Context, url string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/webhook", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(demoSecretToken))
	fmt.Fprintf(mac, "v0:%s:%s", at, body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Zm-Request-Timestamp", at)
	r.Header.Set("X-Zm-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}

// sender is a connection to a server that carries one request after another.
type sender struct {
	conn net.Conn
	in   *bufio.Reader
	url  string
	port int   // of the client's end
	sent []int // the body of each request, by index
}

func newSender(url string) (*sender, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return nil, err
	}
	return &sender{conn: conn, in: bufio.NewReader(conn), url: url, port: conn.LocalAddr().(*net.TCPAddr).Port}, nil
}

// post sends a body and returns the status of the answer.
func (s *sender) post(i int, body []byte) (int, error) {
	r, err := signed(context.Background(), s.url, body)
	if err != nil {
		return 0, err
	}
	s.sent = append(s.sent, i)
	_ = s.conn.SetDeadline(time.Now().Add(60 * time.Second))
	if err := r.Write(s.conn); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(s.in, r)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// delivery is the result of sending bodies: the status of each, 0 without an answer, and
// the longest time to an answer.
type delivery struct {
	status  []int
	slowest time.Duration
	senders []*sender
}

// acked returns the bodies that were answered 200.
func (d delivery) acked() map[int]bool {
	acked := map[int]bool{}
	for i, status := range d.status {
		if status == http.StatusOK {
			acked[i] = true
		}
	}
	return acked
}

// deliver sends all bodies on several connections at once, so that they share commits.
// It stops a connection at its first error.
func deliver(url string, all [][]byte, connections int) delivery {
	type answer struct {
		i, status int
		took      time.Duration
	}
	work, answers := make(chan int, len(all)), make(chan answer, len(all))
	for i := range all {
		work <- i
	}
	close(work)
	d := delivery{status: make([]int, len(all)), senders: make([]*sender, connections)}
	done := make(chan struct{})
	for c := range connections {
		go func() {
			defer func() { done <- struct{}{} }()
			s, err := newSender(url)
			if err != nil {
				return
			}
			d.senders[c] = s
			defer s.conn.Close()
			for i := range work {
				began := time.Now()
				status, err := s.post(i, all[i])
				if err != nil {
					return
				}
				answers <- answer{i, status, time.Since(began)}
			}
		}()
	}
	for range connections {
		<-done
	}
	close(answers)
	for a := range answers {
		d.status[a.i] = a.status
		d.slowest = max(d.slowest, a.took)
	}
	return d
}

// deliverAll delivers to a server that must answer 200 every time.
func deliverAll(t *testing.T, url string, all [][]byte) {
	t.Helper()
	d := deliver(url, all, 4)
	for i, status := range d.status {
		if status != http.StatusOK {
			t.Errorf("event %d: status %d", i, status)
			return
		}
	}
}
