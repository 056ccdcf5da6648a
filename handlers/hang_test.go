package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// hangingStore is the real store on a database that hangs right after one call.
type hangingStore struct {
	incident.Store
	wire  *dbtest.Wire
	after atomic.Value // session, token or link
}

func (h *hangingStore) did(call string) {
	if h.after.Load() == call {
		h.wire.Hang()
	}
}

func (h *hangingStore) Session(ctx context.Context, hash string) (incident.Session, error) {
	defer h.did("session")
	return h.Store.Session(ctx, hash)
}

func (h *hangingStore) TokenByHash(ctx context.Context, hash string) (incident.Token, error) {
	defer h.did("token")
	return h.Store.TokenByHash(ctx, hash)
}

func (h *hangingStore) ChangeBridge(ctx context.Context, c incident.BridgeChange) error {
	if c.Bridge.JoinURL != "" {
		defer h.did("link")
	}
	return h.Store.ChangeBridge(ctx, c)
}

// PostgreSQL hangs while a request is under way: after it is known who asks, or after an
// incident got its link. Nobody waits until the database's own limit is over, and whoever
// opens an incident gets its number and its link.
func TestHangsMeanwhile(t *testing.T) {
	t.Parallel()
	cfg := dbtest.MigratedPostgres(t)
	wire := dbtest.NewWire(t, cfg.DatabaseURL)
	cfg.DatabaseURL = wire.URL
	o := officeOn(t, cfg)
	o.connect()
	outage := o.outage()
	plain, _, err := o.service.CreateToken(t.Context(), theConsole, "pager", []string{incident.ScopeIncidentsWrite, incident.ScopeRead}, 0)
	o.must(err)
	boss := o.as(incident.Admin)
	known := o.open(outage, func(r *incident.OpenRequest) { r.Vars = map[string]string{"customer": "ACME"} })

	store := &hangingStore{Store: o.store, wire: wire}
	restart := func() {
		o.service = incident.New(incident.Config{Store: store, Now: o.clock, Log: o.site.Log, ZoomHTTP: http.DefaultClient,
			ZoomAPIURL: o.zoomURL + "/v2", ZoomOAuthURL: o.zoomURL + "/oauth/token", PublicURL: "https://bridge.example.com"})
		o.site.Service = o.service
		o.must(workOff(o)) // reads the static links
	}
	alert := func(t *testing.T) {
		t.Helper()
		status, answer := o.api(t, plain, http.MethodPost, "/api/v1/incidents", `{"runbook": "Production outage", "name": "by the pager", "vars": {"customer": "ACME"}}`)
		bridges, _ := answer["bridges"].([]any)
		if status != http.StatusCreated || answer["number"] == 0.0 || !strings.HasPrefix(answer["join_page"].(string), "https://bridge.example.com/j/INC-") || len(bridges) != 1 {
			t.Fatalf("status %d, %v", status, answer)
		}
		if link := bridges[0].(map[string]any)["join_url"]; !strings.Contains(link.(string), "/j/") {
			t.Errorf("the link is %q", link)
		}
		if !strings.Contains(answer["warnings"].([]any)[0].(string), "may be missing here") {
			t.Errorf("warnings %v", answer["warnings"])
		}
	}
	page := func(path string, status int, texts ...string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			boss.get(path).want(t, status, texts...)
		}
	}
	run := "/runbooks/" + outage.ID + "/run"
	for _, tt := range []struct {
		name, after string
		static      bool
		ask         func(t *testing.T)
	}{
		{"an alert, with its link", "link", false, alert},
		{"an alert, with its link, beside static links", "link", true, alert},
		{"a page that leads to the form", "session", true, page("/bridges", http.StatusServiceUnavailable, "You can still open an incident.")},
		{"the form", "session", true, page("/incidents/new", http.StatusOK, "The database doesn’t answer.", "Customer")},
		{"the incident page", "session", true, page("/incidents/1", http.StatusSeeOther)},
		{"the form is sent", "session", true, func(t *testing.T) {
			boss.post(run, "name", "by night", "severity", "SEV1", "vars.customer", "ACME").want(t, http.StatusOK, "by night", "“War room”")
		}},
		{"an API read", "token", false, func(t *testing.T) {
			if status, _ := o.api(t, plain, http.MethodGet, "/api/v1/incidents/"+known.Key(), ""); status != http.StatusServiceUnavailable {
				t.Errorf("status %d", status)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var links []incident.StaticLink
			if tt.static {
				links = []incident.StaticLink{{Name: "War room", URL: "https://meet.example.com/war"}}
			}
			o.must(o.saveStatic(links...))
			restart()
			boss.get("/incidents/1").want(t, http.StatusOK)
			store.after.Store(tt.after)
			defer func() {
				store.after.Store("")
				wire.Mend()
			}()
			began := time.Now()
			tt.ask(t)
			took := time.Since(began)
			t.Logf("it took %v", took)
			if took > hung {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// hung is less than the database's own limit for a call.
const hung = 8 * time.Second
