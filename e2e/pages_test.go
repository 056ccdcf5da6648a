package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// axe is axe-core 4.14.1, from the npm package axe-core, under the MPL-2.0 (see
// axe.LICENSE next to it). Only tests use it.
//
//go:embed testdata/axe.min.js
var axe string

// Every page in every state fits on a phone, and axe finds no problem in either theme.
// If all tests run, the pages of the day are checked in both themes, widths and fonts; all
// others are checked on a dark phone.
func TestPages(t *testing.T) {
	slow(t)
	t.Parallel()
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			if s.name == "log" || s.name == "worst" { // most of their pages are also in the day
				long(t)
			}
			t.Parallel()
			w, b := s.start(t)
			thorough := allTests && s.name == "day"
			for _, spot := range s.spots(t, w) {
				t.Run(spot.name, func(t *testing.T) {
					b.at1280(t, spot)
					if out := get[[]string](b, runsOut); len(out) > 0 {
						t.Errorf("text runs out of its line: %s", strings.Join(out, "; "))
					}
					if thorough {
						b.theme("light")
						b.obey(t, "light, wide", axeAll)
					}
					b.theme("dark")
					b.size(390, 844)
					b.font(t, "DejaVu Sans")
					// As high as the page, so that the bar with Save, which sticks to the
					// bottom, covers nothing.
					b.size(390, min(max(844, get[int64](b, `document.documentElement.scrollHeight`)), 8000))
					b.obey(t, "dark, narrow", axeAll)
					b.fits(t, "on a phone")
					if thorough && b.font(t, "Noto Sans") { // only sizes depend on the font
						b.obey(t, "narrow, in Noto Sans", axeSizes)
						b.fits(t, "on a phone in Noto Sans")
					}
				})
			}
		})
	}
}

// start creates the world and opens a tab as the user of the scene.
func (s scene) start(t *testing.T) (*world, *tab) {
	t.Helper()
	w := newWorldAt(t, "https://bridge.example.com")
	if err := s.seed(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	w.clock.set(0)
	b := newTab(t, w.url)
	b.loadAxe()
	if s.email != "" {
		b.logIn(s.email)
	}
	return w, b
}

// at1280 opens the page of a spot on a wide screen.
func (b *tab) at1280(t *testing.T, s spot) {
	t.Helper()
	b.t = t
	b.size(1280, 900)
	b.open(s.path)
	b.quiet()
	if s.act != nil {
		s.act(b)
		b.quiet()
	}
}

// quiet waits until the page and its fonts are loaded and its live updates are connected.
func (b *tab) quiet() {
	b.t.Helper()
	b.wait("a quiet page", `document.readyState === "complete" && document.fonts.status === "loaded" && !document.querySelector("[data-db-live=connecting]") && !document.querySelector(".htmx-request")`)
}

// families are two fonts whose letters differ in width and height, each with the name
// of a face. CI has both; elsewhere the test uses those that are installed.
var families = map[string]string{"DejaVu Sans": "DejaVuSans", "Noto Sans": "NotoSans-Regular"}

// font shows the page in one of families and reports whether it is installed.
func (b *tab) font(t *testing.T, family string) bool {
	t.Helper()
	installed := get[bool](b, fmt.Sprintf(`(async () => {
		try { await new FontFace("x", 'local("%s")').load() } catch { return false }
		const sheet = new CSSStyleSheet();
		sheet.replaceSync(':root:root { --tblr-font-sans-serif: "%s" }');
		document.adoptedStyleSheets = [sheet];
		return true;
	})()`, families[family], family))
	if !installed && os.Getenv("REQUIRE_BROWSER") != "" {
		t.Errorf("the font %s is not installed", family)
	}
	return installed
}

// fits reports elements that are wider than the screen.
func (b *tab) fits(t *testing.T, when string) {
	t.Helper()
	if over := get[[]string](b, tooWide); len(over) > 0 {
		t.Errorf("%s the page is wider than the screen: %s", when, strings.Join(over, "; "))
	}
}

// tooWide lists elements that are wider than the screen. It cannot use innerWidth,
// which grows with them on a phone.
const tooWide = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return [];
	const out = [...document.querySelectorAll("body *")].filter((e) => {
		const r = e.getBoundingClientRect();
		if (!r.width || r.right <= width + 0.5) return false;
		for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return false;
		return true;
	});
	return [document.documentElement.scrollWidth + " px", ...out.slice(0, 5).map((e) => e.outerHTML.slice(0, 160))];
})()`

// runsOut lists lines of lists whose text runs out of them, under what is next to them.
const runsOut = `[...document.querySelectorAll(".db-list .db-line")].filter((l) => l.scrollWidth > l.clientWidth + 1).map((l) => l.textContent)`

// Rules of axe: all of them, and those whose result depends on the font.
const (
	axeAll   = `{ type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }`
	axeSizes = `{ type: "rule", values: ["target-size", "scrollable-region-focusable"] }`
)

// loadAxe loads axe with every page from now on. Sending half a megabyte to each page
// takes long with the race detector.
func (b *tab) loadAxe() {
	b.t.Helper()
	b.run("load axe with every page", chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(axe).Do(ctx)
		return err
	}))
}

// obey runs axe, which must be loaded, with rules. It scrolls to the top first, because sticky elements cover
// content that is scrolled under them.
func (b *tab) obey(t *testing.T, when, rules string) {
	t.Helper()
	var report struct {
		Passed int
		Found  []string
	}
	err := b.js(`(async () => {
		scrollTo(0, 0);
		const report = await axe.run(document, { runOnly: `+rules+`, resultTypes: ["violations"] });
		return { Passed: report.passes.length, Found: report.violations.flatMap((v) => v.nodes.slice(0, 6).map((n) =>
			v.id + ": " + n.any.concat(n.all, n.none).map((c) => c.message).join("; ") + " | " + n.target.join(" ") + " | " + n.html.slice(0, 200))) };
	})()`, &report)
	if err != nil {
		t.Fatal(err)
	}
	if report.Passed == 0 {
		t.Errorf("%s: axe checked nothing", when)
	}
	for _, f := range report.Found {
		t.Errorf("%s: %s", when, f)
	}
}
