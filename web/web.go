// Package web is the server round the handlers: which route needs whom, the
// middleware, how an error becomes a status and a page, and how the server
// starts and stops. It knows neither the database nor Zoom.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/netutil"

	"github.com/drawbridge-hq/drawbridge/handlers"
)

// Config is what a Server needs.
type Config struct {
	Site *handlers.Site
	// TrustedProxies may say with X-Forwarded-For and X-Forwarded-Proto who the
	// client is. Nobody else is believed.
	TrustedProxies []netip.Prefix
	// Simulator is served below /simulator/ in the demo; nil elsewhere.
	Simulator http.Handler
}

// Server is the whole site. It is an http.Handler; Serve runs it.
type Server struct {
	http.Handler
	site    *handlers.Site
	log     *slog.Logger
	proxies []netip.Prefix
}

// New builds the site. It starts nothing.
func New(cfg Config) *Server {
	e := echo.New()
	e.IPExtractor, e.SchemeExtractor = extractors(cfg.TrustedProxies)
	m := newMiddleware(cfg.Site)
	e.HTTPErrorHandler = m.answer
	e.Use( // outermost first
		m.requestID,
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
		e.Add(r.Method, r.Path, r.Handler, m.needs(r.Need))
		if r.Method == http.MethodGet && r.Path != "/live" {
			e.Add(http.MethodHead, r.Path, r.Handler, m.needs(r.Need))
		}
	}
	return &Server{Handler: e, site: cfg.Site, log: cfg.Site.Log, proxies: cfg.TrustedProxies}
}

// Routes is the route table of New, for tests that go through all of it.
func Routes(cfg Config) []Route { return routes(cfg, newMiddleware(cfg.Site)) }

// How the server treats connections. There is no limit on a whole answer that
// is short of what the slowest page takes: live pages lift it for themselves.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = time.Minute
	writeTimeout  = time.Minute
	idleTimeout   = time.Minute
	drainTimeout  = 10 * time.Second

	maxHeaderBytes = 16 << 10
	maxConnections = 4096
	maxOfOnePeer   = maxConnections / 4
)

// Serve answers requests from ln until ctx ends. Then it takes no new ones,
// ends live pages, waits up to ten seconds for what is under way, and returns
// nil. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.site.Live.Stop)
	server.RegisterOnShutdown(s.site.StopExports)
	ln = netutil.LimitListener(limitPeers(ln, maxOfOnePeer, s.isProxy), maxConnections)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		s.log.Warn("requests were cut off at the end", "error", err)
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
