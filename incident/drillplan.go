package incident

import (
	"context"
	"slices"
	"strings"
	"time"
)

// DrillSchedule says how often drills start by themselves. The codes are stored.
type DrillSchedule string

const (
	DrillsOff    DrillSchedule = "off"
	DrillsDaily  DrillSchedule = "daily"
	DrillsWeekly DrillSchedule = "weekly" // on Mondays
)

// DrillSchedules are all schedules, in the order of the form.
var DrillSchedules = []DrillSchedule{DrillsOff, DrillsDaily, DrillsWeekly}

// DrillPlan says when drills start by themselves.
type DrillPlan struct {
	Schedule DrillSchedule `json:"schedule" yaml:"schedule"`
	Hour     int           `json:"hour" yaml:"hour"`                 // of the day in UTC: a drill starts when it begins
	Runbook  string        `json:"runbook" yaml:"runbook,omitempty"` // name; "": the default one
	SavedAt  time.Time     `json:"-" yaml:"-"`
}

// DefaultDrillPlan is the plan that holds until one is saved.
var DefaultDrillPlan = DrillPlan{Schedule: DrillsOff, Hour: 6}

// Next returns when the next drill starts after now; zero: never.
func (p DrillPlan) Next(now time.Time) time.Time {
	now = now.UTC()
	next := time.Date(now.Year(), now.Month(), now.Day(), p.Hour, 0, 0, 0, time.UTC)
	for !next.After(now) || p.Schedule == DrillsWeekly && next.Weekday() != time.Monday {
		next = next.AddDate(0, 0, 1)
	}
	if p.Schedule == DrillsOff {
		return time.Time{}
	}
	return next
}

// SaveDrillPlan changes when drills start by themselves, and returns what changed.
func (s *Service) SaveDrillPlan(ctx context.Context, actor Actor, p DrillPlan) (changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	if !slices.Contains(DrillSchedules, p.Schedule) {
		fields["schedule"] = "Choose off, daily or weekly."
	}
	if p.Hour < 0 || p.Hour > 23 {
		fields["hour"] = "Enter an hour from 0 to 23."
	}
	p.Runbook = strings.TrimSpace(p.Runbook)
	if notShort(fields, "runbook", p.Runbook, 120); len(fields) > 0 {
		return nil, invalid("Some fields are missing or invalid.", fields)
	}
	old, err := s.store.DrillPlan(ctx)
	if err != nil {
		return nil, err
	}
	if changes = changesOf(old, p); len(changes) == 0 {
		return nil, nil
	}
	if p.Schedule != DrillsOff && p.Runbook == "" {
		all, err := s.store.ActiveRunbooks(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, Runbook.DefaultOfDrills) {
			return nil, invalid("Some fields are missing or invalid.",
				map[string]string{"runbook": "Choose a runbook, or mark an enabled one as the default on its page."})
		}
	}
	p.SavedAt = s.now()
	return changes, s.store.SaveDrillPlan(ctx, p, s.audit(actor, AuditDrillPlan, "", changes...))
}

// plannedRunbook returns the runbook of drills that start by themselves. Without an id it
// cannot be used.
func (s *Service) plannedRunbook(ctx context.Context, p DrillPlan) (Runbook, error) {
	if p.Runbook == "" {
		return s.drillRunbook(ctx, "")
	}
	r, err := s.store.RunbookByName(ctx, p.Runbook)
	if CodeOf(err) == NotFound || err == nil && !r.Drillable() {
		return Runbook{Name: p.Runbook}, nil
	}
	return r, err
}

// drillOnce starts the drill of this hour, if the plan has one. A drill whose hour passed
// while no server ran is left out.
func (s *Service) drillOnce(ctx context.Context) (int, error) {
	hour := s.now().UTC().Truncate(time.Hour)
	s.mu.Lock()
	seen := s.drillHour.Equal(hour)
	s.mu.Unlock()
	if seen {
		return 0, nil
	}
	plan, err := s.store.DrillPlan(ctx)
	if err != nil {
		return 0, err
	}
	var did int
	if hour.After(plan.SavedAt) && plan.Next(hour.Add(-time.Second)).Equal(hour) {
		r, err := s.plannedRunbook(ctx, plan)
		if err != nil {
			return 0, err
		}
		// Of two servers that get here, one starts it: both use the same id.
		started, err := s.startDrill(ctx, Drill{ID: "drill-" + hour.Format(time.DateOnly), RunbookID: r.ID, RunbookName: r.Name}, AuditEntry{})
		switch {
		case CodeOf(err) == Conflict: // it starts when the one that runs is over
			return 0, nil
		case err != nil:
			return 0, err
		case started:
			did = 1
		}
	}
	s.mu.Lock()
	s.drillHour = hour
	s.mu.Unlock()
	return did, nil
}
