package handlers

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// attendance is who was in the calls of a bridge that has ended.
func (s *Site) attendance(c echo.Context, b incident.Bridge) (list []views.Attendee, err error) {
	if b.State != incident.BridgeEnded {
		return nil, nil
	}
	f, err := s.Store.Call(c.Request().Context(), b.ID)
	if err != nil {
		return nil, err
	}
	f.At = s.Now()
	for _, a := range incident.Attendance(f) {
		list = append(list, views.Attendee{
			Name: words.Person(cmp.Or(strings.TrimSpace(a.Name), a.Email)), Email: a.Email,
			Joined: s.When(c, a.JoinedAt), Left: s.When(c, a.LeftAt), Length: views.Length(a.Total),
		})
	}
	return list, nil
}

// ExportAttendance is GET /bridges/:id/attendance: who was in the calls of a bridge, as CSV.
func (s *Site) ExportAttendance(c echo.Context) error {
	b, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	columns := []exportColumn[incident.Attendee]{
		{"name", func(a incident.Attendee) string { return a.Name }},
		{"email", func(a incident.Attendee) string { return a.Email }},
		{"joined_at", func(a incident.Attendee) string { return exportTime(a.JoinedAt) }},
		{"left_at", func(a incident.Attendee) string { return exportTime(a.LeftAt) }},
		{"seconds_inside", func(a incident.Attendee) string { return strconv.Itoa(int(a.Total / time.Second)) }},
	}
	return s.export(c, exportJob{
		name: "attendance-" + incident.Key(b.IncidentNumber), format: exportFormats["csv"], bom: true, allowed: s.stillMay(c, incident.Viewer),
		begin: func(out []byte) []byte { return appendNames(out, columns) },
		read: func(ctx context.Context, _ string, out []byte) ([]byte, exportPart, error) {
			f, err := s.Store.Call(ctx, b.ID)
			if err != nil {
				return out, exportPart{}, err
			}
			f.At = s.Now()
			list := incident.Attendance(f)
			for _, a := range list {
				out = appendValues(out, columns, a)
			}
			return out, exportPart{rows: len(list), back: b.CreatedAt}, nil
		},
	})
}
