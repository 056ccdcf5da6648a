package db

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const versionColumns = `runbook_id, version, at, actor_kind, actor, body`

func versionFields(v *incident.RunbookVersion) []any {
	return []any{&v.ID, &v.Version, timeOf(&v.UpdatedAt), &v.ActorKind, &v.Actor, jsonOf(&v.Runbook)}
}

// newVersion makes a change of a runbook, which increments its version, and keeps what
// the runbook is then. It also keeps what it was, which is missing if the runbook was last
// saved before the database kept versions.
func newVersion(ctx context.Context, tx *sql.Tx, id string, by incident.AuditEntry, change func() error) error {
	if err := keepVersion(ctx, tx, id, incident.AuditEntry{}); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	return keepVersion(ctx, tx, id, by)
}

func keepVersion(ctx context.Context, tx *sql.Tx, id string, by incident.AuditEntry) error {
	found, err := runbookWhere(ctx, tx, `r.id = $1`, id)
	for _, r := range found {
		err = exec(ctx, tx, `INSERT INTO runbook_versions (`+versionColumns+`) VALUES (`+placeholders(1, 6)+`) ON CONFLICT DO NOTHING`,
			r.ID, r.Version, r.UpdatedAt, by.ActorKind, by.Actor, asJSON(r))
	}
	return err
}

// RunbookVersions returns the versions of a runbook that are lower than before, or all of
// them if that is 0, the newest first.
func (s *Store) RunbookVersions(ctx context.Context, id string, before int64, limit int) ([]incident.RunbookVersion, error) {
	now, err := s.Runbook(ctx, id)
	if err != nil {
		return nil, err
	}
	var w where
	w.add(`runbook_id = $?`, id)
	w.addIf(before > 0, `version < $?`, before)
	found, err := list(ctx, s.r, versionFields, `SELECT `+versionColumns+` FROM runbook_versions`+w.String()+` ORDER BY version DESC LIMIT `+strconv.Itoa(limit), w.args...)
	if newest := before == 0 || now.Version < before; err == nil && newest && (len(found) == 0 || found[0].Version < now.Version) {
		found = append([]incident.RunbookVersion{{Runbook: now}}, found...) // see newVersion
	}
	return found, err
}

// RunbookVersion implements incident.Runbooks.
func (s *Store) RunbookVersion(ctx context.Context, id string, version int64) (incident.RunbookVersion, error) {
	found, err := s.RunbookVersions(ctx, id, version+1, 1)
	if err == nil && (len(found) == 0 || found[0].Version != version) {
		err = notFound("version of the runbook")
	}
	if err != nil {
		return incident.RunbookVersion{}, err
	}
	return found[0], nil
}
