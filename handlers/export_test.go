package handlers

import "github.com/drawbridge-hq/drawbridge/incident"

// For tests: one cell and one line of an export.
var (
	AppendCell     = appendCell
	AppendJSONText = appendJSONText
)

// ExportLine is one event in a format.
func ExportLine(format string, e incident.Event) []byte {
	return exportFormats[format].event(nil, e, false)
}
