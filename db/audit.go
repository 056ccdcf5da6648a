package db

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const auditColumns = `id, at, actor_kind, actor, action, target, changes, address`

func auditFields(e *incident.AuditEntry) []any {
	return []any{&e.ID, timeOf(&e.At), &e.ActorKind, &e.Actor, &e.Action, &e.Target, jsonOf(&e.Changes), &e.Address}
}

// insertAudit stores an entry. It stores nothing if the entry has no action.
func insertAudit(ctx context.Context, tx *sql.Tx, e incident.AuditEntry) error {
	if e.Action == "" {
		return nil
	}
	return exec(ctx, tx, `INSERT INTO audit_entries (`+auditColumns+`) VALUES (`+placeholders(1, 8)+`)`,
		e.ID, e.At, e.ActorKind, e.Actor, e.Action, e.Target, asJSON(e.Changes), e.Address)
}

// change is write, and also stores the audit entry e and gives the topics new
// versions.
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

// AuditFilter selects entries of the audit trail. An empty field selects all.
type AuditFilter struct {
	Actions []incident.AuditAction // any of these
	Target  string
	Actor   string      // part of the name of who did it, in any case
	From    time.Time   // including
	To      time.Time   // excluding
	Words   []AuditWord // all of these
}

// AuditWord is one search word. It matches an entry whose actor or target
// contains Text in any case, or whose action is one of Actions: those whose
// description contains the word.
type AuditWord struct {
	Text    string
	Actions []string
}

// Audit returns the audit trail, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter, cursor string, limit int) (Page[incident.AuditEntry], error) {
	var page Page[incident.AuditEntry]
	var w where
	if err := w.beforeCursor(cursor, "at", "id"); err != nil {
		return page, err
	}
	addIn(&w, "action", f.Actions)
	w.addIf(f.Target != "", `target = $?`, f.Target)
	w.addIf(f.Actor != "", `LOWER(actor) LIKE $? ESCAPE '\'`, likeText(f.Actor))
	w.addIf(!f.From.IsZero(), `at >= $?`, f.From)
	w.addIf(!f.To.IsZero(), `at < $?`, f.To)
	for _, word := range f.Words {
		says := `LOWER(actor) LIKE $? ESCAPE '\' OR LOWER(target) LIKE $? ESCAPE '\'`
		if n := len(word.Actions); n > 0 {
			says += ` OR action IN (` + placeholders(len(w.args)+2, n) + `)`
		}
		w.add("("+says+")", likeText(word.Text))
		w.args = append(w.args, anys(word.Actions)...)
	}
	limit = pageLimit(limit)
	items, err := list(ctx, s.r, auditFields,
		`SELECT `+auditColumns+` FROM audit_entries`+w.String()+` ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	return pageOf(items, limit, func(e incident.AuditEntry) string { return timeCursor(e.At, e.ID) }), err
}
