package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const newYAML = "runbooks:\n  - name: Database down\n    steps:\n      - kind: create_meeting\n        execute_automatically: true\n        topic: \"{{ incident.name }}\"\n"

func TestRunbookYAMLPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.outage()
	path := "/runbooks/" + r.ID + "/yaml"
	b, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	guardPage(t, o, path, nil)
	guardPage(t, o, "/runbooks/yaml", o.as(incident.Responder))
	b.get("/runbooks/none/yaml").want(t, http.StatusNotFound)
	b.get("/runbooks/none/export").want(t, http.StatusNotFound)
	page := b.get(path)
	page.want(t, http.StatusOK, "YAML of Production outage", "Download")
	text, err := r.YAML()
	o.must(err)
	if got := page.value("yaml"); got != text {
		t.Errorf("the page has %q, want %q", got, text)
	}
	page = viewer.get(path)
	page.want(t, http.StatusOK, "name: Production outage")
	if strings.Contains(page.body, "<textarea") || strings.Contains(page.text(), "Save") {
		t.Error("a viewer is offered to change the runbook")
	}
	file := viewer.get("/runbooks/" + r.ID + "/export")
	if file.body != text || file.header.Get("Content-Disposition") != `attachment; filename="runbook-production-outage.yaml"` || file.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("the file is %v\n%s", file.header, file.body)
	}
	b.get("/runbooks/new").want(t, http.StatusOK, "From YAML")
	if got := b.get("/runbooks/yaml").value("yaml"); !strings.HasPrefix(got, "runbooks:\n  - name: Incident\n") {
		t.Errorf("a new runbook begins as %q", got)
	}

	r.Name = hostile
	_, _, err = o.service.SaveRunbook(context.Background(), theConsole, r)
	o.must(err)
	for _, page := range []reply{b.get(path), viewer.get(path), b.get("/runbooks/" + r.ID + "/versions"), b.get("/runbooks/" + r.ID + "/versions/1")} {
		page.want(t, http.StatusOK)
		wantInert(t, page)
	}
	if got := b.get("/runbooks/" + r.ID + "/export").header.Get("Content-Disposition"); got != `attachment; filename="runbook-script-alert-1-script-img-src-x-onerror-alert-2-7-7.yaml"` {
		t.Errorf("the file is called %s", got)
	}
	testBroken(t, o, "runbooks", func() reply { return b.get(path) })
}

func TestSaveRunbookYAML(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks/yaml", incident.Admin, "version", "0", "yaml", newYAML)
	})
	t.Run("guard of a stored one", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks/"+o.outage().ID+"/yaml", incident.Admin, "version", "1", "yaml", newYAML)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		b := o.as(incident.Admin)
		path := "/runbooks/" + r.ID + "/yaml"
		large := newYAML + "# " + strings.Repeat("x", 256<<10) + "\n"
		for _, tt := range []struct{ name, yaml, says string }{
			{"nothing", "", "There is no runbook; the first line must be “runbooks:”."},
			{"not YAML", "runbooks: [", "Line 1: Sequence end token ']' not found. runbooks: ["},
			{"an unknown field", strings.Replace(newYAML, "topic", "topicc", 1), `Line 6: Unknown field "topicc". topicc: "{{ incident.name }}"`},
			{"blank lines first", "\r\n\r\n" + strings.Replace(newYAML, "topic", "topicc", 1), `Line 6: Unknown field`},
			{"a wrong kind", strings.Replace(newYAML, "create_meeting", "open_door", 1), "Line 4, step 1 kind: This kind of step doesn’t exist. - kind: open_door"},
			{"several fields", "runbooks:\n  - description: a\n    steps:\n      - kind: create_meeting\n        topic: \"{{ x\"\n", "Line 2, name: Give the runbook a name. - description: a Line 5, step 1 topic: "},
			{"too large", large, "The text is larger than 256 KiB."},
			{"a billion laughs", "runbooks:\n  - name: &a lol\n    variables: [{choices: &b [*a, *a]}, {choices: &c [*b, *b]}]\n", "An anchor must not contain an alias."},
		} {
			for _, to := range []string{path, "/runbooks/yaml"} {
				page := b.post(to, "version", "1", "yaml", tt.yaml)
				page.want(t, http.StatusUnprocessableEntity, "Not saved What you typed is kept.", tt.says)
				if got, want := page.value("yaml"), strings.TrimLeft(tt.yaml, "\r\n"); got != want {
					t.Errorf("%s: what was typed is %.100q now", tt.name, got)
				}
			}
		}
		b.post(path, "version", "1", "yaml", newYAML, "role", "admin").want(t, http.StatusBadRequest)
		b.post(path, "version", "x", "yaml", newYAML).want(t, http.StatusBadRequest)
		b.post(path, "version", "1", "yaml", "\x00").want(t, http.StatusBadRequest)
		b.post(path, "version", "1", "yaml", strings.Repeat("x", 2<<20)).want(t, http.StatusRequestEntityTooLarge)
		b.post("/runbooks/none/yaml", "version", "1", "yaml", newYAML).want(t, http.StatusNotFound)
		b.post("/runbooks/yaml", "version", "0", "yaml", strings.Replace(newYAML, "Database down", "Production outage", 1)).
			want(t, http.StatusUnprocessableEntity, "Line 2, name: Another runbook has this name.")

		r.Description = "meanwhile"
		_, _, err := o.service.SaveRunbook(context.Background(), theConsole, r)
		o.must(err)
		page := b.post(path, "version", "1", "yaml", newYAML)
		page.want(t, http.StatusUnprocessableEntity, "Someone else saved this runbook command line changed this just now. What you typed is kept below; saving now replaces their version.")
		if page.value("yaml") != newYAML || page.value("version") != "2" {
			t.Errorf("the form has version %s and %q", page.value("version"), page.value("yaml"))
		}
		if got := o.runbook(r.ID); got.Description != "meanwhile" {
			t.Errorf("it was saved: %+v", got)
		}
		o.run(o.runbook(r.ID), "db down")
		b.post("/runbooks/" + r.ID + "/delete")
		b.post(path, "version", "3", "yaml", newYAML).want(t, http.StatusConflict, "This runbook is archived and can’t be changed.")
		if strings.Contains(b.get(path).body, "<textarea") {
			t.Error("an archived runbook can be typed into")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "runbook_versions", func() reply { return b.post("/runbooks/yaml", "version", "0", "yaml", newYAML) })
		if list, err := o.store.ActiveRunbooks(context.Background()); err != nil || len(list) != 0 {
			t.Errorf("there are %d runbooks, %v", len(list), err)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/runbooks/yaml", "version", "0", "yaml", strings.ReplaceAll(newYAML, "\n", "\r\n"))
		r, err := o.store.RunbookByName(context.Background(), "Database down")
		o.must(err)
		path := "/runbooks/" + r.ID + "/yaml"
		changed := strings.Replace(newYAML, "Database down", "Database", 1) + "    disabled: true\n"
		b.post(path, "version", "1", "yaml", changed).leadsTo(b, path, "Saved: name, disabled.", "YAML of Database")
		got := o.runbook(r.ID)
		if got.Name != "Database" || got.DisabledAt.IsZero() || got.Version != 3 || got.Steps[0].ID != r.Steps[0].ID {
			t.Errorf("it is %+v", got)
		}
		b.post(path, "version", "3", "yaml", b.get(path).value("yaml")).leadsTo(b, path, "Nothing was changed.")
		o.wantTrail("runbook.create Database down", "runbook.update Database", "runbook.disable Database")
	})
}
