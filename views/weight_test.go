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
	bridges := views.BridgesPage{Frame: in("Bridges", "bridges"), AsOf: when(0), Totals: bridgeTotals(), ExportHref: "/bridges/export"}
	for range 5 {
		bridges.Filter.Views = append(bridges.Filter.Views, views.Chip{Label: "Needs attention", Href: "/bridges?view=attention"})
		bridges.Filter.Ranges = append(bridges.Filter.Ranges, views.Chip{Label: "24 h", Href: "/bridges?range=24h"})
	}
	events := views.EventsPage{Frame: in("Events", "events"), Live: true, Count: views.EventCount{Number: "1,204", Words: "in the last hour"}, Chart: hours()}
	runbooks := views.RunbooksPage{Frame: in("Runbooks", "runbooks"), CanRun: true, CanEdit: true}
	users := views.SettingsUsersPage{Frame: in("Users", "settings")}
	for i := range 50 {
		number, ago := 1000-i, time.Duration(i*i)*time.Minute
		key, name, id := fmt.Sprint("INC-", number), fmt.Sprintf("Checkout slow in eu-north-%d", i), fmt.Sprintf("01998d3e-7c1f-7a51-9c3d-5b2f0e%06d", i*7919)
		host, path := fmt.Sprintf("person%d@example.com", i%7), fmt.Sprint("/incidents/", number)
		verdict := views.Verdict{Level: "ok", State: "live", Title: "Everyone can get in"}
		attention := ""
		if i%10 == 3 {
			verdict = views.Verdict{Level: "warning", State: "needs_host", Title: "People wait until a host lets them in"}
			attention = verdict.Title + "."
		}
		incidents.Rows = append(incidents.Rows, views.IncidentRow{
			Number: int64(number), Key: key, Name: name, Severity: fmt.Sprint("SEV", 1+i%4), OpenedAt: when(ago), Opener: host,
			RunbookName: "Production outage", Lasted: "1 h 12 min", Verdict: verdict, Inside: i % 12, JoinPath: "/j/" + key,
		})
		bridges.Rows = append(bridges.Rows, views.BridgeRow{
			ID: id, Verdict: verdict, Attention: attention, AttentionLevel: verdict.Level, Key: key, IncidentName: name, Severity: fmt.Sprint("SEV", 1+i%4),
			Href: path, Topic: "SEV2 " + name, MeetingID: fmt.Sprint(87685621847 + i*7919), JoinURL: fmt.Sprintf("https://us05web.zoom.us/j/%d?pwd=mB3xkP%d", 87685621847+i*7919, i),
			Kind: "meeting", Host: host, UsedBackupUser: i%5 == 0, Reason: host + " isn’t a user of the connected Zoom account.", Inside: i % 12, Most: 15,
			Created: when(ago), Started: when(ago), Length: "14 min", Recordings: []views.Link{{Text: "Video", Href: fmt.Sprintf("https://us05web.zoom.us/rec/share/%d", i*7919)}},
		})
		events.Rows = append(events.Rows, views.EventRow{
			ID: fmt.Sprint(7353605300224000 + i), Href: fmt.Sprint("/events/", 7353605300224000+i), AroundHref: fmt.Sprintf("/events?around=%d#here", 7353605300224000+i), At: when(ago),
			Event: "meeting.participant_joined", Words: "participant joined", Family: "participant", MeetingID: fmt.Sprint(87685621847 + i*7919),
			Topic: "SEV2 " + name, Who: fmt.Sprintf("Ana Ruiz, from Oslo %d", i), Key: key, IncidentHref: path, Delay: "0.4 s",
		})
		runbooks.Rows = append(runbooks.Rows, views.RunbookRow{
			ID: id, Name: name, IncidentType: "outage", Description: "For everything that customers notice.", Steps: []string{"Create Zoom meeting, automatically"},
			Incidents: i, LastRunAt: when(ago), LastRunKey: key, LastRunURL: path, Enabled: i%7 > 0,
		})
		users.Rows = append(users.Rows, views.UserRow{ID: id, Name: fmt.Sprint("Ana Ruiz ", i), Email: fmt.Sprintf("person%d@example.com", i), Role: "responder", LastSeenAt: when(ago), CreatedAt: when(ago * 9)})
	}
	const mostPacked = 10_000
	for _, tt := range []struct {
		name string
		page templ.Component
		most int // bytes before compression
	}{
		{"incidents", views.Incidents(incidents), 60_000}, {"bridges", views.Bridges(bridges), 60_000},
		{"events", views.Events(events), 60_000},
		{"runbooks", views.Runbooks(runbooks), 60_000}, {"users", views.SettingsUsers(users), 60_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var plain, packed bytes.Buffer
			if err := tt.page.Render(t.Context(), &plain); err != nil {
				t.Fatal(err)
			}
			z := gzip.NewWriter(&packed)
			_, _ = z.Write(plain.Bytes())
			_ = z.Close()
			if plain.Len() > tt.most || packed.Len() > mostPacked {
				t.Errorf("50 rows have %d bytes, and %d compressed; want at most %d and %d", plain.Len(), packed.Len(), tt.most, mostPacked)
			}
		})
	}
}
