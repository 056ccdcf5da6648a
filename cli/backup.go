package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

type backupCommand struct {
	File string `arg:"" help:"New file for the copy."`
}

// Run copies the database, even while a server runs. It does not open the
// store: a newer program must not upgrade the schema under an older server.
func (c *backupCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if cfg.DatabaseURL != "" {
		return fmt.Errorf("the data is in PostgreSQL; use its own tool: pg_dump --format=custom --file=%s \"$DRAWBRIDGE_DATABASE_URL\"", c.File)
	}
	began := time.Now()
	show := newProgress(t.err, "KB")
	report, err := db.Backup(ctx, cfg.DataDir, c.File, func(done, whole int64) { show.step(c.File, done>>10, whole>>10) })
	show.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Backed up %d events%s to %s (%s) in %s.\n", report.Events, newest(report.Newest), c.File, megabytes(report.Bytes), time.Since(began).Round(10*time.Millisecond))
	key := cmp.Or(cfg.keyFile(), "DRAWBRIDGE_KEY")
	fmt.Fprintf(t.out, "The backup does not contain the master key (%s). Back it up separately: without it, the Zoom credentials must be entered again.\n", key)
	fmt.Fprintf(t.out, "To check the backup: drawbridge verify %s\n", c.File)
	return nil
}

func newest(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " (newest " + at.Format("2006-01-02 15:04:05 UTC") + ")"
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

// errBadFile is what verify returns after it has printed the problems.
var errBadFile = errors.New("do not use this file")

func (c *verifyCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	var keys *db.Keyring // nil if there is no key; keyring would create one
	if _, err := os.Stat(cfg.keyFile()); err == nil || cfg.key != "" {
		if keys, err = cfg.keyring(); err != nil {
			return err
		}
	} else if cfg.KeyFile != "" {
		return err
	}
	report, err := db.Verify(ctx, c.File, keys, func(what string) {
		if isTerminal(t.err) {
			fmt.Fprintf(t.err, "checking %s …\n", what)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: %s, schema version %d (newest known: %d)\n", c.File, megabytes(report.Bytes), report.SchemaVersion, report.SchemaKnown)
	fmt.Fprintf(t.out, "  %d events%s; %d match the hash from when they were acknowledged\n", report.Events, newest(report.Newest), report.Checked)
	if report.Unchecked > 0 {
		fmt.Fprintf(t.out, "  %d events have no hash: they are old, or their personal data was erased\n", report.Unchecked)
	}
	fmt.Fprintf(t.out, "  %d incidents, %d bridges\n", report.Incidents, report.Bridges)
	switch {
	case report.Secrets == 0:
		fmt.Fprintln(t.out, "  no secrets")
	case keys == nil:
		fmt.Fprintf(t.out, "  %d secrets, not checked: set DRAWBRIDGE_KEY_FILE or DRAWBRIDGE_KEY to check them\n", report.Secrets)
	case report.SecretsOpened:
		fmt.Fprintf(t.out, "  %d secrets; the master key opens them\n", report.Secrets)
	}
	if len(report.Problems) == 0 {
		fmt.Fprintln(t.out, "No problems found.")
		return nil
	}
	for _, p := range report.Problems {
		fmt.Fprintln(t.out, "PROBLEM: "+p)
	}
	return errBadFile
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
