package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
)

// Program holds the parts that a command works with, opened and connected.
type Program struct {
	Store   *db.Store
	Service *incident.Service

	cfg Config
	now func() time.Time
	log *slog.Logger
}

// Open opens the store and creates the service. It starts nothing.
func Open(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) (*Program, error) {
	keys, err := cfg.keyring()
	if err != nil {
		return nil, err
	}
	store, err := db.Open(ctx, db.Config{DataDir: cfg.DataDir, DatabaseURL: cfg.DatabaseURL, Keys: keys, Now: now, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	service := incident.New(incident.Config{
		Store: store, Now: now, Log: log,
		ZoomHTTP:     outbound(cfg),
		ZoomAPIURL:   cfg.ZoomAPIURL,
		ZoomOAuthURL: cfg.ZoomOAuthURL,
		ZoomDomains:  cfg.ZoomDomains,
		PublicURL:    cfg.publicURL(),
		JournalPath:  cmp.Or(cfg.journal, journalFile(cfg.DataDir, 1)),
	})
	return &Program{Store: store, Service: service, cfg: cfg, now: now, log: log}, nil
}

type serveCommand struct{}

// garbagePercent is GOGC (https://go.dev/doc/gc-guide): how much the heap may grow
// before garbage collection. Our heap is a few MiB, so Go's default of 100 would
// collect fifty times a second in a flood of events and lower the rate by a sixth.
// 200 costs 4 MiB.
const garbagePercent = 200

// softMemory is GOMEMLIMIT, in bytes: above it Go collects garbage sooner than
// garbagePercent says. It is well above what we hold, and keeps a flood of large
// bodies, of which 64 MiB at most are read at once, from leaving hundreds of MiB of
// garbage where the machine is busy.
const softMemory = 160 << 20

func (serveCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	log := newLog(t.err, cfg.logLevel)
	if cfg.DatabaseURL == "" {
		release, err := db.Lock(cfg.DataDir)
		if err != nil {
			return err
		}
		defer release()
		if warning := db.DirWarning(cfg.DataDir); warning != "" {
			log.Warn(warning, "dir", cfg.DataDir)
		}
	} else {
		var release func()
		var err error
		if cfg.journal, release, err = ownJournal(cfg.DataDir); err != nil {
			log.Warn("the journal of incidents that the database could not store may not work", "error", err)
		}
		if release != nil {
			defer release()
		}
	}
	p, err := Open(ctx, cfg, time.Now, log)
	if err != nil {
		return err
	}
	defer p.Store.Close()
	// This may fail, and must not end a server that already answers requests.
	welcome, err := p.welcome(ctx)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s (--addr or DRAWBRIDGE_ADDR): %w", cfg.Addr, err)
	}
	return p.Serve(ctx, listener, nil, func() error {
		_, err := io.WriteString(t.out, welcome)
		return err
	})
}

// Serve runs until ctx ends or a part fails. It calls ready once the server
// answers requests.
func (p *Program) Serve(ctx context.Context, listener net.Listener, simulator http.Handler, ready func() error) error {
	site := handlers.New(handlers.Site{
		Service: p.Service, Store: p.Store, Now: p.now, Log: p.log,
		PublicURL: p.cfg.publicURL(), Version: version(), Demo: simulator != nil,
	})
	server := web.New(web.Config{
		Site:           site,
		TrustedProxies: p.cfg.Proxies,
		Simulator:      simulator,
	})
	g, ctx := errgroup.WithContext(ctx)
	// The store's writer outlives the server: it must still store a webhook that
	// is being answered.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return p.Store.Run(writing) })
	g.Go(func() error {
		defer stopWriting()
		return server.Serve(ctx, listener)
	})
	g.Go(func() error { return p.Service.Run(ctx) })
	g.Go(func() error { p.Store.Watch(ctx); return nil })
	g.Go(func() error { return site.Live.Run(ctx) })
	g.Go(ready)
	return g.Wait()
}

// welcome is what serve prints: the address of the server and, while there is no
// admin, the link that creates the first one.
func (p *Program) welcome(ctx context.Context) (string, error) {
	token, err := p.Service.SetupLink(ctx)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("Drawbridge is at %s\n", p.cfg.publicURL())
	if token != "" {
		text += fmt.Sprintf("\nCreate the first admin with this link. It works once, for 30 minutes:\n  %s/setup?token=%s\n\n", p.cfg.publicURL(), token)
	}
	return text, nil
}
