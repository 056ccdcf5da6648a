package views_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// F-12: patterns that no template may contain.
var lints = []struct{ name, pattern string }{
	{"raw markup", `templ\.Raw|@templ\.JSONScript`},
	{"URL declared safe without a look", `templ\.SafeURL\(`},
	{"dynamic htmx attribute", `\bhx-[a-z-]+=\{`},
	{"htmx script attribute", `\bhx-on|\bhx-vals|\bhx-vars|"js:`},
	{"inline handler", `\son[a-z]+\s*=`},
	{"inline style", `\sstyle\s*=|<style`},
	{"inline script", `<script>|<script [^>]*[^/]>[^<]`},
	{"element or attribute that loads or runs", `<iframe|srcdoc|formaction=\{|xlink:href|http-equiv=[^>]*content=\{|<base\b`},
}

func TestTemplatesF12(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.templ")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	for _, l := range lints {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			re := regexp.MustCompile(l.pattern)
			for _, file := range files {
				src, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, hit := range re.FindAllString(string(src), -1) {
					t.Errorf("%s: %q", file, hit)
				}
			}
		})
	}
}

// Every page has golden files, so that a change of it is noticed.
func TestPagesHaveGoldens(t *testing.T) {
	t.Parallel()
	read := func(pattern string) (all string) {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	tests := read("*_test.go")
	pages := regexp.MustCompile(`(?m)^templ ([A-Z]\w*)\(\w+ \w+Page\)`).FindAllStringSubmatch(read("*.templ"), -1)
	for _, page := range pages {
		if !strings.Contains(tests, "views."+page[1]+"(") {
			t.Errorf("no test calls views.%s: give it golden files, as TestIncidents does", page[1])
		}
	}
	if len(pages) < 20 {
		t.Errorf("found %d pages", len(pages))
	}
}
