package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/drawbridge-hq/drawbridge"

// rules says which package may import which. A package that is not in the table fails.
// Tests may import anything.
var rules = map[string]struct {
	ours  []string // packages of this module
	never []string // packages of other modules, with everything below them
}{
	".":                 {ours: []string{"cli"}},
	"cli":               {ours: []string{"db", "handlers", "incident", "static", "views/words", "web", "zoom", "zoom/zoomsim"}},
	"zoom":              {never: []string{sqlPackage, echoPackage, templPackage}},
	"zoom/zoomsim":      {never: []string{sqlPackage, echoPackage}},
	"incident":          {ours: []string{"incident/severity", "incident/template", "zoom"}, never: []string{sqlPackage, sqlitePackage, pgxPackage, echoPackage, templPackage}},
	"incident/template": {never: []string{sqlPackage, echoPackage, templPackage, "net/http"}},
	"incident/severity": {never: []string{sqlPackage, echoPackage, templPackage, "net/http"}},
	"db":                {ours: []string{"incident", "zoom"}, never: []string{echoPackage, templPackage, "net/http"}},
	"db/dbtest":         {ours: []string{"db", "incident"}, never: []string{echoPackage, templPackage}},
	"db/dbtest/inspect": {ours: []string{"db"}, never: []string{echoPackage, templPackage}},
	"static":            {},
	"views":             {ours: []string{"incident/severity", "static", "views/words"}, never: []string{sqlPackage, echoPackage, "net/http"}},
	"views/words":       {never: []string{sqlPackage, echoPackage, templPackage}},
	"handlers":          {ours: []string{"db", "incident", "incident/severity", "views", "views/words", "zoom"}, never: []string{sqlPackage, sqlitePackage, pgxPackage}},
	"web":               {ours: []string{"handlers", "incident", "static", "views"}, never: []string{sqlPackage, sqlitePackage, pgxPackage}},

	"db/migrations/sqlite":   {}, // they only refer to the code
	"db/migrations/postgres": {},
}

const (
	sqlPackage    = "database/sql"
	sqlitePackage = "modernc.org/sqlite"
	pgxPackage    = "github.com/jackc/pgx"
	echoPackage   = "github.com/labstack/echo"
	templPackage  = "github.com/a-h/templ"
)

// nowhere lists packages that the program must not import at all: each lets text or
// memory escape the other rules.
var nowhere = []string{"os/exec", "unsafe", "text/template", "html/template"}

// root is the module's directory, relative to this package.
const root = ".."

// source is one Go file of the program that is not a test.
type source struct {
	name string // relative to the root, with slashes
	dir  string // "." for the root
	file *ast.File
	fset *token.FileSet
	pkg  *pkg
}

// pkg is what the rules need to know about a package.
type pkg struct {
	files  []*ast.File
	consts map[string]string // the constants of the package, with their text if they are strings
}

func (p *pkg) add(file *ast.File) {
	p.files = append(p.files, file)
	ast.Inspect(file, func(n ast.Node) bool {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				for i, id := range v.Names {
					p.consts[id.Name] = ""
					if i < len(v.Values) {
						p.consts[id.Name] = text(v.Values[i])
					}
				}
			}
		}
		return true
	})
}

// program parses every Go file of the module that is not a test.
func program(t *testing.T) []source {
	t.Helper()
	var files []source
	packages := map[string]*pkg{}
	for _, name := range moduleFiles(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		s := parse(t, name, readRoot(t, name))
		if packages[s.dir] == nil {
			packages[s.dir] = &pkg{consts: map[string]string{}}
		}
		s.pkg = packages[s.dir]
		s.pkg.add(s.file)
		files = append(files, s)
	}
	return files
}

// text returns the value of a string literal, "" for anything else.
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value)
	return text
}

func parse(t *testing.T, name string, text any) source {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{name: name, dir: path.Dir(name), file: file, fset: fset}
}

// readRoot reads a file by its path relative to the root.
func readRoot(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// moduleFiles lists the module's files with an extension. It leaves out the directories
// of tools, benchmarks and test data, and those that start with a dot.
func moduleFiles(t *testing.T, extension string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (base == "tools" || base == "bench" || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(base, extension) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestImports(t *testing.T) {
	met := map[string]bool{}
	defer func() {
		for dir := range rules {
			if !met[dir] {
				t.Errorf("the table of this test has %s, which does not exist", dir)
			}
		}
	}()
	for _, s := range program(t) {
		met[s.dir] = true
		rule, ok := rules[s.dir]
		if !ok {
			t.Errorf("%s: package %s is not in the table of this test", s.name, s.dir)
			continue
		}
		for _, spec := range s.file.Imports {
			imported := importPath(spec)
			if ours, isOurs := strings.CutPrefix(imported, module+"/"); isOurs {
				if !slices.Contains(rule.ours, ours) {
					t.Errorf("%s: %s must not import %s", s.name, s.dir, ours)
				}
				continue
			}
			if within(imported, rule.never) {
				t.Errorf("%s: %s must not know %s", s.name, s.dir, imported)
			}
			// Test databases are server processes.
			if within(imported, nowhere) && !(s.dir == "db/dbtest" && imported == "os/exec") {
				t.Errorf("%s: nothing may import %s", s.name, imported)
			}
		}
	}
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}

func within(imported string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return imported == p || strings.HasPrefix(imported, p+"/")
	})
}

// TestToolVersions checks that the templ generator has the same version as the library
// that the generated code calls.
func TestToolVersions(t *testing.T) {
	version := func(file, module string) string {
		m := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(readRoot(t, file))
		if m == nil {
			t.Fatalf("%s does not require %s", file, module)
		}
		return string(m[1])
	}
	if library, tool := version("go.mod", templPackage), version("tools/go.mod", templPackage); library != tool {
		t.Errorf("templ is %s in go.mod and %s in tools/go.mod", library, tool)
	}
}
