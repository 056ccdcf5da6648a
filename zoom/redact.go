package zoom

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// secretKeys are the keys whose value gives access: host rights in a meeting, a
// recording, or the API.
var secretKeys = map[string]bool{
	"download_token": true, "download_access_token": true, "access_token": true, "refresh_token": true,
	"start_url": true, "zak": true, "host_key": true,
	"password": true, "passcode": true, "encrypted_password": true, "pstn_password": true, "h323_password": true,
	"recording_play_passcode": true, "pmi_password": true, "dynamic_host_key": true,
}

var (
	// secretParam matches URL parameters that give such access.
	secretParam = regexp.MustCompile(`([?&;](?:pwd|zak|tk|inv|access_token|download_token|passcode)=)[^&\s"'<>#]+`)
	// secretPair matches the same keys in a text that is not valid JSON.
	secretPair = regexp.MustCompile(`(?i)("(?:[a-z0-9_]*(?:token|password|passcode)|start_url|zak|host_key)"\s*:\s*)("[^"]*"?|[0-9]+)`)
)

const mask = "••••"

// Redact returns raw in a form that may be shown: indented JSON in which
// passcodes, start links and download tokens are masked, also inside links.
// Order, duplicate keys and numbers stay unchanged. If raw is not JSON, Redact
// makes it printable and masks whatever it recognizes. Do not store the result.
func Redact(raw []byte) []byte {
	if !json.Valid(raw) {
		s := secretPair.ReplaceAllString(printable(string(raw)), `${1}"`+mask+`"`)
		return []byte(secretParam.ReplaceAllString(s, "${1}"+mask))
	}
	r := redactor{in: json.NewDecoder(bytes.NewReader(raw))}
	r.in.UseNumber()
	r.value(0, false)
	return r.out.Bytes()
}

type redactor struct {
	in  *json.Decoder
	out bytes.Buffer
}

// value copies the next value. The recursion is at most 10,000 levels deep, the
// limit of json.Valid.
func (r *redactor) value(depth int, secret bool) {
	t, err := r.in.Token()
	if err != nil {
		return // cannot happen after json.Valid
	}
	switch t := t.(type) {
	case json.Delim:
		r.list(t, depth, secret)
	case string:
		if secret && t != "" {
			t = mask
		}
		r.string(secretParam.ReplaceAllString(t, "${1}"+mask))
	case json.Number:
		if secret {
			r.string(mask)
			return
		}
		r.out.WriteString(t.String())
	case bool:
		if t {
			r.out.WriteString("true")
		} else {
			r.out.WriteString("false")
		}
	case nil:
		r.out.WriteString("null")
	}
}

func (r *redactor) list(open json.Delim, depth int, secret bool) {
	r.out.WriteByte(byte(open))
	n := 0
	for ; r.in.More(); n++ {
		if n > 0 {
			r.out.WriteByte(',')
		}
		r.line(depth + 1)
		inner := secret
		if open == '{' {
			key, _ := r.in.Token()
			name, _ := key.(string)
			r.string(name)
			r.out.WriteString(": ")
			inner = secret || secretKeys[strings.ToLower(name)]
		}
		r.value(depth+1, inner)
	}
	r.in.Token() // the closing delimiter
	if n > 0 {
		r.line(depth)
	}
	r.out.WriteByte(byte(open) + 2) // '{'+2 is '}', '['+2 is ']'
}

// line starts a new line. The indentation is limited: with 10,000 levels it would
// be larger than the content.
func (r *redactor) line(depth int) {
	r.out.WriteByte('\n')
	for range min(depth, 12) {
		r.out.WriteString("  ")
	}
}

func (r *redactor) string(s string) { r.out.Write(quote(printable(s))) }
