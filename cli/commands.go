package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// commandLine is the actor of every command.
var commandLine = incident.Actor{Kind: incident.ActorCommandLine, Email: "command line", Role: incident.Admin}

// openQuietly opens the program for a command; a server may be running. It does
// not start the event writer, because no command appends events.
func openQuietly(ctx context.Context, t terminal, cfg Config) (*Program, error) {
	return Open(ctx, cfg, time.Now, newLog(t.err, max(cfg.logLevel, slog.LevelWarn)))
}

// password is a password from standard input.
type password string

// readPassword reads one line, without its line end.
func readPassword(t terminal) (password, error) {
	b, err := io.ReadAll(io.LimitReader(t.in, 4096))
	if err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	p := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if p == "" || strings.ContainsAny(p, "\r\n") {
		return "", usageError{errors.New("give the password as one line on standard input")}
	}
	return password(p), nil
}

type passwordFlag struct {
	PasswordStdin bool `required:"" help:"Read the password from standard input."`
}

type userAddCommand struct {
	Email string `arg:"" help:"Email address; the user logs in with it."`
	Role  string `required:"" enum:"admin,responder,viewer" placeholder:"ROLE" help:"Role: admin, responder or viewer."`
	Name  string `placeholder:"NAME" help:"Display name."`
	passwordFlag
}

func (c *userAddCommand) Run(ctx context.Context, t terminal, secret password, p *Program) error {
	u, err := p.Service.CreateUser(ctx, commandLine, c.Email, c.Name, incident.Role(c.Role), string(secret))
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s can log in as %s.\n", u.Email, u.Role)
	return nil
}

type userResetPasswordCommand struct {
	Email string `arg:"" help:"Email address of the user."`
	passwordFlag
}

func (c *userResetPasswordCommand) Run(ctx context.Context, t terminal, secret password, p *Program) error {
	u, err := p.Store.UserByEmail(ctx, incident.CanonicalEmail(c.Email))
	if incident.CodeOf(err) == incident.NotFound {
		return fmt.Errorf("there is no user %s in %s", c.Email, p.cfg.where())
	}
	if err != nil {
		return err
	}
	if err := p.Service.ResetPassword(ctx, commandLine, u.ID, string(secret)); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Set a new password for %s and ended their sessions.\n", u.Email)
	if !u.DisabledAt.IsZero() {
		fmt.Fprintln(t.out, "The user is still disabled.")
	}
	return nil
}

type tokenCreateCommand struct {
	Name  string   `required:"" placeholder:"NAME" help:"Name of the token, such as the tool that uses it."`
	Scope []string `required:"" help:"Scopes: incidents:write, read, events:raw, metrics; several are separated by commas."`
	Days  int      `help:"Days until the token expires; 0: never."`
}

// Run prints the token alone on a line, so that a script can read it.
func (c *tokenCreateCommand) Run(ctx context.Context, t terminal, p *Program) error {
	token, _, err := p.Service.CreateToken(ctx, commandLine, c.Name, c.Scope, c.Days)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, token)
	return err
}

type applyCommand struct {
	File   string `arg:"" help:"YAML file; - reads standard input."`
	DryRun bool   `help:"Print what would change without changing it."`
}

func (c *applyCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	text, err := readFile(c.File, t.in)
	if err != nil {
		return err
	}
	file, err := parseConfigFile(text)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", c.File, err)}
	}
	p, err := openQuietly(ctx, t, cfg) // only now: a bad file must not create a database
	if err != nil {
		return err
	}
	defer p.Store.Close()
	changes, err := p.apply(ctx, file, c.DryRun)
	for _, line := range changes {
		if c.DryRun {
			line = "would change: " + line
		}
		fmt.Fprintln(t.out, line)
	}
	if err == nil && len(changes) == 0 {
		fmt.Fprintln(t.out, "nothing to change")
	}
	return err
}

type exportCommand struct{}

func (exportCommand) Run(ctx context.Context, t terminal, p *Program) error {
	text, err := p.export(ctx)
	if err != nil {
		return err
	}
	_, err = t.out.Write(text)
	return err
}
