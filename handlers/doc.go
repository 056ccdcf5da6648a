// Package handlers turns requests into verbs of incident.Service and reads of
// db.Store, and their results into views or JSON: one file per page or
// endpoint. Handlers are methods of Site of four paragraphs: read the request,
// call one verb, turn a refusal back into the form, render or redirect.
//
// The package decides no status of an error (package web does) and does not
// know how it is routed.
package handlers
