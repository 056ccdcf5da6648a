package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// Servers that share a data directory have a journal each. What a server left behind goes to
// one that runs, and what another one uses stays.
func TestOwnJournal(t *testing.T) {
	dir := t.TempDir()
	journal := func() (string, func()) {
		t.Helper()
		path, release, err := ownJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		return path, release
	}
	write := func(path, lines string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(path, lines string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != lines {
			t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), got, err, lines)
		}
	}
	a, leaveA := journal()
	b, leaveB := journal()
	c, leaveC := journal()
	if a == b || b == c || a == c || a != filepath.Join(dir, "journal.jsonl") {
		t.Fatalf("three servers have the journals %s, %s and %s", a, b, c)
	}
	write(a, "from a\n")
	write(b, "from b\n")
	write(c, "from c, cut o")
	leaveA()
	leaveC()
	again, leave := journal()
	defer leave()
	defer leaveB()
	if again != a {
		t.Fatalf("the next server has %s, want %s", again, a)
	}
	want(a, "from a\n\nfrom c, cut o\n")
	want(b, "from b\n")
	if _, err := os.Stat(c); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", c, err)
	}
}
