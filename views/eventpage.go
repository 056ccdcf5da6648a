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
	Sentence string // what it means: "Ana joined the bridge of INC-42 from Oslo."
	State    string // new, read or unreadable; a part of its place on the page, so that a new one replaces an old one

	Stale, Unread bool
	Why           string // for stale and unread: why, in a sentence
	// ReprocessAction is where Reprocess posts, of a stale event its Let it count; empty hides it.
	ReprocessAction string
	Notes           []EventNote // what is special about it: where it came from, its twins, that it was blanked

	At, Received                    When
	Key, IncidentName, IncidentHref string
	Facts                           []KeyValue // what it says, in words
	IDs                             []KeyValue // what machines know it and its parts by
	Changes                         []ValueChange
	Files                           []EventFile
	Effects                         []EventEffect
	NoEffect                        string // where Effects is empty: why, in a sentence

	Checks  []Check // verification: signature, age, delivery
	Headers []KeyValue
	Body    string // secrets masked; shown as a tree where it is JSON, and as text
	RawHref string // the bytes as received, to download
	Bytes   int    // as received
	// Curl is a command that sends the event again, CurlNote what it needs; empty hides it.
	Curl, CurlNote string

	Earlier, Later []EventRow // of the same meeting, nearest first
	AroundHref     string     // the list around this moment; empty hides it
	CloseHref      string     // the list alone, same filters
}

// EventNote is a sentence, and where it leads.
type EventNote struct{ Text, LinkText, Href string }

// ValueChange is a value that is another now. "" shows as a dash.
type ValueChange struct{ Name, Was, Is string }

// EventFile is a file of a recording. Its links are empty where they lead elsewhere than to Zoom.
type EventFile struct {
	Kind, Format, Size, Length string
	PlayHref, DownloadHref     string
}

// EventEffect is one thing that an event changed.
type EventEffect struct{ Text, Detail string }

// Check is one thing that was looked at. State is ok, warning or bad.
type Check struct {
	Level Level
	Text  string
}

const (
	prettyMax  = 64 << 10 // bytes of a body that are laid out; the rest is in the download
	prettyDeep = 40       // levels: deeper is an attack on whoever lays it out
	jsonMax    = 5000     // lines that are laid out
	jsonUnfold = 30       // fields of an object that is not folded at first
)

type jsonLine struct{ indent, key, value, kind, tail string }

// colon stands between a key and its value.
func (l jsonLine) colon() string {
	if l.key == "" {
		return ""
	}
	return ": "
}

// jsonNode is a line, and for an object or a list what is in it and its last line.
type jsonNode struct {
	jsonLine
	kids []jsonNode
	end  jsonLine
}

// open reports whether a node is shown unfolded at first.
func (n jsonNode) open() bool { return len(n.kids) <= jsonUnfold }

func (n jsonNode) count() string {
	if n.value == "[" {
		return Plural(len(n.kids), "item", "items")
	}
	return Plural(len(n.kids), "field", "fields")
}

// jsonTree lays out a JSON text, or gives nil; see jsonLines.
func jsonTree(body string) []jsonNode {
	lines := jsonLines(body)
	if len(lines) > jsonMax {
		return nil
	}
	nodes, _ := jsonKids(lines)
	return nodes
}

// jsonKids are the nodes up to the line that closes what they are in, and the
// lines from there on.
func jsonKids(lines []jsonLine) (nodes []jsonNode, rest []jsonLine) {
	for rest = lines; len(rest) > 0; {
		n := jsonNode{jsonLine: rest[0]}
		switch n.value {
		case "}", "]":
			return nodes, rest
		case "{", "[":
			if n.kids, rest = jsonKids(rest[1:]); len(rest) == 0 {
				return nodes, nil
			}
			n.end = rest[0]
		}
		nodes, rest = append(nodes, n), rest[1:]
	}
	return nodes, rest
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
