package db_test

import (
	"database/sql"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

// The two folders hold the same numbers and names.
func TestMigrationFiles(t *testing.T) {
	names := func(dir string) (list []string) {
		files, err := os.ReadDir(dir)
		check(t, err)
		for _, f := range files {
			list = append(list, f.Name())
			text, err := os.ReadFile(dir + "/" + f.Name())
			check(t, err)
			if strings.Contains(string(text), "NO TRANSACTION") {
				t.Errorf("%s/%s does not run in a transaction", dir, f.Name())
			}
		}
		return list
	}
	same(t, names("migrations/postgres"), names("migrations/sqlite"))
}

// schema is what the two engines must agree on, a line for each column, index
// and foreign key. The search index is each engine's own, and PostgreSQL's
// partitions are as their tables.
type schema []string

func rows(t *testing.T, conn *sql.DB, query string, args ...any) (list [][]string) {
	t.Helper()
	found, err := conn.Query(query, args...)
	check(t, err)
	defer found.Close()
	columns, err := found.Columns()
	check(t, err)
	for found.Next() {
		cells := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range cells {
			dest[i] = &cells[i]
		}
		check(t, found.Scan(dest...))
		line := make([]string, len(columns))
		for i, c := range cells {
			line[i] = c.String
		}
		list = append(list, line)
	}
	check(t, found.Err())
	return list
}

// flags are the columns that PostgreSQL keeps as BOOLEAN and SQLite, which has
// none, as INTEGER.
var flags = []string{"execute_automatically", "stale", "used_backup_user"}

func sqliteSchema(t *testing.T, conn *sql.DB) (list schema) {
	for _, c := range rows(t, conn, `
		SELECT m.name, c.name, c.type, c."notnull" OR c.pk > 0, c.pk, COALESCE(c.dflt_value, '')
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'event_words%'`) {
		if slices.Contains(flags, c[1]) {
			c[2] = "BOOLEAN"
		}
		list = append(list, "column "+strings.Join(c, " "))
	}
	for _, i := range rows(t, conn, `
		SELECT m.name, i."unique",
			(SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)),
			COALESCE((SELECT sql FROM sqlite_master WHERE type = 'index' AND name = i.name), ''), i.name
		FROM sqlite_master m JOIN pragma_index_list(m.name) i
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'event_words%' AND i.origin <> 'pk'`) {
		list = append(list, "index "+i[0]+" unique="+i[1]+" ("+i[2]+")"+condition(i[3]))
	}
	for _, f := range rows(t, conn, `
		SELECT m.name, f."from", f."table", f."to", f.on_delete
		FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`) {
		list = append(list, "foreign key "+strings.Join(f, " "))
	}
	slices.Sort(list)
	return list
}

func postgresSchema(t *testing.T, conn *sql.DB) (list schema) {
	types := map[string]string{"bigint": "INTEGER", "text": "TEXT", "bytea": "BLOB", "boolean": "BOOLEAN"}
	for _, c := range rows(t, conn, `
		SELECT c.table_name, c.column_name, c.data_type, CASE c.is_nullable WHEN 'NO' THEN 1 ELSE 0 END,
			COALESCE((SELECT array_position(x.indkey::int[], a.attnum::int) + 1 FROM pg_index x
				JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attname = c.column_name
				WHERE x.indisprimary AND x.indrelid = c.table_name::regclass), 0),
			COALESCE(c.column_default, '')
		FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND c.table_name NOT LIKE 'goose%' AND t.table_type = 'BASE TABLE'
			AND c.table_name NOT LIKE 'event_words%' AND c.table_name NOT LIKE 'events\_%'`) {
		if types[c[2]] == "" {
			t.Errorf("%s.%s has type %s, which SQLite has not", c[0], c[1], c[2])
		}
		c[2] = types[c[2]]
		list = append(list, "column "+strings.Join(c, " "))
	}
	for _, i := range rows(t, conn, `
		SELECT t.relname, CASE WHEN x.indisunique THEN 1 ELSE 0 END,
			(SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey::int[]) WITH ORDINALITY k (num, n)
				JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.num),
			pg_get_indexdef(x.indexrelid)
		FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
		WHERE t.relnamespace = 'public'::regnamespace AND NOT x.indisprimary AND t.relname NOT LIKE 'goose%'
			AND t.relname NOT LIKE 'event_words%' AND t.relname NOT LIKE 'events\_%'`) {
		list = append(list, "index "+i[0]+" unique="+i[1]+" ("+i[2]+")"+condition(i[3]))
	}
	actions := map[string]string{"a": "NO ACTION", "c": "CASCADE"}
	for _, f := range rows(t, conn, `
		SELECT t.relname, a.attname, r.relname, b.attname, c.confdeltype
		FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
			JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
			JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = c.confkey[1]
		WHERE c.contype = 'f'`) {
		f[4] = actions[f[4]]
		list = append(list, "foreign key "+strings.Join(f, " "))
	}
	slices.Sort(list)
	return list
}

// condition is the WHERE of a partial index, written one way: the words and
// values in their order.
func condition(definition string) string {
	_, where, ok := strings.Cut(definition, " WHERE ")
	if !ok {
		return ""
	}
	// PostgreSQL prints IN as = ANY (ARRAY[…]), with casts.
	where = strings.NewReplacer("::text", "", "= ANY", "IN", "ARRAY", "").Replace(where)
	return " where " + strings.Join(regexp.MustCompile(`[\w']+|<>|=`).FindAllString(where, -1), " ")
}

// Both engines have the same tables, columns, nullability, keys and indexes.
func TestSchemaParity(t *testing.T) {
	postgres := dbtest.Postgres(t)
	dbtest.Open(t, postgres)
	sqlite := dbtest.SQLite(t)
	dbtest.Open(t, sqlite)
	got := sqliteSchema(t, raw(t, sqlite))
	same(t, postgresSchema(t, raw(t, postgres)), got)
	if len(got) < 180 {
		t.Errorf("only %d things were compared", len(got))
	}
}

// Every table refuses values of the wrong type on SQLite as PostgreSQL does.
func TestStrict(t *testing.T) {
	cfg := dbtest.SQLite(t)
	dbtest.Open(t, cfg)
	for _, table := range rows(t, raw(t, cfg), `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict
		AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'event_words%'`) {
		t.Errorf("table %s is not STRICT", table[0])
	}
}

// One SQL text works on both engines because SQLite's driver takes $1 by its
// number, out of order and repeated.
func TestPlaceholders(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		got := rows(t, raw(t, cfg), `SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT)`, "one", "two")
		same(t, got, [][]string{{"two", "one", "two"}})
	})
}
