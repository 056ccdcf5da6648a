package views_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/views"
)

var update = flag.Bool("update", false, "write testdata/*.golden.html anew")

// hostile tries to escape from every context of a page: text, attribute, URL, script.
const hostile = `"><img src=x onerror=alert(1)></bdi></title><script>alert('x')</script>'` + "\u202e javascript:alert(1)"

var (
	now = time.Date(2026, 11, 22, 2, 14, 7, 0, time.UTC)
	cet = time.FixedZone("CET", 3600)
)

func when(ago time.Duration) views.When { return views.NewWhen(now.Add(-ago), now, cet) }

var (
	ana   = &views.Person{Name: "Ana Ruiz", Email: "ana@example.com", Role: "admin"}
	frame = views.Frame{User: ana, Version: "v0.1.0", Theme: "light"}
)

// in is frame with a title and a section.
func in(title, section string) views.Frame {
	f := frame
	f.Title, f.Section = title, section
	return f
}

type golden struct {
	name string // the file's name: page-case
	page templ.Component
}

// testGolden renders every case, compares it with its file, and checks rules for all pages:
// hostile text stays text, nothing is inline, every control has a label, and every id is unique.
func testGolden(t *testing.T, cases []golden) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := tc.page.Render(t.Context(), &buf); err != nil {
				t.Fatal(err)
			}
			checkPage(t, buf.String())
			got := stable(t, tc.name, buf.String())
			file := filepath.Join("testdata", tc.name+".golden.html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; go test ./views -update writes it", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s changed (-want +got); go test ./views -update accepts it:\n%s", file, diff)
			}
		})
	}
}

// stable is the content of a golden file: the page with one element that fits or one tag per line, without the hashes of
// static files and with the names of icons, so that a diff shows what changed and a change of a style sheet is none.
// Only the files frame-* have the frame around <main>; the others have the title, the start of <body> and <main>.
func stable(t *testing.T, name, page string) string {
	t.Helper()
	for _, file := range []string{"app.css", "app.js", "pages.css", "editor.js", "events.css", "events.js", "theme.js", "mark.svg", "vendor/tabler.css", "vendor/htmx.js"} {
		page = strings.ReplaceAll(page, static.URL(file), static.Prefix+file)
	}
	page = icons().Replace(page)
	if strings.HasPrefix(page, "<!doctype") && !strings.HasPrefix(name, "frame-") {
		page = between(t, page, "<title", "</title>") + between(t, page, "<body", ">") + between(t, page, "<main", "</main>")
	}
	const width = 120
	var lines []string
	var starts []int        // of the elements around, the line
	depth, open := 0, false // open: the last line is a start tag and perhaps text, and may hold the end tag as well
	add := func(s string, onLast bool) {
		if onLast {
			lines[len(lines)-1] += s
		} else {
			lines = append(lines, strings.Repeat(" ", depth)+s)
		}
	}
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		switch tok := z.Token(); tok.Type {
		case html.TextToken:
			if text := strings.Join(strings.Fields(tok.Data), " "); text != "" {
				add(html.EscapeString(text), open)
			}
		case html.EndTagToken:
			depth = max(0, depth-1)
			add(tok.String(), open)
			open = false
			if len(starts) == 0 {
				break // the end of a frame that is left out
			}
			start := starts[len(starts)-1]
			starts = starts[:len(starts)-1]
			whole := lines[start]
			for _, l := range lines[start+1:] {
				whole += strings.TrimLeft(l, " ")
			}
			if len(whole) <= width {
				lines = append(lines[:start], whole)
			}
		default:
			add(tok.String(), false)
			if open = tok.Type == html.StartTagToken && !void[tok.Data]; open {
				starts = append(starts, len(lines)-1)
				depth++
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// between is the part of a page from the first from to the next to, inclusive.
func between(t *testing.T, page, from, to string) string {
	t.Helper()
	start := max(0, strings.Index(page, from))
	length := strings.Index(page[start:], to)
	if !strings.HasPrefix(page[start:], from) || length < 0 {
		t.Fatalf("no %s…%s on the page", from, to)
	}
	return page[start : start+length+len(to)]
}

var iconSource = regexp.MustCompile(`(?m)^\tIcon(\w+) += icon\("(.*)"\)$`)

// icons replaces each icon's drawing with <icon name>.
var icons = sync.OnceValue(func() *strings.Replacer {
	source, err := os.ReadFile("icons.go")
	if err != nil {
		panic(err)
	}
	const svg = `<svg class="db-icon" viewBox="0 0 24 24" aria-hidden="true"><path d="`
	var pairs []string
	for _, icon := range iconSource.FindAllSubmatch(source, -1) {
		pairs = append(pairs, svg+strings.ReplaceAll(string(icon[2]), `", "`, "")+`"></path></svg>`, `<icon name="`+string(icon[1])+`"/>`)
	}
	return strings.NewReplacer(pairs...)
})

var void = map[string]bool{"meta": true, "link": true, "input": true, "br": true, "hr": true, "img": true}

// urlAttributes may contain only our own paths, fragments, or http(s) and tel links.
var urlAttributes = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "hx-get": true, "sse-connect": true}

// banned elements may not be on any page.
var banned = map[string]bool{"style": true, "iframe": true, "object": true, "embed": true, "base": true, "img": true, "foreignObject": true}

func checkPage(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, refs := map[string]int{}, map[string]string{}
	labelled := map[string]bool{}
	var controls []*html.Node
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if banned[n.Data] {
				t.Errorf("<%s> on the page", n.Data)
			}
			if n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil) {
				t.Error("a script that is not a file of ours")
			}
			if n.Data == "input" && attr(n, "type") != "hidden" || n.Data == "select" || n.Data == "textarea" {
				controls = append(controls, n)
			}
			for _, a := range n.Attr {
				key := strings.ToLower(a.Key)
				switch {
				case key == "style", key == "srcdoc", key == "xlink:href", strings.HasPrefix(key, "on"), strings.HasPrefix(key, "hx-on"), strings.HasPrefix(key, "x-"):
					t.Errorf("<%s %s=%q>", n.Data, key, a.Val)
				case strings.HasPrefix(key, "hx-") && strings.Contains(a.Val, "alert("):
					t.Errorf("data in <%s %s=%q>", n.Data, key, a.Val)
				case urlAttributes[key] && !safeURL(a.Val):
					t.Errorf("<%s %s=%q> leads nowhere good", n.Data, key, a.Val)
				case key == "class" && strings.Contains(a.Val, "unknown-type"):
					t.Errorf("<%s class=%q>: templ takes only strings", n.Data, a.Val)
				case key == "id":
					ids[a.Val]++
				case key == "data-db-key":
					ids["the key "+a.Val]++
				case key == "for":
					labelled[a.Val] = true
				case key == "aria-describedby", key == "aria-labelledby":
					for _, id := range strings.Fields(a.Val) {
						refs[id] = n.Data + " " + key
					}
				}
			}
		}
		if n.Data == "button" && n.FirstChild == nil && attr(n, "title") == "" && attr(n, "aria-label") == "" && attr(n, "aria-hidden") == "" {
			t.Error("a button without a name")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for id, where := range refs {
		if ids[id] == 0 {
			t.Errorf("%s names %q, which is not there", where, id)
		}
	}
	for _, c := range controls {
		if !labelled[attr(c, "id")] && attr(c, "aria-label") == "" && !inside(c, "label") {
			t.Errorf("<%s name=%q> has no label", c.Data, attr(c, "name"))
		}
	}
}

func safeURL(u string) bool {
	return u == "" || u[0] == '#' || u[0] == '?' ||
		u[0] == '/' && !strings.HasPrefix(u, "//") && !strings.HasPrefix(u, `/\`) ||
		strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "tel:") ||
		u == "about:invalid#TemplFailedSanitizationURL"
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func inside(n *html.Node, tag string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == tag {
			return true
		}
	}
	return false
}
