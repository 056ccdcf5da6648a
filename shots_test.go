package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestShots writes a screenshot of every page, light and dark, wide and narrow,
// into the folder that DRAWBRIDGE_SHOTS names.
func TestShots(t *testing.T) {
	folder := os.Getenv("DRAWBRIDGE_SHOTS")
	if folder == "" {
		// Not skipped: there is nothing that this run could have tested.
		return
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w, b := s.start(t)
			for _, spot := range s.spots(t, w) {
				b.theme("light")
				b.at1280(t, spot)
				for _, size := range []struct {
					name          string
					width, height int64
				}{{"wide", 1280, 900}, {"narrow", 390, 844}} {
					b.size(size.width, size.height)
					for _, theme := range []string{"light", "dark"} {
						b.theme(theme)
						b.shoot(t, filepath.Join(folder, s.name+"-"+spot.name+"-"+size.name+"-"+theme+".png"), size.width, size.height)
					}
				}
			}
		})
	}
}

// shoot writes a picture of the page on a screen as high as the page, unless
// that is endless: what sticks to the screen then stands where it belongs.
func (b *tab) shoot(t *testing.T, file string, width, height int64) {
	t.Helper()
	high := get[float64](b, `(scrollTo(0, 0), document.activeElement === document.body || !document.activeElement.matches(".db-skip") || document.activeElement.blur(), document.documentElement.scrollHeight)`)
	b.size(width, min(max(height, int64(high)), 2600))
	var picture []byte
	b.run("take a picture", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		picture, err = page.CaptureScreenshot().Do(ctx)
		return err
	}))
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
