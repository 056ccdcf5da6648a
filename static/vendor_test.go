package static_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Pages use no class of Tabler whose rules vendor.sh left out of the style sheet. It
// reads the same words of the same files.
func TestClassesAreInStyleSheet(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("vendor/tabler-unused.txt")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for class := range strings.FieldsSeq(string(text)) {
		left[class] = true
	}
	if !left["carousel"] || left["card"] {
		t.Errorf("%d classes were left out: carousel %v, card %v", len(left), left["carousel"], left["card"])
	}
	for _, pattern := range []string{"*.js", "../views/*.templ", "../views/*.go", "../zoom/zoomsim/*.templ"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range regexp.MustCompile(`[A-Za-z0-9_-]+`).FindAllString(string(source), -1) {
				if left[word] {
					t.Errorf("%s has the word %q, which is a class that vendor/tabler.css lacks: run sh static/vendor.sh", file, word)
				}
			}
		}
	}
}
