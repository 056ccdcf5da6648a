package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	sqlite3 "modernc.org/sqlite/lib"
)

// callTimeout limits every call, so that a caller without a deadline cannot
// wait forever for a connection.
const callTimeout = 10 * time.Second

// queryer is a pool or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// row is one row of a query.
type row interface{ Scan(dest ...any) error }

// write runs fn in one transaction. It repeats fn if PostgreSQL asks for that,
// so fn must set all of its results anew each time. fn must not use s.w or s.r,
// because on SQLite the transaction holds the only write connection. If the
// disk is full, write deletes the ballast and tries again.
func (s *Store) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	err := s.tryWrite(ctx, fn)
	if isFull(err) {
		s.disk.giveUp() // unless another write has done so meanwhile
		err = s.tryWrite(ctx, fn)
	}
	return err
}

func (s *Store) tryWrite(ctx context.Context, fn func(tx *sql.Tx) error) error {
	if s.readOnly {
		return &incident.Error{Code: incident.Internal, Message: "Nothing was saved, because this is read-only.", Err: errors.New("a write of a read-only store")}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for try := 0; ; try++ {
		err := s.writeOnce(ctx, fn)
		if err == nil || try == 4 || !canRetry(err) || ctx.Err() != nil {
			s.disk.noteWrite(err)
			return coded(err)
		}
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(10*time.Millisecond) << try)))
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	// On SQLite this is the only connection. It is held until the result of the
	// commit is known, because nothing may be committed after a failed fsync: the
	// system may have dropped data that it could not write, and SQLite would rely
	// on that data.
	conn, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.broken.Load() {
		return errBroken
	}
	defer func() {
		if sqliteCode(err) == sqlite3.SQLITE_IOERR_FSYNC {
			s.stop(err)
		}
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// unwatched returns ctx for the statements of a running transaction. SQLite's
// driver starts a goroutine for each statement whose context can end, which
// costs as much as a small insert. The transaction itself still ends with ctx.
func (s *Store) unwatched(ctx context.Context) context.Context {
	if s.postgres {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

var errBroken = errors.New("all writes have stopped, because the disk did not keep earlier ones")

// exec runs a statement.
func exec(ctx context.Context, q queryer, query string, args ...any) error {
	_, err := execRows(ctx, q, query, args...)
	return err
}

// execOne runs a statement that must touch a row. It returns the error none if it
// touched no row.
func execOne(ctx context.Context, q queryer, none error, query string, args ...any) error {
	n, err := execRows(ctx, q, query, args...)
	if err == nil && n == 0 {
		err = none
	}
	return err
}

// execRows runs a statement and returns how many rows it touched.
func execRows(ctx context.Context, q queryer, query string, args ...any) (int64, error) {
	res, err := q.ExecContext(ctx, query, bind(args)...)
	if err != nil {
		return 0, coded(err)
	}
	n, err := res.RowsAffected()
	return n, coded(err)
}

// writeRows runs one statement in a transaction. It returns how many rows it
// touched.
func (s *Store) writeRows(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err = execRows(ctx, tx, query, args...)
		return err
	})
	return n, err
}

// each calls scan with every row of a query.
func each(ctx context.Context, q queryer, scan func(r row) error, query string, args ...any) error {
	if _, pool := q.(interface{ Stats() sql.DBStats }); pool {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	rows, err := q.QueryContext(ctx, query, bind(args)...)
	if err != nil {
		return coded(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return coded(&scanError{err})
		}
	}
	return coded(rows.Err())
}

// list returns every row of a query, or nil if there is none. fields returns where
// the columns of a row go.
func list[T any](ctx context.Context, q queryer, fields func(*T) []any, query string, args ...any) (items []T, err error) {
	err = each(ctx, q, func(r row) error {
		var item T
		err := r.Scan(fields(&item)...)
		items = append(items, item)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return items, nil
}

// first returns the first row of a query. ok is false if there is none.
func first[T any](ctx context.Context, q queryer, fields func(*T) []any, query string, args ...any) (item T, ok bool, err error) {
	items, err := list(ctx, q, fields, query, args...)
	if err != nil || len(items) == 0 {
		return item, false, err
	}
	return items[0], true, nil
}

// one returns the first row of a query. If there is none, it returns a NotFound
// error that calls the row noun.
func one[T any](ctx context.Context, q queryer, noun string, fields func(*T) []any, query string, args ...any) (T, error) {
	item, ok, err := first(ctx, q, fields, query, args...)
	if err == nil && !ok {
		err = notFound(noun)
	}
	return item, err
}

// scalar is the field of a query with one column.
func scalar[T any](v *T) []any { return []any{v} }

// instant is the field of a query for a time.
func instant(t *time.Time) []any { return []any{timeOf(t)} }

// bind turns Go values into values that both databases accept: a time into Unix
// milliseconds, or NULL if it is zero, and text into UTF-8 without NUL, which
// PostgreSQL rejects.
func bind(args []any) []any {
	bound := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case time.Time:
			if !v.IsZero() {
				bound[i] = v.UnixMilli()
			}
		case string:
			bound[i] = cleanText(v)
		default:
			bound[i] = arg
			if rv := reflect.ValueOf(arg); rv.Kind() == reflect.String {
				bound[i] = cleanText(rv.String())
			}
		}
	}
	return bound
}

func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// nullable returns NULL for "", so that unique indexes ignore it.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// asJSON returns a value as JSON text. It panics if the type cannot be encoded.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("db: %T has no JSON: %v", v, err))
	}
	return string(b)
}

// into adapts a function to sql.Scanner.
type into func(v any) error

func (f into) Scan(v any) error { return f(v) }

// timeOf scans Unix milliseconds; NULL is the zero time.
func timeOf(t *time.Time) into {
	return func(v any) error {
		var ms sql.NullInt64
		err := ms.Scan(v)
		if *t = (time.Time{}); err == nil && ms.Valid {
			*t = time.UnixMilli(ms.Int64).UTC()
		}
		return err
	}
}

// arrivalOf scans the id of an event as the time of its arrival. 0 is the zero
// time.
func arrivalOf(t *time.Time) into {
	return func(v any) error {
		var id sql.NullInt64
		err := id.Scan(v)
		if id.Int64 > 0 {
			*t = EventArrival(id.Int64)
		}
		return err
	}
}

// textOf scans text; NULL is "".
func textOf[T ~string](s *T) into {
	return func(v any) error {
		var text sql.NullString
		err := text.Scan(v)
		*s = T(text.String)
		return err
	}
}

// numberOf scans a number; NULL is 0.
func numberOf(n *int64) into {
	return func(v any) error {
		var number sql.NullInt64
		err := number.Scan(v)
		*n = number.Int64
		return err
	}
}

// jsonOf scans JSON text. "" and NULL leave v unchanged.
func jsonOf(v any) into {
	return func(stored any) error {
		var text sql.NullString
		if err := text.Scan(stored); err != nil || text.String == "" {
			return err
		}
		return json.Unmarshal([]byte(text.String), v)
	}
}

// where builds a WHERE clause with its arguments. Conditions refer to their
// argument as $?.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, arg any) {
	w.args = append(w.args, arg)
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "$?", "$"+strconv.Itoa(len(w.args))))
}

func (w *where) addIf(yes bool, condition string, arg any) {
	if yes {
		w.add(condition, arg)
	}
}

// anys returns values as arguments of a query.
func anys[T any](values []T) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}

// addIn adds the condition column IN (values), or nothing if there are no
// values.
func addIn[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	w.conditions = append(w.conditions, column+` IN (`+placeholders(len(w.args)+1, len(values))+`)`)
	w.args = append(w.args, anys(values)...)
}

// beforeCursor adds the condition for the rows after the row of a time cursor,
// in a list that is sorted by the two columns, newest first. A cursor "" is the
// start of the list.
func (w *where) beforeCursor(cursor, timeColumn, idColumn string) error {
	if cursor == "" {
		return nil
	}
	ms, id, err := parseTimeCursor(cursor)
	if err != nil {
		return err
	}
	w.args = append(w.args, ms, id)
	w.conditions = append(w.conditions, fmt.Sprintf("(%s, %s) < ($%d, $%d)", timeColumn, idColumn, len(w.args)-1, len(w.args)))
	return nil
}

// String returns "" or " WHERE …".
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// placeholders returns "$from,$from+1,…" for n arguments.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}

// likeText returns a LIKE pattern that matches text anywhere. Use it with
// ESCAPE '\'.
func likeText(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(text)) + "%"
}

// Page is one page of a list. Next is the cursor of the following page; "" on
// the last one. SearchedTo is set if the search stopped because it had looked
// at many rows: it has looked at everything newer, Next continues from there,
// and Items may be short or empty.
type Page[T any] struct {
	Items      []T
	Next       string
	SearchedTo time.Time
}

// pageOf makes a page of up to limit items. A further item means that another page
// follows.
func pageOf[T any](items []T, limit int, cursor func(T) string) (page Page[T]) {
	if len(items) > limit {
		items = items[:limit]
		page.Next = cursor(items[limit-1])
	}
	page.Items = items
	return page
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

func pageLimit(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}

// A cursor is the key of the last row of a page: "number", or "milliseconds.id".

func errCursor() error {
	return &incident.Error{Code: incident.Invalid, Message: "This page of the list doesn’t exist. Go back to the start of the list.",
		Fields: map[string]string{"cursor": "This cursor doesn’t belong to this list."}}
}

func numberCursor(cursor string) (int64, error) {
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 || cursor[0] == '+' {
		return 0, errCursor()
	}
	return n, nil
}

func timeCursor(at time.Time, id string) string {
	return strconv.FormatInt(at.UnixMilli(), 10) + "." + id
}

func parseTimeCursor(cursor string) (ms int64, id string, err error) {
	head, id, ok := strings.Cut(cursor, ".")
	if !ok || id == "" || len(id) > 100 {
		return 0, "", errCursor()
	}
	ms, err = numberCursor(head)
	return ms, id, err
}
