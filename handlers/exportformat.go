package handlers

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// exportFormat writes events as text, appending to b. Only an incomplete export ends
// with what broken writes.
type exportFormat struct {
	contentType, extension string
	begin                  func(b []byte) []byte
	event                  func(b []byte, e incident.Event, whole bool) []byte
	broken                 func(b []byte, why string) []byte
}

var exportFormats = map[string]exportFormat{
	"ndjson": {
		contentType: "application/x-ndjson", extension: "ndjson",
		begin: func(b []byte) []byte { return b },
		event: appendNDJSON,
		broken: func(b []byte, why string) []byte {
			return append(appendJSONText(append(b, `{"error":`...), why), "}\n"...)
		},
	},
	"csv": {
		contentType: "text/csv; charset=utf-8", extension: "csv",
		begin: func(b []byte) []byte { return appendNames(b, exportColumns) },
		event: func(b []byte, e incident.Event, _ bool) []byte { return appendValues(b, exportColumns, e) },
		broken: func(b []byte, why string) []byte {
			return append(appendCell(b, 0, "THIS EXPORT IS INCOMPLETE: "+why), "\r\n"...)
		},
	},
}

// exportColumn is a column of an export of T.
type exportColumn[T any] struct {
	name  string
	value func(row T) string
}

// appendNames writes the first line of a CSV file, and appendValues a row.
func appendNames[T any](b []byte, columns []exportColumn[T]) []byte {
	for i, c := range columns {
		b = appendCell(b, i, c.name)
	}
	return append(b, "\r\n"...)
}

func appendValues[T any](b []byte, columns []exportColumn[T], row T) []byte {
	for i, c := range columns {
		b = appendCell(b, i, c.value(row))
	}
	return append(b, "\r\n"...)
}

// exportColumns are the fields of an exported event, named as in the API.
var exportColumns = []exportColumn[incident.Event]{
	{"id", func(e incident.Event) string { return strconv.FormatInt(e.ID, 10) }},
	{"event", func(e incident.Event) string { return e.Event }},
	{"event_ts", func(e incident.Event) string { return exportTime(e.EventAt) }},
	{"received_at", func(e incident.Event) string { return exportTime(e.ReceivedAt) }},
	{"account_id", func(e incident.Event) string { return e.AccountID }},
	{"meeting_id", func(e incident.Event) string { return e.MeetingID }},
	{"meeting_uuid", func(e incident.Event) string { return e.MeetingUUID }},
	{"topic", func(e incident.Event) string { return e.Topic }},
	{"who", func(e incident.Event) string { return e.Who }},
	{"bridge_id", func(e incident.Event) string { return e.BridgeID }},
	{"incident", func(e incident.Event) string {
		if e.IncidentNumber == 0 {
			return ""
		}
		return incident.Key(e.IncidentNumber)
	}},
	{"origin", func(e incident.Event) string { return string(e.Origin) }},
	{"twin_of", func(e incident.Event) string {
		if e.TwinOf == 0 {
			return ""
		}
		return strconv.FormatInt(e.TwinOf, 10)
	}},
	{"read", func(e incident.Event) string { return strconv.FormatBool(e.State == incident.EventRead) }},
	{"stale", func(e incident.Event) string { return strconv.FormatBool(e.Stale) }},
}

func exportTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// appendNDJSON writes an event as the API does: unknown times are
// null, read and stale are booleans. A body that is valid UTF-8 is a string, so that its
// bytes are exact; any other body is base64.
func appendNDJSON(b []byte, e incident.Event, whole bool) []byte {
	for i, c := range exportColumns {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, c.name...)
		b = append(b, `":`...)
		v := c.value(e)
		switch c.name {
		case "read", "stale":
			b = append(b, v...)
		case "event_ts", "received_at":
			if v == "" {
				b = append(b, "null"...)
				continue
			}
			fallthrough
		default:
			b = appendJSONText(b, v)
		}
	}
	switch {
	case whole && utf8.Valid(e.Body):
		b = appendJSONText(append(b, `,"body":`...), string(e.Body))
	case whole:
		b = append(b, `,"body_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, e.Body), '"')
	}
	return append(b, "}\n"...)
}

// appendJSONText writes a JSON string, with a fast path for strings without escapes.
func appendJSONText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, _ := json.Marshal(s) // cannot fail
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendCell writes a cell of CSV (RFC 4180), the i-th of its row.
func appendCell(b []byte, i int, s string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	if isFormula(s) {
		s = "'" + s
	}
	if !strings.ContainsAny(s, ",;\"\r\n\t") && strings.TrimSpace(s) == s {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// isFormula reports whether a spreadsheet might run a text as a formula: it begins,
// perhaps after spaces, with a character that begins a formula, or its full-width form.
func isFormula(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == '\t' || s[0] == '\r' || s[0] == '\n' {
		return true
	}
	switch r, _ := utf8.DecodeRuneInString(strings.TrimSpace(s)); r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return true
	}
	return false
}
