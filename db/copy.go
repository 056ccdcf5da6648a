package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
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
	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// A chunk of a copy is one transaction: it ends at whichever comes first.
const (
	copyRows  = 5000
	copyBytes = 8 << 20
)

// unfinishedCopy is a table that is in the target from before the first row
// until the last is checked. A server refuses a database that has it.
const unfinishedCopy = "unfinished_copy"

// CopiedTable is a table whose rows are the same in both databases.
type CopiedTable struct {
	Name string
	Rows int64
	Hash string // of all rows, in any order
}

// Copy copies the SQLite database in source.DataDir to the PostgreSQL database
// target.DatabaseURL, which must hold nothing, and checks that both hold the
// same. A copy that was stopped goes on where it was when it is called again.
// Both are opened with source.Keys; sealed values go over as they are.
//
// No server may run on the source. progress is told how many rows of a table
// are copied, or checked.
func Copy(ctx context.Context, source, target Config, progress func(what string, done, total int64)) ([]CopiedTable, error) {
	if _, err := os.Stat(filepath.Join(source.DataDir, SQLiteFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database in %s; give the directory with --data-dir", source.DataDir)
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

	// One transaction, so that all is of one moment, also when a command changes
	// something meanwhile.
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

// copiedTable is a table as both databases have it.
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
	// What was committed last is on disk when the end is, and that waits.
	if _, err := c.conn.Exec(ctx, `SET synchronous_commit = off`); err != nil {
		return nil, err
	}
	defer c.conn.Exec(context.WithoutCancel(ctx), `RESET synchronous_commit`)
	for _, t := range tables {
		if err := c.table(ctx, t); err != nil {
			return nil, fmt.Errorf("copy %s: %w; what is copied stays, run the command again to go on", t.name, err)
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
		err = fmt.Errorf("the search index has %d events, and should have %d", found, read)
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

// tables are those of the source in the order in which they were made, so that
// each comes after those it refers to. The search index is made anew and is not
// among them.
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
		columns, err := list(ctx, c.from, func(r row) (k column, err error) {
			err = r.Scan(&k.name, &k.kind, &k.key)
			return k, err
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
				return nil, fmt.Errorf("the table %s has other columns on PostgreSQL", name)
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

// quoteNames is a list of names for SQL of both databases.
func quoteNames(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// begin refuses a target that holds anything but an unfinished copy.
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
			return fmt.Errorf("the target holds data already (in %s); give an empty database, one that no server was started on", t.name)
		}
	}
	_, err = c.conn.Exec(ctx, `CREATE TABLE `+unfinishedCopy+` (began_at BIGINT NOT NULL)`)
	return err
}

// copyUnfinished reports whether Copy has begun and not come to its end.
func (s *Store) copyUnfinished(ctx context.Context) (bool, error) {
	n, err := one(ctx, s.r, "table", scalar[int64], `
		SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1`, unfinishedCopy)
	return n > 0, err
}

// makeMonths makes a partition for each month of which there are events.
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
	// Older ones than ten years are of a clock that was wrong.
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

// chunk is what one transaction copies.
type chunk struct {
	rows  [][]any
	ids   []int64 // of the events that were read
	words []string
}

// newestFirst is the order of the key from its end, text in the order of its
// bytes, which is SQLite's.
func (t copiedTable) newestFirst() string {
	order := make([]string, len(t.key))
	for i, k := range t.key {
		if order[i] = quoteNames(k); t.keyText[i] {
			order[i] += ` COLLATE "C"`
		}
		order[i] += " DESC"
	}
	return strings.Join(order, ", ")
}

// table copies what the target does not have yet: chunks go over whole and in
// the order of the key, so that is what comes after its last row.
func (c *copier) table(ctx context.Context, t copiedTable) error {
	var done int64
	if err := c.conn.QueryRow(ctx, `SELECT COUNT(*) FROM `+t.quoted()).Scan(&done); err != nil {
		return err
	}
	var after []any
	if done > 0 {
		rows, err := c.conn.Query(ctx, `SELECT `+quoteNames(t.key...)+` FROM `+t.quoted()+` ORDER BY `+t.newestFirst()+` LIMIT 1`)
		if err != nil {
			return err
		}
		last, err := pgx.CollectExactlyOneRow(rows, func(r pgx.CollectableRow) ([]any, error) { return r.Values() })
		if err != nil {
			return err
		}
		after = last
	}
	c.progress("copying "+t.name, done, t.total)
	g, gctx := errgroup.WithContext(ctx)
	chunks := make(chan chunk, 1) // one is read while another is written
	g.Go(func() error {
		defer close(chunks)
		return c.read(gctx, t, after, chunks)
	})
	g.Go(func() error {
		for ch := range chunks {
			if err := c.write(gctx, t, ch); err != nil {
				return err
			}
			done += int64(len(ch.rows))
			c.progress("copying "+t.name, done, t.total)
		}
		return gctx.Err()
	})
	return g.Wait()
}

func (c *copier) read(ctx context.Context, t copiedTable, after []any, chunks chan<- chunk) error {
	query := `SELECT ` + quoteNames(t.columns...) + ` FROM ` + t.quoted()
	if len(after) > 0 {
		query += ` WHERE (` + quoteNames(t.key...) + `) > (` + placeholders(1, len(after)) + `)`
	}
	rows, err := c.from.QueryContext(ctx, query+` ORDER BY `+quoteNames(t.key...), after...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ch chunk
	size := 0
	send := func() error {
		select {
		case chunks <- ch:
			ch, size = chunk{}, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for rows.Next() {
		values, err := scanCopied(rows, t)
		if err != nil {
			return err
		}
		if t.name == "events" {
			if id, words, ok := copiedWords(t, values); ok {
				ch.ids, ch.words = append(ch.ids, id), append(ch.words, words)
			}
		}
		for _, v := range values {
			switch v := v.(type) {
			case []byte:
				size += len(v)
			case string:
				size += len(v)
			}
		}
		if ch.rows = append(ch.rows, values); len(ch.rows) == copyRows || size > copyBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil || len(ch.rows) == 0 {
		return err
	}
	return send()
}

// scanCopied reads a row of the source as the target takes it.
func scanCopied(rows *sql.Rows, t copiedTable) ([]any, error) {
	values := make([]any, len(t.columns))
	dest := make([]any, len(values))
	for i := range values {
		dest[i] = &values[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	for i, flag := range t.flags {
		if n, ok := values[i].(int64); ok && flag {
			values[i] = n != 0
		}
	}
	return values, nil
}

// copiedWords are the words of an event that was read. One whose content is
// damaged is found by its type.
func copiedWords(t copiedTable, values []any) (id int64, words string, ok bool) {
	value := func(column string) any { return values[slices.Index(t.columns, column)] }
	if value("state") == "new" {
		return 0, "", false
	}
	id, _ = value("id").(int64)
	event, _ := value("event").(string)
	encoding, _ := value("encoding").(int64)
	content, _ := value("content").([]byte)
	text := ""
	if _, body, err := unpackContent(int(encoding), content); err == nil {
		text = zoom.EventText(body)
	}
	return id, indexText(event, text), true
}

func (c *copier) write(ctx context.Context, t copiedTable, ch chunk) error {
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing after a commit
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(ch.rows)); err != nil {
		return err
	}
	if len(ch.ids) > 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO event_words (event_id, words)
			SELECT id, array_to_tsvector(string_to_array(words, ' ')) FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[])) AS w (id, words)`, ch.ids, ch.words)
		if err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// rowsHash is the same for the same rows in any order.
type rowsHash struct {
	rows  int64
	lanes [4]uint64
	buf   bytes.Buffer
}

func (h *rowsHash) add(values []any) error {
	h.buf.Reset()
	for _, v := range values {
		var n [8]byte
		put := func(kind byte, x uint64) {
			h.buf.WriteByte(kind)
			binary.BigEndian.PutUint64(n[:], x)
			h.buf.Write(n[:])
		}
		switch v := v.(type) {
		case nil:
			h.buf.WriteByte('-')
		case int64:
			put('n', uint64(v))
		case bool:
			if put('f', 0); v {
				put('f', 1)
			}
		case string:
			put('t', uint64(len(v)))
			h.buf.WriteString(v)
		case []byte:
			put('b', uint64(len(v)))
			h.buf.Write(v)
		default:
			return fmt.Errorf("a value of type %T cannot be compared", v)
		}
	}
	sum := sha256.Sum256(h.buf.Bytes())
	for i := range h.lanes {
		h.lanes[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
	h.rows++
	return nil
}

// check compares all rows of a table in both databases.
func (c *copier) check(ctx context.Context, t copiedTable) (CopiedTable, error) {
	c.progress("checking "+t.name, 0, t.total)
	var ours, theirs rowsHash
	g, gctx := errgroup.WithContext(ctx)
	query := `SELECT ` + quoteNames(t.columns...) + ` FROM ` + t.quoted()
	g.Go(func() error {
		rows, err := c.from.QueryContext(gctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := scanCopied(rows, t)
			if err == nil {
				err = ours.add(values)
			}
			if err != nil {
				return err
			}
			if ours.rows%copyRows == 0 {
				c.progress("checking "+t.name, ours.rows, t.total)
			}
		}
		return rows.Err()
	})
	g.Go(func() error {
		rows, err := c.conn.Query(gctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err == nil {
				err = theirs.add(values)
			}
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err := g.Wait(); err != nil {
		return CopiedTable{}, err
	}
	if ours.rows != theirs.rows || ours.lanes != theirs.lanes {
		return CopiedTable{}, fmt.Errorf("the target has %d rows and the source %d, and they are not the same: "+
			"the source was changed after the copy had begun; empty the target database and copy again", theirs.rows, ours.rows)
	}
	return CopiedTable{Name: t.name, Rows: ours.rows, Hash: fmt.Sprintf("%016x", ours.lanes[0])}, nil
}
