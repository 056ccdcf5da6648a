package e2e

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"testing"
)

// Facts are stored, and words are chosen on the page: no sentence is stored, parsed,
// matched or compared. Every sentence can therefore be reworded.

// fragment matches text that looks like a part of a sentence. dotted matches the first
// part of a name, such as "meeting.", which looks like one too.
var (
	fragment = regexp.MustCompile(`\p{Ll}[,;:]? \pL|\pL[.!?…]$`)
	dotted   = regexp.MustCompile(`^[a-z_.]+\.$`)
)

// facts lists the types that are stored, by package.
var facts = map[string][]string{
	"incident": {"TimelineEntry", "TimelineData", "Reason", "Finding", "NoteText", "CheckReport", "AuditEntry", "Change", "GapLook", "Attempt", "Bridge", "StepRun", "Reading"},
	"zoom":     {"Problem", "FieldError"},
}

// factFields lists their fields that contain text or other facts.
var factFields = []string{
	"After", "Asked", "Before", "Cause", "Field", "Fix", "Problem", "Reason", "Reasons", "Said", "Subject", "Target", "Text", "Value",
}

// storing lists functions whose arguments are stored.
var storing = []string{"audit", "bridgeEntry"}

// matchers lists functions that search a text.
var matchers = regexp.MustCompile(`^regexp\.|^(strings|bytes)\.(Contains|Count|Cut|CutPrefix|CutSuffix|EqualFold|HasPrefix|HasSuffix|Index|LastIndex|NewReplacer|Replace|ReplaceAll|Split|SplitAfter|SplitN|SplitSeq|Trim|TrimLeft|TrimPrefix|TrimRight|TrimSuffix)$`)

// mayMatch lists sentences that the program may match, with the reason.
var mayMatch = []struct{ file, text, why string }{
	{"zoom/errors.go", `does not contain scopes: ?\[([^\]]*)\]`, "Zoom names a missing scope only here"},
	{"zoom/errors.go", "particular user", "Zoom often omits the header that says which limit it was"},
	{"zoom/errors.go", "create meeting", "it is the name of an operation in the log"},
	{"zoom/problem.go", "api key", "Zoom’s error code also has other meanings"},
	{"zoom/problem.go", "create meeting", "it is the name of an operation in the log"},
	{"zoom/meetingid.go", `(?i)^\s*meeting id:?\s*`, "people copy it from Zoom’s invitations"},
	{"incident/reconcile.go", "Drawbridge ref ", "Zoom keeps nothing else of ours by which a list shows whose meeting it is"},
	{"zoom/zoomsim/faults.go", "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00.", "the simulator answers as Zoom does"},
	{"zoom/zoomsim/faults.go", "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.", "the simulator answers as Zoom does"},
	{"db/event_batch.go", "Drawbridge stores redelivered events in another way; new keys: ", "PostgreSQL includes it in the error of a failed statement"},
}

// mayMatchAll lists files that parse sentences of older versions.
var mayMatchAll = regexp.MustCompile(`^db/(migrate_facts|facts_[a-z]+)\.go$`)

// quotedSQL matches a string literal in a statement.
var quotedSQL = regexp.MustCompile(`'((?:[^']|'')*)'`)

func TestNoSentenceIsStoredOrMatched(t *testing.T) {
	met := make([]bool, len(mayMatch))
	for _, s := range program(t) {
		if mayMatchAll.MatchString(s.name) {
			continue
		}
		lintSentences(s, func(n ast.Node, what, text string) {
			for i, may := range mayMatch {
				if may.file == s.name && may.text == text {
					met[i] = true
					return
				}
			}
			t.Errorf("%s: %s: %q", s.fset.Position(n.Pos()), what, text)
		})
	}
	for i, may := range mayMatch {
		if !met[i] {
			t.Errorf("%s: %q no longer needs an exception", may.file, may.text)
		}
	}
}

// lintSentences finds sentences that are stored, parsed, matched or compared.
func lintSentences(s source, fail func(n ast.Node, what, text string)) {
	names := s.names()
	sentence := func(e ast.Expr, what string) {
		said := text(e)
		if id, ok := e.(*ast.Ident); ok {
			said = s.pkg.consts[id.Name]
		}
		if fragment.MatchString(said) && !dotted.MatchString(said) {
			fail(e, what, said)
		}
	}
	matched := func(list ...ast.Expr) {
		for _, e := range list {
			sentence(e, "a sentence is matched")
		}
	}
	// stored finds sentences anywhere in an expression.
	stored := func(list ...ast.Expr) {
		if !slices.Contains([]string{"incident", "db", "zoom"}, s.dir) {
			return
		}
		for _, e := range list {
			ast.Inspect(e, func(n ast.Node) bool {
				if e, ok := n.(ast.Expr); ok {
					sentence(e, "a sentence is stored")
				}
				return true
			})
		}
	}
	// isFact reports whether a type is one of facts, or a list of them.
	isFact := func(e ast.Expr) bool {
		pkg := s.dir
		if list, ok := e.(*ast.ArrayType); ok {
			e = list.Elt
		}
		if sel, ok := e.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				pkg, e = path.Base(names[id.Name]), sel.Sel
			}
		}
		id, ok := e.(*ast.Ident)
		return ok && slices.Contains(facts[pkg], id.Name)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if isFact(n.Type) {
				stored(n.Elts...)
			}
			if _, ok := n.Type.(*ast.MapType); ok { // a map that is used to look up text
				for _, e := range n.Elts {
					matched(e.(*ast.KeyValueExpr).Key)
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok && slices.Contains(factFields, sel.Sel.Name) {
					stored(n.Rhs[min(i, len(n.Rhs)-1)])
				}
			}
		case *ast.ValueSpec: // a code
			if id, ok := n.Type.(*ast.Ident); ok && id.Name != "string" {
				stored(n.Values...)
			}
		case *ast.CallExpr:
			if slices.Contains(storing, calledName(n)) {
				stored(n.Args...)
			}
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && matchers.MatchString(names[id.Name]+"."+sel.Sel.Name) {
					matched(n.Args...)
				}
			}
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				matched(n.X, n.Y)
			}
		case *ast.CaseClause:
			matched(n.List...)
		case *ast.BasicLit:
			if s.dir != "db" {
				break
			}
			for _, quoted := range quotedSQL.FindAllStringSubmatch(text(n), -1) {
				if fragment.MatchString(quoted[1]) {
					fail(n, "a statement contains a sentence", quoted[1])
				}
			}
		}
		return true
	})
}

func TestSentencesAreFound(t *testing.T) {
	for _, tt := range []struct {
		name, dir, text string
		want            int
	}{
		{"stored", "incident", `var a = []Reason{{Text: "Zoom is down."}}; func f() { b.Reasons = g("No link"); s.audit(u, "Zoom account", nil) }; const x ReasonCode = "zoom is down"`, 4},
		{"stored through a constant", "db", `import "` + module + `/incident"; const why = "It failed."; var a = incident.Finding{Value: fmt.Sprint(why)}`, 1},
		{"refused at once", "incident", `func f() error { return refuse(Conflict, "The step runs already.") }`, 0},
		{"matched", "handlers", `import "strings"; import "regexp"; var a, b = strings.HasSuffix(x, " joined."), regexp.MustCompile("^The call (began|ended)")`, 2},
		{"compared", "views", `const done = "The call ended."; func f() { if x == done {}; switch x { case "not connected": } }; var a = map[string]int{"Resolved.": 1}`, 3},
		{"in a statement", "db", "const q = `UPDATE t SET text = 'Someone joined.' WHERE text LIKE '% waits for %'`", 2},
		{"codes", "incident", `import "strings"; var a = Reason{Code: "zoom", Text: x}; func f() { if x == "not_connected" {}; strings.HasPrefix(x, "meeting.") }`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.dir+"/x.go", "package x; "+tt.text)
			s.pkg = &pkg{consts: map[string]string{}}
			s.pkg.add(s.file)
			var got []string
			lintSentences(s, func(_ ast.Node, what, text string) { got = append(got, fmt.Sprintf("%s: %q", what, text)) })
			if len(got) != tt.want {
				t.Errorf("%d findings, want %d: %q", len(got), tt.want, got)
			}
		})
	}
}
