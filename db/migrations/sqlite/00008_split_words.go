//go:build ignore

// Version 8 is Go: Store.splitWords in db/event_wordparts.go.
package sqlite
