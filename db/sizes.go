package db

import (
	"context"
)

// Sizes describes the database and how much is in it.
type Sizes struct {
	Engine    string // "sqlite" or "postgres"
	Version   string // of the engine
	Bytes     int64
	Events    int64 // at most 1,000,001, which means more than a million
	Incidents int64
	Bridges   int64
}

// Sizes measures the database.
func (s *Store) Sizes(ctx context.Context) (Sizes, error) {
	query := `SELECT sqlite_version(), (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)`
	if s.postgres {
		query = `SELECT current_setting('server_version'), pg_database_size(current_database())`
	}
	return one(ctx, s.r, "database", func(z *Sizes) []any {
		z.Engine = s.Engine()
		return []any{&z.Version, &z.Bytes, &z.Events, &z.Incidents, &z.Bridges}
	}, query+`,
		(SELECT COUNT(*) FROM (SELECT 1 FROM events LIMIT 1000001) AS counted),
		(SELECT COUNT(*) FROM incidents),
		(SELECT COUNT(*) FROM bridges)`)
}
