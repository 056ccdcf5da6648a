package template

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// zonedTime is the result of the filter tz. The filter date after it needs the
// zone.
type zonedTime struct{ t time.Time }

func (z zonedTime) String() string { return z.t.Format(timeLayout) }

// timeOf parses a time: our own format, RFC 3339, a date, or seconds since 1970.
func timeOf(v any) (time.Time, bool) {
	switch v := v.(type) {
	case zonedTime:
		return v.t, true
	case int:
		return time.Unix(int64(v), 0).UTC(), v >= 0 && v < 253402300800 // the year 10000
	case string:
		for _, layout := range []string{"2006-01-02 15:04:05 UTC", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil {
				return t, true
			}
		}
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && n > 9999 {
			return timeOf(n)
		}
	}
	return time.Time{}, false
}

// filterTZ converts a time to another zone. Any other value passes unchanged.
func filterTZ(v, zone any) (any, error) {
	loc, ok := zoneOf(Text(zone))
	if !ok {
		return nil, errArgument
	}
	if t, ok := timeOf(v); ok {
		return zonedTime{t.In(loc)}, nil
	}
	return v, nil
}

var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}$`)

func zoneOf(name string) (*time.Location, bool) {
	if len(name) > 64 || !zoneName.MatchString(name) || name == "Local" {
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}

func checkZone(name string) Error {
	if _, ok := zoneOf(name); ok {
		return Error{}
	}
	e := Error{Code: UnknownZone, Name: name}
	_, city, found := strings.Cut(name, "/")
	if !found {
		city = name
	}
	words := strings.FieldsFunc(strings.ToLower(city), func(r rune) bool { return r == ' ' || r == '_' })
	for i, w := range words {
		r, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(r)) + w[size:]
	}
	city = strings.Join(words, "_")
	for _, area := range []string{"Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic", "Indian"} {
		if _, ok := zoneOf(area + "/" + city); ok {
			e.Suggestion = strconv.Quote(area + "/" + city)
			break
		}
	}
	return e
}

// dateDirectives are the directives of strftime that templates may use, as
// layouts of Go. The library's own date filter also accepts widths, and a
// template could use them to ask for gigabytes.
var dateDirectives = map[string]string{
	"Y": "2006", "y": "06", "m": "01", "-m": "1", "B": "January", "b": "Jan", "h": "Jan",
	"d": "02", "-d": "2", "e": "_2", "j": "002", "A": "Monday", "a": "Mon",
	"H": "15", "I": "03", "-I": "3", "M": "04", "S": "05", "p": "PM", "P": "pm",
	"Z": "MST", "z": "-0700", "F": "2006-01-02", "T": "15:04:05", "R": "15:04", "D": "01/02/06",
}

func filterDate(v, format any) (any, error) {
	t, ok := timeOf(v)
	if !ok {
		return v, nil
	}
	text, bad := strftime(t, Text(format))
	if bad != "" {
		return nil, errArgument
	}
	return bounded(text), nil
}

func checkDateFormat(format string) Error {
	if _, bad := strftime(time.Time{}, format); bad != "" {
		return Error{Code: UnknownDateFormat, Name: bad, Suggestion: `"%Y-%m-%d %H:%M"`}
	}
	return Error{}
}

// strftime formats t. bad is the first unknown part of the format, or "".
func strftime(t time.Time, format string) (text, bad string) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(format, "%")
		b.WriteString(before)
		if !found {
			return b.String(), ""
		}
		name := rest
		for i, r := range rest {
			if r != '-' || i > 0 { // the minus omits a leading zero
				name = rest[:i+utf8.RuneLen(r)]
				break
			}
		}
		switch layout := dateDirectives[name]; {
		case layout != "":
			b.WriteString(t.Format(layout))
		case name == "%":
			b.WriteByte('%')
		case name == "s":
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case name == "-H":
			b.WriteString(strconv.Itoa(t.Hour()))
		case name == "-M":
			b.WriteString(strconv.Itoa(t.Minute()))
		default:
			return "", "%" + name
		}
		format = rest[len(name):]
	}
}
