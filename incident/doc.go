// Package incident is the program: runbooks, incidents, bridges, what a Zoom
// event means for them, and the people who may act.
//
// Service holds the verbs; every write of the program goes through it, so the
// rules, the audit trail and the timeline have one place. Worker does what must
// go on without a person: steps that were interrupted, meetings whose fate is
// unknown, events that are stored and not yet read.
//
// The package knows no SQL, no HTTP and no HTML. It talks to storage through
// Store and to Zoom through package zoom.
package incident
