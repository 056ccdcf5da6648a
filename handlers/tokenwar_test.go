package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestBannerOfAnotherProgram(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.outage()
	o.open(r)
	o.sim.SetFaults(func(f *zoomsim.Faults) { f.NewTokenKillsOld = true })
	api := httptest.NewServer(o.sim.API())
	defer api.Close()
	b := o.as(incident.Admin)
	says := func() bool {
		return strings.Contains(b.get("/").body, "Another program uses this Zoom app")
	}
	for range 3 {
		if says() {
			t.Error("the banner comes too early")
		}
		other := zoom.New(zoom.Config{
			APIURL: api.URL + "/v2", OAuthURL: api.URL + "/oauth/token", Now: o.clock, HTTP: http.DefaultClient,
			Credentials: zoom.Credentials{Method: zoom.ServerToServer, AccountID: zoomAccount, ClientID: zoomClient, ClientSecret: zoom.NewSecret(zoomSecret)},
		})
		if _, err := other.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.open(r)
	}
	if !says() || strings.Contains(o.as(incident.Responder).get("/").body, "Another program uses this Zoom app") {
		t.Error("want the banner for admins only")
	}
	o.wait(31 * time.Minute)
	if says() {
		t.Error("the banner stays")
	}
}
