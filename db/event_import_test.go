package db_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// sampleTable returns a database with the table of Zoom's sample app and n rows
// in it.
func sampleTable(t *testing.T, n int) string {
	t.Helper()
	address := dbtest.PostgresURL(t)
	conn, err := sql.Open("pgx", address)
	check(t, err)
	defer conn.Close()
	_, err = conn.Exec(`CREATE TABLE events (id SERIAL PRIMARY KEY, name VARCHAR(30), accountid VARCHAR(30), meetingid BIGINT)`)
	check(t, err)
	_, err = conn.Exec(`INSERT INTO events (name, accountid, meetingid) SELECT 'meeting.started', 'AccountOfZoom', 81000000000 + n / 2 FROM generate_series(1, $1) n`, n)
	check(t, err)
	_, err = conn.Exec(`INSERT INTO events (name) VALUES ('user.created')`)
	check(t, err)
	return address
}

func TestImport(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
		bridge = readyBridge(t, s, bridge, "81000000001")
		addRead(t, s, 0, incident.Reading{Event: "meeting.ended", MeetingID: "82"})
		source := sampleTable(t, 1200)

		var done, total, added int64
		last := func(d, t, a int64) { done, total, added = d, t, a }

		// Interrupt the import, then continue it.
		ctx, stop := context.WithCancel(t.Context())
		err := s.ImportEvents(ctx, source, "events", func(d, t, a int64) { last(d, t, a); stop() })
		if err == nil || done != 500 || total != 1201 || added != 500 {
			t.Fatalf("stopped after the first step: %d of %d, %d added, %v", done, total, added, err)
		}
		check(t, s.ImportEvents(t.Context(), source, "events", last))
		if done != 1201 || added != 701 {
			t.Errorf("the rest: %d looked at, %d added", done, added)
		}
		check(t, s.ImportEvents(t.Context(), source, "public.events", last))
		if done != 1201 || added != 0 {
			t.Errorf("again: %d looked at, %d added", done, added)
		}

		page, err := s.EventRows(t.Context(), db.EventFilter{Text: "81000000001"}, "", 10)
		check(t, err)
		if len(page.Items) != 2 {
			t.Fatalf("%d events of the meeting are found", len(page.Items))
		}
		e, err := s.Event(t.Context(), page.Items[0].ID)
		check(t, err)
		if e.Event != "meeting.started" || e.Origin != incident.OriginImported || e.State != incident.EventRead || e.AccountID != "AccountOfZoom" ||
			e.MeetingID != "81000000001" || e.BridgeID != "" || e.TwinOf != 0 ||
			string(e.Body) != `{"event":"meeting.started","payload":{"account_id":"AccountOfZoom","object":{"id":"81000000001"}},"imported_row":3}` {
			t.Errorf("taken over as %+v\n%s", e, e.Body)
		}
		got, err := s.Bridge(t.Context(), bridge.ID)
		check(t, err)
		if got.State != incident.BridgeReady {
			t.Errorf("an imported event made the bridge %s", got.State)
		}

		// Programs that read the sample's table can read the view instead.
		lines := rows(t, raw(t, cfg), `SELECT name, accountid, meetingid, COUNT(*) FROM zoom_events GROUP BY name, accountid, meetingid HAVING meetingid IN ('', '82', '81000000001') ORDER BY name`)
		same(t, lines, [][]string{{"meeting.ended", "", "82", "1"}, {"meeting.started", "AccountOfZoom", "81000000001", "2"}, {"user.created", "", "", "1"}})

		for _, tt := range []struct{ name, from, table, says string }{
			{"no table", source, "incoming", "incoming"},
			{"another table", source, "pg_class", "accountid"},
			{"not PostgreSQL", "mysql://root:CANARY@localhost/zoom", "events", "postgres://"},
			{"unreachable server", "postgres://root:CANARY@127.0.0.1:1/zoom", "events", "127.0.0.1"},
		} {
			err := s.ImportEvents(t.Context(), tt.from, tt.table, nil)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}
