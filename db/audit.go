package db

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const auditColumns = `id, at, actor_kind, actor, action, target, changes, address`

func auditFields(e *incident.AuditEntry) []any {
	return []any{&e.ID, timeOf(&e.At), &e.ActorKind, &e.Actor, &e.Action, &e.Target, jsonOf(&e.Changes), &e.Address}
}

// insertAudit writes an entry, or nothing when it has no action.
func insertAudit(ctx context.Context, tx *sql.Tx, e incident.AuditEntry) error {
	if e.Action == "" {
		return nil
	}
	return exec(ctx, tx, `INSERT INTO audit_entries (`+auditColumns+`) VALUES (`+placeholders(1, 8)+`)`,
		e.ID, e.At, e.ActorKind, e.Actor, e.Action, e.Target, asJSON(e.Changes), e.Address)
}

// change is write with the audit entry e, and with new versions of topics, in the
// same transaction.
func (s *Store) change(ctx context.Context, e incident.AuditEntry, topics []string, fn func(tx *sql.Tx) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if err := insertAudit(ctx, tx, e); err != nil {
			return err
		}
		return bump(ctx, tx, topics...)
	})
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
	w.addIf(f.Target != "", `target = $?`, f.Target)
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
	items, err := list(ctx, s.r, auditFields,
		`SELECT `+auditColumns+` FROM audit_entries`+w.String()+` ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	return pageOf(items, limit, func(e incident.AuditEntry) string { return timeCursor(e.At, e.ID) }), err
}
