package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// hostile are texts that break out of their place in a page if they are not escaped:
// elements, attributes, URLs, scripts, styles, htmx, templates, and text that looks
// like other text. A script that runs calls alert or sets pwned.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><script>window.pwned=1</script>`,
	`'><img src=x onerror=alert(1)>`,
	`<img src=x onerror="window.pwned=2">`,
	`<svg/onload=alert(1)>`,
	`<svg><animate onbegin=alert(1) attributeName=x dur=1s>`,
	`<svg><script>alert&#40;1&#41;</script></svg>`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`,
	`</title><script>alert(1)</script>`,
	`</textarea><script>alert(1)</script>`,
	`</script><script>alert(1)</script>`,
	`</style><script>alert(1)</script>`,
	`--><script>alert(1)</script><!--`,
	`]]><script>alert(1)</script>`,
	`</noscript><img src=x onerror=alert(1)>`,
	`</template><img src=x onerror=alert(1)>`,
	`</option></select><img src=x onerror=alert(1)>`,
	`" onmouseover="alert(1)" x="`,
	`' onfocus='alert(1)' autofocus='`,
	`" autofocus onfocus=alert(1) tabindex=0 x="`,
	"` onerror=alert(1) x=`",
	`javascript:alert(1)`,
	`JaVaScRiPt:alert(1)//https://zoom.us/j/1`,
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/x?<script src=//evil.example/x.js></script>`,
	`<a href="javascript:alert(1)">join here</a>`,
	`<form action="javascript:alert(1)"><button>Join</button></form>`,
	`<iframe srcdoc="<script>parent.pwned=3</script>"></iframe>`,
	`<object data="data:text/html,<script>alert(1)</script>"></object>`,
	`<base href="https://evil.example/">`,
	`<meta http-equiv="refresh" content="0;url=javascript:alert(1)">`,
	`<link rel=stylesheet href=//evil.example/x.css>`,
	`<style>@import "//evil.example/x.css";body{display:none}</style>`,
	`<div style="position:fixed;inset:0;background:url(//evil.example/x)">`,
	`<details open ontoggle=alert(1)>`,
	`<video><source onerror=alert(1)></video>`,
	`<input onfocus=alert(1) autofocus>`,
	`<div hx-get="/logout" hx-trigger="load" hx-on::load="alert(1)">`,
	`<b data-hx-on:click="alert(1)" data-db-copy="x" data-db-dialog>`,
	`{{constructor.constructor('alert(1)')()}}`,
	`${alert(1)} #{alert(1)} <%= alert(1) %>`,
	`{% raw %}{{ incident.name }}{% endraw %}`,
	`jaVasCript:/*-/*` + "`" + `/*\` + "`" + `/*'/*"/**/(/* */oNcliCk=alert() )//</stYle/</titLe/</teXtarEa/</scRipt/--!>\x3csVg/<sVg/oNloAd=alert()//>`,
	`&lt;script&gt;alert(1)&lt;/script&gt; &#60;b&#62; &amp;amp;`,
	`%3Cscript%3Ealert(1)%3C/script%3E`,
	`\u003cscript\u003ealert(1)\u003c/script\u003e`,
	`<scr<script>ipt>alert(1)</scr</script>ipt>`,
	"safe\u202egnp.exe\u202c.txt",
	"zero\u200bwidth\u200djoin\u2060er\ufeff inside",
	"\u2066isolated\u2069 \u200fright\u200e left",
	"Z̴̡̧͎a̶l̸g̷o̵ 🚒👩🏽‍🚒🏴‍☠️ ﷽ 𝕿𝖊𝖝𝖙",
	"عربى ثم English ثم עברית",
	`Robert'); DROP TABLE incidents;--`,
	`../../../../etc/passwd%00.png`,
	`=cmd|' /C calc'!A0`,
}

// F-10: text from Zoom, from API clients and from people stays text on every page:
// nothing runs, nothing is fetched, nothing violates the Content-Security-Policy, and
// the page shows the text as it was written.
func TestF10HostileText(t *testing.T) {
	long(t)
	t.Parallel()
	w := newWorld(t)
	users, err := seedHostile(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, w.url)
	b.logIn(demoEmail)

	look := func(path string, texts ...string) {
		t.Helper()
		b.open(path)
		b.intact(t, path, texts...)
	}

	last := len(hostile)
	look("/", hostile[last-4:]...)
	look("/incidents", hostile[last-50:]...) // one page of the list, newest first
	look("/bridges", hostile[last-20:]...)
	look("/events", hostile[last-10:]...)
	look("/settings/users", users...)
	look("/settings/tokens", users...)
	look("/settings/audit")
	for i, page := range []string{"/incidents", "/events", "/settings/audit"} {
		text := hostile[1+i]
		look(page + "?q=" + url.QueryEscape(text))
		if got := get[string](b, `document.querySelector("main [name=q]").value`); got != text {
			t.Errorf("%s shows the search %q as %q", page, text, got)
		}
	}
	for i := 0; i < last; i += 6 { // each page shows six of them
		text := hostile[i]
		look("/incidents/"+strconv.Itoa(i+1), text, hostile[(i+1)%last], hostile[(i+2)%last], hostile[(i+3)%last], hostile[(i+4)%last], hostile[(i+5)%last])
		if title := get[string](b, `document.title`); !strings.Contains(title, views.Visible(text)) {
			t.Errorf("the title of %q is %q", text, title)
		}
		look("/j/INC-"+strconv.Itoa(i+1), text)
	}
	runbooks, err := w.store.Runbooks(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	var runbookNames []string
	for _, r := range runbooks {
		runbookNames = append(runbookNames, r.Name)
	}
	look("/runbooks", runbookNames...)
	for i := 0; i < len(runbooks); i += 8 {
		r := runbooks[i]
		look("/runbooks/" + r.ID)
		if got := get[string](b, `document.querySelector("[name='variable.0.help']").value`); got != r.Variables[0].Help {
			t.Errorf("the editor shows %q as %q", r.Variables[0].Help, got)
		}
		look("/runbooks/"+r.ID+"/run", r.Name, r.Variables[0].Help)
	}
	events, err := w.store.CountEvents(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for id := int64(1); id <= events; id += 21 {
		look("/events/" + strconv.FormatInt(id, 10))
	}
	look("/" + url.PathEscape(hostile[0]) + "?x=" + url.QueryEscape(hostile[1]))
	look("/runbooks/" + url.PathEscape(hostile[2]))

	// Updates of an open page go through htmx.
	b.open("/incidents/1")
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
	meeting := w.bridge(t, 1).MeetingID
	for _, text := range hostile {
		w.join(t, meeting, text)
	}
	b.wait("the last person who joined", fmt.Sprintf(`[...document.querySelectorAll(".db-people")].map((e) => e.textContent).join().includes(%s)`, quoted(views.Visible(hostile[last-1]))))
	b.intact(t, "the live part", hostile...)

	// Typed text goes through the preview.
	b.open("/runbooks/new")
	for _, text := range []string{hostile[0], hostile[3], hostile[37]} {
		b.fill("[name='step.0.topic']", text)
		b.wait("the preview", fmt.Sprintf(`document.querySelector("#preview-body").textContent.includes(%s)`, quoted(views.Visible(text))))
		b.intact(t, "the preview", text)
	}
	get[bool](b, `(document.querySelector("#runbook").reset(), document.querySelector("form[data-guard]").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })), true)`)
}

// intact checks that the page contains only our own elements and shows the texts
// unchanged.
func (b *tab) intact(t *testing.T, where string, texts ...string) {
	t.Helper()
	var list []string
	for _, text := range texts {
		list = append(list, quoted(views.Visible(text)))
	}
	for _, wrong := range get[[]string](b, `(() => {
		const wrong = [];
		if ("pwned" in window) wrong.push("a script ran");
		const ours = (u) => !u || new URL(u, document.baseURI).origin === location.origin;
		for (const e of document.querySelectorAll("*")) {
			if (/^(iframe|object|embed|base|img|video|style|math|animate|template)$/i.test(e.localName)) wrong.push("an element: " + e.outerHTML.slice(0, 200));
			if (/^(script|link)$/i.test(e.localName) && !ours(e.src || e.href)) wrong.push("a foreign file: " + e.outerHTML);
			if (e.localName === "script" && !e.src) wrong.push("a script: " + e.outerHTML.slice(0, 200));
			for (const a of e.attributes) {
				if (/^on|^style$|hx-on|^srcdoc$/i.test(a.name)) wrong.push("an attribute: " + e.outerHTML.slice(0, 200));
				if (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && /^\s*(javascript|data|vbscript):/i.test(a.value)) wrong.push("an address: " + e.outerHTML.slice(0, 200));
			}
		}
		const text = document.body.textContent;
		for (const t of [`+strings.Join(list, ",")+`]) if (!text.includes(t)) wrong.push("does not show " + t);
		return wrong;
	})()`) {
		t.Errorf("%s: %s", where, wrong)
	}
	for _, fault := range b.faults() {
		t.Errorf("%s: %s", where, fault)
	}
}

// seedHostile puts the texts wherever the program accepts text. It returns those that
// are short enough for names of users and tokens.
func seedHostile(ctx context.Context, w *world) (names []string, err error) {
	if err := seedEmpty(ctx, w); err != nil {
		return nil, err
	}
	admin, err := w.admin(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.connect(ctx, admin); err != nil {
		return nil, err
	}
	for i := range hostile {
		at := func(n int) string { return hostile[(i+n)%len(hostile)] }
		meeting := incident.NewMeetingTemplate()
		meeting.Topic, meeting.Agenda = "{{ incident.name }}", "{{ incident.description }} {{ vars.x }}"
		r, _, err := w.service.SaveRunbook(ctx, admin, incident.Runbook{
			Name: cut(at(0), 80), IncidentType: "outage", Description: at(2),
			Variables: []incident.Variable{{Name: "x", Label: cut(at(3), 60), Type: "text", Default: at(4), Help: at(5)}},
			Steps:     []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting}},
		})
		if err != nil {
			return nil, fmt.Errorf("runbook %q: %w", at(0), err)
		}
		opened, id, err := w.openIncident(ctx, admin, incident.OpenRequest{
			RunbookID: r.ID, Name: at(0), Severity: cut(at(6), 20), Description: at(1), Source: "form", Vars: map[string]string{"x": at(4)},
		})
		if err != nil {
			return nil, fmt.Errorf("incident %q: %w", at(0), err)
		}
		if id == "" {
			return nil, fmt.Errorf("no meeting for %q", at(0))
		}
		if _, err := w.sim.Join(ctx, id, zoomsim.Person{Name: at(0), Email: "x" + strconv.Itoa(i) + "@example.com"}); err != nil {
			return nil, err
		}
		if i%6 == 0 {
			for n := 2; n < 6; n++ {
				if err := w.service.AddNote(ctx, admin, opened.Number, at(n), ""); err != nil {
					return nil, fmt.Errorf("note %q: %w", at(n), err)
				}
			}
		}
		// An event of an unknown type with hostile text in every field.
		body := fmt.Sprintf(`{"event":%s,"payload":{"account_id":%s,"object":{"id":%s,"uuid":%s,"topic":%s,"participant":{"user_name":%s,"email":%s}}},"event_ts":%d}`,
			quoted(at(0)), quoted(at(1)), quoted(at(2)), quoted(at(3)), quoted(at(4)), quoted(at(5)), quoted(at(6)), w.clock.now().UnixMilli())
		if d, err := w.sim.Send(ctx, "hostile", []byte(body)); err != nil || d.Status != http.StatusOK {
			return nil, fmt.Errorf("event %q: %d %w", at(0), d.Status, err)
		}
	}
	for i := 0; i < len(hostile); i += 6 { // hashing a password is slow
		if text := hostile[i]; len([]rune(text)) <= 80 {
			if _, err := w.service.CreateUser(ctx, admin, "u"+strconv.Itoa(i)+"@example.com", text, incident.Viewer, demoPassword); err != nil {
				return nil, err
			}
			if _, _, err := w.service.CreateToken(ctx, admin, text, []string{"read"}, 0); err != nil {
				return nil, err
			}
			names = append(names, text)
		}
	}
	return names, w.settled(ctx)
}

func cut(s string, max int) string {
	if r := []rune(s); len(r) > max {
		return string(r[:max])
	}
	return s
}
