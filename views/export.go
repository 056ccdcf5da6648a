package views

import "strconv"

// ExportPage offers a filter of the event log as a file. GET /events/export with the fields of EventFilter shows it. With
// format=ndjson|csv, body=1 and key the same address is the file.
type ExportPage struct {
	Frame    Frame
	What     []string   // the filter, in words; empty: the whole log
	Count    string     // "10,000+ events"
	Fields   []KeyValue // the filter, as hidden fields
	Bodies   bool       // the person may export bodies
	Progress ExportProgress
	Back     string // the list with the same filter
}

// ExportProgress is how far an export is: GET /events/exports/{key}. It reloads itself while the export runs or may begin.
type ExportProgress struct {
	Key     string
	State   string // running, done, cancelled, broken; "" if unknown
	Text    string // "" before the download begins, or if another server does it
	Running bool
	Try     int // how often the export wasn't known yet; 0 once it is
}

func (p ExportProgress) href() string {
	href := "/events/exports/" + p.Key
	if p.Try > 0 {
		href += "?try=" + strconv.Itoa(p.Try)
	}
	return href
}
