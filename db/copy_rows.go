package db

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// chunk holds the rows that one transaction copies.
type chunk struct {
	rows  [][]any
	ids   []int64 // of the events that have words
	words []string
}

// newestFirst returns the descending order of the primary key. Text is compared
// by its bytes, as SQLite does.
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

// table copies the rows that the target does not have yet. Whole chunks are
// copied in the order of the primary key, so these are the rows after the
// target's last row.
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

// scanCopied reads a row of the source in the form that the target accepts.
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

// copiedWords returns the search words of an event. An event whose content is
// damaged is found by its type. ok is false for an event that was not read yet.
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
	defer tx.Rollback(context.WithoutCancel(ctx)) // does nothing after a commit
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
