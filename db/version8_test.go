package db_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// A database with version 8 of the schema opens, and nothing in it is lost.
func TestUpgradeFromVersion8(t *testing.T) {
	t.Parallel()
	want := map[string]int{}
	for _, r := range dbtest.Version8Rows(t) {
		want[r.Table]++
	}
	told := map[string]int{}
	for _, line := range dbtest.Version8History(t) {
		kind, _, _ := strings.Cut(line, " ")
		told[kind]++
	}
	for kind, table := range map[string]string{"incident": "incidents", "timeline": "timeline_entries", "step": "step_runs", "bridge": "bridges",
		"attempt": "bridge_attempts", "audit": "audit_entries", "look": "gap_looks", "check": "accounts"} {
		if told[kind] != want[table] || want[table] == 0 {
			t.Errorf("the history tells of %d rows of %s, which has %d", told[kind], table, want[table])
		}
	}
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		cfg = dbtest.Version8(t, cfg)
		s := dbtest.Open(t, cfg)
		if problem := s.KeyProblem(); problem != "" {
			t.Error(problem)
		}
		conn := raw(t, cfg)
		for table, rows := range want {
			if table == "event_words_parts" && cfg.DatabaseURL != "" { // SQLite's own
				continue
			}
			var n int
			check(t, conn.QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
			if n != rows {
				t.Errorf("%s has %d rows, want %d", table, n, rows)
			}
		}
		account, err := s.Account(t.Context())
		check(t, err)
		if !account.Connected() {
			t.Error("the secrets do not open")
		}
		for _, word := range []string{"joined", "ravi", "call"} {
			page, err := s.EventRows(t.Context(), db.EventFilter{Text: word}, "", 10)
			check(t, err)
			if len(page.Items) == 0 {
				t.Errorf("a search for %q finds nothing", word)
			}
		}

		all, err := s.Incidents(t.Context(), db.IncidentFilter{}, "", 200)
		check(t, err)
		for _, row := range all.Items {
			found, err := s.Incidents(t.Context(), db.IncidentFilter{Text: strings.ToUpper(row.Name)}, "", 200)
			check(t, err)
			if !slices.ContainsFunc(found.Items, func(f db.IncidentRow) bool { return f.Number == row.Number }) {
				t.Errorf("a search for %q does not find %s", row.Name, row.Key())
			}
		}

		checkConverted(t, conn)

		// Its schema is that of a new database.
		fresh := dbtest.SQLite(t)
		of := sqliteSchema
		if cfg.DatabaseURL != "" {
			fresh, of = dbtest.Postgres(t), postgresSchema
		}
		dbtest.Open(t, fresh)
		same(t, of(t, conn), of(t, raw(t, fresh)))
		same(t, versions(t, conn), versions(t, raw(t, fresh)))
	})
}

var update = flag.Bool("update", false, "write testdata/version8.converted.json anew")

// converted is a sentence of version 8 and what it became.
type converted struct {
	Table string `json:"table"`
	Of    string `json:"of,omitempty"` // the incident
	Was   string `json:"was"`
	Fix   string `json:"fix,omitempty"` // what it said to do
	Is    any    `json:"is"`
}

// checkConverted compares what the sentences became with the golden file, which
// people have reviewed, and checks that their data is still there.
func checkConverted(t *testing.T, conn *sql.DB) {
	t.Helper()
	column := func(table, id, column string) string {
		t.Helper()
		found := rows(t, conn, `SELECT `+column+` FROM `+table+` WHERE id = $1`, id)
		if len(found) != 1 {
			t.Fatalf("%s %s is there %d times", table, id, len(found))
		}
		return found[0][0]
	}
	var lines []string
	add := func(c converted, is string) {
		t.Helper()
		if is == "" || is == "null" {
			t.Errorf("nothing is left of %s %q", c.Table, c.Was)
			return
		}
		check(t, json.Unmarshal([]byte(is), &c.Is))
		checkData(t, c)
		var line bytes.Buffer
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		check(t, e.Encode(c))
		lines = append(lines, strings.TrimSpace(line.String()))
	}
	addEach := func(c converted, was, is string) {
		t.Helper()
		var old []struct{ Setting, Topic, Subject, Level, Text, Reason, Fix string }
		var became []json.RawMessage
		check(t, json.Unmarshal([]byte(was), &old))
		check(t, json.Unmarshal([]byte(is), &became))
		if len(became) != len(old) {
			t.Fatalf("%d of %d findings are left", len(became), len(old))
		}
		for i, o := range old {
			c.Was, c.Fix = fmt.Sprintf("%s, %s%s, %s: %s%s", o.Level, o.Setting, o.Topic, o.Subject, o.Text, o.Reason), o.Fix
			add(c, string(became[i]))
		}
	}
	for _, r := range dbtest.Version8Rows(t) {
		text := func(column string) string { s, _ := r.Row[column].(string); return s }
		c := converted{Table: r.Table}
		if number, ok := r.Row["incident_number"].(int64); ok {
			c.Of = incident.Key(number)
		}
		switch r.Table {
		case "timeline_entries":
			id := regexp.MustCompile(`^(event-\d+)-[a-z]+$`).ReplaceAllString(text("id"), "$1")
			c.Was = text("kind") + ": " + text("text")
			add(c, fmt.Sprintf(`{"kind": %q, "data": %s}`, column(r.Table, id, "kind"), column(r.Table, id, "data")))
			same(t, rows(t, conn, `SELECT incident_number, bridge_id, at, actor FROM timeline_entries WHERE id = $1`, id),
				[][]string{{fmt.Sprint(r.Row["incident_number"]), text("bridge_id"), fmt.Sprint(r.Row["at"]), text("actor")}})
		case "step_runs":
			if c.Was = text("reason"); c.Was != "" {
				add(c, column(r.Table, text("id"), "reason"))
			}
		case "bridges":
			if c.Was, c.Fix = text("reason"), text("fix"); c.Was != "" {
				add(c, column(r.Table, text("id"), "reasons"))
			}
			addEach(c, text("findings"), column(r.Table, text("id"), "findings"))
			level := map[string]string{"amber": "warning", "red": "bad"}[text("worst_finding")]
			if got := column(r.Table, text("id"), "worst_finding"); got != level {
				t.Errorf("the worst finding of a bridge is %q, want %q", got, level)
			}
		case "bridge_attempts":
			if c.Was = text("cause"); c.Was != "" {
				add(c, column(r.Table, text("id"), "reason"))
			}
		case "gap_looks":
			if c.Was, c.Fix = text("problem"), text("fix"); c.Was != "" {
				add(c, column(r.Table, text("id"), "problem"))
			}
		case "accounts":
			var old, is struct {
				At    time.Time
				Lines json.RawMessage
			}
			check(t, json.Unmarshal([]byte(text("check_report")), &old))
			check(t, json.Unmarshal([]byte(column(r.Table, text("id"), "check_report")), &is))
			same(t, is.At, old.At)
			addEach(c, string(old.Lines), string(is.Lines))
		case "events":
			if c.Was = text("read_error"); c.Was != "" {
				add(c, fmt.Sprintf("%q", column(r.Table, fmt.Sprint(r.Row["id"]), "read_error")))
			}
		}
	}
	const golden = "testdata/version8.converted.json"
	got := "[\n" + strings.Join(lines, ",\n") + "\n]\n"
	if *update {
		check(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	same(t, strings.Split(got, "\n"), strings.Split(string(want), "\n"))
}

// checkData looks for what a sentence named: addresses, numbers and quoted
// texts. A step has only the last reason of its bridge, and some numbers of a
// check are only words.
func checkData(t *testing.T, c converted) {
	t.Helper()
	is := asText(t, c.Is)
	if c.Table == "step_runs" || c.Table == "events" {
		return
	}
	for _, name := range regexp.MustCompile(`[\w.]+@[\w.]+\w|“[^“”]+”|\d+`).FindAllString(c.Was, -1) {
		if !strings.Contains(is, strings.Trim(name, "“”")) && name != "“Create Zoom meeting”" && name != "100" &&
			(c.Table != "accounts" || strings.Contains(name, "@")) {
			t.Errorf("%q is not in what became of %q: %s", name, c.Was, is)
		}
	}
}

// asText returns everything that JSON contains, as a text.
func asText(t *testing.T, v any) string {
	switch v := v.(type) {
	case map[string]any:
		return asText(t, slices.Collect(maps.Values(v)))
	case []any:
		var b strings.Builder
		for _, one := range v {
			b.WriteString(asText(t, one) + "\n")
		}
		return b.String()
	}
	return fmt.Sprint(v)
}

// versions returns the schema steps that were applied.
func versions(t *testing.T, conn *sql.DB) [][]string {
	t.Helper()
	return rows(t, conn, `SELECT version_id, is_applied FROM goose_db_version ORDER BY id`)
}
