package incident

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// SaveRunbook creates a runbook (if ID is "") or changes it, and returns what
// changed. The fields of changes and of errors are "name", "variables.0.name",
// "steps.0.topic" and so on. It returns Conflict if someone else saved the
// runbook meanwhile.
func (s *Service) SaveRunbook(ctx context.Context, actor Actor, r Runbook) (saved Runbook, changes []Change, err error) {
	return s.saveRunbook(ctx, actor, r, AuditRunbookUpdate)
}

// BringBackRunbook saves an earlier version of a runbook again, as its newest one, and
// returns what that changes. latest is the newest version that the person knows.
func (s *Service) BringBackRunbook(ctx context.Context, actor Actor, id string, version, latest int64) (saved Runbook, changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, nil, err
	}
	v, err := s.store.RunbookVersion(ctx, id, version)
	if err != nil {
		return Runbook{}, nil, err
	}
	v.Version = latest
	return s.saveRunbook(ctx, actor, v.Runbook, AuditRunbookBringBack, Change{Field: "version_brought_back", After: strconv.FormatInt(version, 10)})
}

// saveRunbook is SaveRunbook. The audit entry of a changed runbook has the action and also
// the changes more.
func (s *Service) saveRunbook(ctx context.Context, actor Actor, r Runbook, action AuditAction, more ...Change) (saved Runbook, changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, nil, err
	}
	if err := r.normalise(); err != nil {
		return Runbook{}, nil, err
	}
	now := s.now()
	r.UpdatedAt = now
	if r.ID == "" {
		r.ID, r.CreatedAt, r.Version = newID(), now, 1
		r.stepIDs(nil)
		changes, err := s.takesDefault(ctx, r, changesOf(nil, r))
		if err != nil {
			return Runbook{}, nil, err
		}
		return r, changes, s.store.InsertRunbook(ctx, r, s.audit(actor, AuditRunbookCreate, r.Name, changes...))
	}
	old, err := s.store.Runbook(ctx, r.ID)
	if err != nil {
		return Runbook{}, nil, err
	}
	r.CreatedAt, r.DisabledAt, r.ArchivedAt = old.CreatedAt, old.DisabledAt, old.ArchivedAt
	r.stepIDs(old.Steps)
	if changes = changesOf(old, r); len(changes) == 0 {
		return old, nil, nil
	}
	if changes, err = s.takesDefault(ctx, r, changes); err != nil {
		return Runbook{}, nil, err
	}
	if err := s.store.UpdateRunbook(ctx, r, s.audit(actor, action, r.Name, append(more, changes...)...)); err != nil {
		return Runbook{}, nil, err
	}
	r.Version++
	return r, changes, nil
}

// takesDefault adds which runbook is no longer the default one, because r is.
func (s *Service) takesDefault(ctx context.Context, r Runbook, changes []Change) ([]Change, error) {
	if !r.Default {
		return changes, nil
	}
	before, err := s.store.DefaultRunbook(ctx)
	if err == nil && before.ID != r.ID {
		changes = append(changes, Change{Field: "default_runbook", Before: before.Name, After: r.Name})
	}
	if CodeOf(err) == NotFound {
		err = nil
	}
	return changes, err
}

// stepIDs keeps the ids of steps that the runbook already has and gives all other
// steps a new id, so that ids are unique.
func (r *Runbook) stepIDs(old []Step) {
	for i := range r.Steps {
		same := func(s Step) bool { return s.ID == r.Steps[i].ID }
		if !slices.ContainsFunc(old, same) || slices.ContainsFunc(r.Steps[:i], same) {
			r.Steps[i].ID = newID()
		}
	}
}

// DuplicateRunbook creates a copy of a runbook. The copy is disabled until
// someone enables it.
func (s *Service) DuplicateRunbook(ctx context.Context, actor Actor, id string) (Runbook, error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return Runbook{}, err
	}
	r.ID, r.Default, r.DisabledAt, r.ArchivedAt = "", false, s.now(), time.Time{}
	base := cutRunes(r.Name, 100)
	for n := 1; n < 100; n++ {
		r.Name = base + " (copy)"
		if n > 1 {
			r.Name = fmt.Sprintf("%s (copy %d)", base, n)
		}
		saved, _, err := s.SaveRunbook(ctx, actor, r)
		if CodeOf(err) != Conflict {
			return saved, err
		}
	}
	return Runbook{}, refuse(Conflict, "There are too many copies of this runbook. Rename one first.")
}

// SetRunbookDisabled disables or enables a runbook.
func (s *Service) SetRunbookDisabled(ctx context.Context, actor Actor, id string, disabled bool) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return err
	}
	old := r
	if disabled == !r.DisabledAt.IsZero() {
		return nil
	}
	action := AuditRunbookEnable
	if r.DisabledAt = r.ArchivedAt; disabled {
		r.DisabledAt, action = s.now(), AuditRunbookDisable
	}
	r.UpdatedAt = s.now()
	return s.store.UpdateRunbook(ctx, r, s.audit(actor, action, r.Name, changesOf(old, r)...))
}

// DeleteRunbook deletes a runbook. If it has incidents, it is archived instead,
// because they refer to it.
func (s *Service) DeleteRunbook(ctx context.Context, actor Actor, id string) (archived bool, err error) {
	if err := need(actor, Admin); err != nil {
		return false, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return false, err
	}
	return s.store.DeleteRunbook(ctx, id, s.now(), s.audit(actor, AuditRunbookDelete, r.Name, changesOf(r, nil)...))
}
