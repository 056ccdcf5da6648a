package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid/parser"
)

// templateBlocks are the blocks that templates may use and what divides them.
var templateBlocks = map[string][]string{
	"if":     {"elsif", "else"},
	"unless": {"else"},
	"case":   {"when", "else"},
}

// templateTags is every tag that templates may use.
var templateTags = []string{"if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"}

// templateHints are names that people write for one that exists: words of the
// hosted tool that mean something else there, and plain guesses.
var templateHints = map[string]string{
	"incident.priority":                "incident.severity",
	"incident.title":                   "incident.name",
	"incident.summary":                 "incident.description",
	"incident.customer_impact_summary": "incident.description",
	"incident.conference_bridges":      "incident.join_page",
	"incident.link":                    "incident.url",
	"incident.created_by":              "incident.opener.name",
	"incident.opener":                  "incident.opener.name",
	"incident.incident_type":           "incident.type",
	"incident.runbook":                 "runbook.name",
	"incident":                         "incident.name",
	"runbook":                          "runbook.name",
}

// templateCheck collects what is wrong with one template.
type templateCheck struct {
	src     string
	known   map[string]bool
	names   []string // of known, sorted; aliases last
	filters int
	errs    TemplateErrors
}

func checkTemplate(src string, varNames []string) TemplateErrors {
	c := &templateCheck{src: src, known: templateKnown(varNames)}
	c.names = slices.SortedFunc(maps.Keys(c.known), func(a, b string) int {
		if c.known[a] != c.known[b] {
			if c.known[a] {
				return 1
			}
			return -1
		}
		return cmp.Compare(a, b)
	})
	if len(src) > templateMaxBytes {
		c.fail(0, fmt.Sprintf("The template is %d bytes long; at most %d are allowed.", len(src), templateMaxBytes), "")
		return c.errs
	}
	if !utf8.ValidString(src) {
		c.fail(0, "The template is not valid UTF-8 text.", "")
		return c.errs
	}
	c.template()
	slices.SortStableFunc(c.errs, func(a, b TemplateError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.errs
}

// fail notes an error at a byte offset of the source.
func (c *templateCheck) fail(offset int, message, suggestion string) {
	before := c.src[:offset]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	c.errs = append(c.errs, TemplateError{
		Line:       strings.Count(before, "\n") + 1,
		Column:     utf8.RuneCountInString(before[lineStart:]) + 1,
		Message:    message,
		Suggestion: suggestion,
	})
}

// openBlock is a block whose end is still to come.
type openBlock struct {
	name   string
	offset int
	last   bool // its else has been
}

// template walks the text with the library's own scanner, so that both see the
// same tags; what the scanner took for plain text must hold no delimiter.
func (c *templateCheck) template() {
	var open []openBlock
	offset := 0
	for _, tok := range parser.Scan(c.src, parser.SourceLoc{}, nil) {
		switch tok.Type {
		case parser.TextTokenType:
			c.text(offset, tok.Source)
		case parser.ObjTokenType:
			at := offset + strings.Index(tok.Source[2:], tok.Args) + 2
			if strings.TrimSpace(tok.Args) == "" {
				c.fail(offset, "Nothing stands between {{ and }}.", "")
			} else if c.expression(offset, at, tok.Args, "{{") {
				c.syntax(at, "{{ "+templateOneLine(tok.Args)+" }}", tok.Args)
			}
		case parser.TagTokenType:
			open = c.tag(offset, tok, open)
		}
		offset += len(tok.Source)
	}
	for _, b := range open {
		c.fail(b.offset, fmt.Sprintf("The block %q is not closed: add {%% end%s %%}.", b.name, b.name), "")
	}
}

// text refuses delimiters that open nothing: the library would print them.
func (c *templateCheck) text(offset int, text string) {
	at := strings.Index(text, "{{")
	if tag := strings.Index(text, "{%"); tag >= 0 && (at < 0 || tag < at) {
		at = tag
	}
	if at < 0 {
		return
	}
	opening, closing := text[at:at+2], "}}"
	if opening == "{%" {
		closing = "%}"
	}
	inside, _, closed := strings.Cut(text[at+2:], closing)
	switch {
	case !closed || strings.Contains(inside, "{{") || strings.Contains(inside, "{%"):
		c.fail(offset+at, fmt.Sprintf("This %s is not closed: add %s.", opening, closing), "")
	case strings.Trim(inside, " \t\r\n-") == "":
		c.fail(offset+at, fmt.Sprintf("Nothing stands between %s and %s.", opening, closing), "")
	case opening == "{{":
		c.fail(offset+at, "What stands between {{ and }} must be on one line.", "")
	default:
		c.fail(offset+at, "This tag cannot be read.", "")
	}
}

// tag checks one {% … %} and returns the blocks that are open after it.
func (c *templateCheck) tag(offset int, tok parser.Token, open []openBlock) []openBlock {
	name := tok.Name
	nameAt := offset + strings.Index(tok.Source, name)
	argsAt := nameAt + len(name)
	argsAt += strings.Index(c.src[argsAt:], tok.Args)

	_, starts := templateBlocks[name]
	block, ends := strings.CutPrefix(name, "end")
	if _, isBlock := templateBlocks[block]; !isBlock {
		ends = false
	}
	if !slices.Contains(templateTags, name) {
		suggestion := nearestName(name, templateTags)
		if name == "elseif" || name == "elif" {
			suggestion = "elsif"
		}
		c.fail(nameAt, fmt.Sprintf("The tag %q is not allowed. Templates use if, unless and case.", templateClip(name)), suggestion)
		return open
	}

	wantsArgs := starts || name == "elsif" || name == "when"
	switch {
	case wantsArgs && tok.Args == "":
		c.fail(nameAt, fmt.Sprintf("The tag %q needs a condition.", name), "")
	case !wantsArgs && tok.Args != "":
		suggestion := ""
		if name == "else" {
			suggestion = "elsif"
		}
		c.fail(argsAt, fmt.Sprintf("Nothing may stand after %q.", name), suggestion)
	case wantsArgs && c.expression(offset, argsAt, tok.Args, "{%"):
		probe := "{% if " + tok.Args + " %}{% endif %}"
		if name == "when" {
			probe = "{% case 1 %}{% when " + tok.Args + " %}{% endcase %}"
		}
		c.syntax(argsAt, probe, tok.Args)
	}

	switch {
	case starts:
		open = append(open, openBlock{name: name, offset: offset})
		if len(open) == templateMaxDepth+1 {
			c.fail(offset, fmt.Sprintf("Blocks may stand inside each other at most %d deep.", templateMaxDepth), "")
		}
	case len(open) == 0:
		c.fail(offset, fmt.Sprintf("The tag %q belongs to no open block.", name), "")
	case ends:
		if b := open[len(open)-1]; b.name != block {
			c.fail(nameAt, fmt.Sprintf("%q does not end the open block %q.", name, b.name), "end"+b.name)
		}
		open = open[:len(open)-1]
	default:
		b := &open[len(open)-1]
		switch {
		case !slices.Contains(templateBlocks[b.name], name):
			c.fail(nameAt, fmt.Sprintf("%q does not belong into the block %q.", name, b.name), "")
		case b.last:
			c.fail(nameAt, fmt.Sprintf("%q comes after the else of its block.", name), "")
		case name == "else":
			b.last = true
		}
	}
	return open
}

// syntax lets the library judge one tag on its own, which gives its place.
func (c *templateCheck) syntax(at int, probe, args string) {
	if _, err := parseLiquid(probe); err == nil {
		return
	}
	if strings.Contains(args, "|") && strings.ContainsAny(args, "=<>") {
		c.fail(at, "A comparison cannot hold a filter.", "")
		return
	}
	c.fail(at, fmt.Sprintf("%q cannot be read.", templateClip(templateOneLine(args))), "")
}

func templateOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func templateClip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// lexeme is one word of an expression.
type lexeme struct {
	kind   byte // 'n' name with its dots, 'k' name followed by a colon, 's' string, '#' number, 'o' operator
	text   string
	offset int // in the source
}

// expression checks the names and filters of an expression that starts at byte
// at of the source inside the tag at byte tag. It reports whether it found
// nothing wrong.
func (c *templateCheck) expression(tag, at int, expr, opening string) bool {
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
			c.fail(w.offset, fmt.Sprintf("%q: arguments with a name are not known.", templateClip(w.text+":")), "")
		case w.kind == 'n':
			c.variable(w)
		}
	}
	return len(c.errs) == before
}

func (c *templateCheck) filter(w lexeme, rest []lexeme) {
	f, ok := templateFilters[w.text]
	if !ok {
		c.fail(w.offset, fmt.Sprintf("There is no filter %q.", templateClip(w.text)), nearestName(w.text, slices.Sorted(maps.Keys(templateFilters))))
		return
	}
	if c.filters++; c.filters == templateMaxFilters+1 {
		c.fail(w.offset, fmt.Sprintf("A template may use at most %d filters.", templateMaxFilters), "")
	}
	args := 0
	if w.kind == 'k' {
		args = 1
		depth := 0
		for _, r := range rest {
			switch {
			case r.kind == 'k' && depth == 0:
				return // refused as an argument with a name
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
		c.fail(w.offset, fmt.Sprintf("The filter %q needs an argument after a colon.", w.text), "")
	case args < f.min || args > f.max:
		c.fail(w.offset, fmt.Sprintf("The filter %q takes %s, not %d.", w.text, argumentCount(f), args), "")
	case f.check != nil && len(rest) > 0 && rest[0].kind == 's':
		if message, suggestion := f.check(rest[0].text); message != "" {
			c.fail(rest[0].offset, message, suggestion)
		}
	}
}

func argumentCount(f templateFilter) string {
	switch {
	case f.max == 0:
		return "no argument"
	case f.min == f.max && f.max == 1:
		return "one argument"
	case f.min == f.max:
		return strconv.Itoa(f.max) + " arguments"
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

func (c *templateCheck) variable(w lexeme) {
	switch w.text {
	case "true", "false", "nil", "and", "or", "contains":
		return
	case "empty", "blank":
		c.fail(w.offset, fmt.Sprintf("The word %q is not known here.", w.text), `""`)
		return
	}
	if _, ok := c.known[w.text]; ok {
		return
	}
	suggestion := templateHints[w.text]
	if _, ok := templateFilters[w.text]; ok {
		suggestion = "| " + w.text
	}
	if suggestion == "" {
		if _, ok := c.known["vars."+w.text]; ok {
			suggestion = "vars." + w.text
		} else if _, ok := c.known["incident."+w.text]; ok {
			suggestion = "incident." + w.text
		} else {
			suggestion = nearestName(w.text, c.names)
		}
	}
	c.fail(w.offset, fmt.Sprintf("There is no variable %q.", templateClip(w.text)), suggestion)
}

// templateOperators are those of the library's grammar without ranges and indexes.
var templateOperators = []string{"==", "!=", ">=", "<=", "<", ">", "|", ",", "(", ")"}

// templateInstead says what people meant by characters that Liquid does not know.
var templateInstead = map[rune]string{
	'=': "==", '&': "and", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '‘': "'", '’': "'", '!': "!=",
}

// lex splits an expression. It knows less than the library does, so what passes
// here means the same there.
func (c *templateCheck) lex(tag, at int, expr, opening string) (words []lexeme, ok bool) {
	for i := 0; i < len(expr); {
		rest := expr[i:]
		r, size := utf8.DecodeRuneInString(rest)
		word := lexeme{offset: at + i}
		switch n := 0; {
		case strings.ContainsRune(" \t\r\n", r):
			i += size
			continue
		case r == '"' || r == '\'':
			if n = quotedLength(rest); n == 0 {
				c.fail(at+i, "This text has no closing quotation mark.", "")
				return nil, false
			}
			word.kind, word.text = 's', rest[1:n-1]
			i += n
		case nameLength(rest) > 0:
			n = nameLength(rest)
			for n < len(rest) && rest[n] == '.' && nameLength(rest[n+1:]) > 0 {
				n += 1 + nameLength(rest[n+1:])
			}
			word.kind, word.text = 'n', rest[:n]
			if n < len(rest) && rest[n] == ':' {
				word.kind = 'k'
				n++
			}
			i += n
		case numberLength(rest) > 0:
			n = numberLength(rest)
			word.kind, word.text = '#', rest[:n]
			if len(word.text) > 15 {
				c.fail(at+i, "This number is too long.", "")
				return nil, false
			}
			i += n
		case operatorOf(rest) != "":
			word.kind, word.text = 'o', operatorOf(rest)
			i += len(word.text)
		case r == '{' || r == '}' || r == '%':
			closing := "}}"
			if opening == "{%" {
				closing = "%}"
			}
			c.fail(tag, fmt.Sprintf("This %s is not closed: add %s.", opening, closing), "")
			return nil, false
		case strings.HasPrefix(rest, ".."):
			c.fail(at+i, "Ranges are not allowed.", "")
			return nil, false
		default:
			c.fail(at+i, fmt.Sprintf("%q cannot stand here.", r), templateInstead[r])
			return nil, false
		}
		words = append(words, word)
	}
	for i, w := range words {
		if w.kind == 'o' && w.text == "|" && i > 0 && words[i-1].kind == 'o' && words[i-1].text == "|" {
			c.fail(words[i-1].offset, `"||" cannot stand here.`, "or")
			return nil, false
		}
	}
	return words, true
}

// quotedLength is the length of the quoted text that s starts with, 0 if it never
// ends. Only double quotes know the backslash.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\\' && s[0] == '"':
			i++
		}
	}
	return 0
}

func nameLength(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && r != '-') {
			return i
		}
	}
	return len(s)
}

func numberLength(s string) int {
	digits := func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	start := 0
	if strings.HasPrefix(s, "-") {
		start = 1
	}
	n := digits(start)
	if n == start {
		return 0
	}
	if n+1 < len(s) && s[n] == '.' {
		if m := digits(n + 1); m > n+1 {
			n = m
		}
	}
	return n
}

func operatorOf(s string) string {
	for _, op := range templateOperators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// nearestName is the name that is fewest typing errors away from word, "" when none
// is near.
func nearestName(word string, names []string) string {
	best, distance := "", max(1, len(word)/4)+1
	if len(word) > 100 {
		return ""
	}
	for _, name := range names {
		if d := editDistance(strings.ToLower(word), name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts letters to add, drop, change or swap with a neighbour.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
