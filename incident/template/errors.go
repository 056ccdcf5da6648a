package template

import (
	"fmt"
	"strconv"
	"strings"
)

// Code says what is wrong with a template. The comment of each code names the
// fields of Error that it sets.
type Code string

const (
	TooLong            Code = "too_long" // Count bytes; Limit
	NotUTF8            Code = "not_utf8"
	Empty              Code = "empty"      // Name: the opening delimiter; Want: the closing one
	NotClosed          Code = "not_closed" // Name: a delimiter or a block; Want: what closes it
	TextNotClosed      Code = "text_not_closed"
	SeveralLines       Code = "several_lines"
	Syntax             Code = "syntax"            // Name: the text that is not valid
	Unexpected         Code = "unexpected"        // Name: the character
	UnknownTag         Code = "unknown_tag"       // Name
	MissingCondition   Code = "missing_condition" // Name of the tag
	TextAfterTag       Code = "text_after_tag"    // Name of the tag
	TooDeep            Code = "too_deep"          // Limit
	NoOpenBlock        Code = "no_open_block"     // Name of the tag
	WrongEnd           Code = "wrong_end"         // Name of the tag; Block: the open block
	WrongBlock         Code = "wrong_block"       // Name of the tag; Block: the open block
	AfterElse          Code = "after_else"        // Name of the tag
	FilterInComparison Code = "filter_in_comparison"
	Range              Code = "range"
	NumberTooLong      Code = "number_too_long"     // Limit
	NamedArgument      Code = "named_argument"      // Name
	UnknownVariable    Code = "unknown_variable"    // Name
	UnknownFilter      Code = "unknown_filter"      // Name
	TooManyFilters     Code = "too_many_filters"    // Limit
	MissingArgument    Code = "missing_argument"    // Name of the filter
	WrongArguments     Code = "wrong_arguments"     // Name of the filter, Count, Min, Limit
	UnknownZone        Code = "unknown_zone"        // Name
	UnknownDateFormat  Code = "unknown_date_format" // Name: the unknown part

	// Only Template.Hints returns this.

	AlwaysEmpty Code = "always_empty" // Name of the variable

	// Only Render returns these, without a column.

	BadArgument Code = "bad_argument" // Name of the filter
	Failed      Code = "failed"
)

// Error is one error in a template. It is plain data that can be stored as JSON
// and put into words later. Its texts come from the source of the template, never
// from the data that the template was rendered with.
type Error struct {
	Code       Code   `json:"code"`
	Line       int    `json:"line,omitempty"`       // from 1; 0 if unknown
	Column     int    `json:"column,omitempty"`     // from 1, in characters; 0 if unknown
	Name       string `json:"name,omitempty"`       // the text that the error is about
	Suggestion string `json:"suggestion,omitempty"` // what the author probably meant; "" if nothing is similar
	Want       string `json:"want,omitempty"`       // what is missing
	Block      string `json:"block,omitempty"`
	Count      int    `json:"count,omitempty"` // the actual number
	Min        int    `json:"min,omitempty"`
	Limit      int    `json:"limit,omitempty"` // the allowed number
}

// sentences are the messages of the codes. Message fills in the placeholders and
// quotes {name}, {want} and {block}.
var sentences = map[Code]string{
	TooLong:            "The template is {count} bytes long; at most {limit} are allowed.",
	NotUTF8:            "The template isn’t valid UTF-8 text.",
	Empty:              "There is nothing between {name} and {want}.",
	NotClosed:          "{name} isn’t closed: add {want}.",
	TextNotClosed:      "This text has no closing quotation mark.",
	SeveralLines:       "Everything between {{ and }} must be on one line.",
	Syntax:             "{name} can’t be read.",
	Unexpected:         "{name} isn’t allowed here.",
	UnknownTag:         "The tag {name} isn’t allowed. Templates use if, unless and case.",
	MissingCondition:   "The tag {name} needs a condition.",
	TextAfterTag:       "Nothing may come after {name}.",
	TooDeep:            "Blocks may be nested at most {limit} deep.",
	NoOpenBlock:        "There is no open block for the tag {name}.",
	WrongEnd:           "{name} doesn’t end the open block {block}.",
	WrongBlock:         "{name} doesn’t belong in the block {block}.",
	AfterElse:          "{name} can’t come after the else of its block.",
	FilterInComparison: "A comparison can’t contain a filter.",
	Range:              "Ranges aren’t allowed.",
	NumberTooLong:      "This number is too long: at most {limit} characters are allowed.",
	NamedArgument:      "{name}: filters take no named arguments.",
	UnknownVariable:    "There is no variable {name}.",
	UnknownFilter:      "There is no filter {name}.",
	TooManyFilters:     "A template may use at most {limit} filters.",
	MissingArgument:    "The filter {name} needs an argument after a colon.",
	WrongArguments:     "The filter {name} takes {arguments}, not {count}.",
	UnknownZone:        `There is no time zone {name}. Time zones have names like "Europe/Oslo".`,
	UnknownDateFormat:  "The date format has an unknown part {name}.",
	AlwaysEmpty:        "Drawbridge doesn’t know {name}, so it stays empty.",
	BadArgument:        "The filter {name} can’t use the value it was given.",
	Failed:             "The template couldn’t be rendered.",
}

// Message returns the error as a sentence, without its position and its
// suggestion.
func (e Error) Message() string {
	return strings.NewReplacer(
		"{name}", strconv.Quote(e.Name), "{want}", strconv.Quote(e.Want), "{block}", strconv.Quote(e.Block),
		"{count}", strconv.Itoa(e.Count), "{limit}", strconv.Itoa(e.Limit), "{arguments}", e.arguments(),
	).Replace(sentences[e.Code])
}

// arguments says in words how many arguments the filter takes.
func (e Error) arguments() string {
	switch {
	case e.Limit == 0:
		return "no arguments"
	case e.Min == e.Limit && e.Limit == 1:
		return "one argument"
	case e.Min == e.Limit:
		return strconv.Itoa(e.Limit) + " arguments"
	}
	return fmt.Sprintf("%d to %d arguments", e.Min, e.Limit)
}

func (e Error) Error() string {
	s := e.Message()
	switch {
	case e.Column > 0:
		s = fmt.Sprintf("Line %d, column %d: %s", e.Line, e.Column, s)
	case e.Line > 0:
		s = fmt.Sprintf("Line %d: %s", e.Line, s)
	}
	if e.Suggestion != "" {
		s += " Did you mean " + e.Suggestion + "?"
	}
	return s
}

// Errors are all errors of a template, in the order of its source.
type Errors []Error

func (e Errors) Error() string {
	all := make([]string, len(e))
	for i, one := range e {
		all[i] = one.Error()
	}
	return strings.Join(all, " ")
}
