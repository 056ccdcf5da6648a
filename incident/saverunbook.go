package incident

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SaveRunbook creates a runbook (ID "") or changes it, and says what changed in
// words. Fields of a refusal are keyed "name", "variables.0.name",
// "steps.0.topic" and so on. A runbook that somebody else saved meanwhile is a
// Conflict.
func (s *Service) SaveRunbook(ctx context.Context, actor Actor, r Runbook) (saved Runbook, changed []string, err error) {
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
		_, after := diff(nil, r.lines())
		return r, []string{"created"}, s.store.InsertRunbook(ctx, r, s.audit(actor, "runbook.create", r.Name, nil, after))
	}
	old, err := s.store.Runbook(ctx, r.ID)
	if err != nil {
		return Runbook{}, nil, err
	}
	r.CreatedAt, r.DisabledAt, r.ArchivedAt = old.CreatedAt, old.DisabledAt, old.ArchivedAt
	r.stepIDs(old.Steps)
	before, after := diff(old.lines(), r.lines())
	if len(before) == 0 && len(after) == 0 {
		return old, nil, nil
	}
	if err := s.store.UpdateRunbook(ctx, r, s.audit(actor, "runbook.update", r.Name, before, after)); err != nil {
		return Runbook{}, nil, err
	}
	r.Version++
	for _, l := range append(after, before...) {
		name, _, _ := strings.Cut(l, ":")
		if !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	return r, changed, nil
}

// stepIDs keeps the ids of steps that the runbook has already, and only those,
// each once.
func (r *Runbook) stepIDs(old []Step) {
	for i := range r.Steps {
		same := func(s Step) bool { return s.ID == r.Steps[i].ID }
		if !slices.ContainsFunc(old, same) || slices.ContainsFunc(r.Steps[:i], same) {
			r.Steps[i].ID = newID()
		}
	}
}

// lines is the runbook as "field: value", for the audit trail and for saying
// what changed.
func (r Runbook) lines() []string {
	list := []string{"name: " + r.Name, "incident type: " + r.IncidentType, "description: " + r.Description}
	if !r.DisabledAt.IsZero() {
		list = append(list, "disabled: yes")
	}
	for i, v := range r.Variables {
		list = append(list, fmt.Sprintf("variable %d: %s (%s, %s, required %v, default %q, help %q, choices %q)", i+1, v.Name, v.Label, v.Type, v.Required, v.Default, v.Help, v.Choices))
	}
	for i, step := range r.Steps {
		p := fmt.Sprintf("step %d ", i+1)
		m := step.Meeting
		list = append(list,
			p+"kind: "+string(step.Kind),
			p+"execute automatically: "+strconv.FormatBool(step.ExecuteAutomatically),
			p+"topic: "+m.Topic, p+"agenda: "+m.Agenda, p+"recording: "+string(m.Recording),
			p+"duration: "+strconv.Itoa(m.DurationMinutes)+" minutes", p+"host: "+string(m.Host),
			p+"waiting room: "+strconv.FormatBool(m.WaitingRoom), p+"join before host: "+strconv.FormatBool(m.JoinBeforeHost),
			p+"alternative hosts: "+strings.Join(m.AlternativeHosts, ", "))
	}
	return list
}

// DuplicateRunbook makes a copy that is disabled until somebody has looked at it.
func (s *Service) DuplicateRunbook(ctx context.Context, actor Actor, id string) (Runbook, error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return Runbook{}, err
	}
	r.ID, r.DisabledAt, r.ArchivedAt = "", s.now(), time.Time{}
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

// SetRunbookDisabled takes a runbook out of use, or back into it.
func (s *Service) SetRunbookDisabled(ctx context.Context, actor Actor, id string, disabled bool) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return err
	}
	old := r.lines()
	if disabled == !r.DisabledAt.IsZero() {
		return nil
	}
	action := "runbook.enable"
	if r.DisabledAt = r.ArchivedAt; disabled {
		r.DisabledAt, action = s.now(), "runbook.disable"
	}
	r.UpdatedAt = s.now()
	before, after := diff(old, r.lines())
	return s.store.UpdateRunbook(ctx, r, s.audit(actor, action, r.Name, before, after))
}

// DeleteRunbook deletes a runbook; one that incidents were opened with is
// archived, so that they keep what they refer to.
func (s *Service) DeleteRunbook(ctx context.Context, actor Actor, id string) (archived bool, err error) {
	if err := need(actor, Admin); err != nil {
		return false, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return false, err
	}
	return s.store.DeleteRunbook(ctx, id, s.now(), s.audit(actor, "runbook.delete", r.Name, r.lines(), nil))
}
