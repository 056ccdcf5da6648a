package views

import (
	"bytes"
	"encoding/json"
	"strings"
)

// EventDetail is one event in full.
type EventDetail struct {
	ID            string
	Words         string // participant joined
	Event         string
	Sentence      string // what it means: "Ana joined the bridge of INC-42 from Oslo."
	Stale, Unread bool
	Why           string // for stale and unread: why, in a sentence
	// ReprocessAction is where the button of a stale event posts; empty hides it.
	ReprocessAction string

	At, Received                    When
	Key, IncidentName, IncidentHref string
	Fields                          []KeyValue // the payload's own, in words
	Checks                          []Check    // verification: signature, age, delivery
	Headers                         []KeyValue
	Body                            string // as it came; shown pretty where it is JSON, and raw
	RawHref                         string // the bytes as received, to download
	Bytes                           int

	MeetingID      string
	Earlier, Later []EventRow // of that meeting, nearest first
	CloseHref      string     // the list alone, same filters
}

// Check is one thing that was looked at. State is ok, warning or bad.
type Check struct{ State, Text string }

const (
	prettyMax  = 64 << 10 // bytes of a body that are laid out; the rest is in the download
	prettyDeep = 40       // levels: deeper is an attack on whoever lays it out
)

type jsonLine struct{ indent, key, value, kind, tail string }

// colon stands between a key and its value.
func (l jsonLine) colon() string {
	if l.key == "" {
		return ""
	}
	return ": "
}

// jsonLines lays out a JSON text, one line each, with its parts told apart. It gives nil for what is not JSON, too deep or too large.
func jsonLines(body string) []jsonLine {
	if len(body) > prettyMax || depth(body) > prettyDeep {
		return nil
	}
	var out bytes.Buffer
	if json.Indent(&out, []byte(body), "", "  ") != nil {
		return nil
	}
	var lines []jsonLine
	for text := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		rest := strings.TrimLeft(text, " ")
		l := jsonLine{indent: text[:len(text)-len(rest)]}
		if strings.HasSuffix(rest, ",") {
			rest, l.tail = rest[:len(rest)-1], ","
		}
		if end := stringEnd(rest); end > 0 && strings.HasPrefix(rest[end:], ": ") {
			l.key, rest = rest[:end], rest[end+2:]
		}
		l.value = rest
		switch {
		case strings.HasPrefix(rest, `"`):
			l.kind = "db-j-string"
		case rest == "true", rest == "false", rest == "null":
			l.kind = "db-j-word"
		case rest != "" && strings.ContainsRune("-0123456789", rune(rest[0])):
			l.kind = "db-j-number"
		}
		lines = append(lines, l)
	}
	return lines
}

// stringEnd is where the JSON string that s starts with ends, 0 if it starts with none.
func stringEnd(s string) int {
	if !strings.HasPrefix(s, `"`) {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func depth(s string) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// start is the first part of a long body, on a rune.
func start(body string) string {
	if len(body) <= prettyMax {
		return body
	}
	return strings.ToValidUTF8(body[:prettyMax], "")
}
