//go:build !linux

package db

// DirWarning is a sentence on what the file system of a data directory may cost;
// it is only known on Linux.
func DirWarning(string) string { return "" }
