package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestIncidentsPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	guardPage(t, o, "/incidents", nil)
	if page := viewer.get("/incidents"); !strings.Contains(page.text(), "No incidents yet") || strings.Contains(page.text(), "Open incident") {
		t.Errorf("the empty page for a viewer: %s", page.text())
	}
	o.as(incident.Responder).get("/incidents").want(t, http.StatusOK, "Open incident")

	o.connect()
	r, manual := o.outage(), o.manual()
	change := func(name, severity, description string) func(*incident.OpenRequest) {
		return func(q *incident.OpenRequest) { q.Name, q.Severity, q.Description = name, severity, description }
	}
	o.open(r, change("db down", "SEV1", "All of it."))
	o.open(manual, change("100% full_disk", "SEV2", "A\\B"))
	o.open(manual, change("slow", "SEV1", "The DB is slow."))
	o.must(o.service.ResolveIncident(context.Background(), theConsole, 3))

	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"open ones by severity, then resolved ones", "", []string{"INC-1", "INC-2", "INC-3"}},
		{"open", "?status=open", []string{"INC-1", "INC-2"}},
		{"resolved", "?status=resolved", []string{"INC-3"}},
		{"severity", "?severity=SEV1", []string{"INC-1", "INC-3"}},
		{"runbook", "?runbook=" + manual.ID, []string{"INC-2", "INC-3"}},
		{"text of name and description", "?q=dB", []string{"INC-1", "INC-3"}},
		{"all at once", "?status=open&severity=SEV1&runbook=" + r.ID + "&q=down", []string{"INC-1"}},
		{"F-20 % is a sign", "?q=%25", []string{"INC-2"}},
		{"F-20 _ is a sign", "?q=l_d", []string{"INC-2"}},
		{"F-20 \\ is a sign", "?q=%5C", []string{"INC-2"}},
		{"F-20 a statement", "?q=" + url.QueryEscape("' OR 1=1 --"), nil},
		{"no match", "?severity=evil", nil},
		{"after the last", "?cursor=1", nil},
	} {
		t.Run(test.name, func(t *testing.T) { wantRows(t, viewer, "/incidents"+test.query, rowOfIncident, test.want...) })
	}
	t.Run("contents of the rows", func(t *testing.T) {
		viewer.get("/incidents?severity=SEV1").want(t, http.StatusOK, "2 open", "All 2", "Open 1", "Resolved 1")
		viewer.get("/incidents?q=down").want(t, http.StatusOK, "2 open", "SEV1", "Production outage", "command line", "Join", "Clear")
		page := viewer.get("/incidents?q=" + url.QueryEscape(hostile))
		page.want(t, http.StatusOK, "No incidents match")
		if page.value("q") != hostile {
			t.Errorf("q is %q", page.value("q"))
		}
		wantInert(t, page)
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"?evil=1", "?q=a&q=b", "?cursor=x", "?cursor=-1", "?cursor=1e3", "?cursor=99999999999999999999", "?q=%zz", "?q=%ff", "?q=%00"} {
			viewer.get("/incidents"+query).want(t, http.StatusBadRequest)
		}
	})
	t.Run("500 incidents", func(t *testing.T) {
		o.sql(`
			WITH RECURSIVE n (i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
			INSERT INTO incidents (number, runbook_id, runbook_name, name, severity, type, description, status, opener_email, opener_name,
				vars, source, created_by, join_key, created_at, updated_at)
			SELECT i, ?, 'By hand', 'incident ' || i, 'SEV' || (i % 4 + 1), '', '', 'open', '', '', '{}', 'api', 'script', 'key', ?, ? FROM n`,
			manual.ID, o.clock().UnixMilli(), o.clock().UnixMilli())
		rows, pages := allPages(t, viewer, "/incidents", rowOfIncident)
		var want []string
		for n := 500; n > 0; n-- {
			want = append(want, fmt.Sprint("INC-", n))
		}
		if !slices.Equal(rows, want) || pages != 10 {
			t.Errorf("%d rows on %d pages, want 500 on 10, each once", len(rows), pages)
		}
		rows, pages = allPages(t, viewer, "/incidents?severity=SEV2&status=open", rowOfIncident)
		if len(rows) != 125 || pages != 3 || slices.Contains(rows, "INC-3") {
			t.Errorf("of one severity %d rows on %d pages, want 125 on 3", len(rows), pages)
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "incidents", func() reply { return viewer.get("/incidents") })
	})
}
