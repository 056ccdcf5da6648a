//go:build !(linux || darwin || freebsd)

package db

// room is not known here: the ballast is made without looking, and made again
// by trying.
func room(string) (free, total int64, ok bool) { return 0, 0, false }
