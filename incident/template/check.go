package template

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/osteele/liquid/parser"
)

// blocks are the blocks that templates may use, with the tags that divide them.
var blocks = map[string][]string{
	"if":     {"elsif", "else"},
	"unless": {"else"},
	"case":   {"when", "else"},
}

var tags = []string{"if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"}

type checker struct {
	src     string
	names   Names
	known   map[string]bool
	filters int
	errs    Errors
	hints   Errors
}

func check(src string, names Names) (errs, hints Errors) {
	c := &checker{src: src, names: names, known: map[string]bool{}}
	for _, name := range names.Known {
		c.known[name] = true
	}
	switch {
	case len(src) > maxBytes:
		c.fail(0, Error{Code: TooLong, Count: len(src), Limit: maxBytes})
	case !utf8.ValidString(src):
		c.fail(0, Error{Code: NotUTF8})
	default:
		c.template()
	}
	slices.SortStableFunc(c.errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.errs, c.hints
}

// fail adds an error at a byte offset of the source.
func (c *checker) fail(offset int, e Error) { c.errs = append(c.errs, c.at(offset, e)) }

// at is e at a byte offset of the source.
func (c *checker) at(offset int, e Error) Error {
	before := c.src[:offset]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	e.Line = strings.Count(before, "\n") + 1
	e.Column = utf8.RuneCountInString(before[lineStart:]) + 1
	e.Name = clip(e.Name)
	return e
}

// clip puts s on one line and limits it to 60 characters, so that it fits into a
// message.
func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// openBlock is a block whose end tag has not come yet.
type openBlock struct {
	name   string
	offset int
	last   bool // its else has come
}

// template walks the source with the library's own scanner, so that both see the
// same tags. Text between the tags must not contain a delimiter.
func (c *checker) template() {
	var open []openBlock
	offset := 0
	for _, tok := range parser.Scan(c.src, parser.SourceLoc{}, nil) {
		switch tok.Type {
		case parser.TextTokenType:
			c.text(offset, tok.Source)
		case parser.ObjTokenType:
			at := offset + strings.Index(tok.Source[2:], tok.Args) + 2
			if strings.TrimSpace(tok.Args) == "" {
				c.fail(offset, Error{Code: Empty, Name: "{{", Want: "}}"})
			} else if c.expression(offset, at, tok.Args, "{{") {
				c.syntax(at, "{{ "+strings.Join(strings.Fields(tok.Args), " ")+" }}", tok.Args)
			}
		case parser.TagTokenType:
			open = c.tag(offset, tok, open)
		default: // white space that is cut off
		}
		offset += len(tok.Source)
	}
	for _, b := range open {
		c.fail(b.offset, Error{Code: NotClosed, Name: b.name, Want: "{% end" + b.name + " %}"})
	}
}

// text rejects delimiters that do not form a tag. The library would print them as
// text.
func (c *checker) text(offset int, text string) {
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
		c.fail(offset+at, Error{Code: NotClosed, Name: opening, Want: closing})
	case strings.Trim(inside, " \t\r\n-") == "":
		c.fail(offset+at, Error{Code: Empty, Name: opening, Want: closing})
	case opening == "{{":
		c.fail(offset+at, Error{Code: SeveralLines})
	default:
		c.fail(offset+at, Error{Code: Syntax, Name: opening + inside + closing})
	}
}

// tag checks one {% … %} and returns the blocks that are open after it.
func (c *checker) tag(offset int, tok parser.Token, open []openBlock) []openBlock {
	name := tok.Name
	nameAt := offset + strings.Index(tok.Source, name)
	argsAt := nameAt + len(name)
	argsAt += strings.Index(c.src[argsAt:], tok.Args)

	_, starts := blocks[name]
	block, ends := strings.CutPrefix(name, "end")
	if _, isBlock := blocks[block]; !isBlock {
		ends = false
	}
	if !slices.Contains(tags, name) {
		suggestion := nearest(name, tags)
		if name == "elseif" || name == "elif" {
			suggestion = "elsif"
		}
		c.fail(nameAt, Error{Code: UnknownTag, Name: name, Suggestion: suggestion})
		return open
	}

	wantsArgs := starts || name == "elsif" || name == "when"
	switch {
	case wantsArgs && tok.Args == "":
		c.fail(nameAt, Error{Code: MissingCondition, Name: name})
	case !wantsArgs && tok.Args != "":
		suggestion := ""
		if name == "else" {
			suggestion = "elsif"
		}
		c.fail(argsAt, Error{Code: TextAfterTag, Name: name, Suggestion: suggestion})
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
		if len(open) == maxDepth+1 {
			c.fail(offset, Error{Code: TooDeep, Limit: maxDepth})
		}
	case len(open) == 0:
		c.fail(offset, Error{Code: NoOpenBlock, Name: name})
	case ends:
		if b := open[len(open)-1]; b.name != block {
			c.fail(nameAt, Error{Code: WrongEnd, Name: name, Block: b.name, Suggestion: "end" + b.name})
		}
		open = open[:len(open)-1]
	default:
		b := &open[len(open)-1]
		switch {
		case !slices.Contains(blocks[b.name], name):
			c.fail(nameAt, Error{Code: WrongBlock, Name: name, Block: b.name})
		case b.last:
			c.fail(nameAt, Error{Code: AfterElse, Name: name})
		case name == "else":
			b.last = true
		}
	}
	return open
}

// syntax lets the library check a single tag, so that an error has an exact
// position.
func (c *checker) syntax(at int, probe, args string) {
	if t, _ := parse(probe); t != nil {
		return
	}
	if strings.Contains(args, "|") && strings.ContainsAny(args, "=<>") {
		c.fail(at, Error{Code: FilterInComparison})
		return
	}
	c.fail(at, Error{Code: Syntax, Name: args})
}
