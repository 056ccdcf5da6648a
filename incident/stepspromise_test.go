package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// stepsPromise drives an incident on two servers through edits, ticks, resolving, stops and
// time, and checks after each act what the steps of its runbook promise.
type stepsPromise struct {
	*world
	rand    *rand.Rand
	servers []*incident.Service
	i       incident.Incident
	steps   []incident.Step

	ran     map[string][]time.Time // when each step ran, by its id
	stopped time.Time              // when the servers last came back; a repetition before that may be missing
	acts    []string
}

var promiseSeverities = []string{"SEV1", "SEV2", "SEV3"}

// runbook returns steps with schedules that random numbers choose.
func (p *stepsPromise) runbook() (steps []incident.Step) {
	for n := range 6 {
		var c incident.Schedule
		switch p.rand.IntN(5) {
		case 0:
			if n > 0 {
				c.When, c.After = incident.TriggerAfter, incident.After{Step: 1 + p.rand.IntN(n)}
			}
		case 1:
			c.When = incident.TriggerChanged
		case 2:
			c.When = incident.TriggerResolved
		}
		if p.rand.IntN(2) == 0 {
			c.Wait = incident.Minutes(p.rand.IntN(12))
		}
		if p.rand.IntN(2) == 0 {
			c.OnlyIf.All = []incident.Condition{{Field: "severity", Is: incident.IsOneOf, Value: incident.Values(promiseSeverities[:1+p.rand.IntN(2)])}}
		}
		switch p.rand.IntN(4) {
		case 0:
			c.Repeat = incident.Repeat{Every: incident.Minutes(5 + p.rand.IntN(10)), Times: p.rand.IntN(4)}
		case 1:
			if len(c.OnlyIf.All) > 0 {
				c.Repeat.OnChange = true
			}
		}
		if c.Repeat.Every > 0 && (c.When == incident.TriggerResolved || c.When == incident.TriggerAfter) {
			c.Repeat.Times = max(1, c.Repeat.Times) // they may run on a resolved incident
		}
		steps = append(steps, line(fmt.Sprint("step ", n+1), c))
	}
	return steps
}

// act does something at random.
func (p *stepsPromise) act() {
	ctx, did := p.Context(), ""
	switch p.rand.IntN(8) {
	case 0:
		severity := promiseSeverities[p.rand.IntN(len(promiseSeverities))]
		if p.i.Status == incident.StatusOpen {
			_, err := p.service.EditIncident(ctx, anaIs, p.i.Number, incident.IncidentEdit{Fields: map[string]string{"severity": severity}})
			p.ok(err)
			did = "severity " + severity
		}
	case 1:
		if runs := p.runs(p.i); true {
			run := runs[p.rand.IntN(len(runs))]
			if run.State == running {
				p.ok(p.service.TickStep(ctx, anaIs, run.ID, true))
				did = "tick " + run.Step.Text
			}
		}
	case 2:
		if p.rand.IntN(3) == 0 && p.i.Status == incident.StatusOpen {
			p.ok(p.service.ResolveIncident(ctx, anaIs, p.i.Number))
			did = "resolve"
		} else if p.i.Status == incident.StatusResolved {
			p.ok(p.service.ReopenIncident(ctx, anaIs, p.i.Number))
			did = "reopen"
		}
	case 3: // both servers stop for a while
		pause := time.Duration(1+p.rand.IntN(40)) * time.Minute
		p.clock.Add(pause)
		p.stopped = p.clock.Now()
		did = "stop " + pause.String()
	default:
		for range 1 + p.rand.IntN(8) {
			p.clock.Add(time.Minute)
			p.serve()
			p.look()
		}
		did = "minutes"
	}
	p.acts = append(p.acts, did)
	p.serve()
	p.look()
}

// serve lets one of the servers work, or both at the same time, until nothing is left to do.
func (p *stepsPromise) serve() {
	for range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		did := 0
		which := p.rand.IntN(3)
		for n, s := range p.servers {
			if which < 2 && which != n {
				continue
			}
			wg.Go(func() {
				n, err := s.RunOnce(p.Context())
				mu.Lock()
				defer mu.Unlock()
				if did += n; err != nil {
					p.Error(err)
				}
			})
		}
		wg.Wait()
		if did == 0 {
			return
		}
	}
}

// look notes which steps ran, and checks that each was to run, and that none is late.
func (p *stepsPromise) look() {
	p.Helper()
	var err error
	p.i, err = p.store.Incident(p.Context(), p.i.Number)
	p.ok(err)
	now := p.clock.Now()
	runs := p.runs(p.i)
	wrong := func(run incident.StepRun, says string) {
		p.Helper()
		p.Errorf("%s (%+v): %s\nit ran %v, now it is %s, the incident is %s and %s\n%s",
			run.Step.Text, run.Step.Schedule, says, p.ran[run.ID], now, p.i.Status, p.i.Severity, strings.Join(p.acts, ", "))
	}
	for _, run := range runs {
		c, ran := run.Step.Schedule, p.ran[run.ID]
		holds := len(c.OnlyIf.All) == 0 || slices.Contains(c.OnlyIf.All[0].Value, p.i.Severity)
		may := p.i.Status == incident.StatusOpen || p.whenResolved(run, runs)
		var began time.Time
		switch c.When {
		case incident.TriggerOpened:
			began = p.i.CreatedAt
		case incident.TriggerChanged:
			began = p.i.ChangedAt
		case incident.TriggerResolved:
			began = p.i.ResolvedAt
		case incident.TriggerAfter:
			if before := runs[c.After.Step-1]; before.State == done {
				began = before.FinishedAt
			}
		default:
			p.Fatalf("no runbook has the trigger %s", c.When)
		}
		due := !began.IsZero() && !began.Add(time.Duration(c.Wait)*time.Minute).After(now)
		switch {
		case run.Times < len(ran) || run.Times > len(ran)+1:
			wrong(run, fmt.Sprintf("it ran %d times at once", run.Times-len(ran)))
		case run.Times == len(ran)+1:
			if !holds || !due || !may {
				wrong(run, "it ran, and was not to run")
			}
			if len(ran) > 0 && c.Repeat == (incident.Repeat{}) {
				wrong(run, "it ran again")
			}
			if c.Repeat.Times > 0 && run.Times > c.Repeat.Times {
				wrong(run, "it ran too often")
			}
			if every := time.Duration(c.Repeat.Every) * time.Minute; every > 0 && len(ran) > 0 && now.Sub(ran[0])%every > time.Minute {
				wrong(run, "it ran between two of its times")
			}
			p.ran[run.ID] = append(ran, run.StartedAt)
		case len(ran) == 0 && holds && due && may:
			wrong(run, "it was to run")
		}
		// A repetition that came while the servers ran is there.
		every := time.Duration(c.Repeat.Every) * time.Minute
		if ran = p.ran[run.ID]; every > 0 && len(ran) > 0 && may && holds && due && (c.Repeat.Times == 0 || len(ran) < c.Repeat.Times) {
			last := ran[0].Add(now.Sub(ran[0]).Truncate(every))
			if !last.Before(p.stopped) && !last.Before(began.Add(time.Duration(c.Wait)*time.Minute)) && now.Sub(last) <= time.Minute && ran[len(ran)-1].Before(last) {
				wrong(run, "its repetition of "+last.String()+" is missing")
			}
		}
	}
}

func (p *stepsPromise) whenResolved(run incident.StepRun, runs []incident.StepRun) bool {
	for run.Step.Schedule.When == incident.TriggerAfter {
		run = runs[run.Step.Schedule.After.Step-1]
	}
	return run.Step.Schedule.When == incident.TriggerResolved
}

// Each step runs as often as its conditions and its schedule say, never twice and never
// late, on two servers, through edits and stops.
func TestStepsPromise(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		seeds := 12
		if cfg.DatabaseURL != "" {
			seeds = 4
		}
		if testing.Short() {
			seeds = 2
		}
		w := worldWith(t, dbtest.Open(t, cfg))
		for seed := range seeds {
			p := &stepsPromise{world: w, rand: rand.New(rand.NewPCG(uint64(seed), 12)), ran: map[string][]time.Time{}}
			p.servers = []*incident.Service{w.service, incident.New(w.cfg)}
			p.steps = p.runbook()
			p.i = w.openWith(w.saveSteps(p.steps...))
			p.look()
			for range 60 {
				if p.act(); t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		}
	})
}
