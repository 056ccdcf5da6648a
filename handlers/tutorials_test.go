package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// tunnel forwards requests as ngrok does: the server gets the public host and where
// the request came from.
type tunnel struct{ to string }

func (n tunnel) RoundTrip(r *http.Request) (*http.Response, error) {
	forwarded, err := http.NewRequestWithContext(r.Context(), r.Method, n.to+r.URL.Path, r.Body)
	if err != nil {
		return nil, err
	}
	forwarded.Header, forwarded.Host = r.Header.Clone(), r.URL.Host
	forwarded.Header.Set("X-Forwarded-For", "170.114.10.20")
	forwarded.Header.Set("X-Forwarded-Host", r.URL.Host)
	forwarded.Header.Set("X-Forwarded-Proto", "https")
	return http.DefaultTransport.RoundTrip(forwarded)
}

// Zoom's two tutorials for webhooks, from start to end: receive events with a
// webhook-only app behind ngrok, and store events in PostgreSQL.
func TestZoomTutorials(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		o := officeOn(t, cfg)
		ctx := t.Context()
		app := zoomsim.New(zoomsim.Options{
			Now: o.clock, AccountID: zoomAccount, SecretToken: webhookToken,
			WebhookURL: "https://3f2a.ngrok-free.app/webhook", Client: &http.Client{Transport: tunnel{o.url}},
		})
		admin, responder := o.as(incident.Admin), o.as(incident.Responder)

		// The app is created in Zoom with the page's guide, and its secret token copied.
		admin.get("/account?auth=webhook_only").want(t, http.StatusOK, "Webhook Only", "Secret Token", "https://bridge.example.com/webhook", "Drawbridge can’t create meetings this way")
		save := []string{"auth", "webhook_only", "webhook_secret_token_1", webhookToken, "version", "0", "op", "save"}
		admin.post("/account", "auth", "webhook_only", "webhook_secret_token_1", "", "version", "0", "op", "save").
			want(t, http.StatusUnprocessableEntity, "Copy the Secret Token from your app")
		admin.post("/account", save...).leadsTo(admin, "/account", "Only receives events", "The account was saved. Next, validate the webhook address in Zoom.", "Zoom hasn’t validated")

		// Validate, and an event.
		if v, err := app.Validate(ctx); err != nil || !v.OK {
			t.Fatalf("the address isn’t validated: %+v, %v", v, err)
		}
		admin.get("/account").want(t, http.StatusOK, "Zoom validated this address")
		if d, err := app.Send(ctx, "meeting.created", []byte(o.event("meeting.created", "81188688765", "topic", "My Meeting"))); err != nil || d.Status != http.StatusOK {
			t.Fatalf("the event is answered with %d %s, %v", d.Status, d.Err, err)
		}
		o.work()
		admin.get("/events").want(t, http.StatusOK, "meeting created", "811 8868 8765")
		ids := o.eventIDs(db.EventFilter{})
		if len(ids) != 1 {
			t.Fatalf("%d events are stored, want 1", len(ids))
		}
		admin.get("/events/"+ids[0]).want(t, http.StatusOK, "My Meeting", "meeting.created", zoomAccount)

		// What needs the API doesn’t apply: neither green nor failing.
		for _, path := range []string{"/", "/account"} {
			page := responder.get(path)
			page.want(t, http.StatusOK, "only receives events")
			for _, wrong := range []string{"Not ready", "No Zoom app is connected", "thing doesn’t work", "No backup user", "Three steps to the first bridge"} {
				if strings.Contains(page.text(), wrong) {
					t.Errorf("%s says %q: %s", path, wrong, page.text())
				}
			}
		}
		r := o.outage()
		for _, path := range []string{"/runbooks", "/runbooks/" + r.ID + "/run"} {
			responder.get(path).want(t, http.StatusOK, "Incidents get no Zoom meeting", "use your own link")
		}
		form := responder.get("/runbooks/" + r.ID + "/run")
		form.want(t, http.StatusOK, "No Zoom meeting: people use their own link as the bridge")
		if strings.Contains(form.text(), "Create Zoom meeting") || strings.Contains(form.text(), "Hosts the bridge") {
			t.Errorf("the form promises a meeting: %s", form.text())
		}

		// An incident says at once what to do, and its own link works.
		page := responder.post("/runbooks/"+r.ID+"/run", "name", "db down", "vars.customer", "Acme").
			leadsTo(responder, "/incidents/1", "This bridge needs a link", "only receives events", "Use another link")
		for _, wrong := range []string{"Retry", "Couldn’t create the bridge", "admin"} {
			if strings.Contains(strings.SplitN(page.text(), "Timeline", 2)[0], wrong) {
				t.Errorf("the incident says %q: %s", wrong, page.text())
			}
		}
		responder.get("/j/INC-1").want(t, http.StatusOK, "No bridge yet")
		responder.get("/").want(t, http.StatusOK, "INC-1 needs a link.", "Use another link")
		responder.post("/bridges/"+o.bridge(1).ID+"/link", "join_url", "https://meet.example.com/war", "passcode", "").
			leadsTo(responder, "/incidents/1", "meet.example.com")

		// Moving on to Server-to-Server OAuth keeps everything.
		admin.get("/account?auth=server_to_server").want(t, http.StatusOK, "Moving on from webhooks only")
		admin.post("/account", accountFields(o.account().Version, "webhook_secret_token_1", "")...).
			leadsTo(admin, "/account", "Uses Server-to-Server OAuth", "Zoom validated this address", "The check found nothing wrong.")
		if got := o.account().Secrets[incident.WebhookToken1].Value.Reveal(); got != webhookToken {
			t.Error("the secret token is gone")
		}
		if got := o.eventIDs(db.EventFilter{}); len(got) != 1 || got[0] != ids[0] {
			t.Errorf("the events are now %v", got)
		}
		o.open(r, func(q *incident.OpenRequest) { q.Vars = map[string]string{"customer": "Acme"} })
		if b := o.bridge(2); b.State != incident.BridgeReady {
			t.Errorf("after moving on the bridge is %s: %+v", b.State, b.Reasons)
		}
	})
}
