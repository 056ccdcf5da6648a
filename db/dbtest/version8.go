package dbtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/drawbridge-hq/drawbridge/db"
)

// Version8Row is a row of a database that the last program with version 8 of
// the schema wrote. Values are string, int64, bool, []byte or nil.
type Version8Row struct {
	Table string
	Row   map[string]any
}

// Version8 turns cfg's database, which must be empty, into one of version 8 of
// the schema. It has at least one row of every kind that was ever written.
// Version8 returns the configuration with which to open it. Version8History is
// what that program showed of the database.
//
// That program itself wrote testdata/version8.jsonl.gz while it served the
// simulator. The file has one row a line and contains the search index as
// words. Only the last incident and the last entry of the audit trail contain
// texts that the program never wrote, like a database that someone has edited.
func Version8(t testing.TB, cfg db.Config) db.Config {
	t.Helper()
	keys, err := db.NewKeyring(base64.StdEncoding.EncodeToString([]byte("key of the database of version 8")))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keys = keys
	if err := fill(t, cfg); err != nil {
		t.Fatalf("make a database of version 8: %v", err)
	}
	return cfg
}

// Version8History returns what the program of version 8 showed of Version8, one
// line each: timeline, steps, and bridges with findings and attempts by
// incident; then the audit trail, the last check, missing-event checks, and
// events that could not be read. Texts are quoted as in Go.
func Version8History(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(ours("testdata", "version8.history.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Version8Rows returns the rows of Version8, in an order in which they can be
// inserted.
func Version8Rows(t testing.TB) (list []Version8Row) {
	t.Helper()
	packed, err := os.ReadFile(ours("testdata", "version8.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Version8Row
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.UseNumber()
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		for column, v := range r.Row {
			switch v := v.(type) {
			case json.Number:
				r.Row[column], err = strconv.ParseInt(v.String(), 10, 64)
			case map[string]any:
				r.Row[column], err = hex.DecodeString(v["hex"].(string))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// ours returns the path of a file of package db.
func ours(path ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(filepath.Dir(file))}, path...)...)
}

func fill(t testing.TB, cfg db.Config) error {
	ctx := t.Context()
	driver, source, dialect, engine := "pgx", cfg.DatabaseURL, goose.DialectPostgres, "postgres"
	if source == "" {
		driver, dialect, engine = "sqlite", goose.DialectSQLite3, "sqlite"
		// That program marked the file like this.
		source = "file:" + filepath.Join(cfg.DataDir, db.SQLiteFile) + "?_pragma=application_id(0x44724272)&_pragma=user_version(8)&_pragma=journal_mode(WAL)"
	}
	conn, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetMaxOpenConns(1)
	later := goose.WithExcludeVersions([]int64{9, 23}) // they are Go code of package db
	steps, err := goose.NewProvider(dialect, conn, os.DirFS(ours("migrations", engine)), goose.WithDisableGlobalRegistry(true), later, goose.WithGoMigrations(
		goose.NewGoMigration(7, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DROP TABLE events_1`) // it is empty
			return err
		}}, nil),
		goose.NewGoMigration(8, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			if engine == "postgres" {
				return nil
			}
			_, err := tx.ExecContext(ctx, `
				CREATE TABLE event_words_parts (number INTEGER PRIMARY KEY, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;
				INSERT INTO event_words (event_words, rank) VALUES ('automerge', 0);
				INSERT INTO event_words (event_words, rank) VALUES ('usermerge', 8)`)
			return err
		}}, nil)))
	if err != nil {
		return err
	}
	if _, err := steps.UpTo(ctx, 8); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, r := range Version8Rows(t) {
		columns := slices.Sorted(maps.Keys(r.Row))
		var marks []string
		var args []any
		for i, c := range columns {
			marks, args = append(marks, fmt.Sprintf("$%d", i+1)), append(args, r.Row[c])
		}
		switch {
		case r.Table == "event_words" && engine == "sqlite":
			columns[0] = "rowid"
		case r.Table == "event_words":
			marks[1] = "array_to_tsvector(string_to_array(CAST($2 AS TEXT), ' '))"
		case r.Table == "event_words_parts" && engine == "postgres":
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+r.Table+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, args...); err != nil {
			return fmt.Errorf("insert into %s: %w", r.Table, err)
		}
	}
	return tx.Commit()
}
