package dbtest

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// memoryDir returns a new directory whose files are in memory, or "" if there is little
// room or it may hold no programs. It removes those that programs left that were killed.
func memoryDir() string {
	const root, room, noExec = "/dev/shm", 8 << 30, 8 // ST_NOEXEC of statvfs(3)
	left, _ := filepath.Glob(filepath.Join(root, "drawbridge-test-*"))
	for _, old := range left {
		if info, err := os.Stat(old); err == nil && time.Since(info.ModTime()) > 2*time.Hour {
			os.RemoveAll(old)
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(root, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < room || fs.Flags&noExec != 0 {
		return ""
	}
	dir, err := os.MkdirTemp(root, "drawbridge-test-")
	if err != nil {
		return ""
	}
	_ = os.Chmod(dir, 0o755) // PostgreSQL runs as another user
	return dir
}
