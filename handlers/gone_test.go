package handlers_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// PostgreSQL is stopped, can't be reached, or hangs. People who are logged in and
// programs open incidents all the same, with a static link, and everything is stored
// once afterwards.
func TestPostgresGone(t *testing.T) {
	t.Parallel()
	address, stop, restart := dbtest.OwnPostgres(t)
	wire := dbtest.NewWire(t, address)
	cfg := dbtest.SQLite(t)
	cfg.DatabaseURL = wire.URL
	o := officeOn(t, cfg)
	o.connect()
	o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21", PIN: "4711"}))
	outage := o.outage()
	plain, token, err := o.service.CreateToken(t.Context(), theConsole, "pager", []string{incident.ScopeIncidentsWrite, incident.ScopeRead}, 0)
	o.must(err)
	boss, responder, viewer, gone := o.as(incident.Admin), o.as(incident.Responder), o.as(incident.Viewer), o.logIn(o.person("gone", incident.Responder).Email)
	o.must(o.service.SetDisabled(t.Context(), theConsole, "id-of-gone", true))

	known := o.open(outage, func(r *incident.OpenRequest) { r.Vars = map[string]string{"customer": "ACME"} })
	joinURL, joinPath := o.bridge(known.Number).JoinURL, "/j/"+known.Key()+"?k="+known.JoinKey

	send := func(method, path, body string) (status int, answer map[string]any) {
		t.Helper()
		return o.api(t, plain, method, path, body)
	}
	post := func(key string) (status int, answer map[string]any) {
		t.Helper()
		return send(http.MethodPost, "/api/v1/incidents", `{"runbook": "Production outage", "name": "by the pager", "dedup_key": "`+key+`", "vars": {"customer": "ACME"}}`)
	}
	inTime := func(what string, f func()) {
		t.Helper()
		began := time.Now()
		if f(); time.Since(began) > 3*time.Second && !testing.Short() {
			t.Logf("%s took %v", what, time.Since(began))
		}
		if took := time.Since(began); took > slowly {
			t.Errorf("%s took %v", what, took)
		}
	}

	number := 1
	for _, c := range []struct {
		name       string
		end, again func()
	}{
		{"hangs", wire.Hang, wire.Mend},
		{"can't be reached", wire.Cut, wire.Mend},
		{"is stopped", stop, restart},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := "0199aaaa-0000-7000-8000-00000000000" + string(rune('0'+number))
			o.wait(time.Minute)
			seen := func(b *tab, path string) { // lately, and connections that hung before have ended
				t.Helper()
				page := b.get(path)
				for late := time.Now().Add(slowly); page.status == http.StatusServiceUnavailable && time.Now().Before(late); {
					page = b.get(path)
				}
				page.want(t, http.StatusOK)
			}
			for _, b := range []*tab{boss, responder, viewer} {
				seen(b, "/")
			}
			seen(viewer, "/incidents/1")
			o.must(workOff(o))
			_, _, err := o.service.TokenActor(t.Context(), plain, "", true)
			o.must(err)
			c.end()

			inTime("the form", func() {
				page := boss.get("/incidents/new?name=Disk+full")
				page.want(t, http.StatusOK, "Production outage", "The database doesn’t answer.", "Customer", "The incident gets a static link as its bridge (War room)", "Others see it once the database is back")
				if strings.Contains(page.body, "Create Zoom meeting") || strings.Contains(page.body, "everyone can see it") || strings.Contains(page.body, "Hosts the bridge") {
					t.Error("the form promises what needs the database")
				}
				if !strings.Contains(page.body, `value="Disk full"`) {
					t.Error("the form lost what the address says")
				}
			})
			for range 2 { // the second time it is the same one
				inTime("the answer", func() {
					page := responder.post("/runbooks/"+outage.ID+"/run", "name", "Form by night", "severity", "SEV1", "idempotency_key", form, "vars.customer", "ACME")
					page.want(t, http.StatusOK, "Form by night", "has no number yet", "4711", "+47 21")
					if !strings.Contains(page.body, `href="https://meet.example.com/war"`) {
						t.Error("the page has no link")
					}
					if strings.Contains(page.text(), "ry again") || strings.Contains(page.text(), "stored completely") || !strings.Contains(page.body, "db-sev-1") {
						t.Errorf("the page asks for something, or has no severity: %s", page.text())
					}
				})
			}
			inTime("the refusal", func() {
				responder.post("/runbooks/"+outage.ID+"/run", "name", "", "vars.customer", "ACME").want(t, http.StatusUnprocessableEntity, "Describe in a few words what is wrong.", "Others see it once the database is back")
			})
			inTime("the API", func() {
				status, answer := post(c.name)
				if status != http.StatusCreated || answer["bridges"].([]any)[0].(map[string]any)["join_url"] != "https://meet.example.com/war" {
					t.Errorf("status %d, %v", status, answer)
				}
			})
			if page := viewer.get("/incidents/new"); page.status != http.StatusForbidden {
				t.Errorf("a viewer gets %d", page.status)
			}
			if page := gone.get("/incidents/new"); page.status == http.StatusOK {
				t.Error("a user who was disabled gets the form")
			}
			for _, path := range []string{"/", "/settings/users", "/incidents", "/j/INC-999", "/live?topic=bridges"} {
				inTime(path, func() {
					page := boss.get(path)
					page.want(t, http.StatusServiceUnavailable, "You can still open an incident.", "Form by night", "not stored yet")
					if !strings.Contains(page.body, `href="/incidents/new"`) || !strings.Contains(page.body, `href="/incidents/new?form=`+form+`"`) || !strings.Contains(page.body, `href="https://meet.example.com/war"`) {
						t.Errorf("%s doesn’t lead to the form, and to the incident that isn’t stored", path)
					}
				})
			}
			inTime("a page for viewers", func() {
				if page := viewer.get("/bridges"); page.status != http.StatusServiceUnavailable || strings.Contains(page.body, "You can still") {
					t.Errorf("a viewer gets %d", page.status)
				}
			})
			inTime("an API read", func() {
				if status, _ := send(http.MethodGet, "/api/v1/incidents", ""); status != http.StatusServiceUnavailable {
					t.Errorf("status %d", status)
				}
			})
			inTime("a browser that nobody remembers", func() {
				strange := o.nobody()
				strange.cookies = map[string]string{"drawbridge_session": strings.Repeat("A", 43)}
				strange.get(joinPath).want(t, http.StatusOK, known.Name)
			})
			inTime("the incident page", func() {
				viewer.get("/incidents/1").want(t, http.StatusSeeOther)
				if page := viewer.send(http.MethodGet, "/incidents/1", nil, "HX-Request", "true"); page.status != http.StatusServiceUnavailable {
					t.Errorf("an open page gets %d", page.status)
				}
			})
			for _, b := range []*tab{viewer, o.nobody()} {
				inTime("the join page", func() {
					page := b.get(joinPath)
					page.want(t, http.StatusOK, known.Name, "can’t update this page right now", "ready at ")
					if strings.Contains(page.body, "db-st-ready") || strings.Contains(page.body, "db-st-live") {
						t.Error("it shows as checked what is from memory")
					}
					if !strings.Contains(page.body, `href="`+joinURL) {
						t.Error("the page has no link")
					}
				})
			}

			// The program is replaced before the database is back.
			journal := filepath.Join(o.dataDir, "journal.jsonl")
			o.service = incident.New(incident.Config{Store: o.store, Now: o.clock, Log: o.site.Log, JournalPath: journal})
			o.site.Service = o.service
			c.again()
			for range 100 { // connections that broke are found one by one
				o.wait(time.Minute)
				if _, err := o.service.RunOnce(t.Context()); err == nil && o.service.PendingIncidents() == 0 {
					break
				}
			}
			number += 2
			list, err := o.store.IncidentByFormKey(t.Context(), form)
			o.must(err)
			if list.Name != "Form by night" || list.CreatedBy != "responder@example.com" || list.Vars["customer"] != "ACME" {
				t.Errorf("stored %+v", list)
			}
			status, answer := post(c.name)
			if status != http.StatusOK || answer["number"] == 0.0 || answer["bridges"].([]any)[0].(map[string]any)["join_url"] != "https://meet.example.com/war" {
				t.Errorf("the repeated alert: status %d, %v", status, answer)
			}
			responder.get("/runbooks/"+outage.ID+"/run?form="+form).want(t, http.StatusSeeOther)
			count, err := o.store.CountIncidents(t.Context(), db.IncidentFilter{})
			o.must(err)
			if count != number {
				t.Errorf("%d incidents are stored, want %d", count, number)
			}
		})
	}

	// What ends while the database answers is not let in later.
	responder.post("/logout").want(t, http.StatusSeeOther)
	o.must(o.service.RevokeToken(t.Context(), theConsole, token.ID))
	wire.Cut()
	if page := responder.get("/incidents/new"); page.status == http.StatusOK {
		t.Error("someone who has logged out gets the form")
	}
	if status, _ := post("later"); status == http.StatusCreated {
		t.Error("a token that was revoked opens an incident")
	}
	o.wait(16 * time.Minute)
	if page := boss.get("/incidents/new"); page.status == http.StatusOK {
		t.Error("a session is let in although the database has not known it for 16 minutes")
	}
}
