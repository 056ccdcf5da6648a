package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/drawbridge-hq/drawbridge/db"
)

func journalFile(dataDir string, n int) string {
	name := "journal.jsonl"
	if n > 1 {
		name = fmt.Sprintf("journal-%d.jsonl", n)
	}
	return filepath.Join(dataDir, name)
}

// ownJournal returns a file for the journal that no other server uses until release is called.
// Servers on PostgreSQL may share a data directory, and each shortens its journal without
// knowing what others wrote. What servers that are gone left behind is moved into the file.
func ownJournal(dataDir string) (path string, release func(), err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return journalFile(dataDir, 1), nil, err
	}
	for n, ok := 1, false; !ok; n++ {
		path = journalFile(dataDir, n)
		if release, ok, err = db.TryLock(path + ".lock"); err != nil {
			return path, nil, err
		}
	}
	others, err := filepath.Glob(filepath.Join(dataDir, "journal*.jsonl"))
	for _, other := range others {
		if other != path {
			err = errors.Join(err, takeOver(other, path))
		}
	}
	return path, release, err
}

// takeOver moves the lines of a journal to another one, unless a server uses it.
func takeOver(from, to string) error {
	release, ok, err := db.TryLock(from + ".lock")
	if err != nil || !ok {
		return err
	}
	defer release()
	lines, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	// A line may have been cut off by a crash, in either file.
	_, err = f.Write(bytes.Join([][]byte{nil, lines, nil}, []byte("\n")))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Remove(from)
}
