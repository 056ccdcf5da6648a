// Package web is the HTTP server around the handlers. It has the route table with
// the access rule of each route, the middleware, the mapping of errors to
// statuses and pages, and the start and stop of the server. It knows neither the
// database nor Zoom.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/netutil"

	"github.com/drawbridge-hq/drawbridge/handlers"
)

// Config holds what New needs.
type Config struct {
	Site *handlers.Site
	// TrustedProxies may set X-Forwarded-For and X-Forwarded-Proto to tell who
	// the client is. These headers are ignored from anyone else.
	TrustedProxies []netip.Prefix
	// Simulator handles the paths under /simulator/ in the demo; otherwise it is
	// nil.
	Simulator http.Handler
}

// Server is the whole site. It is an http.Handler, and Serve runs it.
type Server struct {
	http.Handler
	cfg Config
}

// New builds the site. It starts nothing.
func New(cfg Config) *Server {
	e := echo.New()
	e.IPExtractor, e.SchemeExtractor = extractors(cfg.TrustedProxies)
	m := newMiddleware(cfg.Site)
	e.HTTPErrorHandler = m.answer
	e.Pre(webhookAddress)
	e.Use( // outermost first
		m.headers,
		m.observe,
		m.answers,
		m.recovers,
		m.sameOrigin,
		m.limits,
		m.session,
	)
	for _, r := range routes(cfg, m) {
		m.kinds[r.Path] = r.Kind
		m.recalls[r.Path] = m.recalls[r.Path] || r.Need.recalled
		e.Add(r.Method, r.Path, r.Handler, m.needs(r.Need), m.reads(r.Need))
		if r.Method == http.MethodGet && r.Path != "/live" {
			e.Add(http.MethodHead, r.Path, r.Handler, m.needs(r.Need), m.reads(r.Need))
		}
	}
	return &Server{e, cfg}
}

// Routes returns the route table of New, for tests that check every route.
func Routes(cfg Config) []Route { return routes(cfg, newMiddleware(cfg.Site)) }

// maxConnections limits how many connections are open at a time. One client gets a
// quarter of them at most.
const maxConnections = 4096

// Serve answers requests from ln until ctx ends. It then accepts no new requests,
// ends live pages, waits up to ten seconds for running requests, and returns nil.
// It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	site := s.cfg.Site
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		// This covers a whole answer, so it must be longer than the slowest page
		// takes. Live pages and exports lift it for themselves.
		WriteTimeout:   time.Minute,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(site.Log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(site.Live.Stop)
	server.RegisterOnShutdown(site.StopExports)
	peers := &peerListener{Listener: ln, most: maxConnections / 4, trusted: s.cfg.TrustedProxies, open: map[netip.Addr]int{}}
	ln = netutil.LimitListener(peers, maxConnections)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		site.Log.Warn("requests were cut off at shutdown", "error", err)
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
