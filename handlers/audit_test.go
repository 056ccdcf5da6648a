package handlers_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestAuditPage(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/settings/audit").want(t, http.StatusOK, "No changes yet")
	})
	t.Run("words", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		r := o.outage()
		r.Description = "First line\nnote: second line"
		_, _, err := o.service.SaveRunbook(t.Context(), theConsole, r)
		o.must(err)
		o.run(r, "db down")
		o.must(o.service.ResolveIncident(t.Context(), theConsole, 1))
		o.must(o.store.AddAudit(t.Context(), incident.AuditEntry{ID: "z", At: o.clock(), Actor: "<i>eve</i>", Action: "drill.new_kind", Target: "t", Address: "192.0.2.7"}))
		page := o.as(incident.Admin).get("/settings/audit")
		page.want(t, http.StatusOK, "changed the Zoom account", "created runbook “Production outage”", "changed runbook “Production outage”",
			"When customers notice. → First line", "opened incident “db down”", "resolved INC-1 status open → resolved", "command line",
			"<i>eve</i> drill new kind t", "192.0.2.7", "client secret replaced")
		if !strings.Contains(page.body, `href="/incidents/1"`) || !strings.Contains(page.body, `href="/account"`) || strings.Contains(page.body, "CANARY") || strings.Contains(page.body, "<i>") {
			t.Error("links are missing, a secret is shown, or a name is markup")
		}
	})
	t.Run("filters", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		add := func(id, actor, action string, changes int) {
			e := incident.AuditEntry{ID: id, At: o.clock(), Actor: actor, Action: incident.AuditAction(action), Target: id, Changes: make([]incident.Change, changes)}
			for i := range e.Changes {
				e.Changes[i] = incident.Change{Field: fmt.Sprint("f", i), After: "x"}
			}
			o.must(o.store.AddAudit(t.Context(), e))
		}
		add("one", "bob@example.com", "runbook.update", 3)
		add("two", "bob@example.com", "user.disable", 1)
		o.wait(24 * time.Hour)
		add("three", "ana@example.com", "runbook.update", 0)
		b := o.as(incident.Admin)
		day := o.clock().Format(time.DateOnly)
		for query, want := range map[string][]string{
			"":                               {"one", "two", "three"},
			"?who=BOB":                       {"one", "two"},
			"?action=runbook.update":         {"one", "three"},
			"?who=bob&action=runbook.update": {"one"},
			"?from=" + day:                   {"three"},
			"?to=2026-11-22&who=&action=&q=": {"one", "two"},
			"?from=" + day + "&who=bob":      {},
		} {
			page := b.get("/settings/audit" + query)
			page.want(t, http.StatusOK)
			for _, target := range []string{"one", "two", "three"} {
				if got := regexp.MustCompile(`(“| )` + target + `(”| )`).MatchString(page.text()); got != slices.Contains(want, target) {
					t.Errorf("%q shows %s: %v", query, target, got)
				}
			}
			if len(want) == 0 && !strings.Contains(page.text(), "No change matches these filters.") {
				t.Errorf("%q: %s", query, page.text())
			}
		}
		page := b.get("/settings/audit?from=soon")
		page.want(t, http.StatusOK)
		if !strings.Contains(page.body, `aria-invalid="true"`) {
			t.Error("a date that isn't one is not refused")
		}
		b.get("/settings/audit?action=everything").want(t, http.StatusBadRequest)
		if n := strings.Count(b.get("/settings/audit?who=bob").body, "<summary>3 changes</summary>"); n != 1 {
			t.Errorf("%d entries with many changes are folded, want 1", n)
		}
	})
	t.Run("a name that looks like other fields is one change", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		bob := o.person("bob", incident.Viewer)
		b := o.as(incident.Admin)
		b.post("/settings/users/"+bob.ID, "name", "Bob\nrole: admin", "role", "viewer")
		page := b.get("/settings/audit")
		if n := strings.Count(page.body, `class="db-change"`); n != 1 {
			t.Errorf("%d changes, want one", n)
		}
		page.want(t, http.StatusOK, "name bob → Bob role: admin")
	})
	t.Run("a token named like a person, and an incident like another", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		plain, _, err := o.service.CreateToken(t.Context(), theConsole, "ravi@example.com", []string{incident.ScopeIncidentsWrite}, 0)
		o.must(err)
		token, _, err := o.service.TokenActor(t.Context(), plain, "192.0.2.7", false)
		o.must(err)
		_, _, err = o.service.OpenIncident(t.Context(), token, incident.OpenRequest{RunbookID: r.ID, Name: "INC-7", Vars: map[string]string{"customer": "all"}, Source: incident.SourceAPI})
		o.must(err)
		page := o.as(incident.Admin).get("/settings/audit")
		page.want(t, http.StatusOK, "API token “ravi@example.com” opened incident “INC-7”")
		if strings.Contains(page.body, `href="/incidents/7"`) {
			t.Error("the name of an incident leads to another one")
		}
	})
	t.Run("pages and search", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		for i := range 130 {
			o.wait(time.Second)
			o.must(o.store.AddAudit(t.Context(), incident.AuditEntry{ID: fmt.Sprint("a", i), At: o.clock(), Actor: "ana@example.com", Action: "user.create", Target: fmt.Sprintf("u%d@example.com", i)}))
		}
		b := o.as(incident.Admin)
		rows := regexp.MustCompile(`u\d+@example\.com`)
		seen := map[string]bool{}
		var sizes []int
		next := regexp.MustCompile(`rel="next" href="([^"]*)"`)
		for path := "/settings/audit"; path != ""; {
			page := b.get(path)
			page.want(t, http.StatusOK)
			found := slices.Compact(rows.FindAllString(page.text(), -1))
			sizes = append(sizes, len(found))
			for _, row := range found {
				if seen[row] {
					t.Errorf("%s is there twice", row)
				}
				seen[row] = true
			}
			path = ""
			if m := next.FindStringSubmatch(page.body); m != nil {
				path = m[1]
			}
		}
		if !slices.Equal(sizes, []int{50, 50, 30}) || len(seen) != 130 {
			t.Errorf("pages of %v, %d rows in all", sizes, len(seen))
		}
		old := b.get("/settings/audit?q=ADDED+u3@")
		old.want(t, http.StatusOK, "u3@example.com")
		if found := rows.FindAllString(old.text(), -1); len(slices.Compact(found)) != 1 {
			t.Errorf("found %v", found)
		}
		b.get("/settings/audit?q="+strings.Repeat("a+", 21)).want(t, http.StatusBadRequest, "Search for fewer words.")
		b.get("/settings/audit?q=nobody").want(t, http.StatusOK, "Nothing matches")
		b.get("/settings/audit?cursor=x").want(t, http.StatusBadRequest, "This page of the list doesn’t exist.")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.get("/settings/audit") })
	})
}
