package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	sqlite3 "modernc.org/sqlite/lib"
)

// The ballast is a file that occupies space on the disk of the database while
// there is plenty. When the disk is full, Drawbridge deletes it: incidents can
// still be stored, and Zoom's events are rejected, which Zoom retries for 85
// minutes. When there is space again, Drawbridge creates the ballast again and
// accepts events.
const (
	ballastFile = "ballast"
	ballastSize = 16 << 20 // a few hundred incidents; the write-ahead log already has its own 4 MiB
	watchEvery  = 2 * time.Second
)

// Health is the state of the storage, as last measured.
type Health struct {
	// DiskFull means that events are rejected until FreeBytes reaches
	// NeedBytes. Only SQLite reports it; on PostgreSQL a full disk is a
	// WriteProblem.
	DiskFull  bool
	NeedBytes int64

	// WriteProblem is a sentence that says why the last write failed, or "".
	WriteProblem string

	// The sizes of SQLite's files and of the free space on their disk; -1 if
	// unknown.
	FreeBytes, DatabaseBytes, WALBytes, BallastBytes int64
}

// disk is what a Store knows about the disk of its data.
type disk struct {
	dir string // of the SQLite database; "" on PostgreSQL
	log *slog.Logger

	making sync.Mutex // held while the ballast is created
	mu     sync.Mutex
	h      Health // guarded by mu
}

// Health returns the state of the storage. It asks neither the database nor the
// disk.
func (s *Store) Health() Health {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.h
}

// Watch calls WatchOnce every two seconds until ctx ends.
func (s *Store) Watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		s.WatchOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// WatchOnce measures the disk and creates the ballast if there is room for it;
// after a full disk, events are then accepted again. If the last write failed,
// it tries another one.
func (s *Store) WatchOnce(ctx context.Context) {
	s.disk.makeBallast()
	s.disk.measure()
	if s.Health().WriteProblem != "" {
		ctx, cancel := context.WithTimeout(ctx, watchEvery)
		defer cancel()
		_ = s.Ping(ctx) // Health has the result
	}
}

// writeEvents is write for events, which Zoom delivers again. If the disk is
// full, they are rejected, so that incidents can use the space of the ballast.
func (s *Store) writeEvents(ctx context.Context, fn func(tx *sql.Tx) error) error {
	if s.Health().DiskFull {
		s.disk.makeBallast()
		if s.Health().DiskFull {
			return errDiskFull(nil)
		}
	}
	err := s.tryWrite(ctx, fn)
	if isFull(err) {
		s.disk.giveUp()
	}
	return err
}

func errDiskFull(cause error) error {
	return unavailable("The disk of the server is full. Free some space; Drawbridge then continues automatically.", cause)
}

// isFull reports whether err says that the disk is full. SQLite reports ENOSPC
// this way, and an exceeded quota as a failed write.
func isFull(err error) bool { return sqliteCode(err)&0xff == sqlite3.SQLITE_FULL }

// giveUp deletes the ballast and has events rejected from now on. It reports
// whether there was a ballast to delete.
func (d *disk) giveUp() bool {
	if d.dir == "" {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.h.DiskFull {
		d.h.DiskFull = true
		_, d.h.NeedBytes = d.ballast()
		d.log.Error("the disk is full: Drawbridge rejects events, which Zoom retries; incidents use the reserved space", "dir", d.dir, "free_at_least", d.h.NeedBytes)
	}
	return os.Remove(filepath.Join(d.dir, ballastFile)) == nil
}

// ballast returns how large the ballast should be, which is less on a small
// disk, and how many bytes must be free before it is created.
func (d *disk) ballast() (size, need int64) {
	size = ballastSize
	if _, total, ok := room(d.dir); ok {
		size = min(size, total/8)
	}
	return size, 3 * size
}

func (d *disk) measure() {
	if d.dir == "" {
		return
	}
	free, _, ok := room(d.dir)
	if !ok {
		free = -1
	}
	database, wal, ballast := d.size(SQLiteFile), max(0, d.size(SQLiteFile+"-wal")), max(0, d.size(ballastFile))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.h.FreeBytes, d.h.DatabaseBytes, d.h.WALBytes, d.h.BallastBytes = free, database, wal, ballast
}

func (d *disk) size(name string) int64 {
	info, err := os.Stat(filepath.Join(d.dir, name))
	if err != nil {
		return -1
	}
	return info.Size()
}

// makeBallast creates the ballast if it is missing and three times its size is
// free. The disk then counts as no longer full.
func (d *disk) makeBallast() {
	if d.dir == "" {
		return
	}
	d.making.Lock()
	defer d.making.Unlock()
	d.mu.Lock()
	full := d.h.DiskFull
	d.mu.Unlock()
	size, need := d.ballast()
	free, _, known := room(d.dir)
	if !full && d.size(ballastFile) == size || known && free < need {
		return
	}
	path := filepath.Join(d.dir, ballastFile)
	err := allocate(path, size)
	if isNoSpace(err) {
		return // a quota, which the free space does not show
	}
	if err != nil && !full {
		d.log.Debug("could not reserve disk space", "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.h.DiskFull {
		d.h.DiskFull, d.h.NeedBytes = false, 0
		d.log.Info("the disk has space again: events are accepted", "dir", d.dir)
	}
}

// noteWrite remembers whether the database accepts writes.
func (d *disk) noteWrite(err error) {
	problem := ""
	if err != nil {
		var known *incident.Error
		errors.As(coded(err), &known)
		gone := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || sqliteCode(err)&0xff == sqlite3.SQLITE_INTERRUPT
		if gone || known.Code != incident.Unavailable {
			return // the caller has gone, or the write was rejected: this says nothing about the database
		}
		if brokenFile(err) == nil && !errors.As(err, new(*incident.Error)) { // Drawbridge tries again, and nobody else has to
			errors.As(unavailable("The database doesn’t answer.", err), &known)
		}
		problem = known.Message
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.h.WriteProblem = problem
}

// allocate creates a file of this size that occupies its space on the disk.
func allocate(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(path)
		}
	}()
	if err := reserve(f, size); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// Random bytes, because zeros occupy no space on a file system that
	// compresses.
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		return err
	}
	return f.Sync()
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// dirProblem adds to err what to do if a data directory cannot be written to.
func dirProblem(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return errors.New("Drawbridge cannot write to its data directory " + dir + " (" + err.Error() + "): make it writable for the user that runs Drawbridge, or set another one with DRAWBRIDGE_DATA_DIR")
	case isNoSpace(err):
		return errors.New("the disk of the data directory " + dir + " is full (" + err.Error() + "): free some space and start again")
	}
	return err
}
