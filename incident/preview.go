package incident

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Pretend is the incident that a preview is about: an earlier one, or a made-up one with
// this opener.
type Pretend struct {
	Number int64  // 0: a made-up incident
	Opener string // of the made-up incident; the actor if it is no email address
}

// Preview is what one step would do for an incident that is opened now: when it would run,
// its rendered texts, and how the incident would get its link. A text with errors is "".
// Length, errors and hints of Line stand in those of Topic.
type Preview struct {
	Topic, Agenda             string
	PlainTopic                string // the topic of the meeting if Topic is ""
	TopicErrors, AgendaErrors []TemplateError
	TopicHints, AgendaHints   []TemplateError // what works but may surprise
	TopicLength, AgendaLength int             // in characters, before truncation

	// Outlook says whether the step would run at once, or what it would wait for.
	Outlook StepOutlook
	Line    string // what a line of a checklist would say

	Refused  bool          // the step can't be saved like this, so nothing below is set
	Hosts    []PreviewHost // in the order in which Drawbridge would ask Zoom
	Why      []Reason      // why Drawbridge would not ask Zoom, or not all of them
	Rung     Rung          // which would give the link, as far as we know; "": none
	Host     string        // who would host the meeting
	LinkName string        // of the static link
	// Calls are what Zoom would be sent, with MarkerExample in place of the attempt's id.
	Calls []zoom.Call
	// StormLimit is how many new meetings the source may get in ten minutes, and StormHad
	// how many it got. 0: nothing limits it.
	StormLimit, StormHad int
}

// PreviewHost is somebody who may host the meeting.
type PreviewHost struct {
	Host  // Why says why others come first
	Rung  Rung
	Asked bool      // Drawbridge would ask Zoom for a meeting of this host
	Check HostCheck // the last pre-flight check; without At: there was none
}

// CannotHost returns what the last pre-flight check found that keeps somebody from hosting.
func (h PreviewHost) CannotHost() (f Finding, found bool) {
	if h.Check.Outdated() {
		return Finding{}, false
	}
	i := slices.IndexFunc(h.Check.Lines, func(l Finding) bool {
		return l.Code == FoundUserInactive || l.Code == FoundUserMayNotHost ||
			l.Code == FoundUserUnknown && l.Zoom != nil && slices.Contains(cannotHostProblems, l.Zoom.Code)
	})
	if i < 0 {
		return Finding{}, false
	}
	return h.Check.Lines[i], true
}

// MarkerExample stands in previews for the id of an attempt.
const MarkerExample = "00000000-0000-0000-0000-000000000000"

// Preview returns what the steps of a runbook would do if an incident were opened with it
// now. It uses the same rules as a bridge, on stored facts: it changes nothing and calls
// nothing. Variables without a value get their default, their first choice or their label.
func (s *Service) Preview(ctx context.Context, actor Actor, r Runbook, of Pretend) ([]Preview, error) {
	i := SampleTemplateData().Incident
	i.OpenerEmail, i.OpenerName, i.CreatedBy = actor.Email, actor.Name, actor.Email
	i.Source, i.JoinKey = SourceForm, strings.Repeat("x", joinKeyLength)
	if email := CanonicalEmail(of.Opener); validEmail(email) && email != i.OpenerEmail {
		i.OpenerEmail, i.OpenerName = email, ""
		if u, err := s.store.UserByEmail(ctx, email); err == nil {
			i.OpenerName = u.Name
		}
	}
	if of.Number > 0 {
		var err error
		if i, err = s.store.Incident(ctx, of.Number); err != nil {
			return nil, err
		}
	}
	if of.Number == 0 && strings.TrimSpace(r.IncidentType) != "" {
		i.Type = strings.TrimSpace(r.IncidentType)
	}
	if name := strings.TrimSpace(r.Name); name != "" {
		i.RunbookName = name
	}
	i.Status, i.Vars = StatusOpen, sampleValues(r.Variables, i.Vars)

	account, err := s.store.Account(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.previewFacts(ctx, slices.Concat(account.BackupUsers, []string{i.OpenerEmail, actor.Email}))
	if err != nil {
		return nil, err
	}
	previews := make([]Preview, len(r.Steps))
	facts := StepFacts{At: s.now(), Incident: i}
	facts.Incident.CreatedAt = facts.At
	for n, step := range r.Steps {
		problems := map[string]string{}
		step.normalise("", n+1, r, problems)
		facts.Runs = append(facts.Runs, StepRun{Position: n, Step: step, State: StepWaiting})
		outlook := facts.Outlook(facts.Runs[n])
		if step.Kind != StepCreateMeeting {
			previews[n] = Preview{Outlook: outlook}
			if step.Kind == StepChecklist {
				previews[n].Line, previews[n].TopicLength, previews[n].TopicErrors = previewOne(step.Text, r.VariableNames(), s.templateData(i), MaxLine)
				previews[n].TopicHints = templateHints(step.Text, r.VariableNames())
			}
			continue
		}
		previews[n] = s.previewTexts(step.Meeting, r.VariableNames(), i)
		previews[n].Outlook = outlook
		if problems["duration_minutes"] != "" || problems["alternative_hosts"] != "" {
			previews[n].Refused = true
			continue
		}
		c := climber{s: s, incident: i, account: account}
		if !step.ExecuteAutomatically && actor.Kind == ActorUser {
			c.run.RunBy = actor.Email
		}
		c.bridge.Asked = step.Meeting
		c.render(false)
		if err := c.preview(ctx, &previews[n], &before); err != nil {
			return nil, err
		}
	}
	return previews, nil
}

// sampleValues returns a value for each variable: the given one, or one to show.
func sampleValues(vars []Variable, given map[string]string) map[string]string {
	values := map[string]string{}
	for _, v := range vars {
		name := strings.TrimSpace(v.Name)
		switch {
		case given[name] != "":
			values[name] = given[name]
		case v.Default != "":
			values[name] = v.Default
		case len(v.Choices) > 0:
			values[name] = v.Choices[0]
		case v.Type == "number":
			values[name] = "42"
		case v.Type == "date":
			values[name] = SampleTemplateData().CreatedAt.Format(time.DateOnly)
		default:
			values[name] = v.label()
		}
	}
	return values
}

func (s *Service) previewTexts(m MeetingTemplate, names []string, i Incident) (p Preview) {
	data := s.templateData(i)
	p.Topic, p.TopicLength, p.TopicErrors = previewOne(m.Topic, names, data, MaxTopic)
	p.Topic, p.PlainTopic = oneLine(p.Topic), plainTopic(data.Incident)
	p.TopicHints, p.AgendaHints = templateHints(m.Topic, names), templateHints(m.Agenda, names)
	p.Agenda, p.AgendaLength, p.AgendaErrors = previewOne(m.Agenda, names, data, MaxAgenda)
	return p
}

func previewOne(src string, names []string, data TemplateData, limit int) (out string, length int, wrong []TemplateError) {
	if out, wrong = renderTemplate(src, names, data, 4*limit); len(wrong) > 0 {
		return "", 0, wrong
	}
	return cutRunes(out, limit), utf8.RuneCountInString(out), wrong
}

// previewFacts is what is known about hosts and links, and what the earlier steps of a
// preview would take of them.
type previewFacts struct {
	loads     map[string]HostLoad
	checks    []HostCheck
	uses      []StaticUse
	meetings  int // new ones, for the storm brake
	standbies int
}

func (s *Service) previewFacts(ctx context.Context, hosts []string) (f previewFacts, err error) {
	if f.loads, err = s.hostLoads(ctx, hosts); err != nil {
		return f, err
	}
	if f.uses, err = s.store.StaticUses(ctx); err != nil {
		return f, err
	}
	f.checks, err = s.store.HostChecks(ctx)
	return f, err
}

// preview says how the bridge would get its link, see climb.
func (c *climber) preview(ctx context.Context, p *Preview, before *previewFacts) error {
	if err := c.lookAtHand(ctx); err != nil {
		return err
	}
	storm := c.storm()
	if p.StormLimit = storm.Limit; storm.Limit > 0 {
		had, err := c.s.store.CountStorm(ctx, storm)
		if err != nil {
			return err
		}
		p.StormHad = had + before.meetings
	}
	list := c.order(rungs(c.account, c.incident, c.run, c.bridge.Asked), before.loads)
	why := c.connect()
	switch {
	case why.Code != "":
	case len(list) == 0:
		why = Reason{Code: ReasonNobodyHosts}
	case p.StormLimit > 0 && p.StormHad >= p.StormLimit && !c.skips(list[0]):
		why = Reason{Code: ReasonStorm, Count: p.StormLimit}
	}
	stopped := why.Code != ""
	if stopped {
		p.Why = []Reason{why}
	}
	for _, r := range list {
		h := PreviewHost{Host: c.account.Host(r.host, before.loads[r.host], c.s.now()), Rung: r.name, Check: HostCheck{Email: r.host}}
		h.Why = Reason{}
		if n := slices.IndexFunc(c.passed, func(w Reason) bool { return w.Host == r.host }); n >= 0 {
			h.Why = c.passed[n]
		}
		if n := slices.IndexFunc(before.checks, func(k HostCheck) bool { return k.Email == r.host }); n >= 0 {
			h.Check = before.checks[n]
		}
		stopped = stopped || c.skips(r)
		if h.Asked = !stopped; h.Asked {
			p.Calls = append(p.Calls, zoom.CreationOf(r.host, c.request(MarkerExample)))
			if _, cannot := h.CannotHost(); !cannot {
				p.Rung, p.Host, stopped = r.name, r.host, true
				load := before.loads[r.host]
				load.Open, load.Creates = load.Open+1, load.Creates+1
				before.loads[r.host] = load
				before.meetings++
			}
		}
		p.Hosts = append(p.Hosts, h)
	}
	if p.Rung != "" {
		return nil
	}
	return c.previewWithoutHost(ctx, p, before)
}

// previewWithoutHost says which link the bridge would get if no host gives one, see fail.
func (c *climber) previewWithoutHost(ctx context.Context, p *Preview, before *previewFacts) error {
	if c.account.StandbyMeetings > 0 {
		rows, _, err := c.s.standbys(ctx, c.account)
		if err != nil {
			return err
		}
		if len(rows) > before.standbies {
			m := rows[before.standbies]
			before.standbies++
			p.Rung, p.Host = RungStandby, m.HostEmail
			c.bridge.ID = MarkerExample
			p.Calls = append(p.Calls, zoom.ChangeOf(m.Meeting.ID, c.s.renaming(c.bridge)))
			return nil
		}
	}
	if len(c.account.StaticLinks) > 0 {
		link := freeStatic(c.account.StaticLinks, before.uses)
		before.uses = append(before.uses, StaticUse{URL: link.URL})
		p.Rung, p.LinkName = RungStatic, link.Name
	}
	return nil
}
