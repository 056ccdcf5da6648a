package e2e

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules below catch mistakes that a review overlooks. Each says why.

func TestCodeRules(t *testing.T) {
	for _, s := range program(t) {
		for _, finding := range lintGo(s) {
			t.Error(finding)
		}
	}
}

func TestPageRules(t *testing.T) {
	for _, name := range moduleFiles(t, ".templ") {
		for _, finding := range lintTempl(name, string(readRoot(t, name))) {
			t.Error(finding)
		}
	}
}

// statesDecided lists types whose values only package incident decides.
var statesDecided = []string{"BridgeState", "StepState", "AttemptState", "JobState"}

// onlySay lists functions of package incident that only describe a stored value.
var onlySay = []string{"Key", "ParseKey", "EventEntryID", "EventFamily", "Inside", "Waiting", "WorstLevel"}

// lintDB finds rules in package db: db has the SQL, incident has the rules. A rule that
// a transaction needs is passed to it; see incident.BridgeRule.
func lintDB(s source, states, functions map[string]bool) []string {
	var findings []string
	fail := func(n ast.Node, format string, args ...any) {
		findings = append(findings, fmt.Sprintf("%s: %s", s.fset.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	noSentence := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && sentence.MatchString(lit.Value) {
			fail(e, "package db stores no sentence of its own")
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && s.names()[id.Name] == module+"/incident" {
				if states[n.Sel.Name] {
					fail(n, "package incident decides what is %s", n.Sel.Name)
				}
				if functions[n.Sel.Name] && !slices.Contains(onlySay, n.Sel.Name) {
					fail(n, "incident.%s is a rule; take it as an argument", n.Sel.Name)
				}
			}
		case *ast.CallExpr:
			if slices.Contains([]string{"exec", "list", "one", "add"}, calledName(n)) {
				for _, arg := range n.Args {
					noSentence(arg)
				}
			}
		case *ast.ValueSpec:
			for _, value := range n.Values {
				noSentence(value)
			}
		}
		return true
	})
	return findings
}

var sentence = regexp.MustCompile("^[\"`][A-Z].* .*[.][\"`]$")

func TestCodeRulesOfDB(t *testing.T) {
	states, functions := map[string]bool{}, map[string]bool{}
	files := program(t)
	for _, s := range files {
		if s.dir != "incident" {
			continue
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				functions[d.Name.Name] = functions[d.Name.Name] || d.Recv == nil
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST {
						id, _ := v.Type.(*ast.Ident)
						states[v.Names[0].Name] = id != nil && slices.Contains(statesDecided, id.Name)
					}
				}
			}
		}
	}
	for _, s := range files {
		if s.dir == "db" {
			for _, finding := range lintDB(s, states, functions) {
				t.Error(finding)
			}
		}
	}
	s := parse(t, "db/x.go", `package db; import "`+module+`/incident"
		const reason = "The meeting was deleted in Zoom."
		func f() { exec(q, "UPDATE x", "Try again, or use another link."); incident.DeriveBridge(incident.BridgeReady) }
		func g() error { incident.Inside(a, b); return conflict("Reload the page to see it.") }`)
	if got := lintDB(s, states, functions); len(got) != 4 {
		t.Errorf("%d findings, want 4: %q", len(got), got)
	}
}

// names maps the names that a file uses for other packages to their import paths.
func (s source) names() map[string]string {
	names := map[string]string{}
	for _, spec := range s.file.Imports {
		p := importPath(spec)
		name := path.Base(p)
		if regexp.MustCompile(`^v[0-9]+$`).MatchString(name) {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

func lintGo(s source) []string {
	var findings []string
	fail := func(n ast.Node, format string, args ...any) {
		findings = append(findings, fmt.Sprintf("%s: %s", s.fset.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	names := s.names()
	// of returns "path.Name" if e names something of another package.
	of := func(e ast.Expr) string {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || names[id.Name] == "" {
			return ""
		}
		return names[id.Name] + "." + sel.Sel.Name
	}
	inCLI := s.dir == "cli"
	forTests := s.dir == "db/dbtest" // starts servers and names databases
	var inside *ast.FuncDecl         // the function that contains n

	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			switch name := of(n); {
			case (name == "time.Now" || name == "time.Since") && !inCLI && !forTests:
				fail(n, "%s: use the clock that cli passes on", name)
			case slices.Contains([]string{"net/http.DefaultClient", "net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm"}, name):
				fail(n, "%s has no time limit and no guard against private addresses", name)
			case s.dir == "incident" && strings.HasPrefix(name, "net/http.") && name != "net/http.Client":
				fail(n, "%s: package incident makes no HTTP calls; it only passes a client on", name)
			case s.dir == "web" && n.Sel.Name == "Store":
				fail(n, "package web does not use the database; it calls handlers or the service")
			case s.dir == "handlers" && storeWrite.MatchString(n.Sel.Name):
				if x, ok := n.X.(*ast.SelectorExpr); ok && x.Sel.Name == "Store" {
					fail(n, "%s: every write goes through the service", n.Sel.Name)
				}
			}
		case *ast.CompositeLit:
			if of(n.Type) == "net/http.Client" && !inCLI && !slices.Contains([]string{"zoom", "zoom/zoomsim"}, s.dir) {
				fail(n, "only packages that call other servers create an http.Client")
			}
		case *ast.CallExpr:
			sel, _ := n.Fun.(*ast.SelectorExpr)
			if sel != nil && sel.Sel.Name == "Bind" && len(n.Args) == 1 && of(sel) == "" {
				fail(n, "Bind also sets fields that a request must not set; read form values by name")
			}
			if name, ok := strings.CutPrefix(of(n.Fun), templPackage+"."); ok && len(n.Args) > 0 && trusted[name] && !s.constant(n.Args[0]) && !(name == "SafeURL" && starts(n.Args[0], ownPath)) {
				fail(n, "templ.%s of a value that is not constant puts unescaped text into a page", name)
			}
			if sel != nil && queries[sel.Sel.Name] && !forTests {
				for _, arg := range n.Args {
					if part := s.loosePart(inside, arg, 0); part != nil && joined(arg) {
						fail(part, "SQL takes values as arguments, not as text")
					}
				}
			}
		case *ast.BinaryExpr:
			if n.Op == token.ADD && starts(n, sqlVerb) && !forTests {
				if part := s.loosePart(inside, n, 0); part != nil {
					fail(part, "SQL takes values as arguments, not as text")
				}
				return false
			}
		case *ast.StructType:
			for _, f := range n.Fields.List {
				if of(f.Type) == echoContext {
					fail(f, "echo reuses an echo.Context for another request after its handler returns")
				}
			}
		case *ast.ChanType:
			if of(n.Value) == echoContext {
				fail(n, "echo reuses an echo.Context for another request after its handler returns")
			}
		case *ast.FuncDecl:
			inside = n
			if n.Body != nil {
				s.contextEscapes(n.Type, n.Body, of, fail)
			}
		case *ast.FuncLit:
			s.contextEscapes(n.Type, n.Body, of, fail)
		}
		return true
	})
	return findings
}

// trusted lists templ's functions that do not escape their text.
var trusted = map[string]bool{"Raw": true, "SafeURL": true, "SafeCSS": true, "SafeCSSProperty": true, "JSExpression": true, "JSUnsafeFuncCall": true}

const echoContext = echoPackage + "/v4.Context"

// contextEscapes finds a handler's echo.Context inside a goroutine it starts.
func (s source) contextEscapes(f *ast.FuncType, body *ast.BlockStmt, of func(ast.Expr) string, fail func(ast.Node, string, ...any)) {
	contexts := map[string]bool{}
	for _, p := range f.Params.List {
		if of(p.Type) == echoContext {
			for _, id := range p.Names {
				contexts[id.Name] = true
			}
		}
	}
	if len(contexts) == 0 {
		return
	}
	ast.Inspect(body, func(n ast.Node) bool {
		started, ok := n.(*ast.GoStmt)
		if !ok {
			return true
		}
		ast.Inspect(started, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && contexts[id.Name] {
				fail(id, "echo reuses an echo.Context for another request after its handler returns")
			}
			return true
		})
		return false
	})
}

var queries = map[string]bool{
	"Exec": true, "ExecContext": true, "Query": true, "QueryContext": true, "QueryRow": true, "QueryRowContext": true, "Prepare": true, "PrepareContext": true,
}

// storeWrite matches names of methods of the store that change something.
var storeWrite = regexp.MustCompile(`^(Add|Append|Apply|Blank|Change|Claim|Clear|Delete|Drop|Edit|Finish|Free|Import|Insert|Open|Prepare|Release|Reprocess|Retire|Retry|Revoke|Save|Seed|Set|Tell|Touch|Update|Use)[A-Z]`)

var sqlVerb = regexp.MustCompile("^[\"`]\\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|PRAGMA|VACUUM)\\s")

// ownPath matches a text that starts with a path of our site.
var ownPath = regexp.MustCompile(`^"/[a-z]`)

// starts reports whether the first part of a concatenation is a literal that matches.
func starts(e ast.Expr, like *regexp.Regexp) bool {
	for {
		b, ok := e.(*ast.BinaryExpr)
		if !ok {
			break
		}
		e = b.X
	}
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.STRING && like.MatchString(lit.Value)
}

// joined reports whether e concatenates or formats text.
func joined(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return e.Op == token.ADD
	case *ast.CallExpr:
		return calledName(e) == "Sprintf"
	}
	return false
}

// loosePart returns the first part of a concatenation that may contain a value from
// outside. Harmless parts are constants, numbers, placeholders, results of calls with
// constants only, and variables and parameters that only ever hold these.
func (s source) loosePart(f *ast.FuncDecl, e ast.Expr, depth int) ast.Expr {
	if s.constant(e) {
		return nil
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.loosePart(f, e.X, depth)
	case *ast.BinaryExpr:
		if part := s.loosePart(f, e.X, depth); part != nil {
			return part
		}
		return s.loosePart(f, e.Y, depth)
	case *ast.CallExpr:
		name := calledName(e)
		if slices.Contains(sqlMakers, name) || name == "Itoa" || name == "Repeat" && s.constant(e.Args[0]) ||
			!slices.ContainsFunc(e.Args, func(a ast.Expr) bool { return !s.constant(a) }) {
			return nil
		}
	case *ast.Ident:
		if depth < 4 && f != nil && s.onlyHarmless(f, e.Name, depth) {
			return nil
		}
	}
	return e
}

// sqlMakers lists functions of package db that build a part of a statement from our own
// text: placeholders, names of tables and columns.
var sqlMakers = []string{"placeholders", "oneOf", "unnest", "window", "monthTable", "quoteNames", "newestFirst"}

// onlyHarmless reports whether every value of a variable or parameter of function f is
// harmless: each assignment, or the argument of each caller.
func (s source) onlyHarmless(f *ast.FuncDecl, name string, depth int) bool {
	var values []ast.Expr
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == name {
					values = append(values, n.Rhs[min(i, len(n.Rhs)-1)])
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name && len(n.Values) > i {
					values = append(values, n.Values[i])
				}
			}
		}
		return true
	})
	for _, value := range values {
		if s.loosePart(f, value, depth+1) != nil {
			return false
		}
	}
	found, loose := len(values) > 0, ast.IsExported(f.Name.Name)
	at := 0
	for _, field := range f.Type.Params.List {
		for _, id := range field.Names {
			if id.Name != name {
				at++
				continue
			}
			for _, file := range s.pkg.files {
				for _, decl := range file.Decls {
					caller, _ := decl.(*ast.FuncDecl)
					ast.Inspect(decl, func(n ast.Node) bool {
						if call, ok := n.(*ast.CallExpr); ok && calledName(call) == f.Name.Name && at < len(call.Args) {
							loose = loose || s.loosePart(caller, call.Args[at], depth+1) != nil
							found = true
						}
						return true
					})
				}
			}
			return found && !loose
		}
	}
	return found
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func (s source) constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		_, ok := s.pkg.consts[e.Name]
		return ok
	case *ast.ParenExpr:
		return s.constant(e.X)
	case *ast.BinaryExpr:
		return s.constant(e.X) && s.constant(e.Y)
	}
	return false
}

// pageRules are patterns that the source of a page must not contain: places that templ
// escapes as HTML although the browser interprets them in another way, and things that
// the Content-Security-Policy blocks.
var pageRules = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`(?i)\s(formaction|srcdoc|xlink:href|style|http-equiv|x-[a-z-]+|on[a-z]+)\??=\{`), "this attribute must be constant"},
	{regexp.MustCompile(`\s(hx-[a-z:-]+|sse-[a-z]+)=\{\s*[^"\s]`), "an htmx attribute must start with a literal path"},
	{regexp.MustCompile(`\s(hx-[a-z:-]+|sse-[a-z]+)=\{\s*"([^/]|/[^a-z])`), "an htmx attribute must start with a literal path"},
	{regexp.MustCompile(`(?i)<[^>{]*\s(srcdoc|style|on[a-z]+|hx-on[a-z:-]*)="`), "the Content-Security-Policy blocks scripts and styles inside a page"},
	{regexp.MustCompile(`(?i)<(style|iframe|object|embed|base)\b`), "the Content-Security-Policy blocks this element"},
	{regexp.MustCompile(`(?i)<script(\s+(type|defer|async)(="[^"]*")?)*\s*>`), "scripts must be files"},
	{regexp.MustCompile(`(?i)<meta[^>]*http-equiv="refresh"[^>]*>`), "a page must not redirect by itself"},
	{regexp.MustCompile(`(?i)"\s*(javascript|data|vbscript):`), "an address must not run as a script"},
	{regexp.MustCompile(`(?m)^(script|css) \w+\(`), "the Content-Security-Policy blocks scripts and styles inside a page"},
	{regexp.MustCompile(`\{\s*[A-Za-z_.]+(\(.*\))?\.\.\.\s*\}`), "attribute names must be literals"},
	{regexp.MustCompile(`\s\{[^{}\n]*\}\??=\{`), "attribute names must be literals"},
}

// pageExceptions are a component's children, and a page that reloads itself.
var pageExceptions = regexp.MustCompile(`^\{\s*children\.\.\.|^<meta http-equiv="refresh" content="[0-9]+"/?>$`)

func lintTempl(name, text string) []string {
	var findings []string
	text = strings.ReplaceAll(text, "={ ", "={")
	for _, rule := range pageRules {
		for _, at := range rule.pattern.FindAllStringIndex(text, -1) {
			found := strings.TrimSpace(text[at[0]:at[1]])
			if pageExceptions.MatchString(found) {
				continue
			}
			line := strings.Count(text[:at[0]+strings.Index(text[at[0]:], found)], "\n") + 1
			findings = append(findings, fmt.Sprintf("%s:%d: %s: %s", name, line, found, rule.why))
		}
	}
	return findings
}

// TestRulesCatch checks that the rules find the mistakes they are for.
func TestRulesCatch(t *testing.T) {
	code := []struct {
		name, dir, text string
		want            int // findings
	}{
		{"clock", "db", `import "time"; var a = time.Now(); var b = time.Now; var c = time.Since(a)`, 3},
		{"clock, package imported under another name", "db", `import clock "time"; var a = clock.Now()`, 1},
		{"clock in cli", "cli", `import "time"; var a = time.Now()`, 0},
		{"bind", "handlers", `func f(c C) { c.Bind(&x) }`, 1},
		{"default client", "zoom", `import "net/http"; func f() { http.Get(u); http.DefaultClient.Do(r) }`, 2},
		{"client of a handler", "handlers", `import "net/http"; var c = &http.Client{}`, 1},
		{"client of zoom", "zoom", `import "net/http"; var c = &http.Client{}`, 0},
		{"HTTP in incident", "incident", `import "net/http"; type s struct { c *http.Client; r *http.Request }`, 1},
		{"database in web", "web", `func f() { site.Store.Health() }`, 1},
		{"write that bypasses the service", "handlers", `func f() { s.Store.TouchUser(u); s.Store.SavedFilters(); s.Service.SetName(n) }`, 1},
		{"O-05 goroutine", "handlers", `import "github.com/labstack/echo/v4"; func f(c echo.Context) error { go func() { c.Path() }(); return nil }`, 1},
		{"O-05 argument", "handlers", `import "github.com/labstack/echo/v4"; var f = func(c echo.Context) { go g(c) }`, 1},
		{"O-05 channel", "handlers", `import "github.com/labstack/echo/v4"; var ch = make(chan echo.Context)`, 1},
		{"O-05 struct", "handlers", `import "github.com/labstack/echo/v4"; type job struct { c echo.Context }`, 1},
		{"context of the request in a goroutine", "handlers", `import "github.com/labstack/echo/v4"; func f(c echo.Context) { ctx := c.Request().Context(); go g(ctx) }`, 0},
		{"SQL with a variable", "db", "func f(n string) { q := `SELECT a FROM t WHERE n = '` + n + `'` }", 1},
		{"SQL with a field", "db", "func f() { one(ctx, s.r, `SELECT a FROM ` + f.table) }", 1},
		{"SQL by Sprintf", "db", `import "fmt"; func f(n string) { db.QueryContext(ctx, fmt.Sprintf("SELECT %s", n)) }`, 1},
		{"SQL with a parameter", "db", "func f(n string) { one(`SELECT a FROM ` + n) }; func g() { f(x.y) }", 1},
		{"SQL with a harmless parameter", "db", "func f(n string) { one(`SELECT a FROM ` + n) }; func g() { f(`t`); f(s.lock()) }", 0},
		{"SQL with a harmless variable", "db", "func f(b bool) { n := ``; if b { n = `x` }; one(`SELECT a FROM ` + n) }", 0},
		{"SQL with a variable that is not always harmless", "db", "func f(b string) { n := ``; n += b; one(`SELECT a FROM ` + n) }", 1},
		{"statement built in the call", "db", `func f(n string) { db.Exec(head + n) }`, 1},
		{"SQL of constants", "db", "const cols = `a, b`; func f() { db.Exec(`SELECT ` + cols + ` FROM t` + w.String() + ` LIMIT ` + strconv.Itoa(n)); one(`INSERT INTO t VALUES (` + placeholders(1, 2) + `)`) }", 0},
		{"raw", "views", `import "github.com/a-h/templ"; const ok = "<br>"; var a, b, c = templ.Raw(ok), templ.Raw(x), templ.SafeURL(y)`, 2},
		{"address of our site", "views", `import "github.com/a-h/templ"; var a = templ.SafeURL("/meetings/" + id)`, 0},
	}
	for _, tt := range code {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.dir+"/x.go", "package x; "+tt.text)
			s.pkg = &pkg{consts: map[string]string{}}
			s.pkg.add(s.file)
			if got := lintGo(s); len(got) != tt.want {
				t.Errorf("%d findings, want %d: %q", len(got), tt.want, got)
			}
		})
	}
	pages := []struct {
		name, text string
		want       int
	}{
		{"F-12 formaction", `<button formaction={ u }>`, 1},
		{"F-12 srcdoc", `<div srcdoc={ u }>`, 1},
		{"F-12 iframe", `<iframe src={ u }></iframe>`, 1},
		{"F-12 xlink", `<use xlink:href={ u }>`, 1},
		{"F-12 hx", `<a hx-get={ u }>`, 1},
		{"F-12 hx to another host", `<a hx-get={ "//" + u }>`, 1},
		{"F-12 hx to our own path", `<a hx-get={ "/events/" + id } sse-connect={ "/live?topic=" + topic }>`, 0},
		{"F-12 x", `<a x-data={ u }>`, 1},
		{"F-12 on", `<a onclick={ u }>`, 1},
		{"F-12 style", `<a style={ u }>`, 1},
		{"F-12 meta refresh", `<meta http-equiv="refresh" content={ u }>`, 1},
		{"page that reloads itself", `<meta http-equiv="refresh" content="3"/>`, 0},
		{"F-12 script", "<script>let a = `${x}`</script>", 1},
		{"F-12 script block", "script f(a string) {\n}", 1},
		{"F-12 spread", `<a { attrs... }>`, 1},
		{"F-12 computed name", `<a { key }={ value }>`, 1},
		{"constants that the policy blocks", `<p style="color: red" class="a"><a onclick="x()" href="javascript:x()">`, 3},
		{"attributes that pages use", `<a href={ templ.URL(u) } class={ "a", b } required?={ c } data-db-copy={ x }>{ children... }<script src={ s } defer></script>`, 0},
	}
	for _, tt := range pages {
		t.Run(tt.name, func(t *testing.T) {
			if got := lintTempl("x.templ", tt.text); len(got) != tt.want {
				t.Errorf("%d findings, want %d: %q", len(got), tt.want, got)
			}
		})
	}
}
