package incident

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of YAML. Without them, aliases of aliases or a page of empty lines take the
// library minutes, and a few thousand brackets take it seconds.
const (
	maxYAMLDepth   = 30
	maxYAMLAliases = 100
	maxYAMLEmpty   = 1000 // lines in a row
)

// YAMLError is why YAML can’t be read. It quotes no values, which may be secret.
type YAMLError struct {
	Line, Column int // from 1; 0: not known
	Message      string
}

func (e *YAMLError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("[%d:%d] %s", e.Line, e.Column, e.Message)
}

func yamlErrorAt(t *token.Token, message string) *YAMLError {
	e := &YAMLError{Message: message}
	if t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

// WriteYAML returns v as YAML.
func WriteYAML(v any) ([]byte, error) {
	node, err := yaml.ValueToNode(v, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil || node == nil {
		return nil, err
	}
	ast.Walk(quoter{}, node)
	return []byte(node.String() + "\n"), nil
}

// quoter quotes the texts that the library writes so that it reads back something else.
type quoter struct{}

func (q quoter) Visit(n ast.Node) ast.Visitor {
	if s, ok := n.(*ast.StringNode); ok && (strings.HasPrefix(s.Value, "?") || strings.Contains(s.Value, "\t")) && !strings.Contains(s.Value, "\n") {
		s.Token.Type = token.DoubleQuoteType
	}
	return q
}

// ReadYAML reads one YAML document into v. Its errors are YAMLErrors; an unknown key is one.
func ReadYAML(text []byte, v any) error { return readYAML(text, math.MaxInt, v) }

// readYAML is ReadYAML with a limit for the number of tokens: names, values, brackets and
// so on.
func readYAML(text []byte, maxTokens int, v any) (err error) {
	defer func() {
		if recover() != nil { // the library panics at some tags
			err = &YAMLError{Message: "this can’t be read as YAML"}
		}
	}()
	if err := checkLines(text); err != nil {
		return err
	}
	tokens := lexer.Tokenize(string(text))
	if len(tokens) > maxTokens {
		return &YAMLError{Message: "the text has too many values"}
	}
	if err := checkTokens(tokens); err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return yamlError(err)
	}
	var aliases aliasCheck
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			return yamlErrorAt(doc.Body.GetToken(), "a second document begins here; use one")
		}
		ast.Walk(&aliases, doc)
	}
	if aliases.err != nil {
		return aliases.err
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return yamlError(err)
	}
	return nil
}

func checkLines(text []byte) error {
	line, empty := 1, 0
	for _, b := range text {
		switch b {
		case '\n':
			line++
			empty++
		case '\r':
			empty++
		case ' ', '\t':
		default:
			empty = 0
		}
		if empty > maxYAMLEmpty {
			return &YAMLError{Line: line, Column: 1, Message: fmt.Sprintf("there are more than %d empty lines in a row", maxYAMLEmpty)}
		}
	}
	return nil
}

func checkTokens(tokens token.Tokens) error {
	brackets, begun := 0, 0 // begun counts the values that begin at one place: "- - -"
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			begun++
		default:
			begun = 0
		}
		if brackets+begun > maxYAMLDepth {
			return yamlErrorAt(t, fmt.Sprintf("values are nested more than %d deep", maxYAMLDepth))
		}
	}
	return nil
}

// aliasCheck visits the nodes of a file. An anchor must not contain an alias: each level
// of them would multiply what the file means.
type aliasCheck struct {
	count  int
	inside *ast.AnchorNode
	err    error
}

func (c *aliasCheck) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.AnchorNode:
		if c.inside == nil {
			c.inside = n
			ast.Walk(c, n.Value)
			c.inside = nil
			return nil
		}
	case *ast.AliasNode:
		if c.count++; c.err == nil && c.inside != nil {
			c.err = yamlErrorAt(n.GetToken(), "an anchor must not contain an alias")
		} else if c.err == nil && c.count > maxYAMLAliases {
			c.err = yamlErrorAt(n.GetToken(), fmt.Sprintf("use at most %d aliases", maxYAMLAliases))
		}
	}
	return c
}

// yamlKinds says what a value must be.
var yamlKinds = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.String: "text", reflect.Slice: "a list",
}

func yamlError(err error) error {
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		return yamlErrorAt(e.Token, "this must be "+cmp.Or(yamlKinds[e.DstType.Kind()], "something else"))
	}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		return yamlErrorAt(e.GetToken(), cutRunes(e.GetMessage(), 200))
	}
	return &YAMLError{Message: err.Error()}
}
