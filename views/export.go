package views

import (
	"strconv"
	"strings"
)

// ExportPage offers a filter of the event log as a file. GET /events/export with the fields of EventFilter shows it; with
// format=ndjson|csv, body=1 and key the same address is the file.
type ExportPage struct {
	Frame    Frame
	What     []string   // the filter, in words; empty: the whole log
	Count    string     // "10,000+ events"
	Fields   []KeyValue // the filter, to send along
	Bodies   bool       // may bodies be exported
	Progress ExportProgress
	Back     string // the list, same filter
}

// ExportProgress is how far an export is: GET /events/exports/{key}. While it runs, or is waited for, it asks again.
type ExportProgress struct {
	Key     string
	State   string // done, cancelled, broken; anything else is under way
	Text    string // "" before the download began, and when another server makes it
	Running bool
	Try     int // how often it was not known yet; 0: it is
}

func (p ExportProgress) href() string {
	href := "/events/exports/" + p.Key
	if p.Try > 0 {
		href += "?try=" + strconv.Itoa(p.Try)
	}
	return href
}

func (p ExportPage) what() string {
	if len(p.What) == 0 {
		return "The whole log"
	}
	return strings.Join(p.What, ", ")
}

func (p EventsPage) exportHref() string {
	if p.Filter.Query == "" {
		return "/events/export"
	}
	return "/events/export?" + p.Filter.Query
}
