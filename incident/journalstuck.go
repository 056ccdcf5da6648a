package incident

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

const (
	// stuckAfter is after how many failures an incident of the journal counts as one that
	// can't be stored. A database that is down is no such failure.
	stuckAfter = 3
	// stuckMost is the longest pause between two attempts to store it.
	stuckMost = 15 * time.Minute
)

// NotStorable says why an incident of the journal could not be stored.
type NotStorable struct {
	Failures int       // in a row, while the database answered
	Code     Code      // of the last one
	Fields   []string  // those of the request that were refused
	TryAt    time.Time // when Drawbridge tries again
}

// Stuck reports whether an admin has to decide what becomes of the incident.
func (p Pending) Stuck() bool { return p.Not.Failures >= stuckAfter }

// notStored remembers that an incident of the journal could not be stored although the
// database answered, and reports how often that was so.
func (j *journal) notStored(id string, err error, now time.Time) (failures int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.pending, func(p Pending) bool { return p.ID == id })
	if i < 0 {
		return 0
	}
	not := &j.pending[i].Not
	not.Failures++
	not.Code, not.Fields = CodeOf(err), nil
	if refused, ok := errors.AsType[*Error](err); ok {
		not.Fields = slices.Sorted(maps.Keys(refused.Fields))
	}
	not.TryAt = now.Add(min(replayPause<<min(not.Failures-1, 10), stuckMost))
	return not.Failures
}

// StuckIncidents returns the incidents of this server's journal that can't be stored, oldest
// first.
func (s *Service) StuckIncidents() []Pending {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.journal.pending), func(p Pending) bool { return !p.Stuck() })
}

// Unstored returns the incidents of this server's journal that are not in the database yet,
// oldest first. What is stored except for its bridge is not among them.
func (s *Service) Unstored() []Pending {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.journal.pending), func(p Pending) bool { return p.BridgeID != "" })
}

// stuck is the incident with this ID that can't be stored.
func (s *Service) stuck(id string) (Pending, error) {
	all := s.StuckIncidents()
	i := slices.IndexFunc(all, func(p Pending) bool { return p.ID == id })
	if i < 0 {
		return Pending{}, refuse(NotFound, "This incident is no longer waiting: it has been stored or discarded.")
	}
	return all[i], nil
}

// TryPending tries now to store an incident that couldn't be stored, and reports whether
// it is stored.
func (s *Service) TryPending(ctx context.Context, actor Actor, id string) (stored bool, err error) {
	if err := need(actor, Admin); err != nil {
		return false, err
	}
	if _, err := s.stuck(id); err != nil {
		return false, err
	}
	j := &s.journal
	j.mu.Lock()
	j.tried = time.Time{}
	for i := range j.pending {
		if j.pending[i].ID == id {
			j.pending[i].Not.TryAt = time.Time{}
		}
	}
	j.mu.Unlock()
	if _, err := s.replayOnce(ctx); err != nil {
		return false, err
	}
	_, err = s.stuck(id)
	return err != nil, nil
}

// DiscardPending removes an incident that can't be stored from the journal.
func (s *Service) DiscardPending(ctx context.Context, actor Actor, id string) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	p, err := s.stuck(id)
	if err != nil {
		return err
	}
	if err := s.store.AddAudit(ctx, s.audit(actor, AuditPendingDiscard, cmp.Or(p.Request.Name, p.Request.Given.Host()))); err != nil {
		return err
	}
	s.drop([]string{id})
	return nil
}
