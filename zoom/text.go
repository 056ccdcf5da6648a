package zoom

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// maxText is how many bytes of an event can be searched.
const maxText = 32 << 10

// EventText returns all texts and numbers of a webhook, one a line, for full-text
// search. It leaves out passcodes, start links and tokens. If raw is not JSON,
// EventText returns it as Redact does.
func EventText(raw []byte) string {
	var b strings.Builder
	if !json.Valid(raw) {
		b.WriteString(string(Redact(raw[:min(len(raw), maxText)])))
		return b.String()
	}
	collectText(gjson.ParseBytes(raw), &b, 0)
	return b.String()
}

// collectText descends 64 levels. No event of Zoom's has ten.
func collectText(value gjson.Result, b *strings.Builder, depth int) {
	switch {
	case b.Len() > maxText || depth > 64:
	case value.IsObject() || value.IsArray():
		value.ForEach(func(key, inner gjson.Result) bool {
			if !secretKeys[strings.ToLower(key.Str)] {
				collectText(inner, b, depth+1)
			}
			return b.Len() <= maxText
		})
	case value.Type == gjson.String:
		text := value.Str
		if strings.Contains(text, "=") { // may be a link with a passcode or token
			text = secretParam.ReplaceAllString(text, "${1}")
		}
		b.WriteString(printable(text[:min(len(text), maxText)]))
		b.WriteByte('\n')
	case value.Type == gjson.Number:
		b.WriteString(value.Raw)
		b.WriteByte('\n')
	}
}
