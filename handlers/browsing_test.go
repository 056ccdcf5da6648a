package handlers_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// tab is a browser that keeps cookies and doesn't follow redirects.
type tab struct {
	o       *office
	cookies map[string]string
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *tab) get(path string) reply { return b.send(http.MethodGet, path, nil) }

// post posts a form, given as name, value, name, value ….
func (b *tab) post(path string, fields ...string) reply {
	return b.send(http.MethodPost, path, pairs(fields...))
}

func pairs(fields ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v
}

func (b *tab) send(method, path string, form url.Values, header ...string) reply {
	b.o.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, b.o.url+path, body)
	b.o.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("Accept", "text/html,*/*") // as browsers do
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	b.o.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	b.o.must(err)
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

var drawings = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// text returns what a person reads on the page.
func (r reply) text() string {
	var words []string
	for z, svg := html.NewTokenizer(strings.NewReader(r.body)), 0; ; {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(words, " ")
		case html.StartTagToken:
			if name, _ := z.TagName(); string(name) == "svg" {
				svg++
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "svg" {
				svg--
			}
		case html.TextToken:
			if svg == 0 {
				words = append(words, strings.Fields(string(z.Text()))...)
			}
		default:
		}
	}
}

// value returns the value of a form's field on the page.
func (r reply) value(name string) string {
	m := regexp.MustCompile(`<(?:input|textarea)[^>]*\sname="` + regexp.QuoteMeta(name) + `"[^>]*?(?:\svalue="([^"]*)"|>([^<]*)</textarea>)`).FindStringSubmatch(r.body[max(0, strings.Index(r.body, "<main")):]) // the menu has a search of its own
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1] + m[2])
}

func (r reply) want(t testing.TB, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d: %.300s", r.status, status, r.text())
	}
	says := r.text()
	for _, text := range texts {
		if !strings.Contains(says, text) {
			t.Errorf("the page does not say %q:\n%s", text, says)
		}
	}
}

// leadsTo follows a redirect to path and checks what that page says.
func (r reply) leadsTo(b *tab, path string, texts ...string) reply {
	b.o.t.Helper()
	if r.status != http.StatusSeeOther || r.header.Get("Location") != path {
		b.o.t.Fatalf("status %d to %q, want 303 to %q: %.300s", r.status, r.header.Get("Location"), path, r.text())
	}
	next := b.get(path)
	next.want(b.o.t, http.StatusOK, texts...)
	return next
}

// testGuard checks that an action is rejected without a login, for a role below the
// required one, and from another site, and that nothing is written then.
func testGuard(t *testing.T, o *office, path string, need incident.Role, fields ...string) {
	t.Helper()
	before := o.trail()
	nobody := &tab{o: o, cookies: map[string]string{}}
	nobody.post(path, fields...).want(t, http.StatusUnauthorized)
	below := map[incident.Role]incident.Role{incident.Admin: incident.Responder, incident.Responder: incident.Viewer}
	if role, ok := below[need]; ok {
		o.as(role).post(path, fields...).want(t, http.StatusForbidden, "Your role doesn’t allow this")
	}
	o.person("crossed", need)
	o.logIn("crossed@example.com").send(http.MethodPost, path, pairs(fields...), "Sec-Fetch-Site", "cross-site").want(t, http.StatusForbidden)
	if diff := cmp.Diff(before, o.trail()); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

var requestID = regexp.MustCompile(`\b[A-Z2-7]{16}\b`)

// testBroken checks that a page doesn't show the cause if a table is broken. The request
// fails in the action itself, after the session was read.
func testBroken(t *testing.T, o *office, table string, request func() reply) {
	t.Helper()
	o.breakTable(table)
	r := request()
	if r.status != http.StatusInternalServerError && r.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 500 or 503", r.status)
	}
	body := requestID.ReplaceAllString(r.body, "") // its random letters can be any of these
	for _, cause := range []string{"SQL", "sqlite", "no such", "_entries"} {
		if strings.Contains(body, cause) {
			t.Errorf("the page tells the cause: %q", cause)
		}
	}
	if !strings.Contains(r.text(), "Request ID") {
		t.Errorf("the page has no request id to quote: %s", r.text())
	}
}

// hostile is text that would run as a script if a page treated it as HTML.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}` + "\u202e"

// guardPage checks that a page is shown only to people who are logged in with the role
// that it needs, or a higher one.
func guardPage(t *testing.T, o *office, path string, below *tab) {
	t.Helper()
	want := "/login"
	if path != "/" {
		want += "?next=" + url.QueryEscape(path)
	}
	if r := o.nobody().get(path); r.status != http.StatusSeeOther || r.header.Get("Location") != want {
		t.Errorf("%s: nobody gets status %d to %q, want %q", path, r.status, r.header.Get("Location"), want)
	}
	if below != nil {
		below.get(path).want(t, http.StatusForbidden, "Your role doesn’t allow this")
	}
}

// wantInert checks that hostile text on a page is only text: no script but ours, no
// handler, no frame, and no link that runs code.
func wantInert(t testing.TB, r reply) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		src := ""
		for _, a := range n.Attr {
			value := strings.ToLower(strings.TrimSpace(a.Val))
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "value":
			case strings.HasPrefix(value, "javascript:"), strings.HasPrefix(value, "data:text"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "src":
				src = a.Val
			}
		}
		switch n.Data {
		case "script":
			if !strings.HasPrefix(src, "/static/") || n.FirstChild != nil {
				t.Errorf("a script that is not ours: %q", src)
			}
		case "iframe", "object", "embed", "base", "img":
			t.Errorf("<%s src=%q>", n.Data, src)
		}
	}
}

var (
	rowOfEvent    = regexp.MustCompile(`id="e-(\d+)"`)
	rowOfIncident = regexp.MustCompile(`<span class="db-inc">(INC-\d+)</span>`)
	rowOfBridge   = regexp.MustCompile(`<span class="db-key">(INC-\d+)</span>`)
	olderPage     = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	newerPage     = regexp.MustCompile(`rel="prev" href="([^"]+)"`)
)

// rows returns the matches of a pattern on a page, in order.
func (r reply) rows(pattern *regexp.Regexp) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(r.body, -1) {
		list = append(list, m[1])
	}
	return list
}

// wantRows checks the rows of a list, newest first.
func wantRows(t *testing.T, b *tab, path string, pattern *regexp.Regexp, want ...string) {
	t.Helper()
	r := b.get(path)
	r.want(t, http.StatusOK)
	if got := r.rows(pattern); !slices.Equal(got, want) {
		t.Errorf("%s lists %q, want %q", path, got, want)
	}
}

// allPages follows the links from a page to the last one and returns all rows.
func allPages(t *testing.T, b *tab, path string, pattern *regexp.Regexp) (rows []string, pages int) {
	t.Helper()
	for path != "" && pages < 300 {
		r := b.get(path)
		r.want(t, http.StatusOK)
		rows = append(rows, r.rows(pattern)...)
		pages++
		if back := newerPage.MatchString(r.body); back != (pages > 1) {
			t.Errorf("page %d leads back to the first: %v", pages, back)
		}
		next := olderPage.FindStringSubmatch(r.body)
		if path = ""; next != nil {
			path = html.UnescapeString(next[1])
		}
	}
	return rows, pages
}
