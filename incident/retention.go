package incident

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// RetentionRule says how long events of a family are kept, and after how long
// they no longer say who somebody was.
type RetentionRule struct {
	Family    string `json:"-" yaml:"family"`              // see EventFamily; "" = all families without a rule
	KeepDays  int    `json:"keep_days" yaml:"keep_days"`   // 0 = for ever
	BlankDays int    `json:"blank_days" yaml:"blank_days"` // 0 = never blanked
}

// Retention stores the rules and carries them out. A method that returns a number
// does one slice and returns its size, 0 when nothing is left; it ends early when
// others have waited for it. Events that are not read yet, and those of an open
// incident, stay.
type Retention interface {
	Retention(ctx context.Context) ([]RetentionRule, error) // by family
	// SaveRetention replaces the rules and starts the count of what is done anew.
	SaveRetention(ctx context.Context, rules []RetentionRule, audit AuditEntry) error
	TellRetention(ctx context.Context) error // tells the pages; slices do not
	DropEventMonths(ctx context.Context, before time.Time) (int64, error)
	DeleteEventsBefore(ctx context.Context, before time.Time, limit int) (int64, error) // the oldest first
	// DeleteEventsOfType deletes events of a type, "" = those that cannot be read.
	DeleteEventsOfType(ctx context.Context, event string, before time.Time, limit int) (int64, error)
	DeleteEventKeys(ctx context.Context, before time.Time, limit int) (int64, error)
	// RetireWordParts stops using a part of the search index whose events are all
	// gone. FreeWordParts frees pages of such parts once no search can be in them.
	RetireWordParts(ctx context.Context) (int64, error)
	FreeWordParts(ctx context.Context, pages int) (int64, error)
	// BlankEvents takes personal data out of events and out of the search index.
	BlankEvents(ctx context.Context, event string, before, at time.Time, limit int) (int64, error)
	// BlankBridge takes the people out of a bridge of a resolved incident.
	BlankBridge(ctx context.Context, before, at time.Time) (int64, error)
}

// RetentionName is what a rule's family is called: "" has no name of its own.
func RetentionName(family string) string { return cmp.Or(family, "others") }

// Bounds of a rule. Zoom repeats a delivery, and tells in its own log of it, for
// some days; an event that was removed by then would come again.
const (
	MinKeepDays  = 7
	maxRetention = 10 * 366
)

var familyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// CheckRetention puts rules in order, without the one that says what happens
// anyway, or refuses them; Fields are keyed "meeting.keep_days" and
// "others.blank_days".
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
			fields[keep] = "A family is the first word of an event, such as meeting, participant, recording or user."
		case seen[r.Family]:
			fields[keep] = "This family has two rules. Leave one out."
		case r.KeepDays != 0 && (r.KeepDays < MinKeepDays || r.KeepDays > maxRetention):
			fields[keep] = fmt.Sprintf("Give %d to %d days, or 0 to keep them for ever.", MinKeepDays, maxRetention)
		case r.BlankDays < 0 || r.BlankDays > maxRetention:
			fields[blank] = fmt.Sprintf("Give 1 to %d days, or 0 for never.", maxRetention)
		case r.KeepDays > 0 && r.BlankDays >= r.KeepDays:
			fields[blank] = "Give less days than the events are kept, or 0: with the event goes all that it says."
		}
		seen[r.Family] = true
		if r != (RetentionRule{}) {
			checked = append(checked, r)
		}
	}
	if len(fields) > 0 {
		return nil, invalid("Something is missing or wrong. Nothing was saved.", fields)
	}
	slices.SortFunc(checked, func(a, b RetentionRule) int { return cmp.Compare(a.Family, b.Family) })
	return checked, nil
}

// SaveRetention replaces the rules and says what changed: "participant.keep_days".
// The worker acts on them at once.
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

// byFamily holds the rules by the names of their families. The others always have one.
func byFamily(rules []RetentionRule) map[string]RetentionRule {
	named := map[string]RetentionRule{RetentionName(""): {}}
	for _, r := range rules {
		named[RetentionName(r.Family)] = r
	}
	return named
}

// RetentionCut is what the rules mean for one type of event at one time.
type RetentionCut struct {
	Event  string    // "" = events that cannot be read
	Remove time.Time // those that arrived before go; zero = none
	Blank  time.Time // those that arrived before lose their personal data; zero = none
}

// RetentionCuts are what the rules mean now for events of the types, and for
// those that cannot be read. The times are full hours, by which events are
// counted.
func RetentionCuts(rules []RetentionRule, types []string, now time.Time) []RetentionCut {
	var others RetentionRule
	byFamily := map[string]RetentionRule{}
	for _, r := range rules {
		if byFamily[r.Family] = r; r.Family == "" {
			others = r
		}
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
			r = others
		}
		cuts = append(cuts, RetentionCut{Event: event, Remove: ago(r.KeepDays), Blank: ago(r.BlankDays)})
	}
	return cuts
}

// RetentionPeople is the time before which a bridge must have ended for the
// names of those who were on it to go: what the rules say of participants. Zero
// = they stay.
func RetentionPeople(rules []RetentionRule, now time.Time) time.Time {
	return RetentionCuts(rules, []string{"meeting.participant_joined"}, now)[1].Blank
}

// How the worker carries the rules out: in slices, of which the store ends each
// before others have waited for long, with a rest after each.
const (
	retentionEvery = 10 * time.Minute
	tellEvery      = 2 * time.Second
	retentionSlice = 150 // events
	blankSlice     = 50  // whose bodies are in memory at once
	retentionRest  = 5 * time.Millisecond
)

// retention is how far the worker is in carrying out the rules.
type retention struct {
	rules []RetentionRule // that steps are made of
	steps []retentionStep // left to do
	next  time.Time       // when to look again after the last step
	told  time.Time       // when pages were told of it
}

// retentionStep does a slice. done says that it has no more.
type retentionStep func(ctx context.Context) (done bool, err error)

// retainCalmly is retainOnce for a server that also answers webhooks.
func (s *Service) retainCalmly(ctx context.Context) (int, error) {
	s.store.Calm(ctx)
	began := s.now()
	did, err := s.retainOnce(ctx)
	if did == 0 || err != nil {
		return did, err
	}
	// A slice takes longer where the machine has other things to do.
	rest := time.NewTimer(max(s.now().Sub(began)/3, retentionRest))
	defer rest.Stop()
	select {
	case <-ctx.Done():
	case <-rest.C:
	}
	return did, nil
}

// retainOnce does the next slice. 0 means that there is nothing to do now. Only
// one caller at a time.
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

// keepEventKeys is how long it is known what arrived once. A delivery that Zoom
// repeats later than this would be another event.
const keepEventKeys = 35 * 24 * time.Hour

// retentionSteps are all that the rules ask for now, and forgetting old keys and
// what is left of the search index for events that went before.
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
	// What is too old for every rule goes first, a month at a time if the
	// database can do that, and in the order in which it lies on the disk.
	oldest := cuts[0].Remove
	for _, c := range cuts {
		if c.Remove.Before(oldest) { // the zero time is before all
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

// Blanked is the reading for a bridge whose people were blanked: it does not
// bring their names back.
func (r Reading) Blanked() Reading {
	if p := r.Presence; p != nil {
		blank := *p
		blank.Name, blank.Email = "", ""
		r.Presence = &blank
		if p.SessionID == p.Name { // that was all there was to tell them apart
			r.Presence = nil
		}
	}
	r.Timeline = slices.Clone(r.Timeline)
	for i, e := range r.Timeline {
		r.Timeline[i] = e.Blanked()
	}
	return r
}
