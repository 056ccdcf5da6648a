// Package handlers turns requests into calls of incident.Service and reads from
// db.Store, and their results into views or JSON, in one file per page or
// endpoint. A handler is a method of Site with up to four paragraphs: read the request,
// call the service, show the form again if it was rejected, render or redirect.
//
// The package doesn't choose the status of an error (package web does) and doesn't
// know the routes.
package handlers
