package template

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filter is one filter that templates may use.
type filter struct {
	min, max int // number of arguments after the value
	apply    any // func(value, arguments …) any, or (any, error)
	// check checks a literal first argument when the template is parsed. It
	// returns an Error without a code if the argument is valid.
	check func(arg string) Error
}

// errArgument is the error of a filter that rejects its argument during
// rendering.
var errArgument = errors.New("bad argument")

// filters replace those of the library. Ours count characters instead of bytes,
// accept any value, and never return more than maxValue bytes.
var filters = map[string]filter{
	"default":    {1, 1, filterDefault, nil},
	"upcase":     {0, 0, func(v any) any { return bounded(strings.ToUpper(Text(v))) }, nil},
	"downcase":   {0, 0, func(v any) any { return bounded(strings.ToLower(Text(v))) }, nil},
	"capitalize": {0, 0, filterCapitalize, nil},
	"strip":      {0, 0, func(v any) any { return strings.TrimSpace(Text(v)) }, nil},
	"append":     {1, 1, func(v, suffix any) any { return bounded(Text(v) + Text(suffix)) }, nil},
	"prepend":    {1, 1, func(v, prefix any) any { return bounded(Text(prefix) + Text(v)) }, nil},
	"replace":    {2, 2, filterReplace, nil},
	"remove":     {1, 1, func(v, old any) any { return filterReplace(v, old, "") }, nil},
	"truncate":   {0, 2, filterTruncate, nil},
	"split":      {1, 1, func(v, sep any) any { return strings.Split(Text(v), Text(sep)) }, nil},
	"join":       {0, 1, filterJoin, nil},
	"first":      {0, 0, func(v any) any { return filterEnd(v, func(n int) int { return 0 }) }, nil},
	"last":       {0, 0, func(v any) any { return filterEnd(v, func(n int) int { return n - 1 }) }, nil},
	"size":       {0, 0, filterSize, nil},
	"plus":       {1, 1, func(v, n any) any { return filterSum(v, n, 1) }, nil},
	"minus":      {1, 1, func(v, n any) any { return filterSum(v, n, -1) }, nil},
	"date":       {1, 1, filterDate, checkDateFormat},
	"tz":         {1, 1, filterTZ, checkZone},
}

func filterDefault(v, fallback any) any {
	if v == nil || v == false || Text(v) == "" {
		return fallback
	}
	return v
}

func filterCapitalize(v any) any {
	s := strings.ToLower(Text(v))
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return bounded(string(unicode.ToUpper(r)) + s[size:])
}

// filterReplace stops at maxValue. It does not build the whole text first,
// because repeated replacements could make it millions of times longer.
func filterReplace(v, old, with any) any {
	s, o, n := Text(v), Text(old), Text(with)
	if o == "" {
		return s
	}
	var b strings.Builder
	for b.Len() < maxValue {
		before, after, found := strings.Cut(s, o)
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteString(n)
		s = after
	}
	return bounded(b.String())
}

func filterTruncate(v any, args ...any) any {
	n, ellipsis := 50, "..."
	if len(args) > 0 {
		n = int(min(max(0, integer(args[0])), maxValue))
	}
	if len(args) > 1 {
		ellipsis = Text(args[1])
	}
	runes := []rune(Text(v))
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
		sep = Text(args[0])
	}
	if list, ok := v.([]string); ok {
		return join(list, sep)
	}
	return Text(v)
}

func join(list []string, sep string) string {
	var b strings.Builder
	for i, s := range list {
		if b.Len() >= maxValue {
			break
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
	return bounded(b.String())
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
	return utf8.RuneCountInString(Text(v))
}

func filterSum(v, n any, sign float64) any {
	a, b := number(v), number(n)
	sum := a + sign*b
	if sum == float64(int64(sum)) {
		return int(sum)
	}
	return sum
}

// number converts v to a number. As in Liquid, it returns 0 if v is not a number.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(Text(v)), 64)
	if err != nil || f != f || f > 1e15 || f < -1e15 {
		return 0
	}
	return f
}

func integer(v any) int64 {
	return int64(min(max(number(v), -1e15), 1e15))
}
