package handlers_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Open incident leads to the form of the runbook that was used last, where another can be
// chosen.
func TestNewIncident(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	testGuard(t, o, "/runbooks/sample", incident.Admin)
	guardPage(t, o, "/incidents/new", o.as(incident.Viewer))
	b, admin := o.logIn("responder@example.com"), o.as(incident.Admin)

	b.get("/incidents/new").want(t, http.StatusOK, "No runbook yet", "An admin writes the first one.")
	admin.get("/incidents/new").want(t, http.StatusOK, "No runbook yet", "Create the sample runbook")
	admin.post("/runbooks/sample").leadsTo(admin, "/incidents/new", "The runbook “Incident” was created.", "What’s wrong?")
	if got := o.trail(); got[len(got)-1] != "runbook.create Incident" {
		t.Errorf("audit trail %q", got)
	}
	if page := b.get("/incidents/new"); strings.Contains(page.body, `name="runbook"`) {
		t.Error("the only runbook has to be chosen")
	}

	o.connect()
	first, used := o.outage(), o.manual()
	o.open(used)
	page := b.get("/incidents/new")
	page.want(t, http.StatusOK, "Open incident", "By hand", "Production outage", "Incident")
	if !strings.Contains(page.body, `action="/runbooks/`+used.ID+`/run"`) {
		t.Error("the runbook that was used last is not the first choice")
	}
	page = b.get("/incidents/new?runbook=" + first.ID + "&name=db+down&severity=SEV2&description=Since+9.&opener_email=bo%40example.com")
	page.want(t, http.StatusOK, "Customer", "Since 9.")
	if !strings.Contains(page.body, `action="/runbooks/`+first.ID+`/run"`) || page.value("name") != "db down" || page.value("opener_email") != "bo@example.com" {
		t.Errorf("what was typed is lost: %q, %q", page.value("name"), page.value("opener_email"))
	}
	b.get("/incidents/new?runbook=nothing").want(t, http.StatusNotFound)
	o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, used.ID, true))
	if page := b.get("/incidents/new"); strings.Contains(page.text(), "By hand") {
		t.Error("a disabled runbook can be chosen")
	}
	testBroken(t, o, "runbooks", func() reply { return b.get("/incidents/new") })
}

func TestRunForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "responder@example.com", JoinBeforeHost: true, CloudRecording: true})
	r := o.outage()
	path := "/runbooks/" + r.ID + "/run"
	testGuard(t, o, path, incident.Responder, "name", "db down", "idempotency_key", "k")
	viewer := o.logIn("viewer@example.com")
	guardPage(t, o, path, viewer)
	if o.asked(create) > 0 {
		t.Fatal("Zoom was asked for a meeting")
	}
	b := o.as(incident.Responder)

	page := b.get(path)
	page.want(t, http.StatusOK, "Production outage", "When customers notice.", "Customer", "Create Zoom meeting", "automatically")
	if page.value("opener_email") != "responder@example.com" || page.value("vars.customer") != "all" {
		t.Errorf("opener %q, customer %q", page.value("opener_email"), page.value("vars.customer"))
	}
	key := page.value("idempotency_key")
	if len(key) < 20 || key == b.get(path).value("idempotency_key") {
		t.Errorf("two forms have the key %q", key)
	}
	fields := func(changes ...string) []string {
		return append([]string{"name", "db down", "severity", "SEV2", "description", "Since 9.\r\nAll of it.", "opener_email", "responder@example.com", "vars.customer", "Acme", "idempotency_key", key}, changes...)
	}

	t.Run("rejected: what was typed comes back", func(t *testing.T) {
		r := b.post(path, "name", "", "severity", "SEV2", "description", hostile, "opener_email", "x"+hostile, "vars.customer", hostile, "idempotency_key", key)
		r.want(t, http.StatusUnprocessableEntity, "Describe in a few words what is wrong.", "This isn’t an email address.")
		for name, want := range map[string]string{"description": hostile, "opener_email": "x" + hostile, "vars.customer": hostile, "idempotency_key": key} {
			if got := r.value(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if strings.Contains(r.text(), "The bridge may be delayed") {
			t.Error("a form that is refused says that Zoom is the problem")
		}
		if !regexp.MustCompile(`value="SEV2"[^>]*checked`).MatchString(r.body) {
			t.Error("the severity that was chosen is not chosen any more")
		}
		wantInert(t, r)
	})
	t.Run("F-34 too long", func(t *testing.T) {
		r := b.post(path, "name", strings.Repeat("ø", 201), "description", strings.Repeat("é", 4001), "vars.customer", strings.Repeat("å", 1001))
		r.want(t, http.StatusUnprocessableEntity, "Use at most 200 characters", "Use at most 4000 characters", "Use at most 1000 characters")
		if got := r.value("name"); got != strings.Repeat("ø", 201) {
			t.Errorf("name is cut to %d bytes", len(got))
		}
	})
	t.Run("F-31 unknown fields", func(t *testing.T) {
		b.post(path, fields("role", "admin")...).want(t, http.StatusBadRequest)
		b.post(path, fields("name", "twice")...).want(t, http.StatusBadRequest)
		b.post(path, fields("dedup_key", "x")...).want(t, http.StatusBadRequest)
	})
	t.Run("a runbook that doesn’t exist", func(t *testing.T) {
		b.get("/runbooks/nothing/run").want(t, http.StatusNotFound)
		b.post("/runbooks/nothing/run", fields()...).want(t, http.StatusNotFound)
	})
	if n := o.asked(create); n > 0 || len(o.trail()) > 2 {
		t.Fatalf("Zoom was asked %d times, audit trail %q; want nothing done yet", n, o.trail())
	}

	t.Run("done", func(t *testing.T) {
		next := b.post(path, fields()...).leadsTo(b, "/incidents/1", "INC-1", "db down", "SEV2", "Everyone can get in", "Hosted by responder@example.com", "Join", "Passcode", "Acme", "Since 9. All of it.")
		i, bridge := o.incident(1), o.bridge(1)
		if i.Vars["customer"] != "Acme" || i.Source != "form" || i.CreatedBy != "responder@example.com" || i.Description != "Since 9.\nAll of it." {
			t.Errorf("stored %+v", i)
		}
		if bridge.State != incident.BridgeReady || bridge.Topic != "INC-1 Acme" || !strings.Contains(next.body, bridge.JoinURL) {
			t.Errorf("bridge %+v", bridge)
		}
		if strings.Contains(next.body, "zak=") {
			t.Error("the page holds the start link")
		}
		if got := o.trail(); got[len(got)-1] != "incident.open db down" {
			t.Errorf("audit trail %q", got)
		}
		if o.asked(create) != 1 || o.asked("POST /oauth/token") != 1 || len(o.sim.Calls()) != 2 {
			t.Errorf("calls %+v, want one for a token and one for the meeting", o.sim.Calls())
		}
	})
	t.Run("F-35 the back button", func(t *testing.T) {
		b.post(path, fields()...).leadsTo(b, "/incidents/1", "This form was already submitted. This is the incident it opened.")
		if n := o.asked(create); n != 1 {
			t.Errorf("Zoom was asked %d times", n)
		}
	})
	t.Run("F-35 a double click", func(t *testing.T) {
		var wg sync.WaitGroup
		replies := make([]reply, 4)
		twice := b.get(path).value("idempotency_key")
		for n := range replies {
			mine := &tab{o: o, cookies: map[string]string{}}
			for name, value := range b.cookies {
				mine.cookies[name] = value
			}
			wg.Go(func() {
				replies[n] = mine.post(path, "name", "twice", "vars.customer", "x", "idempotency_key", twice)
			})
		}
		wg.Wait()
		for _, r := range replies {
			if r.status != http.StatusSeeOther || r.header.Get("Location") != "/incidents/2" {
				t.Errorf("status %d to %q", r.status, r.header.Get("Location"))
			}
		}
		if n := len(o.sim.Meetings()); n != 2 {
			t.Errorf("Zoom has %d meetings, want one for each of two incidents", n)
		}
	})
	t.Run("F-35 the back button, to the address with the form's key", func(t *testing.T) {
		again := b.get(path).value("idempotency_key")
		if got := b.get(path + "?form=" + again).value("idempotency_key"); got != again {
			t.Errorf("the form of the key %s has the key %s", again, got)
		}
		mine := fields()
		mine[len(mine)-1] = again
		opened := b.post(path, mine...).header.Get("Location")
		if r := b.get(path + "?form=" + again); r.status != http.StatusSeeOther || r.header.Get("Location") != opened || !strings.HasPrefix(opened, "/incidents/") {
			t.Errorf("status %d to %q, want the incident the form opened", r.status, r.header.Get("Location"))
		}
		b.get(path+"?form=x%22").want(t, http.StatusOK, "What’s wrong?")
	})
	t.Run("disabled", func(t *testing.T) {
		o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, r.ID, true))
		b.get(path).want(t, http.StatusOK, "This runbook can’t be used", "An admin can enable it")
		b.post(path, "name", "x", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "This runbook can’t be used")
		o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, r.ID, false))
	})
	t.Run("deleted", func(t *testing.T) {
		archived, err := o.service.DeleteRunbook(context.Background(), theConsole, r.ID)
		o.must(err)
		if !archived {
			t.Fatal("not archived")
		}
		b.get(path).want(t, http.StatusOK, "This runbook is archived")
		b.post(path, "name", "x", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "This runbook is archived")
	})
	t.Run("broken", func(t *testing.T) {
		path := "/runbooks/" + o.manual().ID + "/run"
		testBroken(t, o, "incidents", func() reply { return b.post(path, "name", "x") })
		testBroken(t, o, "runbooks", func() reply { return b.get(path) })
	})
}

func TestRunWithoutZoom(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.outage()
	b := o.as(incident.Responder)
	b.get("/runbooks/"+r.ID+"/run").want(t, http.StatusOK, "Zoom isn’t connected yet")
	b.post("/runbooks/"+r.ID+"/run", "name", "", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "Zoom isn’t connected yet", "Describe in a few words")
	b.post("/runbooks/"+r.ID+"/run", "name", "db down", "vars.customer", "y").
		leadsTo(b, "/incidents/1", "No Zoom app is connected.", "Retry", "Use another link")
	join := b.get("/j/INC-1")
	join.want(t, http.StatusOK, "Couldn’t create the bridge", "Drawbridge couldn’t create the bridge. The people")
	if strings.Contains(join.text(), "Zoom") {
		t.Errorf("the join page speaks of the Zoom app: %s", join.text())
	}
}
