package incident

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// templateFilter is one filter that templates may use.
type templateFilter struct {
	min, max int // arguments after the value
	apply    any // func(value, arguments …) any, or with a templateFilterError
	// check judges a literal first argument when the template is saved.
	check func(arg string) (message, suggestion string)
}

// templateFilterError is a filter's refusal while rendering.
type templateFilterError string

func (e templateFilterError) Error() string { return string(e) }

// templateFilters replaces the library's filters by ours: these count characters
// and not bytes, take any value, and no result is longer than templateMaxValue.
var templateFilters = map[string]templateFilter{
	"default":    {1, 1, filterDefault, nil},
	"upcase":     {0, 0, func(v any) any { return templateValue(strings.ToUpper(templateText(v))) }, nil},
	"downcase":   {0, 0, func(v any) any { return templateValue(strings.ToLower(templateText(v))) }, nil},
	"capitalize": {0, 0, filterCapitalize, nil},
	"strip":      {0, 0, func(v any) any { return strings.TrimSpace(templateText(v)) }, nil},
	"append":     {1, 1, func(v, suffix any) any { return templateValue(templateText(v) + templateText(suffix)) }, nil},
	"prepend":    {1, 1, func(v, prefix any) any { return templateValue(templateText(prefix) + templateText(v)) }, nil},
	"replace":    {2, 2, filterReplace, nil},
	"remove":     {1, 1, func(v, old any) any { return filterReplace(v, old, "") }, nil},
	"truncate":   {0, 2, filterTruncate, nil},
	"split":      {1, 1, func(v, sep any) any { return strings.Split(templateText(v), templateText(sep)) }, nil},
	"join":       {0, 1, filterJoin, nil},
	"first":      {0, 0, func(v any) any { return filterEnd(v, func(n int) int { return 0 }) }, nil},
	"last":       {0, 0, func(v any) any { return filterEnd(v, func(n int) int { return n - 1 }) }, nil},
	"size":       {0, 0, filterSize, nil},
	"plus":       {1, 1, func(v, n any) any { return filterSum(v, n, 1) }, nil},
	"minus":      {1, 1, func(v, n any) any { return filterSum(v, n, -1) }, nil},
	"date":       {1, 1, filterDate, checkDateFormat},
	"tz":         {1, 1, filterTZ, checkZone},
}

// templateValue makes s fit for a template: valid UTF-8 and no longer than
// templateMaxValue.
func templateValue(s string) string {
	if len(s) > templateMaxValue {
		n := templateMaxValue
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// templateText is a value as the template would print it.
func templateText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return templateValue(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return joinBounded(v, "")
	default:
		return templateValue(fmt.Sprint(v))
	}
}

func filterDefault(v, fallback any) any {
	if v == nil || v == false || templateText(v) == "" {
		return fallback
	}
	return v
}

func filterCapitalize(v any) any {
	s := strings.ToLower(templateText(v))
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return templateValue(string(unicode.ToUpper(r)) + s[size:])
}

// filterReplace stops at the limit instead of cutting a text that a repeated
// replacement made millions of times longer.
func filterReplace(v, old, with any) any {
	s, o, n := templateText(v), templateText(old), templateText(with)
	if o == "" {
		return s
	}
	var b strings.Builder
	for b.Len() < templateMaxValue {
		before, after, found := strings.Cut(s, o)
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteString(n)
		s = after
	}
	return templateValue(b.String())
}

func filterTruncate(v any, args ...any) any {
	n, ellipsis := 50, "..."
	if len(args) > 0 {
		n = int(min(max(0, templateInteger(args[0])), templateMaxValue))
	}
	if len(args) > 1 {
		ellipsis = templateText(args[1])
	}
	runes := []rune(templateText(v))
	if len(runes) <= n {
		return string(runes)
	}
	mark := []rune(ellipsis)
	mark = mark[:min(len(mark), n)]
	return string(runes[:n-len(mark)]) + string(mark)
}

func filterJoin(v any, args ...any) any {
	sep := " "
	if len(args) > 0 {
		sep = templateText(args[0])
	}
	if list, ok := v.([]string); ok {
		return joinBounded(list, sep)
	}
	return templateText(v)
}

func joinBounded(list []string, sep string) string {
	var b strings.Builder
	for i, s := range list {
		if b.Len() >= templateMaxValue {
			break
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
	return templateValue(b.String())
}

func filterEnd(v any, index func(n int) int) any {
	list, ok := v.([]string)
	if !ok {
		return v
	}
	if len(list) == 0 {
		return ""
	}
	return list[index(len(list))]
}

func filterSize(v any) any {
	if list, ok := v.([]string); ok {
		return len(list)
	}
	return utf8.RuneCountInString(templateText(v))
}

func filterSum(v, n any, sign float64) any {
	a, b := templateNumber(v), templateNumber(n)
	sum := a + sign*b
	if sum == float64(int64(sum)) {
		return int(sum)
	}
	return sum
}

// templateNumber is v as a number, 0 when it is none, as in Liquid.
func templateNumber(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(templateText(v)), 64)
	if err != nil || f != f || f > 1e15 || f < -1e15 {
		return 0
	}
	return f
}

func templateInteger(v any) int64 {
	return int64(min(max(templateNumber(v), -1e15), 1e15))
}

// templateTimeLayout is how a time reads in a template's result.
const templateTimeLayout = "2006-01-02 15:04:05 MST"

// zonedTime is what the filter tz hands on, so that date after it knows the zone.
type zonedTime struct{ t time.Time }

func (z zonedTime) String() string { return z.t.Format(templateTimeLayout) }

// templateTimeOf reads a time: ours, RFC 3339, a date, or seconds since 1970.
func templateTimeOf(v any) (time.Time, bool) {
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
			return templateTimeOf(n)
		}
	}
	return time.Time{}, false
}

// filterTZ gives a time in another zone; what is no time passes unchanged.
func filterTZ(v, zone any) (any, error) {
	loc, ok := templateZone(templateText(zone))
	if !ok {
		return nil, templateFilterError("the filter tz got the name of no time zone")
	}
	if t, ok := templateTimeOf(v); ok {
		return zonedTime{t.In(loc)}, nil
	}
	return v, nil
}

var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}$`)

func templateZone(name string) (*time.Location, bool) {
	if len(name) > 64 || !zoneName.MatchString(name) || name == "Local" {
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}

func checkZone(name string) (message, suggestion string) {
	if _, ok := templateZone(name); ok {
		return "", ""
	}
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
		if _, ok := templateZone(area + "/" + city); ok {
			suggestion = strconv.Quote(area + "/" + city)
			break
		}
	}
	return fmt.Sprintf("There is no time zone %q. Zones are named as in \"Europe/Oslo\".", templateClip(name)), suggestion
}

// dateDirectives are the directives of strftime that templates know, as layouts
// of Go. The library's own date filter also takes widths, with which a template
// could ask for gigabytes.
var dateDirectives = map[string]string{
	"Y": "2006", "y": "06", "m": "01", "-m": "1", "B": "January", "b": "Jan", "h": "Jan",
	"d": "02", "-d": "2", "e": "_2", "j": "002", "A": "Monday", "a": "Mon",
	"H": "15", "I": "03", "-I": "3", "M": "04", "S": "05", "p": "PM", "P": "pm",
	"Z": "MST", "z": "-0700", "F": "2006-01-02", "T": "15:04:05", "R": "15:04", "D": "01/02/06",
}

func filterDate(v, format any) (any, error) {
	t, ok := templateTimeOf(v)
	if !ok {
		return v, nil
	}
	text, bad := strftime(t, templateText(format))
	if bad != "" {
		return nil, templateFilterError("the filter date got a format that it does not know")
	}
	return templateValue(text), nil
}

func checkDateFormat(format string) (message, suggestion string) {
	if _, bad := strftime(time.Time{}, format); bad != "" {
		return fmt.Sprintf("The date format has an unknown part %q.", bad), `"%Y-%m-%d %H:%M"`
	}
	return "", ""
}

// strftime writes t in a format; bad is the first part of it that is not known.
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
			if r != '-' || i > 0 { // the minus asks for no leading zero
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
