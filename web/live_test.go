package web_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// stream is an open live page.
type stream struct {
	t     *testing.T
	close func()
	lines *bufio.Scanner
}

func (b *browser) stream(t *testing.T, topic string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.w.url+"/live?topic="+topic, nil)
	b.w.must(err)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := noRedirect.Do(r)
	b.w.must(err)
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %v", response.StatusCode, response.Header)
	}
	return &stream{t, cancel, bufio.NewScanner(response.Body)}
}

// next returns the next event, or "" when the stream has ended.
func (s *stream) next() string {
	s.t.Helper()
	event := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if line == "" && event != "" {
			return event
		}
		if !strings.HasPrefix(line, ":") {
			event += line + "\n"
		}
	}
	return ""
}

func (w *world) runLive(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.site.Live.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		w.must(<-done)
	})
}

const changed = "event: changed\ndata: changed\n"

func TestLive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	t.Run("a message says that something changed but not what", func(t *testing.T) {
		w := newWorld(t)
		w.runLive(t)
		s := w.loggedIn(incident.Viewer).stream(t, "events")
		if got := s.next(); got != changed {
			t.Fatalf("at first: %q", got)
		}
		w.deliver(secretToken, started(1))
		_, err := w.service.ReadEvents(t.Context())
		w.must(err)
		if got := s.next(); got != changed {
			t.Errorf("after an event: %q", got)
		}
		s.close()
	})
	t.Run("unknown topics are rejected", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		for _, topic := range []string{"", "secrets", "incident:0", "incident:x", "incident:1%0aevents", "Events", "events,", ",events", "events,secrets", "events,bridges,incidents,runbooks,account,incident:1,incident:2,incident:3,incident:4,incident:5"} {
			if r := b.get("/live?topic=" + topic); r.status != http.StatusBadRequest {
				t.Errorf("%q: status %d, want 400", topic, r.status)
			}
		}
	})
	t.Run("the topics of every page are accepted", func(t *testing.T) {
		w := newWorld(t)
		w.runLive(t)
		b := w.loggedIn(incident.Viewer)
		seen := map[string]bool{}
		files, err := filepath.Glob("../views/testdata/*.html")
		w.must(err)
		for _, file := range files {
			page, err := os.ReadFile(file)
			w.must(err)
			for _, m := range regexp.MustCompile(`data-db-topic="([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
				if topic := m[1]; !seen[topic] {
					seen[topic] = true
					s := b.stream(t, topic)
					if got := s.next(); got != changed {
						t.Errorf("%s: %s: %q", filepath.Base(file), topic, got)
					}
					s.close()
				}
			}
		}
		if len(seen) < 5 {
			t.Errorf("only %d topics were found", len(seen))
		}
	})
	t.Run("A-13 A-16 a stream ends with its session", func(t *testing.T) {
		for name, end := range map[string]func(*world, *browser){
			"logout": func(_ *world, b *browser) { b.post("/logout", nil) },
			"disabled": func(w *world, _ *browser) {
				u, err := w.store.UserByEmail(context.Background(), "viewer@example.com")
				w.must(err)
				w.must(w.service.SetDisabled(context.Background(), commandLine, u.ID, true))
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.runLive(t)
				b := w.loggedIn(incident.Viewer)
				s := b.stream(t, "events")
				s.next()
				end(w, b)
				begun := time.Now()
				if got := s.next(); got != "" {
					t.Errorf("the stream continues: %q", got)
				}
				if took := time.Since(begun); took > 6*time.Second {
					t.Errorf("it ended after %v", took)
				}
			})
		}
	})
	t.Run("readers that disconnect are removed", func(t *testing.T) {
		w := newWorld(t)
		w.runLive(t) // it answers at once, not after 15 seconds
		b := w.loggedIn(incident.Viewer)
		streams := []*stream{b.stream(t, "events"), b.stream(t, "incident:42,bridges")}
		if n := w.site.Live.Readers(); n != 2 {
			t.Fatalf("%d readers, want 2", n)
		}
		for _, s := range streams {
			s.close()
		}
		for w.site.Live.Readers() > 0 { // the test's time limit ends this loop
			b.get("/livez")
		}
	})
}

// TestServe is O-01: running requests are answered, live pages end, and new
// connections are rejected.
func TestServe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runLive(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(ctx, ln) }()
	w.url = "http://" + ln.Addr().String()

	if r := w.deliver(secretToken, started(1)); r.status != http.StatusOK {
		t.Fatalf("status %d", r.status)
	}
	s := w.loggedIn(incident.Viewer).stream(t, "events")
	s.next()
	// Half of this webhook has arrived when the shutdown begins.
	body := started(2)
	conn, err := net.Dial("tcp", ln.Addr().String())
	w.must(err)
	defer conn.Close()
	head := "POST /webhook HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nX-Zm-Request-Timestamp: " + w.ts() + "\r\nX-Zm-Signature: " + sign(secretToken, w.ts(), body) + "\r\n\r\n"
	_, err = io.WriteString(conn, head)
	w.must(err)
	answers := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; { // "100 Continue": the server has begun to read the body
		line, err = answers.ReadString('\n')
		w.must(err)
	}
	_, err = conn.Write(body[:10])
	w.must(err)

	stop()
	if got := s.next(); got != "" {
		t.Errorf("the live page continues: %q", got)
	}
	_, err = conn.Write(body[10:])
	w.must(err)
	r, err := http.ReadResponse(answers, nil)
	w.must(err)
	if r.StatusCode != http.StatusOK || w.events() != 2 {
		t.Errorf("status %d, %d events", r.StatusCode, w.events())
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the server still listens")
	}
}
