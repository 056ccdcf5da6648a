package e2e

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

// Copying from SQLite to PostgreSQL keeps users, credentials and configuration. After
// that, the table of Zoom's sample can be imported.
func TestCopyAndImport(t *testing.T) {
	slow(t)
	target, sample := dbtest.PostgresURL(t), dbtest.PostgresURL(t)
	alone(t)
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	onTarget := func() { t.Setenv("DRAWBRIDGE_DATABASE_URL", target) } // each command takes it out of the environment
	ok(t, applied, "apply", "-")
	ok(t, demoPassword, "user", "add", demoEmail, "--role", "admin", "--password-stdin")
	before := ok(t, "", "export")

	s := start(t, "serve")
	if r := command(t, "", "copy", "--from", "sqlite", "--to", target); r.code != 1 || !strings.Contains(r.err, "stop it") {
		t.Errorf("while the server runs: status %d, %s", r.code, r.err)
	}
	s.stop()
	if r := command(t, "", "copy"); r.code != 2 || !strings.Contains(r.err, "DRAWBRIDGE_DATABASE_URL") {
		t.Errorf("without a target: status %d, %s", r.code, r.err)
	}
	out := ok(t, "", "copy", "--from", "sqlite", "--to", target)
	if !strings.Contains(out, "users") || !strings.Contains(out, "same master key") {
		t.Errorf("copy printed:\n%s", out)
	}
	if r := command(t, "", "copy", "--to", target); r.code != 1 || !strings.Contains(r.err, "already has data") {
		t.Errorf("copying again: status %d, %s", r.code, r.err)
	}

	onTarget()
	if after := ok(t, "", "export"); after != before {
		t.Errorf("the configuration was\n%sand is\n%s", before, after)
	}
	onTarget()
	second := start(t, "serve")
	p := newPerson(t, second.url)
	if !p.canLogIn(demoEmail, demoPassword) {
		t.Error("the admin cannot log in to the copy")
	}

	conn, err := sql.Open("pgx", sample)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Exec(`CREATE TABLE events (id SERIAL PRIMARY KEY, name VARCHAR(30), accountid VARCHAR(30), meetingid BIGINT);
		INSERT INTO events (name, accountid, meetingid) VALUES ('meeting.started', 'acc', 81234567890), ('meeting.ended', 'acc', 81234567890)`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Read 2 rows of events: imported 2 events, 0 were already here.\n", "Read 2 rows of events: imported 0 events, 2 were already here.\n"} {
		onTarget()
		if out := ok(t, "", "import", "--from", sample); out != want {
			t.Errorf("import printed %q, want %q", out, want)
		}
	}
	if _, page := p.do("GET", "/events?meeting_id=81234567890", nil); !strings.Contains(page, "81234567890") {
		t.Error("the running server does not show the imported events")
	}
}
