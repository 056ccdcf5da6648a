package cli

import (
	"context"
	"fmt"
)

type importCommand struct {
	From  string `required:"" placeholder:"postgres://…" help:"Address of the source database. Put a password in PGPASSWORD or in ~/.pgpass: other users can read a command line."`
	Table string `default:"events" help:"Table with the columns id, name, accountid and meetingid, as in Zoom’s sample (${default})."`
}

func (c *importCommand) Run(ctx context.Context, t terminal, p *Program) error {
	show := newProgress(t.err, "rows")
	var done, added int64
	err := p.Store.ImportEvents(ctx, c.From, c.Table, func(d, total, a int64) {
		done, added = d, a
		show.step(c.Table, d, total)
	})
	show.end()
	if err != nil && done > 0 {
		return fmt.Errorf("%w\n%d events were imported; run the command again to continue", err, added)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Read %d rows of %s: imported %d events, %d were already here.\n", done, c.Table, added, done-added)
	return nil
}
