package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// seedCommand fills the event log with generated events for measurements. The help
// does not list it.
type seedCommand struct {
	Count int           `default:"1000000" help:"Number of events."`
	Over  time.Duration `default:"720h" help:"Age of the oldest event."`
}

func (c seedCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if c.Count < 1 || c.Over <= 0 {
		return usageError{errors.New("--count and --over must be greater than zero")}
	}
	if cfg.DatabaseURL == "" {
		release, err := db.Lock(cfg.DataDir) // seeding would block a running server for seconds
		if err != nil {
			return err
		}
		defer release()
	}
	p, err := Open(ctx, cfg, time.Now, newLog(t.err, cfg.logLevel))
	if err != nil {
		return err
	}
	defer p.Store.Close()
	begin := time.Now()
	show := newProgress(t.err, "events")
	err = p.Store.SeedEvents(ctx, c.Count, begin.Add(-c.Over), begin, func(done int) { show.step("seed", int64(done), int64(c.Count)) })
	show.end()
	if err == nil {
		fmt.Fprintf(t.out, "%d events in %s\n", c.Count, time.Since(begin).Round(time.Second))
	}
	return err
}
