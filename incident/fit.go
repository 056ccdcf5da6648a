package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// AdjustmentCode says how Drawbridge changed a field of a program's request so
// that it could open the incident. The codes are stored, so the meaning of a code
// must never change. The comment of each code names the data that it comes with.
type AdjustmentCode string

const (
	AdjustedCut        AdjustmentCode = "cut"        // Limit, in characters; Text: the whole
	AdjustedLines      AdjustmentCode = "lines"      // line breaks became spaces
	AdjustedCharacters AdjustmentCode = "characters" // characters that cannot be stored were removed
	AdjustedHashed     AdjustmentCode = "hashed"     // Limit; Text: the whole; a hash took its place
	AdjustedOpener     AdjustmentCode = "opener"     // Text: not an email address, so it was dropped
	AdjustedVariable   AdjustmentCode = "variable"   // Text: of a variable that the runbook does not have
	AdjustedValue      AdjustmentCode = "value"      // Text: a value that the variable cannot have
	AdjustedMissing    AdjustmentCode = "missing"    // a required variable has no value
	AdjustedUnknown    AdjustmentCode = "unknown"    // the request has no such field
	AdjustedRunbook    AdjustmentCode = "runbook"    // Text: names no runbook that can be used, so the default one is; "": the request has none
	AdjustedSeverity   AdjustmentCode = "severity"   // Text: a name that has no rank; it was kept
	AdjustedType       AdjustmentCode = "wrong_type" // not a text, so it was dropped
	AdjustedFixed      AdjustmentCode = "fixed"      // Text: of a field that can't be edited
	AdjustedMore       AdjustmentCode = "more"       // Limit: how many more adjustments are not kept
)

// maxAdjusted is how many adjustments of a request are kept. A request may have hundreds of
// thousands of unknown fields.
const maxAdjusted = 50

// Adjustment is one change to a program's request.
type Adjustment struct {
	Code  AdjustmentCode `json:"code"`
	Field string         `json:"field"` // named as in the API
	Limit int            `json:"limit,omitempty"`
	Text  string         `json:"text,omitempty"`
}

// storedKey returns the form of a program's dedup_key that is stored and
// compared: a key that cannot be stored is hashed.
func storedKey(key string) string {
	if textProblem(key, maxKey) == "" {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fitter makes values of a program's request usable. A program cannot correct
// itself, and a request that was rejected would cost the bridge.
type fitter struct{ made []Adjustment }

func (f *fitter) adjust(code AdjustmentCode, field, text string, limit int) {
	f.made = append(f.made, Adjustment{Code: code, Field: field, Text: text, Limit: limit})
}

// kept returns the adjustments to keep.
func (f *fitter) kept() []Adjustment {
	if n := len(f.made); n > maxAdjusted {
		return append(slices.Clone(f.made[:maxAdjusted]), Adjustment{Code: AdjustedMore, Limit: n - maxAdjusted})
	}
	return f.made
}

// text makes a text usable. A short one has no line breaks.
func (f *fitter) text(field, value string, limit int, short bool) string {
	clean := strings.ReplaceAll(strings.ToValidUTF8(value, ""), "\x00", "")
	if clean != value {
		f.adjust(AdjustedCharacters, field, "", 0)
	}
	clean = strings.TrimSpace(clean)
	if short && hasLines(clean) {
		clean = oneLine(clean)
		f.adjust(AdjustedLines, field, "", 0)
	}
	if utf8.RuneCountInString(clean) > limit {
		f.adjust(AdjustedCut, field, clean, limit)
		clean = cutRunes(clean, limit-1) + "…"
	}
	return clean
}

func hasLines(s string) bool { return strings.ContainsAny(s, "\n\r\v\f\u0085\u2028\u2029") }

var addressInside = regexp.MustCompile(`[^\s<>()\[\]:;,|"]+@[^\s<>()\[\]:;,|"]+`)

// opener returns the email address in a text such as "Ana <ana@example.com>" or
// Slack's "<mailto:ana@example.com|ana@example.com>".
func (f *fitter) opener(value string) string {
	address := CanonicalEmail(value)
	if address != "" && !validEmail(address) {
		address = CanonicalEmail(addressInside.FindString(value))
		if !validEmail(address) {
			f.adjust(AdjustedOpener, "opener_email", f.quiet(value), 0)
			return ""
		}
	}
	return address
}

// quiet is a value that is only kept to be looked at.
func (f *fitter) quiet(value string) string {
	return cutRunes(strings.ReplaceAll(strings.ToValidUTF8(value, ""), "\x00", ""), maxDescription)
}

// variables returns the values of the runbook's variables.
func (f *fitter) variables(r Runbook, given map[string]string) map[string]string {
	vars := map[string]string{}
	for _, v := range r.Variables {
		field := "vars." + v.Name
		value := cmp.Or(f.field(r, field, given[v.Name]), v.Default)
		if value == "" && v.Required {
			f.adjust(AdjustedMissing, field, "", 0)
		}
		vars[v.Name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := vars[name]; !known {
			f.adjust(AdjustedVariable, "vars."+f.quiet(cutRunes(name, 100)), f.quiet(given[name]), 0)
		}
	}
	return vars
}
