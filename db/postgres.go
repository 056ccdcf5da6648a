package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const postgresConns = 16

func (s *Store) openPostgres(ctx context.Context, rawURL string, copying bool) error {
	if !strings.HasPrefix(rawURL, "postgres://") && !strings.HasPrefix(rawURL, "postgresql://") {
		return errors.New("DRAWBRIDGE_DATABASE_URL must begin with postgres://; leave it empty for SQLite")
	}
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		// The cause may repeat the address with its password.
		return errors.New("DRAWBRIDGE_DATABASE_URL cannot be read; it looks like postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "drawbridge"
	}
	s.postgres = true
	s.w = stdlib.OpenDB(*cfg)
	s.r = s.w
	s.w.SetMaxOpenConns(postgresConns)
	s.w.SetMaxIdleConns(postgresConns)
	s.w.SetConnMaxIdleTime(5 * time.Minute)
	if err := s.w.PingContext(ctx); err != nil {
		return fmt.Errorf("connect to PostgreSQL at %s: %w", cfg.Host, err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if unfinished, err := s.copyUnfinished(ctx); err != nil || unfinished && !copying {
		return cmp.Or(err, errors.New("this database holds an unfinished copy; run `drawbridge copy` again until it ends, or empty the database"))
	}
	return s.PrepareMonths(ctx)
}
