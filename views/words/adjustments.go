package words

import (
	"strconv"
	"strings"
)

// Adjustment is one change to a program's request; see incident.Adjustment.
type Adjustment struct {
	Code, Field, Text string
	Limit             int
}

// adjustmentTexts has the words of each adjustment.
var adjustmentTexts = map[string]string{
	"cut":        "“{field}” was longer than {limit} characters, so it was cut.",
	"lines":      "“{field}” had line breaks. They became spaces.",
	"characters": "“{field}” had characters that can’t be stored. They were removed.",
	"hashed":     "“{field}” can’t be stored as it is, so a hash of it is used. Repeats are still recognized.",
	"opener":     "“{field}” has no email address in it, so the opener isn’t known.",
	"variable":   "The runbook has no variable for “{field}”, so the value was dropped.",
	"value":      "“{field}” can’t have this value, so the value was dropped.",
	"missing":    "“{field}” is required, but the request had no value for it.",
	"unknown":    "There is no field “{field}”, so it was ignored.",
	"runbook":    "“{field}” names no runbook that can be used, so the default runbook opened the incident.",
	"severity":   "“{field}” is {text}, which Drawbridge can’t rank. It was kept, and the incident is listed last. Use SEV1 to SEV4.",
	"fixed":      "“{field}” of an incident can’t be changed, so it was ignored.",
	"more":       "Other values that were changed or ignored: {limit}.",
	"wrong_type": "“{field}” isn’t a text, so it was ignored.",
}

// Says words the adjustment.
func (a Adjustment) Says() string {
	text, ok := adjustmentTexts[a.Code]
	if !ok {
		text = "{field}: " + code(a.Code)
	}
	value := "a name" // the texts of older versions don’t have it
	if r := []rune(a.Text); len(r) > 40 {
		value = "“" + string(r[:39]) + "…”"
	} else if len(r) > 0 {
		value = "“" + a.Text + "”"
	}
	return strings.NewReplacer("{text}", value, "{field}", a.Field, "{limit}", strconv.Itoa(a.Limit)).Replace(text)
}
