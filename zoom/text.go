package zoom

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// maxText is how much of an event can be searched, in bytes.
const maxText = 32 << 10

// EventText is every text and number in a webhook, with line breaks between, so
// that it can be found by its words. Passcodes, start links and tokens are left
// out. What is not JSON is returned as it can be shown, without what looks like
// one of those.
func EventText(raw []byte) string {
	var b strings.Builder
	if !json.Valid(raw) {
		b.WriteString(string(Redact(raw[:min(len(raw), maxText)])))
		return b.String()
	}
	collectText(gjson.ParseBytes(raw), &b, 0)
	return b.String()
}

// collectText goes 64 levels deep: no event of Zoom's has ten.
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
		if strings.Contains(text, "=") { // perhaps a link that opens something
			text = secretParam.ReplaceAllString(text, "${1}")
		}
		b.WriteString(printable(text[:min(len(text), maxText)]))
		b.WriteByte('\n')
	case value.Type == gjson.Number:
		b.WriteString(value.Raw)
		b.WriteByte('\n')
	}
}
