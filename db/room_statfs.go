//go:build linux || darwin || freebsd

package db

import "syscall"

// room returns how many bytes an ordinary user may still write to the disk of
// dir, and the size of that disk.
func room(dir string) (free, total int64, ok bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil || st.Bsize <= 0 {
		return 0, 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), true
}
