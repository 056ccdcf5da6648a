package handlers

import (
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// callAlarm is what is wrong with the call of a bridge, if anything is. outside means the
// join page.
func (s *Site) callAlarm(c echo.Context, i incident.Incident, b incident.Bridge, outside bool) ([]views.CallAlarm, error) {
	if b.Alarm == incident.AlarmNone || (i.Status == incident.StatusResolved || outside) && b.Alarm != incident.AlarmStuck {
		return nil, nil
	}
	w := alarmWords(b)
	w.Outside, w.MayStart = outside, !outside && incident.MayHost(Actor(c), i, b)
	a := views.CallAlarm{Level: views.Level(b.Alarm.Level()), Since: s.When(c, b.AlarmSince), Waits: b.Alarm == incident.AlarmStuck}
	if b.Alarm == incident.AlarmStuck {
		_, waiting, err := s.Store.People(c.Request().Context(), b.ID)
		if err != nil {
			return nil, err
		}
		w.Place = string(incident.StuckPlace(waiting))
	}
	said := w.Says()
	a.Title, a.Text = said.Title, said.Text
	return []views.CallAlarm{a}, nil
}

func alarmWords(b incident.Bridge) words.Alarm {
	w := words.Alarm{Code: string(b.Alarm), Count: b.Waiting, Host: b.HostEmail, Runs: b.Inside > 0}
	_, w.HostFull = b.HostFull()
	if v := b.Verdict(); v.Level == incident.LevelBad || v.Level == incident.LevelWarning {
		w.Help = string(v.Help)
	}
	switch b.Alarm {
	case incident.AlarmNobody:
		w.Length = b.Asked.NobodyMinutes
	case incident.AlarmEmpty, incident.AlarmOver:
		w.Length = b.Asked.EmptyMinutes
	case incident.AlarmLong:
		w.Length = b.Asked.LongHours
	case incident.AlarmNone, incident.AlarmStuck:
	}
	return w
}

// alarms are the calls with people who can't get in. rest are the bridges that list leaves
// out.
func (s *Site) alarms(c echo.Context, bridges []db.BridgeRow) (list []views.CallAlarm, rest []db.BridgeRow, err error) {
	for _, b := range bridges {
		if b.Alarm != incident.AlarmStuck || len(list) == 3 {
			rest = append(rest, b)
			continue
		}
		i, err := s.Store.Incident(c.Request().Context(), b.IncidentNumber)
		if err != nil {
			return nil, nil, err
		}
		found, err := s.callAlarm(c, i, b.Bridge, false)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range found {
			a.Key, a.Href = i.Key(), incidentPath(i.Number)
			if canStart(c, i, b.Bridge) {
				a.StartPath = "/bridges/" + b.ID + "/start"
			}
			list = append(list, a)
		}
	}
	return list, rest, nil
}
