// Package incident is the core of the program: runbooks, incidents, bridges, the
// meaning of Zoom's events for them, and the people who may act.
//
// Service has the verbs. Every write of the program goes through it, so that
// rules, audit trail and timeline are in one place. Service.Run does what
// must continue without a person: interrupted steps, meetings that may or may not
// exist, and events that are stored but not read yet.
//
// The package knows no SQL, no HTTP and no HTML. It reaches the storage through
// Store, and Zoom through package zoom.
package incident
