package handlers

import (
	"context"
	"fmt"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// hostLines says of each backup user how busy it is, and of the standby meetings whether
// they are ready.
func (s *Site) hostLines(ctx context.Context, a incident.Account) (lines []views.CheckLine, err error) {
	now := s.Now()
	loads, err := s.Store.HostLoads(ctx, incident.LoadsAt(now, a.BackupUsers))
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Standbys(ctx, now.Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	for _, email := range a.BackupUsers {
		h := a.Host(email, loads[email], now)
		l := views.CheckLine{Level: views.LevelOK, Subject: email}
		if h.Why.Code != "" {
			l.Level = views.LevelWarning
			l.Reason = reasonWords(h.Why, now).Says().Cause + " "
		}
		l.Reason += fmt.Sprintf("Made %d of %d meetings today", h.Creates, incident.HostDayLimit)
		if forecast := h.Forecast(now); forecast > h.Creates {
			l.Reason += fmt.Sprintf(", about %d by midnight UTC at this pace", forecast)
			if forecast > incident.HostDayLimit {
				l.Level = views.LevelWarning
			}
		}
		l.Reason += fmt.Sprintf(". Runs %d of %s at once.", h.Runs, views.Plural(h.AtOnce, "call", "calls"))
		if more := h.Open - h.Runs; more > 0 {
			l.Reason += fmt.Sprintf(" Nobody has joined %s of open incidents.", views.Plural(more, "other meeting", "other meetings"))
		}
		if h.Open > h.AtOnce { // some of them can't start
			l.Level = views.LevelWarning
			l.Reason += fmt.Sprintf(" Only %d can run at the same time.", h.AtOnce)
		}
		for _, m := range rows {
			if m.HostEmail == email {
				l.Reason += " " + s.standbyLine(m)
			}
		}
		lines = append(lines, l)
	}
	if a.StandbyMeetings > 0 {
		lines = append(lines, standbyReady(a, a.Outlook(loads, rows, now)))
	}
	return lines, nil
}

// outlook is what incidents get that are opened now.
func (s *Site) outlook(ctx context.Context, a incident.Account) (incident.Outlook, error) {
	now := s.Now()
	loads, err := s.Store.HostLoads(ctx, incident.LoadsAt(now, a.BackupUsers))
	if err != nil {
		return incident.Outlook{}, err
	}
	rows, err := s.Store.Standbys(ctx, now)
	return a.Outlook(loads, rows, now), err
}

func nextWords(o incident.Outlook) words.Next {
	return words.Next{Standby: o.CanStart, Static: o.Static, Blocked: o.Blocked > 0}
}

// standbyReady says how many standby meetings are ready, and whether they can start.
func standbyReady(a incident.Account, o incident.Outlook) views.CheckLine {
	l := views.CheckLine{Level: views.LevelOK, Subject: "Standby meetings", Reason: fmt.Sprintf("%d of %d ready.", min(o.Ready, a.StandbyMeetings), a.StandbyMeetings)}
	if o.Blocked > 0 {
		l.Level = views.LevelWarning
		l.Reason += " " + words.StandbyBlocked(o.Ready, o.Blocked)
	}
	switch {
	case o.Ready >= a.StandbyMeetings:
	case len(a.BackupUsers) == 0:
		l.Level, l.Reason = views.LevelWarning, l.Reason+" Nobody can host them: no backup user is set."
	default:
		l.Level, l.Reason = views.LevelWarning, l.Reason+" Drawbridge makes the others when Zoom accepts them."
	}
	return l
}

// standbyLine says what is known about one standby meeting.
func (s *Site) standbyLine(m incident.Standby) string {
	switch m.State {
	case incident.StandbyReady:
		if m.CheckedAt.IsZero() {
			return "A standby meeting was changed in Zoom. Drawbridge is checking it."
		}
		return "A standby meeting is ready, checked " + views.Ago(s.Now().Sub(m.CheckedAt)) + "."
	case incident.StandbyCalling, incident.StandbyMade:
		return "A standby meeting is being made."
	case incident.StandbyUnknown:
		return "We don’t know yet whether Zoom created a standby meeting."
	case incident.StandbyStale:
		return "A standby meeting is being deleted."
	case incident.StandbyRefused:
		return "No standby meeting: " + reasonWords(m.Reason, s.Now()).Says().Cause
	default:
		return ""
	}
}
