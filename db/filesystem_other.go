//go:build !linux

package db

// DirWarning returns "": the risks of file systems are only known on Linux.
func DirWarning(string) string { return "" }
