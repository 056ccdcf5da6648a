package handlers

import (
	"context"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// ExportBridges is GET /bridges/export with the filters of the list: all bridges that the list shows, as CSV. It has no
// join links and passcodes, because the file outlives the meetings.
func (s *Site) ExportBridges(c echo.Context) error {
	q, err := ReadQuery(c, bridgeFilterNames...)
	if err != nil {
		return err
	}
	var v views.BridgeFilter
	filter, err := s.bridgeQuery(c, q, &v)
	if err != nil {
		return err
	}
	if v.Refused() {
		return BadRequest("The filter’s days can’t be read. Write them as 2026-01-31, the earlier one first.")
	}
	columns := s.bridgeColumns(c)
	return s.export(c, exportJob{
		name: "bridges", format: exportFormats["csv"], bom: true, allowed: s.stillMay(c, incident.Viewer),
		begin: func(b []byte) []byte { return appendNames(b, columns) },
		read: func(ctx context.Context, cursor string, b []byte) ([]byte, exportPart, error) {
			page, err := s.Store.BridgeRows(ctx, filter, cursor, 200)
			part := exportPart{rows: len(page.Items), next: page.Next}
			for _, row := range page.Items {
				part.back = row.CreatedAt
				b = appendValues(b, columns, row)
			}
			return b, part, err
		},
	})
}

// bridgeColumns are the fields of an exported bridge, named as in the API if the API has them.
func (s *Site) bridgeColumns(c echo.Context) []exportColumn[db.BridgeRow] {
	at := func(get func(b db.BridgeRow) time.Time) func(db.BridgeRow) string {
		return func(b db.BridgeRow) string { return exportTime(get(b)) }
	}
	seen := func(count func(b db.BridgeRow) int) func(db.BridgeRow) string {
		return func(b db.BridgeRow) string {
			n := count(b)
			if b.Kind == incident.KindStatic || n == 0 && b.State == incident.BridgeLive && b.Watch.Unseen { // nobody sees who joins
				return ""
			}
			return strconv.Itoa(n)
		}
	}
	return []exportColumn[db.BridgeRow]{
		{"id", func(b db.BridgeRow) string { return b.ID }},
		{"incident", func(b db.BridgeRow) string { return incident.Key(b.IncidentNumber) }},
		{"incident_name", func(b db.BridgeRow) string { return b.IncidentName }},
		{"incident_status", func(b db.BridgeRow) string { return string(b.IncidentStatus) }},
		{"severity", func(b db.BridgeRow) string { return b.Severity }},
		{"state", func(b db.BridgeRow) string { return string(b.State) }},
		{"verdict", func(b db.BridgeRow) string { return string(b.Verdict().Level) }},
		{"attention", func(b db.BridgeRow) string {
			b.Reasons = told(c, b.Reasons...)
			_, says := attention(b.Bridge, s.Now())
			return says
		}},
		{"kind", func(b db.BridgeRow) string { return string(b.Kind) }},
		{"topic", func(b db.BridgeRow) string { return b.Topic }},
		{"meeting_id", func(b db.BridgeRow) string { return b.LinkedID() }},
		{"host_email", func(b db.BridgeRow) string { return b.HostEmail }},
		{"used_backup_user", func(b db.BridgeRow) string { return strconv.FormatBool(b.UsedBackupUser) }},
		{"reason", func(b db.BridgeRow) string {
			b.Reasons = told(c, b.Reasons...)
			return why(b.Bridge, s.Now()).Cause
		}},
		{"participants", seen(func(b db.BridgeRow) int { return b.Inside })},
		{"most_participants", seen(func(b db.BridgeRow) int { return b.InsideMost })},
		{"created_at", at(func(b db.BridgeRow) time.Time { return b.CreatedAt })},
		{"ready_at", at(func(b db.BridgeRow) time.Time { return b.ReadyAt })},
		{"started_at", at(func(b db.BridgeRow) time.Time { return b.StartedAt })},
		{"ended_at", at(func(b db.BridgeRow) time.Time { return b.EndedAt })},
	}
}
