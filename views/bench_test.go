package views_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/drawbridge-hq/drawbridge/views"
)

// BenchmarkEventsPage renders the list of events with 50 rows and its chart.
func BenchmarkEventsPage(b *testing.B) {
	page := views.EventsPage{Frame: in("Events", "events"), Chart: hours(), Pager: views.Pager{Older: "/events?cursor=abc"}}
	for n := range 50 {
		row := rows()[n%8]
		row.ID = strconv.Itoa(n)
		page.Rows = append(page.Rows, row)
	}
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := views.Events(page).Render(b.Context(), &out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len())/1024, "KiB/page")
}
