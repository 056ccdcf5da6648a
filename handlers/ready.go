package handlers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// readyTitle is the headline if everything that was checked is well.
const readyTitle = "Ready. New incidents will get a bridge."

// headline is what Overview says first, and the findings that it says.
type headline struct {
	views.Ready
	said []incident.Finding
}

// say adds the reasons that are at least as bad as a level.
func (h *headline) say(reasons []incident.Finding, level incident.Level, now time.Time) {
	for _, f := range reasons {
		if f.Level.Compare(level) >= 0 && len(h.said) < maxFacts {
			h.said = append(h.said, f)
			h.Facts = append(h.Facts, factOf(f, now))
		}
	}
}

// says reports whether the headline says a finding.
func (h headline) says(f incident.Finding) bool {
	return slices.ContainsFunc(h.said, func(said incident.Finding) bool {
		return said.Code == f.Code && said.Topic == f.Topic && said.Email == f.Email && said.Value == f.Value
	})
}

// ready says whether the next incident will get a bridge that people can join, judged by
// the last check, by the newest bridges since a person asked for a check, and by what the
// host pool runs now. A check that a bridge caused says less than the bridge: it creates no
// meeting.
func (s *Site) ready(c echo.Context, a incident.Account, newest []db.BridgeRow, o incident.Outlook) (headline, error) {
	now := s.Now()
	level, reasons := a.Readiness(now)
	report := a.Report(now)
	r := headline{Ready: views.Ready{Level: views.LevelOK, Title: readyTitle, AsOf: s.When(c, report.At)}}
	if level == incident.LevelNote {
		facts := []string{"It can’t create meetings: people use their own link as the bridge."}
		if names := staticNames(a.StaticLinks); names != "" {
			facts = []string{"It can’t create meetings: incidents get a static link as their bridge (" + names + ")."}
		}
		r.Ready = views.Ready{Level: views.LevelNote, Title: "Drawbridge only receives events from Zoom here.", Facts: facts}
		return r, nil
	}
	if h := s.Store.Health(); h.WriteProblem != "" || s.Service.PendingIncidents() > 0 {
		r.Level, r.Title, r.AsOf = views.LevelBad, "Drawbridge can’t store incidents right now.", views.When{}
		if len(a.StaticLinks) > 0 {
			r.Level, r.Title = views.LevelWarning, "Drawbridge can’t store incidents right now. New ones get a static link."
		}
		return r, nil
	}
	since := cmp.Or(report.Asked, report.At)
	if len(newest) > 0 && newest[0].CreatedAt.After(since) {
		if ready, found := s.noLink(c, newest[0]); found {
			return headline{Ready: ready}, nil
		}
	}
	silent := s.zoomSilent(c)
	if silent != "" || level == incident.LevelBad {
		next := nextWords(o)
		r.Level, r.Title = notReady(next, cmp.Or(silent, "Zoom isn’t ready."))
		r.say(reasons, incident.LevelBad, now)
		if silent != "" && !next.AtHand() { // the headline doesn't say it
			r.Facts = append([]string{silent}, r.Facts...)
		}
		if level != incident.LevelBad {
			r.AsOf = s.When(c, now)
		} else if Actor(c).Role.Includes(incident.Admin) {
			r.LinkText, r.Href = "Fix", "/account"
		}
		return r, nil
	}
	if len(o.Pool) > 0 && len(o.Hosts()) == 0 {
		return headline{Ready: s.poolReady(c, o)}, nil
	}
	if len(newest) > 0 && zoomGaveNone(newest[0].Bridge) && newest[0].CreatedAt.After(report.At) {
		r := headline{Ready: lastBridge(newest[0], now)}
		r.AsOf = s.When(c, newest[0].CreatedAt)
		r.Level, r.Title = views.LevelWarning, "The last incident got a static link instead of a Zoom meeting."
		if newest[0].Rung == incident.RungStandby {
			r.Title = "The last incident got a standby meeting, because Zoom created none."
		}
		r.Facts = append(r.Facts, nextWords(o).Left())
		return r, nil
	}
	keepsOut, err := s.keepsOut(c, newest, since)
	if err != nil {
		return r, err
	}
	if worst := incident.WorstLevel(keepsOut.Findings); worst.Compare(level) > 0 {
		r.Level, r.Title = views.LevelWarning, "New incidents will get a bridge, but people may not get in."
		if worst == incident.LevelUnknown {
			r.Level, r.Title = views.LevelUnknown, "New incidents will get a bridge, but Zoom didn’t say whether people can get in."
		}
		key := incident.Key(keepsOut.IncidentNumber)
		f := keepsOut.Findings[slices.IndexFunc(keepsOut.Findings, func(f incident.Finding) bool { return f.Level == worst })]
		r.Facts = []string{"The bridge of " + key + ": " + factOf(f, now)}
		r.LinkText, r.Href = "View "+key, incidentPath(keepsOut.IncidentNumber)
		return r, nil
	}
	return s.checkedReady(c, level, reasons, report, o), nil
}

// noLink says that the newest bridge has no link, if that is so.
func (s *Site) noLink(c echo.Context, b db.BridgeRow) (r views.Ready, found bool) {
	now := s.Now()
	r = lastBridge(b, now)
	r.AsOf = s.When(c, b.CreatedAt)
	switch {
	case b.State == incident.BridgeFailed:
		r.Level, r.Title = views.LevelBad, "The last bridge failed."
	case b.State == incident.BridgeUnknown:
		r.Level, r.Title = views.LevelWarning, "We don’t know yet whether Zoom created the last bridge’s meeting."
	case (b.State == incident.BridgeNew || b.State == incident.BridgeCreating) && now.Sub(b.CreatedAt) > usual:
		r.Level, r.Title = views.LevelWarning, "The last bridge is taking longer than usual."
		r.Facts = []string{incident.Key(b.IncidentNumber) + " has no link yet. Drawbridge is still creating its bridge."}
	default:
		return r, false
	}
	return r, true
}

// poolReady says that no backup user can host another call, and what incidents get then.
func (s *Site) poolReady(c echo.Context, o incident.Outlook) views.Ready {
	now, next := s.Now(), nextWords(o)
	next.Blocked = next.Blocked || slices.ContainsFunc(o.Pool, incident.Host.RunsAll)
	r := views.Ready{AsOf: s.When(c, now)}
	r.Level, r.Title = notReady(next, "No backup user can host another call now.")
	for _, h := range o.Pool[:min(len(o.Pool), maxFacts)] {
		if h.RunsAll() {
			r.Facts = append(r.Facts, words.HostRunsAll(h.Email, h.Runs))
		} else {
			r.Facts = append(r.Facts, reasonWords(told(c, h.Why)[0], now).Says().Cause)
		}
	}
	r.Facts = append(r.Facts, words.OpenersHost)
	return r
}

// checkedReady says what the last check found, if nothing else stands against a bridge.
func (s *Site) checkedReady(c echo.Context, level incident.Level, reasons []incident.Finding, report incident.CheckReport, o incident.Outlook) headline {
	now := s.Now()
	r := headline{Ready: views.Ready{Level: views.LevelOK, Title: readyTitle, AsOf: s.When(c, report.At)}}
	switch level {
	case incident.LevelUnknown:
		r.Level, r.Title = views.LevelUnknown, "New incidents should get a bridge, but Zoom didn’t say everything that was checked."
		r.say(reasons, incident.LevelUnknown, now)
	case incident.LevelWarning:
		r.Level, r.Title = views.LevelWarning, "New incidents will get a bridge, but something needs attention."
		if report.At.IsZero() {
			r.Level, r.Title = views.LevelUnknown, "Nobody has checked yet whether new incidents will get a bridge."
			if Actor(c).Role.Includes(incident.Admin) {
				r.LinkText, r.Href = "Check connection", "/account"
			}
			break
		}
		r.say(reasons, incident.LevelWarning, now)
	default:
		var users []string
		for _, l := range report.Lines {
			switch {
			case l.Level != incident.LevelOK:
			case l.Topic == incident.TopicToken:
				r.Facts = append(r.Facts, factOf(l, now))
			case l.Topic == incident.TopicBackupUser:
				users = append(users, factOf(l, now))
			}
		}
		if len(users) > 2 {
			users = []string{fmt.Sprintf("%d backup users are active and licensed.", len(users))}
		}
		r.Facts = append(r.Facts, users...)
		if free := len(o.Hosts()); free < len(o.Pool) {
			r.Facts = append(r.Facts, fmt.Sprintf("%d of %d backup users can host another call now.", free, len(o.Pool)))
		}
	}
	return r
}

// usual is how soon an incident has its link if all is well.
const usual = 2 * time.Second

// maxFacts is how many reasons a headline has. What needs attention has all.
const maxFacts = 3

// notReady is the level and the headline while no host gives a meeting that can start.
func notReady(n words.Next, why string) (views.Level, string) {
	if n.AtHand() {
		return views.LevelWarning, why + " " + n.Gets()
	}
	return views.LevelBad, "Not ready. " + n.Gets()
}

// zoomSilent says since when Zoom has answered no call, "" if it answers.
func (s *Site) zoomSilent(c echo.Context) string {
	since := s.Service.SilentSince()
	if since.IsZero() {
		return ""
	}
	return "Zoom hasn’t answered since " + s.When(c, since).Clock + "."
}

// lastBridge says why the newest bridge is as it is.
func lastBridge(b db.BridgeRow, now time.Time) views.Ready {
	key := incident.Key(b.IncidentNumber)
	return views.Ready{Facts: []string{key + ": " + why(b.Bridge, now).Cause}, LinkText: "View " + key, Href: incidentPath(b.IncidentNumber)}
}

// zoomGaveNone reports whether a bridge has another link because Zoom created no meeting.
// Hosts that were busy then are no reason: whether they still are is known. Neither is the
// storm brake, which is not about the next incident of somebody else.
func zoomGaveNone(b incident.Bridge) bool {
	return (b.Rung == incident.RungStatic || b.Rung == incident.RungStandby) && slices.ContainsFunc(b.Reasons, func(r incident.Reason) bool {
		return !slices.Contains([]incident.ReasonCode{incident.ReasonHostBusy, incident.ReasonHostRuns, incident.ReasonStorm, incident.ReasonStandby, incident.ReasonStaticLink}, r.Code)
	})
}

// keepsOut is the newest bridge with findings that keep people out, and only those, if
// they say something about the next one: it isn't of a drill, people may still join it, and
// nobody has changed its host's settings in Zoom since.
func (s *Site) keepsOut(c echo.Context, newest []db.BridgeRow, since time.Time) (worst db.BridgeRow, err error) {
	checks, err := s.Store.HostChecks(c.Request().Context())
	if err != nil {
		return worst, err
	}
	for _, b := range newest {
		if !b.CreatedAt.After(since) {
			break
		}
		if b.Drill || b.IncidentStatus != incident.StatusOpen || b.State != incident.BridgeReady && b.State != incident.BridgeLive {
			continue
		}
		if slices.ContainsFunc(checks, func(h incident.HostCheck) bool {
			return h.Email == b.HostEmail && h.ChangedAt.After(b.CreatedAt) && h.Level().Fine()
		}) {
			continue
		}
		b.Findings = incident.KeepingOut(b.Findings)
		if incident.WorstLevel(b.Findings).Compare(incident.WorstLevel(worst.Findings)) > 0 {
			worst = b
		}
	}
	return worst, nil
}

// factOf words a finding in one line, with whom it is about.
func factOf(f incident.Finding, now time.Time) string { return findingWords(f, now).Fact() }
