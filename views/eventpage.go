package views

import (
	"bytes"
	"encoding/json"
	"strings"
)

// EventDetail is one event in full.
type EventDetail struct {
	ID       string
	Words    string // participant joined
	Event    string
	Sentence string // what it means: "Ana joined the meeting of INC-42."
	State    string // new, read or unreadable; part of the element's id, so that a changed state replaces the element

	Stale, Unread bool
	Why           string // why it is stale or unread, in a sentence
	// ReprocessAction is where Reprocess posts, or for a stale event, Accept event; empty hides the button.
	ReprocessAction string
	Notes           []EventNote // what is special about it: its origin, its variants, that it was blanked

	At, Received                    When
	Key, IncidentName, IncidentHref string
	Facts                           []KeyValue // what its body says
	IDs                             []KeyValue // IDs of the event and its parts
	Changes                         []ValueChange
	Files                           []EventFile
	Effects                         []EventEffect
	NoEffect                        string // why Effects is empty, in a sentence

	Checks  []Check // verification: signature, age, delivery
	Headers []KeyValue
	Body    string // with masked secrets; shown as text, and as a tree if it is JSON
	RawHref string // download of the bytes as received
	Bytes   int    // as received
	// Curl is a command that sends the event again, and CurlNote says what it needs; empty hides it.
	Curl, CurlNote string

	Earlier, Later []EventRow // of the same meeting, nearest first
	AroundHref     string     // the list around this time; empty hides it
	CloseHref      string     // the list with the same filters, without this event
}

// EventNote is a sentence with a link.
type EventNote struct{ Text, LinkText, Href string }

// ValueChange is a changed value. "" shows as a dash.
type ValueChange struct{ Name, Was, Is string }

// EventFile is a file of a recording. A link is empty unless it leads to Zoom.
type EventFile struct {
	Kind, Format, Size, Length string
	PlayHref, DownloadHref     string
}

// EventEffect is one thing that an event changed.
type EventEffect struct{ Text, Detail string }

// Check is one part of an event's verification. Level is ok, warning or bad.
type Check struct {
	Level Level
	Text  string
}

const (
	prettyMax  = 64 << 10 // bytes of a body that is shown as a tree; the rest is in the download
	prettyDeep = 40       // levels of such a body, because deeper ones are slow to lay out
	jsonMax    = 5000     // its values
	jsonUnfold = 30       // fields of an object that is unfolded at first
)

// jsonNode is a value of a JSON text, laid out: one line, or for an object or a list
// that is not empty its first line, what is in it, and its last line.
type jsonNode struct {
	indent, key, value, kind string
	kids                     []jsonNode
	end, comma               string
}

// colon stands between a key and its value.
func (n jsonNode) colon() string {
	if n.key == "" {
		return ""
	}
	return ": "
}

// open reports whether a node is shown unfolded at first.
func (n jsonNode) open() bool { return len(n.kids) <= jsonUnfold }

func (n jsonNode) count() string {
	if n.value == "[" {
		return Plural(len(n.kids), "item", "items")
	}
	return Plural(len(n.kids), "field", "fields")
}

// jsonTree lays out a JSON text, an object or a list. It returns nil for a text that
// is not JSON, or too large or too deep.
func jsonTree(body string) []jsonNode {
	if len(body) > prettyMax || !json.Valid([]byte(body)) {
		return nil
	}
	left := jsonMax
	root, ok := layOut(json.RawMessage(strings.TrimSpace(body)), 0, &left)
	if !ok {
		return nil
	}
	return []jsonNode{root}
}

// layOut lays out a valid JSON value at a depth. It takes each value from left and
// returns false when nothing is left or the value is too deep.
func layOut(raw json.RawMessage, depth int, left *int) (n jsonNode, ok bool) {
	n = jsonNode{indent: strings.Repeat("  ", depth), value: string(raw)}
	if *left--; *left < 0 {
		return n, false
	}
	switch c := raw[0]; {
	case c == '"':
		n.kind = "db-j-string"
	case c == 't', c == 'f', c == 'n':
		n.kind = "db-j-word"
	case c != '{' && c != '[':
		n.kind = "db-j-number"
	case depth >= prettyDeep:
		return n, false
	default:
		return n.fill(raw, depth, left)
	}
	return n, true
}

// fill lays out what is in an object or a list.
func (n jsonNode) fill(raw json.RawMessage, depth int, left *int) (jsonNode, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token() // the bracket; the text is valid
	for dec.More() {
		var key []byte
		if raw[0] == '{' {
			from := dec.InputOffset()
			_, _ = dec.Token()
			key = bytes.TrimLeft(raw[from:dec.InputOffset()], ", \t\r\n")
		}
		var value json.RawMessage
		_ = dec.Decode(&value)
		kid, ok := layOut(value, depth+1, left)
		if !ok {
			return n, false
		}
		kid.key, kid.comma = string(key), ","
		n.kids = append(n.kids, kid)
	}
	n.value, n.end = string(raw[:1]), string(raw[len(raw)-1:])
	if len(n.kids) == 0 {
		n.value, n.end = n.value+n.end, ""
		return n, true
	}
	n.kids[len(n.kids)-1].comma = ""
	return n, true
}

// start is the first part of a long body, cut at a rune.
func start(body string) string {
	if len(body) <= prettyMax {
		return body
	}
	return strings.ToValidUTF8(body[:prettyMax], "")
}
