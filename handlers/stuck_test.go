package handlers_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// An incident of the journal that can't be stored is on Overview. An admin sees what it holds and
// discards it.
func TestStuckPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.must(os.WriteFile(filepath.Join(o.dataDir, "journal.jsonl"), []byte(`{"ID":"0192f0c4-1111-7222-8333-444455556666","Actor":{"Kind":"token","Email":"pager","Role":"responder"},"Request":{"RunbookName":"Gone","Name":"db <b>down</b>","Severity":"SEV1","Description":"All of it.","Source":"api","FormKey":"f1","Vars":{"customer":"ACME"},"Given":{"url":"https://meet.example.com/war?secret=1"},"OpenedAt":"2026-11-22T02:00:00Z"}}`+"\n"), 0o600))
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)
	const path = "/unstored"
	for range 6 {
		o.wait(5 * time.Second)
		_, _ = o.service.RunOnce(t.Context())
	}
	const need = "1 incident that was opened while the database didn’t answer can’t be stored."
	admin.get("/").want(t, http.StatusOK, need)
	responder.get("/").want(t, http.StatusOK, need)
	if page := responder.get("/").body; strings.Contains(page, path) || strings.Contains(page, "isn’t stored completely") {
		t.Error("a responder gets a link to the page, or reads that the database accepts no writes")
	}
	responder.get(path).want(t, http.StatusForbidden)
	admin.get(path).want(t, http.StatusOK, "db <b>down</b>", "mark another runbook as the default one", "Tried 4 times, next at ", "Gone", "SEV1", "All of it.", "ACME", "pager", "meet.example.com")
	if page := admin.get(path).body; strings.Contains(page, "secret=1") || strings.Contains(page, "<b>down") {
		t.Error("the page has the whole link, or takes a name for markup")
	}
	responder.post(path+"/0192f0c4-1111-7222-8333-444455556666/try").want(t, http.StatusForbidden)
	admin.post(path+"/0192f0c4-1111-7222-8333-444455556666/try").leadsTo(admin, path, "The incident still can’t be stored.", "Tried 5 times")
	responder.post(path+"/0192f0c4-1111-7222-8333-444455556666/discard").want(t, http.StatusForbidden)
	admin.post(path+"/0192f0c4-1111-7222-8333-444455556666/discard").want(t, http.StatusSeeOther)
	admin.get(path).want(t, http.StatusOK, "Nothing to decide")
	admin.post(path+"/0192f0c4-1111-7222-8333-444455556666/discard").want(t, http.StatusNotFound)
	if page := admin.get("/").body; strings.Contains(page, need) {
		t.Error("Overview still has it")
	}

	// What the page says helps.
	o.must(os.WriteFile(filepath.Join(o.dataDir, "journal.jsonl"), []byte(`{"ID":"0192f0c4-1111-7222-8333-444455556667","Actor":{"Kind":"token","Email":"pager","Role":"responder"},"Request":{"RunbookName":"Gone","Name":"db down","Source":"api","FormKey":"f2","Given":{"url":"https://meet.example.com/war"},"OpenedAt":"2026-11-22T02:00:00Z"}}`+"\n"), 0o600))
	o.service = incident.New(incident.Config{Store: o.store, Now: o.clock, Log: o.site.Log, JournalPath: filepath.Join(o.dataDir, "journal.jsonl")})
	o.site.Service = o.service
	for range 4 {
		o.wait(5 * time.Second)
		_, _ = o.service.RunOnce(t.Context())
	}
	r := incident.SampleRunbook()
	r.Default = true
	_, _, err := o.service.SaveRunbook(t.Context(), theConsole, r)
	o.must(err)
	admin.post(path+"/0192f0c4-1111-7222-8333-444455556667/try").leadsTo(admin, path, "The incident is stored.", "Nothing to decide")
	admin.get("/incidents/1").want(t, http.StatusOK, "db down", "the static link to meet.example.com")
	admin.get("/settings/audit").want(t, http.StatusOK, "discarded an incident that couldn’t be stored,")
}
