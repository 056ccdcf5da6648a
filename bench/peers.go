package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	_ "modernc.org/sqlite"
)

// servePeer is "bench serve KIND ADDR DIR": it runs a peer in its own process.
func servePeer(ctx context.Context, kind, addr, dir string) error {
	store := func(context.Context, []byte) error { return nil }
	switch kind {
	case "verify":
	case "each":
		db, err := openPlain(dir)
		if err != nil {
			return err
		}
		defer db.Close()
		store = db.store
	default:
		return fmt.Errorf("no peer %q", kind)
	}
	e := echo.New()
	e.POST("/webhook", func(c echo.Context) error {
		body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, 1<<20))
		if err != nil {
			return err
		}
		h := c.Request().Header
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + h.Get("X-Zm-Request-Timestamp") + ":"))
		mac.Write(body)
		if !hmac.Equal([]byte("v0="+hex.EncodeToString(mac.Sum(nil))), []byte(h.Get("X-Zm-Signature"))) {
			return c.NoContent(http.StatusUnauthorized)
		}
		if err := store(c.Request().Context(), body); err != nil {
			return err
		}
		return c.JSONBlob(http.StatusOK, []byte("{}"))
	})
	server := &http.Server{Addr: addr, Handler: e, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// plain stores each event in its own transaction: the body as received and the two
// indexes that a log needs, nothing else.
type plain struct {
	*sql.DB
	mu     sync.Mutex
	insert *sql.Stmt
}

const plainFile = "plain.db"

func openPlain(dir string) (*plain, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, plainFile)+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(2000)&_pragma=cache_size(-4000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`
		CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, received_at INTEGER, event TEXT, meeting_id TEXT, body BLOB) STRICT;
		CREATE INDEX IF NOT EXISTS events_event ON events (event, received_at);
		CREATE INDEX IF NOT EXISTS events_meeting ON events (meeting_id, received_at)`); err != nil {
		return nil, err
	}
	insert, err := db.Prepare(`INSERT INTO events (received_at, event, meeting_id, body) VALUES ($1, $2, $3, $4)`)
	return &plain{DB: db, insert: insert}, err
}

func (p *plain) store(ctx context.Context, body []byte) error {
	var e struct {
		Event   string
		Payload struct{ Object struct{ ID json.Number } }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.insert.ExecContext(ctx, time.Now().UnixMilli(), e.Event, e.Payload.Object.ID.String(), body)
	return err
}
