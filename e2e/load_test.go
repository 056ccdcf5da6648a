//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// Under a flood, the real program stores every signed event, keeps answering pages, and
// uses limited memory. The benchmarks measure how long this takes.
func TestLoad(t *testing.T) {
	slow(t)
	binary := realProgram(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, p *process) (events int64)
	}{
		{"L-01 ten thousand webhooks on 200 connections", testBurst},
		{"L-02 forged requests next to Zoom's", testForged},
		{"L-04 thousands of idle connections", testSilent},
		{"L-05 a hundred bodies of 100 MB", testHuge},
		{"L-06 the largest events at the same time", testLargest},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := configured(t, binary)
			p := serving(t, binary, dir)
			events := test.run(t, p)
			if memory := p.peakMemory(t); memory > 256<<20 {
				t.Errorf("the server used %d MiB", memory>>20)
			}
			if lines := strings.Count(p.err.String(), "\n"); lines > 100 {
				t.Errorf("%d log lines; the last one is %.300s", lines, p.err.String()[strings.LastIndexByte(strings.TrimSpace(p.err.String()), '\n')+1:])
			}
			p.terminate(t)
			p.noPanic(t)
			if stored := countEvents(t, dir); stored != events {
				t.Errorf("%d events stored, want %d", stored, events)
			}
		})
	}
}

func testBurst(t *testing.T, p *process) int64 {
	const events = 10_000
	during := make(chan struct{})
	var pages sync.WaitGroup
	pages.Go(func() {
		for {
			if status := p.status(t, "/login"); status != http.StatusOK {
				t.Errorf("the login page: status %d", status)
			}
			select {
			case <-during:
				return
			default:
			}
		}
	})
	p.sendAll(t, client("", 200), 200, events)
	close(during)
	pages.Wait()
	return events
}

func testForged(t *testing.T, p *process) int64 {
	const forged, genuine = 20_000, 500
	evil := client("127.0.0.3", 50)
	var flood sync.WaitGroup
	var next atomic.Int64
	for range 50 {
		flood.Go(func() {
			for n := next.Add(1); n <= forged; n = next.Add(1) {
				r, err := signed(t.Context(), p.url, fmt.Appendf(nil, `{"event":"meeting.ended","n":%d}`, n))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("X-Zm-Signature", "v0="+strings.Repeat("0123456789abcdef", 4))
				response, err := evil.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				drain(response)
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("a forged request: status %d", response.StatusCode)
				}
			}
		})
	}
	p.sendAll(t, client("", 4), 4, genuine)
	flood.Wait()
	return genuine
}

func testSilent(t *testing.T, p *process) int64 {
	const events = 100
	addr := strings.TrimPrefix(p.url, "http://")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.3")}}
	for range 5000 { // more than the server accepts at a time
		conn, err := dialer.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("P")) // may be closed already
	}
	p.sendAll(t, client("127.0.0.2", 8), 8, events)
	if status := p.status(t, "/login"); status != http.StatusOK {
		t.Errorf("the login page: status %d", status)
	}
	return events
}

func testHuge(t *testing.T, p *process) int64 {
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			// Without Content-Length, so that the server must count the bytes itself.
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/webhook", io.LimitReader(zeros{}, 100<<20))
			if err != nil {
				t.Error(err)
				return
			}
			response, err := client("", 1).Do(r)
			if err != nil {
				return // it closed the connection, which is fine too
			}
			drain(response)
			if s := response.StatusCode; s != http.StatusRequestEntityTooLarge && s != http.StatusServiceUnavailable {
				t.Errorf("100 MB: status %d", s)
			}
		})
	}
	all.Wait()
	p.sendAll(t, client("", 4), 4, 100)
	return 100
}

// testLargest sends events that are as large as the server accepts. Each is stored
// in the end, after 503 in between.
func testLargest(t *testing.T, p *process) int64 {
	const events = 20
	var all sync.WaitGroup
	for i := range events {
		all.Go(func() {
			noise := make([]byte, 3<<20/2)
			_, _ = rand.Read(noise) // cannot be compressed
			body := fmt.Appendf(nil, `{"event":"meeting.started","n":%d,"noise":"%x","event_ts":%d}`, i, noise, time.Now().UnixMilli())
			for try := 0; ; try++ {
				r, err := signed(t.Context(), p.url, body)
				if err != nil {
					t.Error(err)
					return
				}
				response, err := client("", 1).Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				drain(response)
				if response.StatusCode == http.StatusOK {
					return
				}
				if response.StatusCode != http.StatusServiceUnavailable || try == 50 {
					t.Errorf("event %d: status %d", i, response.StatusCode)
					return
				}
			}
		})
	}
	all.Wait()
	return events
}

// sendAll posts n signed events on the given number of connections. It retries after
// 503, as Zoom does.
func (p *process) sendAll(t *testing.T, c *http.Client, connections, n int) {
	t.Helper()
	var next, again atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				body := fmt.Appendf(nil, `{"event":"meeting.started","payload":{"object":{"id":"%d"}},"event_ts":%d}`, i, time.Now().UnixMilli())
				for try := 0; ; try++ {
					r, err := signed(t.Context(), p.url, body)
					if err != nil {
						t.Error(err)
						return
					}
					response, err := c.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					drain(response)
					if response.StatusCode == http.StatusOK {
						break
					}
					if again.Add(1); response.StatusCode != http.StatusServiceUnavailable || try == 5 {
						t.Errorf("event %d: status %d", i, response.StatusCode)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if again.Load() > 0 {
		t.Logf("%d deliveries were retried", again.Load())
	}
}

// client returns a client that opens at most this number of connections, all from one
// address of this machine.
func client(from string, connections int) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
	}}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func (p *process) status(t *testing.T, path string) int {
	response, err := http.Get(p.url + path)
	if err != nil {
		t.Error(err)
		return 0
	}
	drain(response)
	return response.StatusCode
}

// peakMemory returns the peak memory of a process, in bytes.
func (p *process) peakMemory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	kilobytes, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// countEvents returns the number of events in a data directory.
func countEvents(t *testing.T, dir string) int64 {
	t.Helper()
	store, err := db.Open(t.Context(), db.Config{DataDir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	n, err := store.EventTotal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
