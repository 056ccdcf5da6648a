package incident

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// check returns what is wrong with a value of the variable, or "".
func (v Variable) check(value string) string {
	if value == "" {
		if v.Required {
			return v.label() + " is required."
		}
		return ""
	}
	if problem := shortProblem(value, maxVar); problem != "" {
		return problem
	}
	switch v.Type {
	case "number":
		// Go also accepts NaN, Inf and hexadecimal numbers, which people do not
		// expect.
		if n, err := strconv.ParseFloat(value, 64); err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(value, "xX") {
			return "Enter a number, such as 42 or 0.5."
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "Enter a date in the form 2026-01-31."
		}
	case "choice":
		if !slices.Contains(v.Choices, value) {
			return "Choose one of: " + strings.Join(v.Choices, ", ") + "."
		}
	}
	return ""
}

func (v Variable) label() string {
	if v.Label != "" {
		return v.Label
	}
	return v.Name
}

func tooLong(fields map[string]string, name, value string, limit int) {
	if problem := textProblem(value, limit); problem != "" {
		fields[name] = problem
	}
}

// notShort is tooLong for a field of one line.
func notShort(fields map[string]string, name, value string, limit int) {
	if problem := shortProblem(value, limit); problem != "" {
		fields[name] = problem
	}
}

func shortProblem(value string, limit int) string {
	if hasLines(value) {
		return "Write this on one line."
	}
	return textProblem(value, limit)
}

// textProblem returns why a text cannot be stored, or "". limit is its maximum
// length in characters.
func textProblem(value string, limit int) string {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "This text contains characters that can’t be stored."
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return fmt.Sprintf("Use at most %d characters. This text has %d.", limit, n)
	}
	return ""
}

// CanonicalEmail returns the form of an email address that is stored and
// compared.
func CanonicalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, " \t\r\n/\\?#%")
}
