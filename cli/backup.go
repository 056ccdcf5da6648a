package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

type backupCommand struct {
	File string `arg:"" help:"New file to copy the database into."`
}

// Run copies the database, also beside a running server. It does not open the
// store: a newer program must not change the schema under an older server.
func (c *backupCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if cfg.DatabaseURL != "" {
		return fmt.Errorf("the data is in PostgreSQL, which has a tool of its own: pg_dump --format=custom --file=%s \"$DRAWBRIDGE_DATABASE_URL\"", c.File)
	}
	began := time.Now()
	said := began
	report, err := db.Backup(ctx, cfg.DataDir, c.File, func(done, whole int64) {
		if now := time.Now(); now.Sub(said) >= 5*time.Second {
			said = now
			fmt.Fprintf(t.err, "%d %% copied\n", 100*done/max(whole, 1))
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s holds %d events%s, %s, copied in %s.\n", c.File, report.Events, ofWhich(report.Newest), megabytes(report.Bytes), time.Since(began).Round(10*time.Millisecond))
	fmt.Fprintf(t.out, "The master key is not in it%s. Keep it too, in another place: without it the Zoom credentials have to be entered again.\n", keyPlace(cfg))
	fmt.Fprintf(t.out, "Look whether it is good with: drawbridge verify %s\n", c.File)
	return nil
}

// keyPlace is where the master key is, if it is in a file.
func keyPlace(cfg Config) string {
	switch {
	case cfg.key != "":
		return ""
	case cfg.KeyFile != "":
		return " (" + cfg.KeyFile + ")"
	}
	return " (" + filepath.Join(cfg.DataDir, db.KeyFile) + ")"
}

func ofWhich(newest time.Time) string {
	if newest.IsZero() {
		return ""
	}
	return ", the newest of " + newest.Format("2006-01-02 15:04:05 UTC")
}

func megabytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d MB", n>>20)
}

type verifyCommand struct {
	File string `arg:"" help:"Database file, such as a backup."`
}

// errBadFile is what verify ends with when it said what is wrong.
var errBadFile = errors.New("do not rely on this file")

func (c *verifyCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	keys, err := cfg.knownKeys()
	if err != nil {
		return err
	}
	report, err := db.Verify(ctx, c.File, keys, func(what string) {
		if isTerminal(t.err) {
			fmt.Fprintf(t.err, "looking at %s …\n", what)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: %s, schema version %d of %d\n", c.File, megabytes(report.Bytes), report.SchemaVersion, report.SchemaKnown)
	fmt.Fprintf(t.out, "  %d events%s; the content of %d is what was answered with 200\n", report.Events, ofWhich(report.Newest), report.Checked)
	if report.Unchecked > 0 {
		fmt.Fprintf(t.out, "  of %d the hash is not kept: they are old, or their personal data was blanked\n", report.Unchecked)
	}
	fmt.Fprintf(t.out, "  %d incidents, %d bridges\n", report.Incidents, report.Bridges)
	switch {
	case report.Secrets == 0:
		fmt.Fprintln(t.out, "  no secrets")
	case keys == nil:
		fmt.Fprintf(t.out, "  %d secrets, not tried: give the master key with DRAWBRIDGE_KEY_FILE or DRAWBRIDGE_KEY\n", report.Secrets)
	case report.SecretsOpened:
		fmt.Fprintf(t.out, "  %d secrets, which the master key opens\n", report.Secrets)
	}
	if len(report.Problems) == 0 {
		fmt.Fprintln(t.out, "Nothing is wrong with it.")
		return nil
	}
	for _, p := range report.Problems {
		fmt.Fprintln(t.out, "WRONG: "+p)
	}
	return errBadFile
}

// knownKeys is the keyring if there is a key, and nil if there is none: nothing
// is made.
func (c Config) knownKeys() (*db.Keyring, error) {
	if c.key == "" && c.KeyFile == "" {
		if _, err := os.Stat(filepath.Join(c.DataDir, db.KeyFile)); err != nil {
			return nil, nil
		}
	} else if c.KeyFile != "" {
		if _, err := os.Stat(c.KeyFile); err != nil {
			return nil, err
		}
	}
	return c.keyring()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
