package db

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// keepFacts is version 9 of the schema: what happened is kept as codes with data.
func (s *Store) keepFacts() *goose.Migration {
	return goose.NewGoMigration(9, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range []string{
			`ALTER TABLE timeline_entries ADD COLUMN data TEXT NOT NULL DEFAULT '{}'`,
			`ALTER TABLE timeline_entries DROP COLUMN text`,
			`ALTER TABLE bridges RENAME COLUMN reason TO reasons`,
			`ALTER TABLE bridges DROP COLUMN fix`,
			`ALTER TABLE bridge_attempts RENAME COLUMN cause TO reason`,
			`ALTER TABLE gap_looks DROP COLUMN fix`,
			`ALTER TABLE jobs DROP COLUMN last_error`,
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}}, nil)
}
