package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// readme lists the screenshots of the README by their names in docs/.
var readme = map[string]string{
	"day-overview":          "overview.png",
	"day-incident-live":     "incident.png",
	"day-runbook-open-step": "runbook.png",
	"day-event-open":        "events.png",
	"day-account-check":     "account.png",
}

// TestShots writes a screenshot of every page, light and dark, in three widths,
// into the directory DRAWBRIDGE_SHOTS, and those of the README into its subdirectory
// readme.
func TestShots(t *testing.T) {
	folder := os.Getenv("DRAWBRIDGE_SHOTS")
	if folder == "" {
		// Not skipped: a skipped test fails CI, and there is nothing to test here.
		return
	}
	if err := os.MkdirAll(filepath.Join(folder, "readme"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w, b := s.start(t)
			for _, spot := range s.spots(t, w) {
				t.Run(spot.name, func(t *testing.T) {
					b.theme("light")
					b.at1280(t, spot)
					if name := readme[s.name+"-"+spot.name]; name != "" {
						b.size(1280, 860)
						b.shoot(t, filepath.Join(folder, "readme", name))
					}
					for _, size := range []struct {
						name          string
						width, height int64
					}{{"widest", 1920, 1080}, {"wide", 1280, 900}, {"narrow", 390, 844}} {
						b.size(size.width, size.height)
						for _, theme := range []string{"light", "dark"} {
							b.theme(theme)
							// The screen is as high as the page, within limits, so that
							// sticky elements are in their normal places.
							high := get[int64](b, `(scrollTo(0, 0), document.documentElement.scrollHeight)`)
							b.size(size.width, min(max(size.height, high), 2600))
							b.shoot(t, filepath.Join(folder, s.name+"-"+spot.name+"-"+size.name+"-"+theme+".png"))
						}
					}
				})
			}
		})
	}
}

// shoot writes a screenshot of the screen.
func (b *tab) shoot(t *testing.T, file string) {
	t.Helper()
	var picture []byte
	b.run("take a picture", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		picture, err = page.CaptureScreenshot().Do(ctx)
		return err
	}))
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
