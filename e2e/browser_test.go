package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a test waits for something to appear in the browser.
const patience = 60 * time.Second

// chromium is one browser for all tests. Each test has its own context in it, so
// tests share no cookies.
var chromium sharedBrowser

type sharedBrowser struct {
	once   sync.Once
	ctx    context.Context
	cancel func()
	err    error
}

func (b *sharedBrowser) start() {
	path := os.Getenv("CHROMIUM")
	// The headless shell comes first: it is the same engine without the browser around it,
	// whose own pages and processes take a fifth more of the processor.
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		b.err = fmt.Errorf("Chromium was not found: install it (Debian: apt-get install chromium) or set CHROMIUM to the path of its program")
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// The sandbox does not start as root, as which CI runs. The tests open only
		// our own pages.
		chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancelProcess := chromedp.NewExecAllocator(context.Background(), options...)
	// chromedp reports every event that it does not know as an error.
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	b.ctx, b.cancel = ctx, func() { cancel(); cancelProcess() }
	b.err = chromedp.Run(ctx)
}

func (b *sharedBrowser) stop() {
	if b.cancel != nil {
		b.cancel()
	}
}

// tab is one page of the browser. Anything that goes wrong in it fails the test, even
// if the test does not look for it: script errors, violations of the
// Content-Security-Policy, dialogs, failed requests.
type tab struct {
	t    *testing.T
	ctx  context.Context
	home string // address of the site

	mu       sync.Mutex
	problems []string
	allowed  []string
}

// newTab opens a tab, or skips the test if there is no Chromium.
func newTab(t *testing.T, home string) *tab {
	t.Helper()
	chromium.once.Do(chromium.start)
	if chromium.err != nil {
		if os.Getenv("REQUIRE_BROWSER") != "" {
			t.Fatal(chromium.err)
		}
		t.Skip(chromium.err)
	}
	// Each tab has its own window: a browser without a window rejects tabs, and the
	// browser slows down tabs in the background.
	browser := cdp.WithExecutor(chromium.ctx, chromedp.FromContext(chromium.ctx).Browser)
	profile, err := target.CreateBrowserContext().Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithTargetID(id))
	b := &tab{t: t, ctx: ctx, home: home}
	t.Cleanup(func() {
		cancel()
		// Nobody would answer a dialog that asks whether to leave the page.
		late, done := context.WithTimeout(browser, 2*time.Second)
		defer done()
		_ = target.DisposeBrowserContext(profile).Do(late)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error("browser: ", p)
		}
	})
	chromedp.ListenTarget(ctx, b.hear)
	// The tab is closed when the context of this first call ends.
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	b.run("set up a tab",
		audits.Enable(),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetTimezoneOverride("Europe/Oslo"),
	)
	b.size(1280, 900)
	return b
}

func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problem("script: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning || e.Type == runtime.APITypeAssert {
			b.problem(fmt.Sprintf("console %s: %s", e.Type, printed(e.Args)))
		}
	case *log.EventEntryAdded:
		// Error statuses are checked below, where the kind of the resource is known.
		if (e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning) && e.Entry.Source != log.SourceNetwork {
			b.problem(fmt.Sprintf("log (%s): %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			text, _ := json.Marshal(d.ContentSecurityPolicyIssueDetails)
			b.problem("Content-Security-Policy: " + string(text))
		}
	case *network.EventResponseReceived:
		// A page may have status 404 or 422; the resources it loads may not.
		if e.Response.Status >= 500 || e.Response.Status >= 400 && e.Type != network.ResourceTypeDocument {
			b.problem(fmt.Sprintf("answer %d: %s", e.Response.Status, e.Response.URL))
		}
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" {
			b.problem(fmt.Sprintf("blocked (%s): %s", e.BlockedReason, e.ErrorText))
		}
	case *page.EventJavascriptDialogOpening:
		b.problem(fmt.Sprintf("dialog %s: %s", e.Type, e.Message))
		// The listener must not block.
		go chromedp.Run(b.ctx, page.HandleJavaScriptDialog(true))
	}
}

func printed(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		if a.Value != nil {
			words = append(words, string(a.Value))
		} else {
			words = append(words, a.Description)
		}
	}
	return strings.Join(words, " ")
}

func (b *tab) problem(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.allowed {
		if strings.Contains(text, a) {
			return
		}
	}
	b.problems = append(b.problems, text)
}

// allow ignores problems that contain text, because the test causes them.
func (b *tab) allow(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, text)
}

// faults returns the problems so far and removes them from the tab's list.
func (b *tab) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.problems
	b.problems = nil
	return list
}

func (b *tab) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.run("set the size", emulation.SetDeviceMetricsOverride(width, height, 1, width < 600))
}

// theme emulates a device that prefers the light or the dark theme.
func (b *tab) theme(name string) {
	b.t.Helper()
	b.run("set the theme", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}))
	b.wait("the "+name+" theme", fmt.Sprintf(`document.documentElement.dataset.bsTheme === undefined || document.documentElement.dataset.bsTheme === %q`, name))
}

// open navigates to a path of the site, or to a whole URL.
func (b *tab) open(path string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.home + path
	}
	b.run("open "+path, chromedp.Navigate(path))
}

// js evaluates an expression and stores the result in value. It waits for a promise,
// and the page's Content-Security-Policy does not apply.
func (b *tab) js(expression string, value any) error {
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate(expression, value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
}

// get returns the value of a JavaScript expression.
func get[T any](b *tab, expression string) (value T) {
	b.t.Helper()
	if err := b.js(expression, &value); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// wait waits until the whole page is there and a JavaScript expression is true. The page
// may navigate meanwhile.
func (b *tab) wait(what, condition string) {
	b.t.Helper()
	var err error
	look := time.NewTicker(15 * time.Millisecond)
	defer look.Stop()
	for late := time.After(patience); ; {
		var yes bool
		if err = b.js(`(() => { try { return document.readyState !== "loading" && !!(`+condition+`) } catch (e) { return false } })()`, &yes); err == nil && yes {
			return
		}
		select {
		case <-late:
			var at, text string
			_ = b.js(`location.href`, &at)
			_ = b.js(`document.body.innerText.slice(0, 1500)`, &text)
			b.t.Fatalf("timed out waiting for %s (%s) at %s, which shows:\n%s", what, condition, at, text)
		case <-look.C:
		}
	}
}

// see waits until the page shows a text.
func (b *tab) see(text string) {
	b.t.Helper()
	b.wait("the text "+text, fmt.Sprintf(`document.body.innerText.includes(%s)`, quoted(text)))
}

// at waits until the browser has loaded a page whose path starts with path.
func (b *tab) at(path string) {
	b.t.Helper()
	b.wait("the address "+path, fmt.Sprintf(`document.readyState === "complete" && (location.pathname + location.search).startsWith(%s)`, quoted(path)))
}

// goTo presses a sequence of keys until it has led to a path. On a busy machine the
// second key may come too late to count as part of the sequence.
func (b *tab) goTo(path string, keys ...string) {
	b.t.Helper()
	look := time.NewTicker(15 * time.Millisecond)
	defer look.Stop()
	for range 5 {
		b.press(keys...)
		for late := time.Now().Add(3 * time.Second); time.Now().Before(late); <-look.C {
			var there bool
			if err := b.js(fmt.Sprintf(`location.pathname === %s`, quoted(path)), &there); err == nil && there {
				b.at(path)
				return
			}
		}
	}
	b.at(path)
}

func quoted(s string) string {
	j, _ := json.Marshal(s)
	return string(j)
}

// find returns JavaScript for the first visible element that matches a CSS selector,
// or, for "selector >> text", the first that also contains the text.
func find(selector string) string {
	css, text, _ := strings.Cut(selector, " >> ")
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].find((e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden" && e.textContent.includes(%s))`,
		quoted(css), quoted(text))
}

// click clicks an element once it exists and nothing covers it.
func (b *tab) click(selector string) {
	b.t.Helper()
	spot := `((e) => {
		if (!e || e.disabled) return null;
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const r = e.getClientRects()[0], x = r.left + r.width / 2, y = r.top + r.height / 2;
		const hit = document.elementFromPoint(x, y);
		return hit && (e.contains(hit) || hit.contains(e)) ? [x, y] : null;
	})(` + find(selector) + `)`
	var at, before []float64
	for len(at) != 2 || !slices.Equal(at, before) { // until it stops moving
		b.wait(selector+", to click it", spot)
		before, at = at, get[[]float64](b, spot)
	}
	b.run("click on "+selector, chromedp.MouseClickXY(at[0], at[1]))
}

// fill replaces the text of a field by typing.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.wait(selector, find(selector))
	get[bool](b, `((e) => { e.focus(); e.select(); return true })(`+find(selector)+`)`)
	b.run("type into "+selector, input.InsertText(text))
	if got := get[string](b, find(selector)+".value"); got != text {
		b.t.Fatalf("%s contains %q after typing %q", selector, got, text)
	}
}

// press presses keys one after the other, as a keyboard does: a key whose keydown event
// is prevented types nothing.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, name := range keys {
		r := []rune(name)[0]
		if named, ok := map[string]string{"Tab": kb.Tab, "Enter": kb.Enter, "Escape": kb.Escape, "Space": " ", "ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp}[name]; ok {
			r = []rune(named)[0]
		}
		key := kb.Keys[r]
		if key == nil {
			b.t.Fatalf("unknown key %q", name)
		}
		down, modifiers := input.KeyRawDown, input.ModifierNone
		if key.Text != "" && r != []rune(kb.Tab)[0] && r != []rune(kb.Escape)[0] {
			down = input.KeyDown
		}
		if key.Shift {
			modifiers = input.ModifierShift
		}
		event := func(kind input.KeyType) *input.DispatchKeyEventParams {
			return input.DispatchKeyEvent(kind).WithKey(key.Key).WithCode(key.Code).WithModifiers(modifiers).
				WithWindowsVirtualKeyCode(key.Windows).WithNativeVirtualKeyCode(key.Native)
		}
		press := event(down)
		if down == input.KeyDown {
			press = press.WithText(key.Text)
		}
		b.run("press "+name, press, event(input.KeyUp))
	}
}

// tabTo presses Tab until an element that matches a CSS selector has the focus.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.press("Tab")
		if get[bool](b, `document.activeElement.matches(`+quoted(selector)+`)`) {
			return
		}
	}
	b.t.Fatalf("60 presses of Tab don't lead to %s but to %s", selector, b.focused())
}

// keys presses the keys of a text.
func (b *tab) keys(text string) {
	b.t.Helper()
	b.press(strings.Split(text, "")...)
}

// choose selects an option of a select, as somebody does with a mouse.
func (b *tab) choose(selector, value string) {
	b.t.Helper()
	b.wait(value+" in "+selector, `[...`+find(selector)+`.options].some((o) => o.value === `+quoted(value)+`)`)
	get[bool](b, `((e) => { e.focus(); e.value = `+quoted(value)+`; for (const type of ["input", "change"]) e.dispatchEvent(new Event(type, { bubbles: true })); return true })(`+find(selector)+`)`)
}

// focused describes the element that has the focus: its text, name or id.
func (b *tab) focused() string {
	b.t.Helper()
	return get[string](b, `((e) => [e.tagName.toLowerCase(), e.id && "#" + e.id, e.name && "name=" + e.name, (e.getAttribute("aria-label") || e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40)].filter(Boolean).join(" "))(document.activeElement)`)
}

func (b *tab) logIn(email string) {
	b.t.Helper()
	b.open("/login")
	b.fill("#f-email", email)
	b.fill("#f-password", demoPassword)
	b.click("button >> Log in")
	b.wait("a page with a Log out button", `document.querySelector("form[action='/logout']")`)
}
