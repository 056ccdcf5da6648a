package handlers

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const (
	livePoll      = 300 * time.Millisecond
	liveKeepAlive = 15 * time.Second // proxies close connections that are silent for long
	liveRecheck   = 5 * time.Second  // longest time a stream outlives its session
	liveWrite     = 10 * time.Second // a browser that reads more slowly is dropped
	liveMax       = 2000
	liveTopics    = 6 // that one page can watch
)

// Live tells open pages that their content has changed. One loop asks the
// store on behalf of all of them.
type Live struct {
	pulse func(ctx context.Context, topics []string) (map[string]int64, error)
	log   *slog.Logger

	mu      sync.Mutex
	readers map[*liveReader]struct{}
	stopped bool
	arrived chan struct{} // wakes Run for a new reader
}

// liveReader is one open page. changed holds at most one message: a slow reader learns
// that something changed, but not how often.
type liveReader struct {
	topics  []string
	seen    []int64 // version of each topic; -1 at first
	changed chan struct{}
	stop    chan struct{} // closed when the server stops
}

// NewLive makes a Live, which does nothing until Run runs. pulse returns the
// versions of topics.
func NewLive(pulse func(ctx context.Context, topics []string) (map[string]int64, error), log *slog.Logger) *Live {
	return &Live{pulse: pulse, log: log, readers: map[*liveReader]struct{}{}, arrived: make(chan struct{}, 1)}
}

// Run polls for changes while someone listens. When ctx ends, it ends all
// streams and returns nil.
func (l *Live) Run(ctx context.Context) error {
	defer l.Stop()
	healthy := true
	tick := time.NewTicker(livePoll)
	defer tick.Stop()
	for {
		poll := tick.C
		if topics := l.topics(); len(topics) == 0 {
			poll = nil // nobody listens, so wait for a reader
		} else {
			versions, err := l.pulse(ctx, topics)
			if err != nil && healthy && ctx.Err() == nil {
				l.log.Warn("live updates are waiting for the database", "error", err)
			}
			healthy = err == nil
			if healthy {
				l.tell(versions)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.arrived:
		case <-poll:
		}
	}
}

// Stop ends all streams and accepts no new ones.
func (l *Live) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for r := range l.readers {
		close(r.stop)
	}
	clear(l.readers)
}

// Readers is the number of pages that listen.
func (l *Live) Readers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readers)
}

func (l *Live) topics() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	topics := map[string]struct{}{}
	for r := range l.readers {
		for _, topic := range r.topics {
			topics[topic] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(topics))
}

// tell wakes the readers that haven't seen these versions. A new reader has seen none,
// because its page was rendered before it listened, so it refreshes once.
func (l *Live) tell(versions map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.readers {
		news := false
		for i, topic := range r.topics {
			version, read := versions[topic]
			if read && version != r.seen[i] {
				r.seen[i], news = version, true
			}
		}
		if !news {
			continue
		}
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

func (l *Live) join(topics []string) (*liveReader, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.readers) >= liveMax {
		return nil, false
	}
	r := &liveReader{topics: topics, seen: slices.Repeat([]int64{-1}, len(topics)), changed: make(chan struct{}, 1), stop: make(chan struct{})}
	l.readers[r] = struct{}{}
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return r, true
}

func (l *Live) leave(r *liveReader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.readers, r)
}

var liveTopic = regexp.MustCompile(`^(events|bridges|incidents|runbooks|account|drills|leftovers|retention|incident:[1-9][0-9]{0,17})$`)

// Stream is GET /live?topic=…,…: server-sent events without data. "changed" tells the
// page to refresh.
func (s *Site) Stream(c echo.Context) error {
	topics := strings.SplitN(c.QueryParam("topic"), ",", liveTopics+1)
	for _, topic := range topics {
		if len(topics) > liveTopics || !liveTopic.MatchString(topic) {
			return BadRequest("There is no topic %s.", quote(topic))
		}
	}
	reader, ok := s.Live.join(topics)
	if !ok {
		return &incident.Error{Code: incident.Unavailable, Message: "Too many pages have live updates. Reload this one to see changes."}
	}
	defer s.Live.leave(reader)

	send := sender(c, liveWrite)
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	s.stream(c.Request().Context(), reader, s.sessionToken(c), func(text string) error { return send([]byte(text)) })
	return nil // the response has begun, so it can't become an error
}

// sender lifts the time limit of a response and returns the function that
// writes to it. A write fails if it takes longer than limit.
func sender(c echo.Context, limit time.Duration) func(text []byte) error {
	control := http.NewResponseController(c.Response())
	// The server's deadlines are for short requests.
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	return func(text []byte) error {
		// A deadline in the past aborts a write that hangs.
		cut := time.AfterFunc(limit, func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
		defer cut.Stop()
		if _, err := c.Response().Write(text); err != nil {
			return err
		}
		return control.Flush()
	}
}

func (s *Site) stream(ctx context.Context, reader *liveReader, token string, send func(string) error) {
	keepAlive := time.NewTicker(liveKeepAlive)
	defer keepAlive.Stop()
	recheck := time.NewTicker(liveRecheck)
	defer recheck.Stop()
	for {
		text := ""
		select {
		case <-ctx.Done():
			return
		case <-reader.stop:
			return
		case <-reader.changed:
			text = "event: changed\ndata: changed\n\n"
		case <-keepAlive.C:
			text = ": still here\n\n"
		case <-recheck.C:
			user, err := s.Service.SessionUser(ctx, token)
			if err == nil && !user.Role.Includes(incident.Viewer) {
				return
			}
			continue
		}
		if send(text) != nil {
			return
		}
	}
}
