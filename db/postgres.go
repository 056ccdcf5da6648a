package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresConns = 16 // for one server, unless the address sets pool_max_conns
	// How long to wait for an address that does not answer. Then the next address is
	// tried.
	postgresConnect = 5 * time.Second
	// A server that hangs in a transaction must not keep its locks.
	postgresIdleInTx = 30 * time.Second
)

func (s *Store) openPostgres(ctx context.Context, rawURL string, copying bool) error {
	if !strings.HasPrefix(rawURL, "postgres://") && !strings.HasPrefix(rawURL, "postgresql://") {
		return errors.New("DRAWBRIDGE_DATABASE_URL must start with postgres://; leave it empty for SQLite")
	}
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		// The cause may contain the address with its password.
		return errors.New("DRAWBRIDGE_DATABASE_URL is invalid; use postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "drawbridge"
	}
	const idle, pool = "idle_in_transaction_session_timeout", "pool_max_conns"
	if cfg.RuntimeParams[idle] == "" {
		cfg.RuntimeParams[idle] = strconv.FormatInt(postgresIdleInTx.Milliseconds(), 10)
	}
	if !strings.Contains(rawURL, "connect_timeout=") {
		cfg.ConnectTimeout = postgresConnect
	}
	conns := postgresConns
	if text, ok := cfg.RuntimeParams[pool]; ok {
		if conns, err = strconv.Atoi(text); err != nil || conns < 2 {
			return errors.New("pool_max_conns in DRAWBRIDGE_DATABASE_URL must be a number, at least 2")
		}
		delete(cfg.RuntimeParams, pool)
	}
	s.postgres = true
	s.w = stdlib.OpenDB(*cfg)
	s.r = &readPool{DB: s.w}
	s.w.SetMaxOpenConns(conns)
	s.w.SetMaxIdleConns(conns)
	s.w.SetConnMaxIdleTime(5 * time.Minute)
	if err := s.w.PingContext(ctx); err != nil {
		return fmt.Errorf("connect to PostgreSQL at %s: %w", cfg.Host, err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if unfinished, err := s.copyUnfinished(ctx); err != nil || unfinished && !copying {
		return cmp.Or(err, errors.New("this database contains an unfinished copy; run `drawbridge copy` again until it finishes, or empty the database"))
	}
	return s.PrepareMonths(ctx)
}
