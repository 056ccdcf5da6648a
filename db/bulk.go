package db

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// maxChunk is how many rows one statement inserts on SQLite. More rows are not
// faster.
const maxChunk = 64

// batchInsert inserts many rows at once. On SQLite it has statements for 1, 2,
// 4 … maxChunk rows, which it prepares when they are first needed. On
// PostgreSQL it has one statement, which takes an array for each column.
type batchInsert struct {
	s     *Store
	types []string // PostgreSQL's types of the given columns
	text  func(rows int) string
	stmts [7]*sql.Stmt
}

// newBatchInsert returns an insert of rows. Each row starts with constants,
// which are SQL values with a comma after each, and continues with columns of
// the types BIGINT, BOOLEAN, TEXT or BYTEA.
func (s *Store) newBatchInsert(types []string, insert, after, constants string) *batchInsert {
	b := &batchInsert{s: s, types: types}
	// A plain ? is the next parameter. SQLite would look up a numbered
	// parameter by its name among all others.
	row := "(" + constants + strings.Repeat("?,", len(types)-1) + "?)"
	b.text = func(rows int) string {
		return insert + ` VALUES ` + strings.Repeat(row+",", rows-1) + row + after
	}
	if s.postgres {
		text := insert + ` SELECT ` + constants + `u.* FROM ` + unnest(1, types) + ` AS u` + after
		b.text = func(int) string { return text }
	}
	return b
}

// unnest returns PostgreSQL's table of columns that are given as arrays. They
// are the parameters from $from on.
func unnest(from int, types []string) string {
	var b strings.Builder
	for i, t := range types {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("CAST($" + strconv.Itoa(from+i) + " AS " + t + "[])")
	}
	return "unnest(" + b.String() + ")"
}

// prepare prepares the statements for this number of rows. It cannot run inside
// a transaction, which holds SQLite's only write connection.
func (b *batchInsert) prepare(ctx context.Context, rows int) error {
	if b.s.postgres { // the driver prepares statements itself, on each connection
		return nil
	}
	for i := range bits.Len(uint(min(rows, maxChunk))) {
		if b.stmts[i] != nil {
			continue
		}
		stmt, err := b.s.w.PrepareContext(ctx, b.text(1<<i))
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

// insert inserts rows and returns how many it inserted. args holds the columns
// of the first row, then of the second, and so on. The statements must be
// prepared, and args must have the types that the driver takes: int64, bool,
// string and []byte.
func (b *batchInsert) insert(ctx context.Context, tx *sql.Tx, args []any) (rows int, err error) {
	columns := len(b.types)
	if b.s.postgres && len(args) > 0 {
		n, err := execRows(ctx, tx, b.text(0), arrays(b.types, args)...)
		return int(n), err
	}
	for len(args) > 0 {
		// Powers of two, so that a few statements are enough for every batch.
		i := bits.Len(uint(min(len(args)/columns, maxChunk))) - 1
		res, err := tx.StmtContext(ctx, b.stmts[i]).ExecContext(ctx, args[:columns<<i]...)
		if err != nil {
			return 0, coded(err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, coded(err)
		}
		args = args[columns<<i:]
		rows += int(n)
	}
	return rows, nil
}

// execEach runs text once for each row of args on SQLite, where a call costs
// little. On PostgreSQL it runs arraysText once, with an array for each column.
// It returns how many rows were touched.
func (s *Store) execEach(ctx context.Context, q queryer, types []string, text, arraysText string, args []any) (rows int64, err error) {
	if s.postgres && len(args) > 0 {
		return execRows(ctx, q, arraysText, arrays(types, args)...)
	}
	for row := range slices.Chunk(args, len(types)) {
		n, err := execRows(ctx, q, text, row...)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// arrays turns rows, given one after the other, into an array for each column.
func arrays(types []string, args []any) []any {
	args = bind(args)
	columns := make([]any, len(types))
	for c, t := range types {
		switch t {
		case "BIGINT":
			columns[c] = column[int64](args[c:], len(types))
		case "BOOLEAN":
			columns[c] = column[bool](args[c:], len(types))
		case "TEXT":
			columns[c] = column[string](args[c:], len(types))
		case "BYTEA":
			columns[c] = column[[]byte](args[c:], len(types))
		default:
			panic(fmt.Sprintf("db: no arrays of type %s", t))
		}
	}
	return columns
}

// column returns every step-th of args. None of them may be NULL.
func column[T any](args []any, step int) []T {
	list := make([]T, 0, (len(args)+step-1)/step)
	for i := 0; i < len(args); i += step {
		list = append(list, args[i].(T))
	}
	return list
}

// repeated is a transaction that prepares each statement only once, because
// SQLite takes as long to prepare a statement as to run it.
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
