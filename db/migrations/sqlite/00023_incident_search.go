//go:build ignore

// Version 23 is Go: Store.searchIncidents in db/incident_search.go.
package sqlite
