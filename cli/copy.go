package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

type copyCommand struct {
	From string `default:"sqlite" enum:"sqlite" help:"Source: sqlite, the database in the data directory."`
	To   string `placeholder:"postgres://…" help:"Address of an empty PostgreSQL database. Default: DRAWBRIDGE_DATABASE_URL. Put a password there, in PGPASSWORD or in ~/.pgpass: other users can read a command line."`
}

func (c *copyCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if c.To == "" {
		c.To = cfg.DatabaseURL
	}
	if c.To == "" {
		return usageError{errors.New("set the target with --to postgres://user@host/database or DRAWBRIDGE_DATABASE_URL")}
	}
	keys, err := cfg.keyring()
	if err != nil {
		return err
	}
	log := newLog(t.err, max(cfg.logLevel, slog.LevelWarn))
	show := newProgress(t.err, "rows")
	began := time.Now()
	copied, err := db.Copy(ctx,
		db.Config{DataDir: cfg.DataDir, Keys: keys, Now: time.Now, Log: log},
		db.Config{DataDir: cfg.DataDir, DatabaseURL: c.To, Now: time.Now, Log: log},
		show.step)
	show.end()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "table\trows\thash (same in both)")
	for _, c := range copied {
		fmt.Fprintf(table, "%s\t%d\t%s\n", c.Name, c.Rows, c.Hash)
	}
	table.Flush()
	fmt.Fprintf(t.out, `
Copied and checked everything in %s. Start the servers with DRAWBRIDGE_DATABASE_URL
and the same master key (DRAWBRIDGE_KEY, or a copy of the key file on each machine).
`, time.Since(began).Round(time.Second))
	return nil
}
