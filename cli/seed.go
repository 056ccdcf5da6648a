package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// seedCommand fills the log with made-up events, to measure with; it is not in
// the help.
type seedCommand struct {
	Count int           `default:"1000000" help:"How many events."`
	Over  time.Duration `default:"720h" help:"How far back the first of them arrived."`
}

func (c seedCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	if c.Count < 1 || c.Over <= 0 {
		return usageError{errors.New("--count and --over must be more than nothing")}
	}
	if cfg.DatabaseURL == "" {
		release, err := db.Lock(cfg.DataDir) // it would make a server wait for seconds
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
	err = p.Store.SeedEvents(ctx, c.Count, begin.Add(-c.Over), begin, func(done int) {
		if done%100_000 == 0 || done == c.Count {
			fmt.Fprintf(t.err, "%d of %d events, %.0f a second\n", done, c.Count, float64(done)/time.Since(begin).Seconds())
		}
	})
	if err == nil {
		fmt.Fprintf(t.out, "%d events in %s\n", c.Count, time.Since(begin).Round(time.Second))
	}
	return err
}
