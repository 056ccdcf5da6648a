package static_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A class has one rule of its own in all our style sheets, outside of media queries: a
// second one means that two parts of the program use the same name, and one of them
// looks broken on pages that load both.
func TestClassesHaveOneMeaning(t *testing.T) {
	rule := regexp.MustCompile(`^(\.[\w-]+) \{`)
	where := map[string]string{}
	for _, name := range []string{"app.css", "pages.css", "events.css"} {
		sheet, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(sheet)) {
			m := rule.FindStringSubmatch(line)
			if m == nil { // indented lines are inside a media query
				continue
			}
			if before, ok := where[m[1]]; ok {
				t.Errorf("%s: %s has a rule in %s too", name, m[1], before)
			}
			where[m[1]] = name
		}
	}
	if len(where) < 100 {
		t.Errorf("only %d classes were found", len(where))
	}
}
