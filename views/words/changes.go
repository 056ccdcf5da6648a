package words

import (
	"strings"
	"unicode/utf8"
)

// Change is a field of an incident that somebody changed; see incident.Change.
type Change struct{ Field, Before, After string }

// shortValue is how many characters of a value stand in a sentence.
const shortValue = 100

func long(value string) bool {
	return utf8.RuneCountInString(value) > shortValue || strings.Contains(value, "\n")
}

// Says words the change. It leaves out what Values has.
func (c Change) Says() string {
	field := "the " + Field(c.Field)
	switch {
	case c.Before == "" && long(c.After):
		return "Added " + field + "."
	case c.Before == "":
		return "Set " + field + " to " + c.quoted(c.After) + "."
	case c.After == "" && long(c.Before):
		return "Removed " + field + "."
	case c.After == "":
		return "Removed " + field + " " + c.quoted(c.Before) + "."
	case long(c.Before) || long(c.After):
		return "Changed " + field + "."
	}
	return "Changed " + field + " from " + c.quoted(c.Before) + " to " + c.quoted(c.After) + "."
}

func (c Change) quoted(value string) string {
	if c.Field == "severity" || c.Field == "opener_email" {
		return value
	}
	return "“" + value + "”"
}

// Value is a long value with its name.
type Value struct{ Name, Text string }

// Values are the values before and after a change, if they are too long for a sentence.
func (c Change) Values() (all []Value) {
	if !long(c.Before) && !long(c.After) {
		return nil
	}
	field := capital(Field(c.Field))
	if c.Before != "" {
		all = append(all, Value{field + " before", c.Before})
	}
	if c.After != "" {
		all = append(all, Value{field + " after", c.After})
	}
	return all
}
