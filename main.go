// Drawbridge gives every incident its own Zoom bridge. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // templates name time zones; a small container has none

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
	"github.com/lmittmann/tint"
	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// commands is the command line. A command's Run is called with the terminal
// and the configuration.
type commands struct {
	Config

	Serve serveCommand `cmd:"" default:"1" help:"Run the server (this is what happens without a command)."`
	Demo  demoCommand  `cmd:"" help:"Run everything with a temporary database and a simulated Zoom; nothing to configure."`

	Apply  applyCommand  `cmd:"" help:"Make the configuration what a YAML file says."`
	Export exportCommand `cmd:"" help:"Print the configuration as YAML, without secrets."`
	Copy   copyCommand   `cmd:"" help:"Copy everything from SQLite to PostgreSQL."`
	Import importCommand `cmd:"" help:"Take over the table of Zoom’s sample that stores webhooks into PostgreSQL."`
	User   struct {
		Add           userAddCommand           `cmd:"" help:"Let a person log in."`
		ResetPassword userResetPasswordCommand `cmd:"" help:"Give a person a new password and end their sessions."`
	} `cmd:"" help:"People who can log in."`
	Token struct {
		Create tokenCreateCommand `cmd:"" help:"Make an API token and print it, once."`
	} `cmd:"" help:"API tokens."`

	SeedEvents seedCommand `cmd:"" hidden:"" help:"Fill the log with made-up events."`

	Backup backupCommand `cmd:"" help:"Copy the database into a file, also while the server runs."`
	Verify verifyCommand `cmd:"" help:"Read all of a database file, such as a backup, and say whether it is good."`

	PrintConfig bool             `help:"Print the configuration in force, without secrets, and exit."`
	Version     kong.VersionFlag `help:"Print the version and exit."`
}

// terminal is what a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake of the person who typed the command: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the program: it returns the exit status. 0 is done, 1 failed, 2 wrong
// configuration or usage.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// .env never overrides what is set, and need not exist.
	if err := godotenv.Load(); err != nil && !errors.Is(err, os.ErrNotExist) {
		// The parser's own error shows the lines round the mistake, and so secrets.
		text := "a line is not NAME=value"
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			text = pathErr.Error()
		}
		fmt.Fprintln(errOut, "drawbridge: .env cannot be read:", text)
		return 2
	}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("drawbridge"),
		kong.Description("Gives every incident its own Zoom bridge."),
		kong.Vars{"version": version()},
		kong.Writers(out, errOut),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(terminal{in, out, errOut}),
		kong.UsageOnError(),
		kong.Exit(func(code int) { panic(exit(code)) }),
	)
	if err != nil {
		fmt.Fprintln(errOut, "drawbridge:", err)
		return 1
	}
	return guard(func() int {
		command, err := parser.Parse(args)
		if err != nil {
			fmt.Fprintln(errOut, "drawbridge:", err)
			return 2
		}
		if problems := cli.Config.check(); len(problems) > 0 {
			fmt.Fprintln(errOut, "drawbridge: the configuration is wrong:")
			for _, p := range problems {
				fmt.Fprintln(errOut, "  "+p)
			}
			return 2
		}
		if cli.PrintConfig {
			cli.Config.print(out)
			return 0
		}
		err = command.Run(cli.Config)
		if err == nil {
			return 0
		}
		fmt.Fprintln(errOut, "drawbridge:", message(err))
		if errors.As(err, new(usageError)) {
			return 2
		}
		return 1
	})
}

// exit is how kong ends the program after --help and --version.
type exit int

func guard(f func() int) (code int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	return f()
}

// message is an error for the person at the terminal: the sentence and the
// fields of a refusal, else the error as it is.
func message(err error) string {
	var refused *incident.Error
	if !errors.As(err, &refused) {
		return err.Error()
	}
	text := refused.Message
	for _, field := range sortedKeys(refused.Fields) {
		text += "\n  " + field + ": " + refused.Fields[field]
	}
	if refused.Err != nil {
		text += "\n  cause: " + refused.Err.Error()
	}
	return text
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && (v == "" || v == "(devel)") {
			v = s.Value[:12]
		}
	}
	if v == "" || v == "(devel)" {
		return "development"
	}
	return v
}

// newLog writes for people on a terminal and JSON otherwise.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	if isTerminal(w) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// program is the parts list: what is open and wired for a command.
type program struct {
	cfg     Config
	log     *slog.Logger
	store   *db.Store
	service *incident.Service
}

// open opens the store and makes the service. Nothing runs yet.
func open(ctx context.Context, cfg Config, log *slog.Logger) (*program, error) {
	keys, err := cfg.keyring()
	if err != nil {
		return nil, err
	}
	store, err := db.Open(ctx, db.Config{DataDir: cfg.DataDir, DatabaseURL: cfg.databaseURL, Keys: keys, Now: time.Now, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	service := incident.New(incident.Config{
		Store: store, Now: time.Now, Log: log,
		ZoomHTTP:     outbound(cfg),
		ZoomAPIURL:   cfg.ZoomAPIURL,
		ZoomOAuthURL: cfg.ZoomOAuthURL,
		PublicURL:    cfg.publicURL(),
	})
	return &program{cfg: cfg, log: log, store: store, service: service}, nil
}

type serveCommand struct{}

// garbagePercent is how much the memory in use may grow before it is cleared
// (Go's GOGC, https://go.dev/doc/gc-guide). What a server of ours holds is a few
// MiB, so Go's own 100 would clear them fifty times a second in a flood of
// events, which costs a sixth of the rate; this costs 4 MiB.
const garbagePercent = 200

func (serveCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	log := newLog(t.err, cfg.logLevel)
	if cfg.databaseURL == "" {
		release, err := db.Lock(cfg.DataDir)
		if err != nil {
			return err
		}
		defer release()
		if warning := db.DirWarning(cfg.DataDir); warning != "" {
			log.Warn(warning, "dir", cfg.DataDir)
		}
	}
	p, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer p.store.Close()
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s (DRAWBRIDGE_ADDR): %w", cfg.Addr, err)
	}
	return p.serve(ctx, listener, nil, func() error { return p.welcome(ctx, t.out) })
}

// serve runs until ctx ends or a part fails. ready is called when requests are
// answered.
func (p *program) serve(ctx context.Context, listener net.Listener, simulator http.Handler, ready func() error) error {
	site := handlers.New(handlers.Site{
		Service: p.service, Store: p.store, Now: time.Now, Log: p.log,
		PublicURL: p.cfg.publicURL(), Version: version(), Demo: simulator != nil,
	})
	server := web.New(web.Config{
		Site:           site,
		TrustedProxies: p.cfg.proxies,
		Simulator:      simulator,
	})
	g, ctx := errgroup.WithContext(ctx)
	// The store's writer outlives the server: a webhook that is being answered
	// is still to be stored.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return p.store.Run(writing) })
	g.Go(func() error {
		defer stopWriting()
		return server.Serve(ctx, listener)
	})
	g.Go(func() error { return p.service.Run(ctx) })
	g.Go(func() error { p.store.Watch(ctx); return nil })
	g.Go(func() error { return site.Live.Run(ctx) })
	g.Go(ready)
	return g.Wait()
}

// welcome says where the server is and, while there is no admin, how to become one.
func (p *program) welcome(ctx context.Context, out io.Writer) error {
	token, err := p.service.SetupLink(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Drawbridge is at %s\n", p.cfg.publicURL())
	if token != "" {
		text += fmt.Sprintf("\nCreate the first admin here, within 30 minutes; the link works once:\n  %s/setup?token=%s\n\n", p.cfg.publicURL(), token)
	}
	_, err = io.WriteString(out, text)
	return err
}
