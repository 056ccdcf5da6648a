package handlers_test

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// shown returns the names and values that a form posts as it stands, with changes.
func (r reply) shown(changes ...string) []string {
	values := map[string]string{}
	for _, m := range regexp.MustCompile(`<(?:input|textarea)[^>]*\sname="([^"]+)"[^>]*>`).FindAllStringSubmatch(r.body[strings.Index(r.body, "<main"):], -1) {
		if name := html.UnescapeString(m[1]); !strings.Contains(m[0], `type="radio"`) {
			values[name] = r.value(name)
		} else if strings.Contains(m[0], "checked") {
			values[name] = html.UnescapeString(regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(m[0])[1])
		}
	}
	for i := 0; i < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	var fields []string
	for name, value := range values {
		fields = append(fields, name, value)
	}
	return fields
}

func TestEditIncident(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage(), func(q *incident.OpenRequest) { q.OpenerEmail = "ana@example.com" })
	const path = "/incidents/1/edit"
	testGuard(t, o, path, incident.Responder, "name", "x")
	viewer := o.logIn("viewer@example.com")
	guardPage(t, o, path, viewer)
	b := o.as(incident.Responder)
	before := o.incident(1)

	t.Run("the form shows what is stored", func(t *testing.T) {
		b.get("/incidents/1").want(t, http.StatusOK, "Edit")
		if page := viewer.get("/incidents/1"); strings.Contains(page.body, path) {
			t.Error("a viewer is offered to edit")
		}
		page := b.get(path)
		page.want(t, http.StatusOK, "Edit INC-1", "Zoom meetings keep their topics.", "Cancel")
		for name, want := range map[string]string{"name": "db down", "description": "It does not answer.", "opener_email": "ana@example.com", "type": "outage", "vars.customer": "all", "seen.severity": "SEV1", "seen.vars.customer": "all", "note": ""} {
			if got := page.value(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if !regexp.MustCompile(`value="SEV1" checked`).MatchString(page.body) {
			t.Error("the severity is not chosen")
		}
		trail := o.trail()
		b.post(path, page.shown()...).leadsTo(b, "/incidents/1", "Nothing was changed.")
		if got := o.trail(); !slices.Equal(got, trail) {
			t.Errorf("audit trail %q", got)
		}
		for _, other := range []string{"/incidents/9/edit", "/incidents/x/edit"} {
			b.get(other).want(t, http.StatusNotFound)
			b.post(other, page.shown()...).want(t, http.StatusNotFound)
		}
	})
	t.Run("refused: what was typed comes back", func(t *testing.T) {
		typed := map[string]string{"name": "", "description": hostile, "opener_email": "x" + hostile, "vars.customer": strings.Repeat("å", 1001), "type": "a" + hostile, "note": strings.Repeat("🚨", 4001), "severity": "SEV2"}
		var changes []string
		for name, value := range typed {
			changes = append(changes, name, value)
		}
		r := b.post(path, b.get(path).shown(changes...)...)
		r.want(t, http.StatusUnprocessableEntity, "Not saved", "Fix 4 fields.", "Describe in a few words what is wrong.", "This isn’t an email address.", "Use at most 1000 characters.", "Use at most 4000 characters.")
		wantInert(t, r)
		for name, want := range typed {
			if got := r.value(name); got != want && name != "severity" {
				t.Errorf("%s is %.60q, want %.60q", name, got, want)
			}
		}
		if !strings.Contains(r.body, `value="SEV2" checked`) || r.value("seen.severity") != "SEV1" || !strings.Contains(r.body, "data-changed") {
			t.Error("the severity that was chosen is not chosen any more")
		}
		b.post(path, "name", "x", "status", "resolved").want(t, http.StatusBadRequest)
		b.post(path, "name", "x", "name", "y").want(t, http.StatusBadRequest)
		if got := o.incident(1); got.UpdatedAt != before.UpdatedAt {
			t.Errorf("stored %+v", got)
		}
	})
	t.Run("done", func(t *testing.T) {
		o.wait(time.Minute)
		trail := len(o.trail())
		fields := b.get(path).shown("name", "Payments are down", "severity", "SEV3", "description", "Line one.\r\nLine two.", "opener_email", "", "vars.customer", "Acme {who}", "note", "It spreads.")
		page := b.post(path, fields...).leadsTo(b, "/incidents/1", "Saved: name, severity, description, opener, variable customer. The note was added.",
			"Changed the name from “db down” to “Payments are down”. Changed the severity from SEV1 to SEV3. Changed the description. Removed the opener ana@example.com. Changed the variable customer from “all” to “Acme {who}”. · responder@example.com",
			"Description before", "It does not answer.", "Description after", "Line two.", "It spreads.")
		wantInert(t, page)
		if got := o.trail()[trail:]; !slices.Equal(got, []string{"incident.edit INC-1", "incident.note INC-1"}) {
			t.Errorf("audit trail %q", got)
		}
		o.as(incident.Admin).get("/settings/audit").want(t, http.StatusOK, "edited INC-1", "5 changes", "variable customer", "Acme {who}")
		b.get("/j/INC-1").want(t, http.StatusOK, "Payments are down", "SEV3")
		wantRows(t, b, "/incidents?q=payments+spreads", rowOfIncident, "INC-1")
		wantRows(t, b, "/incidents?q=db+down", rowOfIncident)
		b.post(path, fields...).leadsTo(b, "/incidents/1") // sent twice
		if got := o.trail()[trail:]; len(got) != 2 {
			t.Errorf("audit trail %q", got)
		}
	})
	t.Run("others edited meanwhile", func(t *testing.T) {
		form := b.get(path)
		o.must(o.edit(1, "severity", "SEV4", "description", "Somebody’s "+strings.Repeat("long ", 30), "name", hostile))
		o.wait(3 * time.Minute)
		trail := o.trail()
		page := b.post(path, form.shown("severity", "SEV2", "description", "Mine.", "vars.customer", "", "note", "Mine too.")...)
		page.want(t, http.StatusUnprocessableEntity, "Someone else changed this incident", "command line changed this 3 min ago. What you typed is kept; saving again replaces their version.",
			"Severity : now SEV4", "Their version", "Somebody’s long")
		wantInert(t, page)
		for name, want := range map[string]string{"name": hostile, "description": "Mine.", "note": "Mine too.", "vars.customer": "", "seen.severity": "SEV4"} {
			if got := page.value(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if got := o.trail(); !slices.Equal(got, trail) || o.incident(1).Severity != "SEV4" {
			t.Errorf("something was saved: %q", got)
		}
		b.post(path, page.shown()...).leadsTo(b, "/incidents/1", "Saved: severity, description, variable customer. The note was added.")
		if got := o.incident(1); got.Severity != "SEV2" || got.Name != hostile || got.Vars["customer"] != "" {
			t.Errorf("stored %+v", got)
		}
	})
	t.Run("resolved", func(t *testing.T) {
		form := b.get(path)
		o.must(o.service.ResolveIncident(context.Background(), theConsole, 1))
		b.get(path).leadsTo(b, "/incidents/1", "INC-1 is resolved. Reopen it to edit it.")
		if page := b.get("/incidents/1"); strings.Contains(page.body, path) {
			t.Error("a resolved incident can be edited")
		}
		r := b.post(path, form.shown("name", "Too late", "note", "My note.")...)
		r.want(t, http.StatusUnprocessableEntity, "Not saved", "The incident is resolved. Reopen it to edit it.", "See the incident")
		if r.value("name") != "Too late" || r.value("note") != "My note." {
			t.Error("what was typed is lost")
		}
		o.must(o.service.ReopenIncident(context.Background(), theConsole, 1))
		b.post(path, r.shown()...).leadsTo(b, "/incidents/1", "Saved: name. The note was added.")
	})
	t.Run("the database accepts no writes", func(t *testing.T) {
		form := b.get(path)
		unlock := o.lock()
		r := b.post(path, form.shown("name", "Not stored", "note", "My note.")...)
		r.want(t, http.StatusServiceUnavailable, "Not saved", "Drawbridge couldn’t store this. Save again in a moment.")
		unlock()
		b.post(path, r.shown()...).leadsTo(b, "/incidents/1", "Saved: name. The note was added.")
		o.must(o.edit(1, "name", "Too late"))
	})
	t.Run("broken", func(t *testing.T) {
		form := b.get(path)
		testBroken(t, o, "audit_entries", func() reply { return b.post(path, form.shown("name", "Half")...) })
		if o.incident(1).Name != "Too late" {
			t.Error("it was edited without an audit entry")
		}
		testBroken(t, o, "runbooks", func() reply { return b.get(path) })
	})
}

// edit changes fields of an incident from the command line.
func (o *office) edit(number int64, fields ...string) error {
	o.t.Helper()
	e := incident.IncidentEdit{Source: incident.SourceForm, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
	}
	_, err := o.service.EditIncident(context.Background(), theConsole, number, e)
	return err
}
