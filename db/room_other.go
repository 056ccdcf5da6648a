//go:build !(linux || darwin || freebsd)

package db

// room reports that the free space is unknown. The ballast is then created
// without checking.
func room(string) (free, total int64, ok bool) { return 0, 0, false }
