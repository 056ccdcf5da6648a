package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// deliveryHealth judges whether Zoom's events arrive.
func (s *Site) deliveryHealth(ctx context.Context, a incident.Account) (incident.Health, error) {
	now := s.Now()
	facts, err := s.Store.DeliveryFacts(ctx, now)
	skew, _ := s.Service.ClockSkew()
	return a.Health(facts, skew, now), err
}

// healthPanel shows deliveryHealth. It is nil until Zoom can have sent anything.
func (s *Site) healthPanel(c echo.Context, a incident.Account, h incident.Health) (*views.HealthPanel, error) {
	if tokens, locked := a.WebhookTokens(); len(tokens) == 0 && !locked && h.LastEventAt.IsZero() {
		return nil, nil
	}
	p := &views.HealthPanel{
		Level: views.Level(h.Level()), LastEvent: s.When(c, h.LastEventAt),
		Validated: s.When(c, h.ValidatedAt), ValidationDue: s.When(c, h.ValidationDue),
		Overdue: h.FailedValidations > 0, Failing: h.FailedValidations > 0, Measured: h.Measured,
	}
	if !h.ValidatedAt.IsZero() {
		p.FailedOf = fmt.Sprintf("%d of %d", min(h.FailedValidations, incident.ValidationsToFail), incident.ValidationsToFail)
	}
	if h.Measured > 0 {
		p.Median, p.P95 = views.Length(h.Median), views.Length(h.P95)
	}
	switch {
	case h.Level() == incident.LevelBad:
		p.Title = "Zoom can’t reach Drawbridge."
	case h.LastEventAt.IsZero():
		p.Title = "No event has arrived from Zoom yet."
	case h.Level() == incident.LevelWarning:
		counts := map[string]int{}
		for _, l := range h.Lines {
			if !l.Level.Fine() {
				counts[string(l.Code)] = l.Count
			}
		}
		p.Title = words.HealthTitle(counts)
	default:
		p.Title = "Zoom’s events are arriving."
	}
	p.Problems = s.healthProblems(c, h.Lines)
	for _, t := range h.LastDay {
		p.TypesTotal += int(t.Count)
		p.Types = append(p.Types, views.TypeCount{
			Words: words.EventName(t.Event), Event: t.Event, Family: incident.EventFamily(t.Event), Count: int(t.Count),
			Href: "/events?event=" + url.QueryEscape(t.Event),
		})
	}
	var err error
	p.Refused, err = s.refusedReasons(c)
	return p, err
}

func (s *Site) healthProblems(c echo.Context, lines []incident.Finding) (problems []views.CheckLine) {
	for _, l := range toldFindings(c, lines) {
		if !l.Level.Fine() {
			problems = append(problems, s.toldLine(c, l))
		}
	}
	return problems
}

// clockBanner says that this server's clock is wrong. It is nil if the clock is right
// or if that can't be judged.
func (s *Site) clockBanner(ctx context.Context) *views.Banner {
	now := s.Now()
	recent, err := s.recentEvents.get(ctx, now, summaryAge, func(ctx context.Context) ([]incident.EventTimes, error) {
		return s.Store.RecentEvents(ctx, now.Add(-2*time.Hour))
	}, func([]incident.EventTimes) bool { return true })
	if err != nil {
		return &views.Banner{Level: views.LevelBad, Text: "The database doesn’t answer. This page may be incomplete."}
	}
	skew, known := s.Service.ClockSkew()
	clock := incident.JudgeClock(skew, known, recent, now)
	switch text := words.Clock(clock.Ahead, clock.Stale, clock.Events); {
	case text == "":
		return nil
	case clock.Ahead == 0:
		return &views.Banner{Level: views.LevelWarning, Text: text, LinkText: "Events", Href: "/events"}
	default:
		return &views.Banner{Level: views.LevelBad, Text: text}
	}
}

// deliveriesCard is what the checks for missing events found. It is nil without a
// Server-to-Server OAuth app, whose log Zoom keeps. Only admins read how to set it up.
func (s *Site) deliveriesCard(c echo.Context, a incident.Account, h incident.Health) *views.DeliveriesCard {
	admin := Actor(c).Role.Includes(incident.Admin)
	if a.Auth != serverToServer || !admin && len(h.Looks) == 0 {
		return nil
	}
	card := &views.DeliveriesCard{AppID: a.AppID != "" || !admin, CanLook: a.AppID != "" && admin, RecoveredHref: "/events?recovered=1"}
	for _, l := range a.Report(s.Now()).Lines {
		if admin && l.Topic == incident.TopicScopes && l.Level == incident.LevelNote {
			card.Scope = strings.Join(l.Scopes, "\n")
		}
	}
	for i, look := range h.Looks {
		if i == 0 {
			problem := reasonWords(told(c, look.Problem)[0], s.Now()).Says()
			if !admin {
				problem.Fix = ""
			}
			card.LastLook, card.By, card.Compared, card.Problem, card.Fix = s.When(c, look.At), look.Actor, look.Deliveries, problem.Cause, problem.Fix
		}
		card.Recovered += look.Recovered
		card.Lost += look.Lost
	}
	if len(h.Looks) > 0 && card.AppID {
		card.NextLook = s.When(c, h.Looks[0].At.Add(incident.GapsEvery))
	}
	return card
}

// FindGaps is POST /account/gaps: check Zoom's delivery log for missing events now.
func (s *Site) FindGaps(c echo.Context) error {
	look, err := s.Service.FindGaps(c.Request().Context(), Actor(c))

	if message, _, ok := Refusal(err); ok {
		s.Flash(c, views.LevelWarning, message)
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	if err != nil {
		return err
	}
	level, text := views.LevelOK, "Compared "+views.Plural(look.Deliveries, "delivery", "deliveries")+". Nothing is missing."
	if look.Recovered > 0 {
		text = "Recovered " + views.Plural(look.Recovered, "missing event", "missing events") + " from Zoom’s delivery log."
	}
	if look.Lost > 0 {
		level, text = views.LevelWarning, text+" "+views.Plural(look.Lost, "event", "events")+" can’t be recovered: Zoom didn’t keep what it sent."
	}
	if look.Problem.Code != "" {
		problem := reasonWords(look.Problem, s.Now()).Says()
		level, text = views.LevelWarning, problem.Cause+" "+problem.Fix
	}
	s.Flash(c, level, text)
	return c.Redirect(http.StatusSeeOther, "/account#deliveries")
}
