package views_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/drawbridge-hq/drawbridge/views"
)

// Lists are opened on phones, with a slow connection.
func TestListsAreLight(t *testing.T) {
	incidents := views.IncidentsPage{Frame: in("Incidents", "incidents"), CanOpen: true, Open: 50}
	bridges := views.BridgesPage{Frame: in("Bridges", "bridges"), AsOf: when(0)}
	for i := range 50 {
		number, ago := 1000-i, time.Duration(i*i)*time.Minute
		key, name := fmt.Sprint("INC-", number), fmt.Sprintf("Checkout slow in eu-north-%d", i)
		host := fmt.Sprintf("person%d@example.com", i%7)
		verdict := views.Verdict{Level: "ok", State: "live", Title: "Everyone can get in"}
		if i%10 == 3 {
			verdict = views.Verdict{Level: "warning", State: "needs_host", Title: "People wait until a host lets them in"}
		}
		incidents.Rows = append(incidents.Rows, views.IncidentRow{
			Number: int64(number), Key: key, Name: name, Severity: fmt.Sprint("SEV", 1+i%4), OpenedAt: when(ago), Opener: host,
			RunbookName: "Production outage", Lasted: "1 h 12 min", Verdict: verdict, Inside: i % 12, JoinPath: "/j/" + key,
		})
		bridges.Rows = append(bridges.Rows, views.BridgeRow{
			ID: fmt.Sprintf("01998d3e-7c1f-7a51-9c3d-5b2f0e%06d", i), Verdict: verdict, Key: key, IncidentName: name, Severity: fmt.Sprint("SEV", 1+i%4),
			Href: fmt.Sprint("/incidents/", number), Topic: "SEV2 " + name, MeetingID: fmt.Sprint(87685621847 + i*7919), JoinURL: fmt.Sprintf("https://us05web.zoom.us/j/%d?pwd=mB3xkP%d", 87685621847+i*7919, i),
			Kind: "meeting", Host: host, UsedBackupUser: i%5 == 0, Reason: host + " isn’t a user of the connected Zoom account.", Inside: i % 12, Most: 15,
			Created: when(ago), Started: when(ago), Length: "14 min", Recordings: []views.Link{{Text: "Video", Href: fmt.Sprintf("https://us05web.zoom.us/rec/share/%d", i*7919)}},
		})
	}
	for _, tt := range []struct {
		name string
		page templ.Component
		most int // bytes before compression
	}{{"incidents", views.Incidents(incidents), 120_000}, {"bridges", views.Bridges(bridges), 180_000}} {
		t.Run(tt.name, func(t *testing.T) {
			var plain, packed bytes.Buffer
			if err := tt.page.Render(t.Context(), &plain); err != nil {
				t.Fatal(err)
			}
			z := gzip.NewWriter(&packed)
			_, _ = z.Write(plain.Bytes())
			_ = z.Close()
			if plain.Len() > tt.most || packed.Len() > 10_000 {
				t.Errorf("50 rows have %d bytes, and %d compressed; want at most %d and 10000", plain.Len(), packed.Len(), tt.most)
			}
		})
	}
}
