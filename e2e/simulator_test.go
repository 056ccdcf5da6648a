package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// The simulator's page looks like the product, fits on every screen, and axe finds no
// problem in either theme.
func TestSimulatorPage(t *testing.T) {
	slow(t)
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	if err := seedEmpty(ctx, w); err != nil {
		t.Fatal(err)
	}
	admin, err := w.admin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.connect(ctx, admin); err != nil {
		t.Fatal(err)
	}
	outage, err := w.program.SeedRunbooks(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	_, meeting, err := w.openIncident(ctx, admin, incident.OpenRequest{
		RunbookID: outage.ID, Name: longWord + " lost both uplinks", Severity: "SEV1", OpenerEmail: demoEmail, Source: "form", Vars: map[string]string{"customer": "all customers", "region": "eu-north"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Ada Admin", "山田 花子 🚒", longName} {
		w.join(t, meeting, name)
	}
	w.sim.SetFaults(func(f *zoomsim.Faults) { f.Down, f.PMI, f.Unreachable = true, true, true })
	mux := http.NewServeMux()
	mux.Handle("/simulator/", w.sim.Page())
	mux.Handle(static.Prefix, static.Handler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	b := newTab(t, server.URL)
	b.loadAxe()
	b.t = t
	for _, spot := range []struct{ name, path string }{{"index", "/simulator/"}, {"client", "/simulator/j/" + url.PathEscape(meeting)}} {
		for _, theme := range []string{"light", "dark"} {
			for _, size := range []struct {
				name          string
				width, height int64
			}{{"narrow", 390, 844}, {"wide", 1280, 900}, {"widest", 1920, 1080}} {
				b.theme(theme)
				b.size(size.width, size.height)
				b.open(spot.path)
				b.obey(t, spot.name+", "+theme+", "+size.name, axeAll)
				b.fits(t, spot.name+", "+size.name)
				if folder := os.Getenv("DRAWBRIDGE_SHOTS"); folder != "" {
					b.size(size.width, min(2600, get[int64](b, `document.documentElement.scrollHeight`)))
					b.shoot(t, filepath.Join(folder, "simulator-"+spot.name+"-"+size.name+"-"+theme+".png"))
				}
			}
		}
	}
}
