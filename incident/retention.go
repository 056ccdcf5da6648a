package incident

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// RetentionRule says how long events of a family are kept, and when their
// personal data is erased.
type RetentionRule struct {
	Family    string `json:"-" yaml:"family"`              // see EventFamily; "": all families without a rule of their own
	KeepDays  int    `json:"keep_days" yaml:"keep_days"`   // 0: forever
	BlankDays int    `json:"blank_days" yaml:"blank_days"` // 0: never
}

// Retention stores the rules and applies them. A method that returns a number
// does one slice of work and returns its size; 0 means that nothing is left. It
// ends early if others have waited for it. Unread events and events of open
// incidents stay.
type Retention interface {
	Retention(ctx context.Context) ([]RetentionRule, error) // sorted by family
	// SaveRetention replaces the rules and restarts the counts of what was done.
	SaveRetention(ctx context.Context, rules []RetentionRule, audit AuditEntry) error
	TellRetention(ctx context.Context) error // updates the pages; the slices do not
	DropEventMonths(ctx context.Context, before time.Time) (int64, error)
	DeleteEventsBefore(ctx context.Context, before time.Time, limit int) (int64, error) // oldest first
	// DeleteEventsOfType deletes events of one type; "" means events that cannot
	// be read.
	DeleteEventsOfType(ctx context.Context, event string, before time.Time, limit int) (int64, error)
	DeleteEventKeys(ctx context.Context, before time.Time, limit int) (int64, error)
	// RetireWordParts stops using a part of the search index whose events are all
	// deleted. FreeWordParts frees pages of such parts when no search can still
	// use them.
	RetireWordParts(ctx context.Context) (int64, error)
	FreeWordParts(ctx context.Context, pages int) (int64, error)
	// BlankEvents erases personal data from events and from the search index.
	BlankEvents(ctx context.Context, event string, before, at time.Time, limit int) (int64, error)
	// BlankBridge erases the personal data of the people on one bridge of a
	// resolved incident.
	BlankBridge(ctx context.Context, before, at time.Time) (int64, error)
}

// RetentionName returns the name of a rule's family; the family "" is called
// "others".
func RetentionName(family string) string { return cmp.Or(family, "others") }

// The bounds of a rule. Zoom retries a delivery and keeps it in its log for
// several days. An event that is deleted earlier could come back.
const (
	MinKeepDays  = 7
	maxRetention = 10 * 366
)

var familyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// CheckRetention checks rules, sorts them and drops rules without effect. Field
// errors are keyed "meeting.keep_days", "others.blank_days" and so on.
func CheckRetention(rules []RetentionRule) ([]RetentionRule, error) {
	fields := map[string]string{}
	seen := map[string]bool{}
	var checked []RetentionRule
	for _, r := range rules {
		if r.Family == RetentionName("") {
			r.Family = ""
		}
		keep, blank := RetentionName(r.Family)+".keep_days", RetentionName(r.Family)+".blank_days"
		switch {
		case r.Family != "" && !familyName.MatchString(r.Family):
			fields[keep] = "A family is the first part of an event’s name, such as meeting, participant, recording or user."
		case seen[r.Family]:
			fields[keep] = "This family has two rules. Remove one."
		case r.KeepDays != 0 && (r.KeepDays < MinKeepDays || r.KeepDays > maxRetention):
			fields[keep] = fmt.Sprintf("Enter %d to %d days, or 0 to keep them forever.", MinKeepDays, maxRetention)
		case r.BlankDays < 0 || r.BlankDays > maxRetention:
			fields[blank] = fmt.Sprintf("Enter 1 to %d days, or 0 for never.", maxRetention)
		case r.KeepDays > 0 && r.BlankDays >= r.KeepDays:
			fields[blank] = "Enter fewer days than the events are kept, or 0. Deleting an event also deletes its personal data."
		}
		seen[r.Family] = true
		if r != (RetentionRule{}) {
			checked = append(checked, r)
		}
	}
	if len(fields) > 0 {
		return nil, invalid("Some fields are missing or invalid. Nothing was saved.", fields)
	}
	slices.SortFunc(checked, func(a, b RetentionRule) int { return cmp.Compare(a.Family, b.Family) })
	return checked, nil
}

// SaveRetention replaces the rules and returns what changed, such as
// "participant.keep_days". The worker applies them at once.
func (s *Service) SaveRetention(ctx context.Context, actor Actor, rules []RetentionRule) (changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, err
	}
	if rules, err = CheckRetention(rules); err != nil {
		return nil, err
	}
	old, err := s.store.Retention(ctx)
	if err != nil {
		return nil, err
	}
	if changes = changesOf(byFamily(old), byFamily(rules)); len(changes) == 0 {
		return nil, nil
	}
	if err := s.store.SaveRetention(ctx, rules, s.audit(actor, AuditRetentionSave, "", changes...)); err != nil {
		return nil, err
	}
	nudge(s.wakeRetention)
	return changes, nil
}

// byFamily returns the rules by the names of their families. The family "others"
// always has one.
func byFamily(rules []RetentionRule) map[string]RetentionRule {
	named := map[string]RetentionRule{RetentionName(""): {}}
	for _, r := range rules {
		named[RetentionName(r.Family)] = r
	}
	return named
}

// RetentionCut is what the rules mean for one event type at one time.
type RetentionCut struct {
	Event  string    // "": events that cannot be read
	Remove time.Time // events that arrived before are deleted; zero: none
	Blank  time.Time // events that arrived before lose their personal data; zero: none
}

// RetentionCuts returns what the rules mean now for events of the given types and
// for events that cannot be read. The times are full hours, because events are
// counted by the hour.
func RetentionCuts(rules []RetentionRule, types []string, now time.Time) []RetentionCut {
	byFamily := map[string]RetentionRule{}
	for _, r := range rules {
		byFamily[r.Family] = r
	}
	ago := func(days int) time.Time {
		if days == 0 {
			return time.Time{}
		}
		return now.UTC().AddDate(0, 0, -days).Truncate(time.Hour)
	}
	var cuts []RetentionCut
	for _, event := range append([]string{""}, types...) {
		r, ok := byFamily[EventFamily(event)]
		if !ok {
			r = byFamily[""]
		}
		cuts = append(cuts, RetentionCut{Event: event, Remove: ago(r.KeepDays), Blank: ago(r.BlankDays)})
	}
	return cuts
}

// RetentionPeople returns the time before which a bridge must have ended for its
// people's names to be erased. It follows the rule for participants. Zero means
// that names stay.
func RetentionPeople(rules []RetentionRule, now time.Time) time.Time {
	return RetentionCuts(rules, []string{"meeting.participant_joined"}, now)[1].Blank
}

// How the worker applies the rules: in slices, with a pause after each. The store
// ends a slice before others have to wait long.
const (
	retentionEvery = 10 * time.Minute
	tellEvery      = 2 * time.Second
	retentionSlice = 150 // events
	blankSlice     = 50  // with all their bodies in memory
	retentionRest  = 5 * time.Millisecond
)

// retention is the worker's progress in applying the rules.
type retention struct {
	rules []RetentionRule // the rules that steps apply
	steps []retentionStep // the remaining steps
	next  time.Time       // when to start again after the last step
	told  time.Time       // when the pages were last updated
}

// retentionStep does one slice. done means that nothing is left.
type retentionStep func(ctx context.Context) (done bool, err error)

// retainCalmly is retainOnce with pauses, for a server that also answers
// webhooks.
func (s *Service) retainCalmly(ctx context.Context) (int, error) {
	s.store.Calm(ctx)
	began := s.now()
	did, err := s.retainOnce(ctx)
	if did == 0 || err != nil {
		return did, err
	}
	// A slice takes longer on a busy machine, so the pause does too.
	rest(ctx, max(s.now().Sub(began)/3, retentionRest))
	return did, nil
}

// retainOnce does the next slice. It returns 0 if there is nothing to do now. It
// must not run concurrently.
func (s *Service) retainOnce(ctx context.Context) (int, error) {
	r, now := &s.retention, s.now()
	rules, err := s.store.Retention(ctx) // another program may have changed them
	if err != nil {
		return 0, err
	}
	if !slices.Equal(rules, r.rules) || (len(r.steps) == 0 && !now.Before(r.next)) {
		if r.steps, err = s.retentionSteps(ctx, rules, now); err != nil {
			return 0, err
		}
		r.rules, r.next = rules, now.Add(retentionEvery)
	}
	if len(r.steps) == 0 {
		return 0, nil
	}
	done, err := r.steps[0](ctx)
	if err != nil {
		r.steps, r.next = nil, now.Add(time.Minute)
		return 0, err
	}
	if done {
		r.steps = r.steps[1:]
	}
	if len(r.steps) == 0 || now.Sub(r.told) >= tellEvery {
		r.told = now
		return 1, s.store.TellRetention(ctx)
	}
	return 1, nil
}

// keepEventKeys is how long redelivered events are recognized. A delivery that
// Zoom repeats later counts as a new event.
const keepEventKeys = 35 * 24 * time.Hour

// retentionSteps returns the steps that the rules require now. It also deletes
// old event keys and unused parts of the search index.
func (s *Service) retentionSteps(ctx context.Context, rules []RetentionRule, now time.Time) (steps []retentionStep, err error) {
	add := func(step func(ctx context.Context) (int64, error)) {
		steps = append(steps, func(ctx context.Context) (bool, error) {
			n, err := step(ctx)
			return n == 0, err
		})
	}
	add(func(ctx context.Context) (int64, error) {
		return s.store.DeleteEventKeys(ctx, now.Add(-keepEventKeys), retentionSlice)
	})
	add(func(ctx context.Context) (int64, error) { return s.store.FreeWordParts(ctx, retentionSlice) })
	if len(rules) == 0 {
		return steps, nil
	}
	types, err := s.store.EventTypes(ctx)
	if err != nil {
		return nil, err
	}
	cuts := RetentionCuts(rules, types, now)
	// Events that are too old for every rule go first. They are deleted in the
	// order in which they lie on the disk, a month at a time if the database
	// supports that.
	oldest := cuts[0].Remove
	for _, c := range cuts {
		if c.Remove.Before(oldest) { // the zero time is before all others
			oldest = c.Remove
		}
	}
	if !oldest.IsZero() {
		add(func(ctx context.Context) (int64, error) { return s.store.DropEventMonths(ctx, oldest) })
		add(func(ctx context.Context) (int64, error) {
			return s.store.DeleteEventsBefore(ctx, oldest, retentionSlice)
		})
	}
	for _, c := range cuts {
		if c.Remove.After(oldest) {
			add(func(ctx context.Context) (int64, error) {
				return s.store.DeleteEventsOfType(ctx, c.Event, c.Remove, retentionSlice)
			})
		}
	}
	for _, c := range cuts {
		if c.Blank.After(c.Remove) {
			add(func(ctx context.Context) (int64, error) {
				return s.store.BlankEvents(ctx, c.Event, c.Blank, now, blankSlice)
			})
		}
	}
	add(s.store.RetireWordParts)
	if before := RetentionPeople(rules, now); !before.IsZero() {
		add(func(ctx context.Context) (int64, error) { return s.store.BlankBridge(ctx, before, now) })
	}
	return steps, nil
}

// Blanked returns the reading for a bridge whose personal data was erased, so
// that the reading does not bring names back.
func (r Reading) Blanked() Reading {
	if p := r.Presence; p != nil {
		blank := *p
		blank.Name, blank.Email = "", ""
		r.Presence = &blank
		if p.SessionID == p.Name { // nothing else identifies the session
			r.Presence = nil
		}
	}
	if w := r.Wait; w != nil {
		blank := *w
		blank.Name, blank.Email = "", ""
		r.Wait = &blank
		if w.Person == w.Name {
			r.Wait = nil
		}
	}
	r.Timeline = slices.Clone(r.Timeline)
	for i, e := range r.Timeline {
		r.Timeline[i] = e.Blanked()
	}
	return r
}
