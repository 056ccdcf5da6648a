package db

import (
	"context"
	"database/sql"
	"sync"
)

// readPool is a pool for reading. On SQLite it keeps the statements it has seen
// first: to prepare one takes as long as a page's small queries do. (PostgreSQL's
// driver does so itself.)
type readPool struct {
	*sql.DB
	most int // statements that are kept

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

// preparedReads is how many statements SQLite's readers keep. There are more
// texts than that only where a filter grows them.
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

// stmt is nil for a statement that is not kept.
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
	if other := p.stmts[query]; other != nil { // somebody was faster
		return other, stmt.Close()
	}
	p.stmts[query] = stmt
	return stmt, nil
}
