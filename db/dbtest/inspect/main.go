// Command inspect reports the content of data directories, for the crash tests
// of the program. They inspect thousands of directories. This command is built
// without the race detector, which makes SQLite twenty times slower.
//
// It reads the path of a directory from each line of its input and answers each
// with a line of JSON.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// found is the content of one data directory.
type found struct {
	OpenError  string   // why the program could not open it
	ReadError  string   // why it could not be read
	Integrity  string   // what SQLite's integrity check says
	Schema     string   // every table and index, in one text
	KeyProblem string   // why secrets cannot be opened
	Tokens     int      // the webhook secret tokens
	Bodies     []string // SHA-256 of the body of each event, newest first
}

func main() {
	lines, answers := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(inspect(context.Background(), lines.Text())); err != nil {
			os.Exit(1)
		}
	}
}

func inspect(ctx context.Context, dir string) (f found) {
	s, err := open(ctx, dir)
	if err != nil {
		return found{OpenError: err.Error()}
	}
	defer s.Close()
	if err := f.read(ctx, s, dir); err != nil {
		f.ReadError = err.Error()
	}
	return f
}

// open opens a data directory as the server does.
func open(ctx context.Context, dir string) (*db.Store, error) {
	keys, err := db.LoadOrCreateKey(filepath.Join(dir, "master.key"))
	if err != nil {
		return nil, err
	}
	now := func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) }
	return db.Open(ctx, db.Config{DataDir: dir, Keys: keys, Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

func (f *found) read(ctx context.Context, s *db.Store, dir string) error {
	conn, err := sql.Open("sqlite", "file:"+filepath.Join(dir, db.SQLiteFile))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&f.Integrity); err != nil {
		return err
	}
	err = conn.QueryRowContext(ctx, `
		SELECT GROUP_CONCAT(line, char(10)) FROM (
			SELECT type || ' ' || name || ' ' || COALESCE(sql, '') AS line FROM sqlite_master
			WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY 1)`).Scan(&f.Schema)
	if err != nil {
		return err
	}

	account, err := s.Account(ctx)
	if err != nil {
		return err
	}
	f.KeyProblem = s.KeyProblem()
	tokens, locked := account.WebhookTokens()
	if f.Tokens = len(tokens); locked && f.KeyProblem == "" {
		f.KeyProblem = "a secret token cannot be opened"
	}
	for cursor := ""; ; {
		page, err := s.EventRows(ctx, db.EventFilter{}, cursor, 200)
		if err != nil {
			return err
		}
		for _, row := range page.Items {
			e, err := s.Event(ctx, row.ID)
			if err != nil {
				return err
			}
			hash := sha256.Sum256(e.Body)
			f.Bodies = append(f.Bodies, hex.EncodeToString(hash[:]))
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}
