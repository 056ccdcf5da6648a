package db

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const auditColumns = `id, at, actor_kind, actor, action, target, changes, address`

func scanAudit(r row) (e incident.AuditEntry, err error) {
	err = r.Scan(&e.ID, timeOf(&e.At), &e.ActorKind, &e.Actor, &e.Action, &e.Target, jsonOf(&e.Changes), &e.Address)
	return e, err
}

// insertAudit writes an entry, or nothing when it has no action.
func insertAudit(ctx context.Context, tx *sql.Tx, e incident.AuditEntry) error {
	if e.Action == "" {
		return nil
	}
	_, err := exec(ctx, tx, `INSERT INTO audit_entries (`+auditColumns+`) VALUES (`+placeholders(1, 8)+`)`,
		e.ID, e.At, e.ActorKind, e.Actor, e.Action, e.Target, asJSON(e.Changes), e.Address)
	return err
}

// finish is the end of a transaction: its audit entry, and what it changed.
func finish(ctx context.Context, tx *sql.Tx, e incident.AuditEntry, topics ...string) error {
	if err := insertAudit(ctx, tx, e); err != nil {
		return err
	}
	return bump(ctx, tx, topics...)
}

// AddAudit adds an entry to the audit trail.
func (s *Store) AddAudit(ctx context.Context, e incident.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error { return insertAudit(ctx, tx, e) })
}

// AuditFilter chooses entries of the audit trail; what is empty chooses all.
type AuditFilter struct {
	Actions []incident.AuditAction // one of them
	Target  string
	Words   []AuditWord // every one of them
}

// AuditWord is a part of an entry's actor or target, in any case, or one of the
// actions that are worded with it.
type AuditWord struct {
	Text    string
	Actions []string
}

// Audit is the audit trail, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter, cursor string, limit int) (Page[incident.AuditEntry], error) {
	var page Page[incident.AuditEntry]
	var w where
	if err := w.beforeCursor(cursor, "at", "id"); err != nil {
		return page, err
	}
	addIn(&w, "action", f.Actions)
	if f.Target != "" {
		w.add(`target = $?`, f.Target)
	}
	for _, word := range f.Words {
		says := `LOWER(actor) LIKE $? ESCAPE '\' OR LOWER(target) LIKE $? ESCAPE '\'`
		if n := len(word.Actions); n > 0 {
			says += ` OR action IN (` + placeholders(len(w.args)+2, n) + `)`
		}
		w.add("("+says+")", likeText(word.Text))
		for _, action := range word.Actions {
			w.args = append(w.args, action)
		}
	}
	limit = pageLimit(limit)
	items, err := list(ctx, s.r, scanAudit,
		`SELECT `+auditColumns+` FROM audit_entries`+w.String()+` ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	if len(items) > limit {
		items = items[:limit]
		page.Next = timeCursor(items[limit-1].At, items[limit-1].ID)
	}
	page.Items = items
	return page, err
}
