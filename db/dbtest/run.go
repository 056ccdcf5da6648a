package dbtest

import (
	"os"
	"testing"
)

// Run runs the tests of a package that uses databases, with their files in memory if there
// is room and TMPDIR is not set: many would wait for the disk otherwise. After the tests it
// calls the functions in after.
func Run(m *testing.M, after ...func()) int {
	if os.Getenv("TMPDIR") == "" {
		if dir := memoryDir(); dir != "" {
			defer os.RemoveAll(dir)
			os.Setenv("TMPDIR", dir)
		}
	}
	code := m.Run()
	for _, f := range after {
		f()
	}
	return code
}
