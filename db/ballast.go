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
)

// The ballast is a file that takes up room beside the database while there is
// plenty. When the disk is full it is given up: what happens to incidents can
// still be written, and Zoom's events are refused, which Zoom repeats for 85
// minutes. When there is room again it is made again and events are accepted.
const (
	ballastFile = "ballast"
	ballastSize = 16 << 20 // some hundred incidents; the write-ahead log has taken its own 4 MiB before
	watchEvery  = 2 * time.Second
)

// Health is how the storage is, as it was found a moment ago.
type Health struct {
	// DiskFull: events are refused until FreeBytes is NeedBytes or more. It is
	// only known for SQLite; with PostgreSQL a full disk is a WriteProblem.
	DiskFull      bool
	DiskFullSince time.Time
	NeedBytes     int64

	// WriteProblem is a sentence on why the last write failed, "" when it did not.
	WriteProblem string

	// Sizes of SQLite's files and of the room beside them; -1 when not known.
	FreeBytes, DatabaseBytes, WALBytes, BallastBytes int64
}

// disk is what a Store knows of the place its data is in.
type disk struct {
	dir string // of the SQLite database, "" with PostgreSQL
	log *slog.Logger
	now func() time.Time

	making sync.Mutex // of the ballast
	mu     sync.Mutex
	h      Health
}

// Health says how the storage is. It asks neither the database nor the disk.
func (s *Store) Health() Health {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.h
}

// Watch looks after the storage until ctx ends: see WatchOnce.
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

// WatchOnce measures the disk, makes the ballast where there is room for it,
// which lets events in again after the disk was full, and, when the last write
// failed, tries another.
func (s *Store) WatchOnce(ctx context.Context) {
	s.disk.makeBallast()
	s.disk.measure()
	if s.Health().WriteProblem != "" {
		ctx, cancel := context.WithTimeout(ctx, watchEvery)
		defer cancel()
		_ = s.Ping(ctx) // the outcome is in Health
	}
}

// writeEvents is write for what can be had again: when the disk is full it is
// refused, and the room of the ballast is left to incidents.
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
	return unavailable("The disk of the server is full. Free some space; Drawbridge goes on by itself.", cause)
}

// isFull reports whether err says that the disk is full. SQLite says so of
// ENOSPC; a quota that is reached is a failed write to it.
func isFull(err error) bool { return sqliteCode(err)&0xff == sqliteFull }

// giveUp makes room, once, and has events refused. It reports whether there was
// something to give up.
func (d *disk) giveUp() bool {
	if d.dir == "" {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.h.DiskFull {
		d.h.DiskFull, d.h.DiskFullSince = true, d.now()
		_, d.h.NeedBytes = d.ballast()
		d.log.Error("the disk is full: Zoom's events are refused, and Zoom repeats them; incidents use what is kept in reserve", "dir", d.dir, "free_at_least", d.h.NeedBytes)
	}
	return os.Remove(filepath.Join(d.dir, ballastFile)) == nil
}

// ballast is how large the ballast should be on this disk, and how much must be
// free for it to be made: on a small disk it takes less.
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

// makeBallast makes the ballast if it is not there and there is room for it and
// as much again twice. Then the disk is not full any more.
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
		return // a quota, which the disk's numbers do not show
	}
	if err != nil && !full {
		d.log.Debug("no ballast could be made", "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.h.DiskFull {
		d.h.DiskFull, d.h.DiskFullSince, d.h.NeedBytes = false, time.Time{}, 0
		d.log.Info("the disk has room again: events are accepted", "dir", d.dir)
	}
}

// noteWrite remembers whether the database takes writes.
func (d *disk) noteWrite(err error) {
	problem := ""
	if err != nil {
		var known *incident.Error
		errors.As(coded(err), &known)
		gone := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || sqliteCode(err)&0xff == sqliteInterrupt
		if gone || known.Code != incident.Unavailable {
			return // a caller that left, or a refusal: says nothing about the database
		}
		problem = known.Message
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.h.WriteProblem = problem
}

// allocate makes a file of a size that takes up its room on the disk.
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
	// Random, because zeros take no room where files are compressed.
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		return err
	}
	return f.Sync()
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// dirProblem says what to do about a data directory that cannot be written to.
func dirProblem(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return errors.New("Drawbridge cannot write to its data directory " + dir + " (" + err.Error() + "): make it writable for the user that runs Drawbridge, or name another with DRAWBRIDGE_DATA_DIR")
	case isNoSpace(err):
		return errors.New("the disk of the data directory " + dir + " is full (" + err.Error() + "): free some space and start again")
	}
	return err
}
