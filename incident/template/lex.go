package template

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexeme is one word of an expression.
type lexeme struct {
	kind   byte // 'n' name with its dots, 'k' name with a colon after it, 's' string, '#' number, 'o' operator
	text   string
	offset int // byte offset in the source
}

// operators are those of the library's grammar, without ranges and indexes.
var operators = []string{"==", "!=", ">=", "<=", "<", ">", "|", ",", "(", ")"}

// meantCharacter maps characters that Liquid does not accept to what the author
// probably meant.
var meantCharacter = map[rune]string{
	'=': "==", '&': "and", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '‘': "'", '’': "'", '!': "!=",
}

// lex splits an expression into words. It accepts less than the library does, so
// everything that it accepts has the same meaning there.
func (c *checker) lex(tag, at int, expr, opening string) (words []lexeme, ok bool) {
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
				c.fail(at+i, Error{Code: TextNotClosed})
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
			if len(word.text) > maxNumber {
				c.fail(at+i, Error{Code: NumberTooLong, Limit: maxNumber})
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
			c.fail(tag, Error{Code: NotClosed, Name: opening, Want: closing})
			return nil, false
		case strings.HasPrefix(rest, ".."):
			c.fail(at+i, Error{Code: Range})
			return nil, false
		default:
			c.fail(at+i, Error{Code: Unexpected, Name: string(r), Suggestion: meantCharacter[r]})
			return nil, false
		}
		words = append(words, word)
	}
	for i, w := range words {
		if w.kind == 'o' && w.text == "|" && i > 0 && words[i-1].kind == 'o' && words[i-1].text == "|" {
			c.fail(words[i-1].offset, Error{Code: Unexpected, Name: "||", Suggestion: "or"})
			return nil, false
		}
	}
	return words, true
}

// quotedLength returns the length of the quoted string at the start of s, or 0 if
// the string does not end. Only double quotes allow a backslash escape.
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
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}
