package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// staticFields is the form of static links with these URLs.
func staticFields(op string, version int64, urls ...string) []string {
	fields := []string{"op", op, "version", fmt.Sprint(version)}
	for i, u := range urls {
		at := fmt.Sprintf("static_links.%d.", i*3) // rows may have gaps
		fields = append(fields, at+"name", "Room "+u, at+"url", u, at+"phone", "+47 21", at+"pin", "CANARY-12")
	}
	return fields
}

// saveStatic saves the static links of the account.
func (o *office) saveStatic(links ...incident.StaticLink) error {
	_, err := o.service.SaveStaticLinks(context.Background(), theConsole, links, o.account().Version)
	return err
}

func TestSaveStaticLinks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)

	t.Run("guard", func(t *testing.T) {
		responder.post("/account/links", staticFields("save", 0, "https://a.example.com/")...).want(t, http.StatusForbidden)
	})
	t.Run("the buttons of the rows save nothing", func(t *testing.T) {
		for _, tt := range []struct {
			op         string
			urls, want []string
			focus      string
		}{
			{"add-static", nil, []string{""}, `name="static_links.0.name"`},
			{"add-static", []string{"a"}, []string{"a", ""}, `name="static_links.1.name"`},
			{"remove-static:0", []string{"a", "b"}, []string{"b"}, ""},
			{"static-up:1", []string{"a", "b", "c"}, []string{"b", "a", "c"}, `value="static-down:0"`},
			{"static-down:1", []string{"a", "b", "c"}, []string{"a", "c", "b"}, `value="static-up:2"`},
		} {
			page := admin.post("/account/links", staticFields(tt.op, 7, tt.urls...)...)
			page.want(t, http.StatusOK)
			var urls []string
			for i := 0; strings.Contains(page.body, fmt.Sprintf(`name="static_links.%d.url"`, i)); i++ {
				urls = append(urls, page.value(fmt.Sprintf("static_links.%d.url", i)))
			}
			if !slices.Equal(urls, tt.want) || tt.focus != "" && !focused(page.body, tt.focus) {
				t.Errorf("%s: links %q, want %q with the cursor at %s", tt.op, urls, tt.want, tt.focus)
			}
		}
		if a := o.account(); a.Version != 0 {
			t.Errorf("something was saved: %+v", a)
		}
	})
	t.Run("refused", func(t *testing.T) {
		page := admin.post("/account/links", staticFields("save", 0, "https://a.example.com/", "http://b.example.com/")...)
		page.want(t, http.StatusUnprocessableEntity, "Paste a complete link that starts with https://.")
		if page.value("static_links.1.url") != "http://b.example.com/" {
			t.Error("what was typed is gone")
		}
		for _, fields := range [][]string{{"op", "explode", "version", "0"}, {"static_links.0.evil", "x"}, {"op", "remove-static:0", "version", "0"}, {"version", "x"}} {
			admin.post("/account/links", fields...).want(t, http.StatusBadRequest)
		}
	})
	t.Run("done, before Zoom is connected", func(t *testing.T) {
		answer := admin.post("/account/links", staticFields("save", 0, "https://a.example.com/", "https://b.example.com/")...)
		answer.want(t, http.StatusSeeOther)
		if got := answer.header.Get("Location"); got != "/account#static-links" {
			t.Errorf("leads to %s", got)
		}
		if a := o.account(); len(a.StaticLinks) != 2 || a.StaticLinks[1] != (incident.StaticLink{Name: "Room https://b.example.com/", URL: "https://b.example.com/", Phone: "+47 21", PIN: "CANARY-12"}) {
			t.Errorf("stored %+v", a.StaticLinks)
		}
		admin.get("/account").want(t, http.StatusOK, "The static links were saved.", "Leads to a.example.com", "Not connected yet", "No Zoom app yet")
		trail, err := o.store.Audit(t.Context(), db.AuditFilter{}, "", 1)
		o.must(err)
		if text := fmt.Sprint(trail.Items); strings.Contains(text, "CANARY") || !strings.Contains(text, "static_links.1.pin") {
			t.Errorf("audit entry %s", text)
		}
		o.outage()
		responder.get("/runbooks").want(t, http.StatusOK, "Incidents get a static link as their bridge: Room https://a.example.com/, Room https://b.example.com/.")
	})
	t.Run("someone else saved", func(t *testing.T) {
		page := admin.post("/account/links", staticFields("save", 0, "https://c.example.com/")...)
		page.want(t, http.StatusUnprocessableEntity, "Saving now replaces that change.")
		if page.value("static_links.0.url") != "https://c.example.com/" || !strings.Contains(page.body, `name="version" value="1"`) {
			t.Error("what was typed is gone, or can’t be saved")
		}
	})
	t.Run("broken", func(t *testing.T) {
		o := newOffice(t)
		b := o.as(incident.Admin)
		o.breakTable("accounts")
		page := b.post("/account/links", staticFields("save", 0, "https://a.example.com/")...)
		if page.status < 500 || strings.Contains(page.body, "no such table") {
			t.Errorf("status %d: %s", page.status, page.text())
		}
	})
}

// A static bridge on the pages of two incidents that share it.
func TestStaticBridge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)
	admin.post("/account/links", "op", "save", "version", "1", "static_links.0.name", "War room", "static_links.0.url", "https://meet.example.com/war",
		"static_links.0.phone", "+47 21 00 00 00", "static_links.0.pin", "4711").want(t, http.StatusSeeOther)
	outage := o.outage()
	o.wait(time.Minute)
	o.faults(zoomsim.Faults{TokenRefused: true})
	first := o.open(outage)
	page := responder.get("/incidents/" + first.Key())
	page.want(t, http.StatusOK, "Not checked: the static link leads to meet.example.com", "Static link “War room” at meet.example.com.",
		"The bridge uses the static link “War room” instead.", "PIN", "4711", "Drawbridge can’t see who joins.")
	if strings.Contains(page.body, "meet in this room too") || !strings.Contains(page.body, `href="tel:+4721000000"`) {
		t.Error("the room is shared with nobody, or can’t be called")
	}
	if log := responder.get("/bridges"); !strings.Contains(log.body, `title="Drawbridge can’t see who joins.">–<`) {
		t.Error("the log counts people in a room that nobody can see into")
	}
	if row := rowsOf(t, responder.get("/bridges/export").body)[0]; row["kind"] != "static" || row["participants"] != "" || row["most_participants"] != "" {
		t.Errorf("the export says %q, %q, %q", row["kind"], row["participants"], row["most_participants"])
	}
	o.wait(time.Second)
	second := o.open(outage)
	responder.get("/incidents/"+first.Key()).want(t, http.StatusOK, "Other incidents use this room too", incident.Key(second.Number))
	responder.get("/incidents/"+second.Key()).want(t, http.StatusOK, "Other incidents use this room too", incident.Key(first.Number))
	join := o.nobody().get(strings.TrimPrefix(o.service.JoinPage(first), "https://bridge.example.com"))
	join.want(t, http.StatusOK, "Join at meet.example.com", "Static link “War room”", "4711", "Other incidents use this room too", incident.Key(second.Number))
	if strings.Contains(join.body, "/incidents/") {
		t.Error("a visitor is led to pages of others")
	}
	admin.get("/").want(t, http.StatusOK, "The last incident got a static link instead of a Zoom meeting.")
	admin.get("/bridges?view=static").want(t, http.StatusOK, "Static link:", "War room", "INC-2")
	admin.get("/bridges?view=live").want(t, http.StatusOK, "No bridges match")
	o.must(o.service.ResolveIncident(t.Context(), theConsole, second.Number))
	if page := responder.get("/incidents/" + first.Key()); strings.Contains(page.body, "meet in this room too") {
		t.Error("the room is still shared with a resolved incident")
	}
}

// The incident moves to a Zoom meeting, and its pages say when.
func TestMoveBridge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war"}))
	outage := o.outage()
	o.faults(zoomsim.Faults{TokenRefused: true})
	i := o.open(outage)
	b := o.bridge(i.Number)
	admin, responder, viewer := o.as(incident.Admin), o.as(incident.Responder), o.as(incident.Viewer)
	page, move := "/incidents/"+i.Key(), "/bridges/"+b.ID+"/move"

	if body := viewer.get(page).body; strings.Contains(body, move) {
		t.Error("a viewer is offered to move the bridge")
	}
	viewer.post(move).want(t, http.StatusForbidden)
	responder.get(page).want(t, http.StatusOK, "Move to a Zoom meeting of its own", "Drawbridge can’t count who is in the room at meet.example.com.")

	// Zoom still refuses.
	o.wait(time.Minute)
	responder.post(move).want(t, http.StatusSeeOther)
	responder.get(page).want(t, http.StatusOK, "Zoom gave no meeting, so the incident keeps its link. Drawbridge can’t use Zoom right now.", "Static link “War room”")
	admin.post(move).want(t, http.StatusSeeOther)
	admin.get(page).want(t, http.StatusOK, "Zoom gave no meeting, so the incident keeps its link. Zoom doesn’t know the client ID")

	// Zoom is back, as another incident shows.
	o.faults(zoomsim.Faults{})
	if body := responder.get(page).body; strings.Contains(body, "Zoom works again") {
		t.Error("nothing shows that Zoom works again")
	}
	other := o.open(outage)
	responder.get(page).want(t, http.StatusOK, "Zoom works again: "+other.Key()+" got a meeting since then.")
	responder.post(move).want(t, http.StatusSeeOther)
	said := responder.get(page)
	said.want(t, http.StatusOK, "The incident has a Zoom meeting of its own", "The link changed at 02:15:07", "The bridge moved to a Zoom meeting of its own")
	if strings.Contains(said.body, move) {
		t.Error("the page still offers to move the bridge")
	}
	join := o.nobody().get(strings.TrimPrefix(o.service.JoinPage(i), "https://bridge.example.com"))
	join.want(t, http.StatusOK, "The link changed at 02:15:07")
	if strings.Contains(join.body, "meet.example.com") || !strings.Contains(join.body, o.bridge(i.Number).JoinURL) {
		t.Error("the join page doesn’t lead to the new meeting")
	}
	responder.post(move).want(t, http.StatusSeeOther)
	responder.get(page).want(t, http.StatusOK, "This bridge works now, or people are in it.")
	responder.post("/bridges/nobody-has-this-id/move").want(t, http.StatusNotFound)
}

// While Zoom is known to be down, the page says before the move that it will probably fail.
func TestMoveWhileZoomIsDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		faults zoomsim.Faults
		want   string
	}{
		{"silent", zoomsim.Faults{Reset: true}, "Zoom doesn’t answer right now, so a move will probably fail."},
		{"refused", zoomsim.Faults{TokenRefused: true}, "The last Zoom check found a blocking problem, so Zoom will probably reject a move."},
		{"well", zoomsim.Faults{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.connect()
			o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war"}))
			outage := o.outage()
			o.faults(zoomsim.Faults{Reset: true})
			i := o.open(outage)
			o.open(outage)
			o.open(outage)
			o.faults(tt.faults)
			o.wait(time.Minute)
			_, err := o.service.CheckConnection(t.Context(), theConsole, "")
			o.must(err)
			if tt.name != "silent" {
				o.work()
			}
			page := o.as(incident.Responder).get("/incidents/" + i.Key())
			page.want(t, http.StatusOK, "Move to a Zoom meeting of its own", tt.want)
			if warned := strings.Contains(page.text(), "You can try anyway"); warned != (tt.want != "") {
				t.Errorf("the page warns before the move: %v", warned)
			}
		})
	}
}
