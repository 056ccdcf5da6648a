//go:build ignore

// Version 7 is Go: Store.fillEvents in db/event_upgrade.go.
package sqlite
