package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A chunk of a copy is one transaction. It ends at whichever limit it reaches
// first.
const (
	copyRows  = 5000
	copyBytes = 8 << 20
)

// unfinishedCopy is a table that the target has from before the first row is
// copied until the last row is checked. A server refuses to start on such a
// database.
const unfinishedCopy = "unfinished_copy"

// CopiedTable is a table that is the same in both databases.
type CopiedTable struct {
	Name string
	Rows int64
	Hash string // of all rows; independent of their order
}

// Copy copies the SQLite database in source.DataDir to the PostgreSQL database
// target.DatabaseURL, which must be empty, and checks that both have the same
// content. If a copy was interrupted, calling Copy again continues it. Copy
// opens both databases with source.Keys and copies sealed values unchanged.
//
// No server may run on the source. progress gets how many rows of a table are
// copied or checked.
func Copy(ctx context.Context, source, target Config, progress func(what string, done, total int64)) ([]CopiedTable, error) {
	if _, err := os.Stat(filepath.Join(source.DataDir, SQLiteFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database in %s; set the directory with --data-dir", source.DataDir)
	}
	release, err := Lock(source.DataDir)
	if err != nil {
		return nil, err
	}
	defer release()
	source.DatabaseURL = ""
	from, err := Open(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("open the source: %w", err)
	}
	defer from.Close()
	if problem := from.KeyProblem(); problem != "" {
		return nil, errors.New(problem)
	}
	target.Keys, target.copying = source.Keys, true
	to, err := Open(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("open the target: %w", err)
	}
	defer to.Close()
	if !to.postgres {
		return nil, errors.New("the target must be PostgreSQL: postgres://user@host:5432/database")
	}

	// One transaction reads everything, so that a command that changes
	// something meanwhile does not matter.
	tx, err := from.r.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	conn, err := to.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c := copier{from: tx, to: to, progress: progress}
	var copied []CopiedTable
	err = conn.Raw(func(driver any) error {
		c.conn = driver.(*stdlib.Conn).Conn()
		copied, err = c.all(ctx)
		return err
	})
	return copied, err
}

type copier struct {
	from     *sql.Tx
	to       *Store
	conn     *pgx.Conn
	progress func(what string, done, total int64)
}

// copiedTable is a table in the form that both databases have.
type copiedTable struct {
	name    string
	columns []string
	flags   []bool   // columns that are BOOLEAN on PostgreSQL and INTEGER on SQLite
	key     []string // columns of the primary key
	keyText []bool
	total   int64
}

func (c *copier) all(ctx context.Context) (copied []CopiedTable, err error) {
	tables, err := c.tables(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.begin(ctx, tables); err != nil {
		return nil, err
	}
	if err := c.makeMonths(ctx); err != nil {
		return nil, err
	}
	// A commit reaches the disk at the latest when a later one does, and the
	// last one waits for the disk.
	if _, err := c.conn.Exec(ctx, `SET synchronous_commit = off`); err != nil {
		return nil, err
	}
	defer c.conn.Exec(context.WithoutCancel(ctx), `RESET synchronous_commit`)
	for _, t := range tables {
		if err := c.table(ctx, t); err != nil {
			return nil, fmt.Errorf("copy %s: %w; to continue, run the command again", t.name, err)
		}
	}
	for _, t := range tables {
		done, err := c.check(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", t.name, err)
		}
		copied = append(copied, done)
	}
	var read, found int64
	err = c.conn.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM events WHERE state <> 'new'), (SELECT COUNT(*) FROM event_words)`).Scan(&read, &found)
	if err == nil && read != found {
		err = fmt.Errorf("the search index has %d events but should have %d", found, read)
	}
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Exec(ctx, `ANALYZE`); err != nil {
		return nil, err
	}
	if _, err := c.conn.Exec(ctx, `SET synchronous_commit = on`); err != nil {
		return nil, err
	}
	_, err = c.conn.Exec(ctx, `DROP TABLE `+unfinishedCopy)
	return copied, err
}

// tables returns the tables of the source in the order in which they were
// created, so that each comes after the tables that it refers to. It leaves out
// the search index, which is built again.
func (c *copier) tables(ctx context.Context) (tables []copiedTable, err error) {
	names, err := list(ctx, c.from, scalar[string], `
		SELECT m.name FROM sqlite_master m JOIN pragma_table_list l ON l.name = m.name AND l.schema = 'main' AND l.type = 'table'
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'goose%' AND m.name <> 'event_words_parts' ORDER BY m.rowid`)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t := copiedTable{name: name}
		type column struct {
			name, kind string
			key        int
		}
		columns, err := list(ctx, c.from, func(k *column) []any {
			return []any{&k.name, &k.kind, &k.key}
		}, `SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid`, name)
		if err != nil {
			return nil, err
		}
		rows, err := c.conn.Query(ctx, `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`, name)
		if err != nil {
			return nil, err
		}
		types := map[string]string{}
		var theirs, kind string
		if _, err := pgx.ForEachRow(rows, []any{&theirs, &kind}, func() error { types[theirs] = kind; return nil }); err != nil {
			return nil, err
		}
		for _, k := range columns {
			t.columns = append(t.columns, k.name)
			t.flags = append(t.flags, types[k.name] == "boolean")
			if types[k.name] == "" || len(types) != len(columns) {
				return nil, fmt.Errorf("the table %s has different columns on PostgreSQL", name)
			}
		}
		slices.SortStableFunc(columns, func(a, b column) int { return a.key - b.key })
		for _, k := range columns {
			if k.key > 0 {
				t.key, t.keyText = append(t.key, k.name), append(t.keyText, k.kind == "TEXT")
			}
		}
		if len(t.key) == 0 {
			return nil, fmt.Errorf("the table %s has no primary key", name)
		}
		if err := c.from.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+t.quoted()).Scan(&t.total); err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func (t copiedTable) quoted() string { return quoteNames(t.name) }

// quoteNames returns a list of quoted names for SQL of both databases.
func quoteNames(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// begin returns an error if the target contains anything but an unfinished
// copy.
func (c *copier) begin(ctx context.Context, tables []copiedTable) error {
	unfinished, err := c.to.copyUnfinished(ctx)
	if err != nil || unfinished {
		return err
	}
	for _, t := range tables {
		var held bool
		if err := c.conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+t.quoted()+`)`).Scan(&held); err != nil {
			return err
		}
		if held {
			return fmt.Errorf("the target already has data (in %s); use an empty database on which no server was started", t.name)
		}
	}
	_, err = c.conn.Exec(ctx, `CREATE TABLE `+unfinishedCopy+` (began_at BIGINT NOT NULL)`)
	return err
}

// copyUnfinished reports whether a copy into this database has started and not
// finished.
func (s *Store) copyUnfinished(ctx context.Context) (bool, error) {
	n, err := one(ctx, s.r, "table", scalar[int64], `
		SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1`, unfinishedCopy)
	return n > 0, err
}

// makeMonths creates a partition for each month that has events.
func (c *copier) makeMonths(ctx context.Context) error {
	var first, last int64
	err := c.from.QueryRowContext(ctx, `SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM events`).Scan(&first, &last)
	if err != nil || first <= 0 {
		return err
	}
	known, err := c.to.months(ctx)
	if err != nil {
		return err
	}
	begin, end := time.UnixMilli(first>>eventIDShift).UTC(), time.UnixMilli(last>>eventIDShift).UTC()
	// Events more than ten years old come from a clock that was wrong.
	for m := range 120 {
		month := time.Date(end.Year(), end.Month()-time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		if month.AddDate(0, 1, 0).Before(begin) {
			break
		}
		if !known[month] {
			if err := c.to.makeMonth(ctx, month); err != nil {
				return err
			}
		}
	}
	return nil
}
