//go:build unix

package incident_test

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// The disk of the journal hangs. Whoever opens an incident still gets a link, and so does
// everybody else.
func TestJournalOnHungDisk(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t, func(w *world) { w.work(0) }) // the journal has been read
	w.ok(syscall.Mkfifo(w.cfg.JournalPath, 0o600))       // opening it hangs until somebody reads it
	for _, want := range []string{warRoom.URL, zoomRoom.URL} {
		began := time.Now()
		o := w.ask()
		if o.Pending == nil || o.Pending.Saved || o.Pending.Bridge().JoinURL != want {
			t.Errorf("opened %+v", o)
		}
		t.Logf("the answer took %v", time.Since(began))
	}
	unlock()
	disk, err := os.OpenFile(w.cfg.JournalPath, os.O_RDWR, 0) // it works again
	w.ok(err)
	defer disk.Close()
	w.work(time.Minute) // writes them down
	if n := w.service.PendingIncidents(); n != 0 || len(w.incidents()) != 2 {
		t.Errorf("%d are pending, %d are stored", n, len(w.incidents()))
	}
	if _, err := os.Stat(w.cfg.JournalPath); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
}
