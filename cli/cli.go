// Package cli is the command line: the commands, the configuration, the YAML
// file, and the wiring of the parts into a program. It passes the system clock to
// everything else. It must not know rules or SQL.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // templates use time zones, and a small container has no zone files

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
	"github.com/lmittmann/tint"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Main runs the program until it finishes or receives a signal to stop, and
// returns the exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// commands declares the command line. Kong calls the Run method of a command with
// what its parameters ask for, in their order: the context, the terminal, the
// configuration, a password that it reads first, or the program that it opens first.
type commands struct {
	Config

	Serve serveCommand `cmd:"" default:"1" help:"Run the server. This is the default command."`
	Demo  demoCommand  `cmd:"" help:"Run the server with a temporary database and a simulated Zoom. Needs no configuration."`

	Apply  applyCommand  `cmd:"" help:"Apply a YAML configuration file."`
	Export exportCommand `cmd:"" help:"Print the configuration as YAML, without secrets."`
	Copy   copyCommand   `cmd:"" help:"Copy everything from SQLite to PostgreSQL."`
	Import importCommand `cmd:"" help:"Import the table of Zoom’s PostgreSQL sample (webhook-to-postgres)."`
	User   struct {
		Add           userAddCommand           `cmd:"" help:"Add a user."`
		ResetPassword userResetPasswordCommand `cmd:"" help:"Set a new password and end the user’s sessions."`
	} `cmd:"" help:"Manage users."`
	Token struct {
		Create tokenCreateCommand `cmd:"" help:"Create an API token and print it. It is shown only once."`
	} `cmd:"" help:"Manage API tokens."`

	SeedEvents seedCommand `cmd:"" hidden:"" help:"Fill the event log with generated events."`

	Backup backupCommand `cmd:"" help:"Copy the database to a file. The server may be running."`
	Verify verifyCommand `cmd:"" help:"Check a whole database file, such as a backup."`

	PrintConfig bool             `help:"Print the configuration in effect, without secrets, and exit."`
	Version     kong.VersionFlag `help:"Print the version and exit."`
}

// terminal is what a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake in the command line. The exit status is 2.
type usageError struct{ error }

// Run runs a command and returns the exit status: 0 for success, 1 for failure, 2
// for wrong configuration or usage.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// .env is optional and never overrides variables that are already set.
	if err := godotenv.Load(); err != nil && !errors.Is(err, os.ErrNotExist) {
		// The parser's error quotes the lines around the mistake, which may contain secrets.
		text := "a line is not of the form NAME=value"
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			text = pathErr.Error()
		}
		fmt.Fprintln(errOut, "drawbridge: cannot read .env:", text)
		return 2
	}
	var cli commands
	var printed bool // --help or --version has printed its text
	var opened *Program
	defer func() {
		if opened != nil {
			opened.Store.Close()
		}
	}()
	parser, err := kong.New(&cli,
		kong.Name("drawbridge"),
		kong.Description("Gives every incident its own Zoom bridge."),
		kong.Vars{"version": version()},
		kong.Writers(out, errOut),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(terminal{in, out, errOut}),
		kong.BindToProvider(readPassword),
		kong.BindToProvider(func(t terminal, cfg Config) (_ *Program, err error) {
			opened, err = openQuietly(ctx, t, cfg)
			return opened, err
		}),
		kong.Exit(func(int) { printed = true }),
	)
	if err != nil {
		fmt.Fprintln(errOut, "drawbridge:", err)
		return 1
	}
	command, err := parser.Parse(args)
	if printed {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errOut, "drawbridge:", err)
		return 2
	}
	if problems := cli.Config.check(); len(problems) > 0 {
		fmt.Fprintln(errOut, "drawbridge: invalid configuration:")
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
}

// inList matches the place in a list within the name of a field, such as ".0".
var inList = regexp.MustCompile(`\.(\d+)\b`)

// message is the text of an error for the terminal. A refusal in it is written as
// its sentence and the fields.
func message(err error) string {
	var refused *incident.Error
	if !errors.As(err, &refused) {
		return err.Error()
	}
	text := strings.Replace(err.Error(), refused.Error(), refused.Message, 1)
	for _, field := range slices.Sorted(maps.Keys(refused.Fields)) {
		text += "\n  " + inList.ReplaceAllString(field, "[$1]") + ": " + refused.Fields[field]
	}
	if refused.Err != nil {
		text += "\n  cause: " + refused.Err.Error()
	}
	return text
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}

// newLog writes readable lines to a terminal and JSON to anything else.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	if isTerminal(w) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
