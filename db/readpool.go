package db

import (
	"context"
	"database/sql"
	"sync"
)

// readPool is a pool for reading. On SQLite it keeps the first statements that
// it sees prepared, because preparing one takes as long as the small queries of
// a page. PostgreSQL's driver does this itself.
type readPool struct {
	*sql.DB
	most int // how many statements to keep

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

// preparedReads is how many prepared statements SQLite's readers keep. More
// different statements exist only because filters vary them.
const preparedReads = 64

func (p *readPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return p.DB.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

// stmt returns a prepared statement, or nil if the pool does not keep it.
func (p *readPool) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	stmt, full := p.stmts[query], len(p.stmts) >= p.most
	p.mu.Unlock()
	if stmt != nil || full {
		return stmt, nil
	}
	stmt, err := p.DB.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.stmts[query]; other != nil { // another caller was faster
		return other, stmt.Close()
	}
	p.stmts[query] = stmt
	return stmt, nil
}
