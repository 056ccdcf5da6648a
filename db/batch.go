package db

import (
	"context"
	"database/sql"
	"math/bits"
	"strings"
)

// maxChunk is how many rows one statement inserts. SQLite looks a parameter
// such as $9 up by its name among all others, so twice as many take four times
// as long.
const maxChunk = 64

// batchInsert inserts many rows with few statements: for 1, 2, 4 … maxChunk
// rows, prepared when first needed.
type batchInsert struct {
	columns int // given for each row
	text    func(rows int) string
	pool    *sql.DB
	stmts   [7]*sql.Stmt
}

// newBatchInsert is an insert of rows that begin with the SQL values constants
// and go on with so many given columns.
func newBatchInsert(pool *sql.DB, columns int, insert, after string, constants ...string) *batchInsert {
	return &batchInsert{columns: columns, pool: pool, text: func(rows int) string {
		var b strings.Builder
		b.WriteString(insert)
		for n := range rows {
			if n > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(")
			for _, c := range constants {
				b.WriteString(c + ",")
			}
			b.WriteString(placeholders(columns*n+1, columns) + ")")
		}
		return b.String() + after
	}}
}

// prepare makes the statements ready that so many rows need. It cannot be done
// inside a transaction, which holds SQLite's only connection.
func (b *batchInsert) prepare(ctx context.Context, rows int) error {
	for i := range bits.Len(uint(min(rows, maxChunk))) {
		if b.stmts[i] != nil {
			continue
		}
		stmt, err := b.pool.PrepareContext(ctx, b.text(1<<i))
		if err != nil {
			return coded(err)
		}
		b.stmts[i] = stmt
	}
	return nil
}

func (b *batchInsert) close() {
	for _, stmt := range b.stmts {
		if stmt != nil {
			stmt.Close()
		}
	}
}

// insert inserts the rows whose columns are args, one row after the other, and
// returns how many were inserted. The statements must be prepared.
func (b *batchInsert) insert(ctx context.Context, tx *sql.Tx, args []any) (rows int, err error) {
	for len(args) > 0 {
		// Powers of two, so that a few statements do for every batch.
		i := bits.Len(uint(min(len(args)/b.columns, maxChunk))) - 1
		n, err := exec(ctx, prepared{tx.StmtContext(ctx, b.stmts[i])}, "", args[:b.columns<<i]...)
		if err != nil {
			return 0, err
		}
		args = args[b.columns<<i:]
		rows += int(n)
	}
	return rows, nil
}

// prepared is a statement in place of a connection and a text.
type prepared struct{ *sql.Stmt }

func (p prepared) ExecContext(ctx context.Context, _ string, args ...any) (sql.Result, error) {
	return p.Stmt.ExecContext(ctx, args...)
}

func (p prepared) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return p.Stmt.QueryContext(ctx, args...)
}

// repeated is a transaction that prepares each statement once. SQLite takes as
// long to prepare one as to run it.
type repeated struct {
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
}

func (r *repeated) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := r.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := r.tx.PrepareContext(ctx, query) // closed with the transaction
	if err == nil {
		r.stmts[query] = stmt
	}
	return stmt, err
}

func (r *repeated) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (r *repeated) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}
