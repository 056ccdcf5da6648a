//go:build ignore

// Version 9 is Go: Store.keepFacts in db/migrate_facts.go.
package postgres
