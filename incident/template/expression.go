package template

import (
	"maps"
	"slices"
	"strings"
)

// expression checks the names and filters of an expression. The expression starts
// at the byte offset at of the source, inside the tag that starts at the byte
// offset tag. It reports whether it found no error.
func (c *checker) expression(tag, at int, expr, opening string) bool {
	before := len(c.errs)
	words, ok := c.lex(tag, at, expr, opening)
	if !ok {
		return false
	}
	for i, w := range words {
		afterPipe := i > 0 && words[i-1].text == "|" && words[i-1].kind == 'o'
		switch {
		case afterPipe && (w.kind == 'n' || w.kind == 'k'):
			c.filter(w, words[i+1:])
		case w.kind == 'k':
			c.fail(w.offset, Error{Code: NamedArgument, Name: w.text + ":"})
		case w.kind == 'n':
			c.variable(w)
		}
	}
	return len(c.errs) == before
}

func (c *checker) filter(w lexeme, rest []lexeme) {
	f, ok := filters[w.text]
	if !ok {
		c.fail(w.offset, Error{Code: UnknownFilter, Name: w.text, Suggestion: nearest(w.text, slices.Sorted(maps.Keys(filters)))})
		return
	}
	if c.filters++; c.filters == maxFilters+1 {
		c.fail(w.offset, Error{Code: TooManyFilters, Limit: maxFilters})
	}
	args := 0
	if w.kind == 'k' {
		args = 1
		depth := 0
		for _, r := range rest {
			switch {
			case r.kind == 'k' && depth == 0:
				return // rejected by expression as a named argument
			case r.kind != 'o':
			case r.text == "(":
				depth++
			case r.text == ")":
				depth--
			case r.text == "," && depth == 0:
				args++
			}
			if depth < 0 || depth == 0 && r.kind == 'o' && r.text == "|" {
				break
			}
		}
	}
	switch {
	case args < f.min && w.kind == 'n':
		c.fail(w.offset, Error{Code: MissingArgument, Name: w.text})
	case args < f.min || args > f.max:
		c.fail(w.offset, Error{Code: WrongArguments, Name: w.text, Count: args, Min: f.min, Limit: f.max})
	case f.check != nil && len(rest) > 0 && rest[0].kind == 's':
		if e := f.check(rest[0].text); e.Code != "" {
			c.fail(rest[0].offset, e)
		}
	}
}

func (c *checker) variable(w lexeme) {
	switch w.text {
	case "true", "false", "nil", "and", "or", "contains":
		return
	}
	switch {
	case c.known[w.text]:
	case slices.Contains(c.names.Empty, w.text):
		c.hints = append(c.hints, c.at(w.offset, Error{Code: AlwaysEmpty, Name: w.text, Suggestion: c.names.Instead[w.text]}))
	default:
		c.fail(w.offset, Error{Code: UnknownVariable, Name: w.text, Suggestion: c.meant(w.text)})
	}
}

// meant returns what the author probably meant by an unknown name, or "".
func (c *checker) meant(word string) string {
	if word == "empty" || word == "blank" {
		return `""`
	}
	if _, ok := filters[word]; ok {
		return "| " + word
	}
	if name := c.names.Instead[word]; name != "" {
		return name
	}
	for _, name := range c.names.Known {
		if _, rest, _ := strings.Cut(name, "."); rest == word {
			return name
		}
	}
	return nearest(word, c.names.Known)
}
