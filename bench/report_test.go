package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteSection(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"receiving", "browsing", "opening"} {
		for _, text := range []string{"first of " + section, "second of " + section} {
			if err := writeSection(file, section, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got); strings.Contains(s, "first of") || strings.Count(s, "second of") != 3 || !strings.HasPrefix(s, string(page[:200])) {
		t.Errorf("the page became\n%s", s)
	}
	if writeSection(file, "nothing", "text") == nil {
		t.Error("writing an unknown section succeeded")
	}
}
