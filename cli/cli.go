// Package cli is the command line: the commands, the configuration, the YAML
// file, and the wiring of the parts into a program. It hands the machine's clock
// on to everything else. It knows no rule and no SQL.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // templates name time zones; a small container has none

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
	"github.com/lmittmann/tint"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Main runs the program until it ends or is told to, and returns the exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
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

// Run runs a command and returns the exit status: 0 is done, 1 failed, 2 wrong
// configuration or usage.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
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
