package zoom

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

// personalKeys are the keys whose values are personal data, in addition to those
// that personalKey recognizes by a part of their name. Zoom's ids are not listed:
// without them an event could no longer be matched to its meeting or user.
var personalKeys = map[string]bool{
	"leave_reason": true, "registrant_id": true, "registrant": true, "customer_key": true, "operator": true,
	"alternative_hosts": true, "assistants": true, "contacts": true, "invitees": true, "meeting_invitees": true,
	"interpreters": true, "caller": true, "callee": true, "manager": true,
	"address": true, "city": true, "zip": true, "location": true, "company": true, "org": true,
	"dept": true, "job_title": true, "pronouns": true, "pic_url": true, "vanity_url": true, "jid": true,
	"personal_notes": true, "comments": true, "custom_questions": true, "custom_attributes": true,
	"message": true, "message_content": true,
	"ip": true, "mac_addr": true, "harddisk_id": true, "device_id": true,
	"camera": true, "microphone": true, "speaker": true,
}

// personalKey reports whether the value of key, and everything nested in it, is
// personal data.
func personalKey(key string) bool {
	key = strings.ToLower(key)
	return personalKeys[key] || strings.HasSuffix(key, "name") || strings.HasSuffix(key, "_ip") ||
		strings.Contains(key, "email") || strings.Contains(key, "phone") || strings.Contains(key, "ip_addr") ||
		strings.Contains(key, "caller") || strings.Contains(key, "callee")
}

// emailText matches an email address within a text or a link.
var emailText = regexp.MustCompile("(?i)[^\\s\"'<>()\\[\\],;:/?=&#@%]+(?:(?:@|%40)[^\\s\"'<>()\\[\\],;:/?=&#@%]+)+")

const blanked = "[blanked]"

// Blank returns the body of an event without personal data. It empties names,
// email addresses, IP addresses, phone numbers and other values whose key is
// personal, and it also removes email and IP addresses from all other texts.
// Everything else stays byte for byte the same: structure, order, ids, times and
// topic. If body is not a JSON object, Blank returns an empty slice.
func Blank(body []byte) []byte {
	if !json.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return []byte{}
	}
	b := blanker{raw: body, in: json.NewDecoder(bytes.NewReader(body))}
	b.in.UseNumber()
	b.value("", false)
	b.out.Write(body[b.done:]) // white space
	return b.out.Bytes()
}

// BlankText returns s as Blank would leave it under a key that is not personal.
func BlankText(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	return blankEmails(s)
}

func blankEmails(s string) string {
	if !strings.ContainsAny(s, "@%") { // true of most texts
		return s
	}
	return emailText.ReplaceAllString(s, blanked)
}

// blanker copies raw to out, one token at a time, and leaves out personal data.
type blanker struct {
	raw  []byte
	in   *json.Decoder
	out  bytes.Buffer
	done int // bytes of raw that are copied
}

// next copies what precedes the next token, and returns that token and its bytes.
func (b *blanker) next() (json.Token, []byte) {
	t, err := b.in.Token()
	if err != nil {
		return nil, nil // cannot happen after json.Valid
	}
	end := int(b.in.InputOffset())
	start := b.done + len(b.raw[b.done:end]) - len(bytes.TrimLeft(b.raw[b.done:end], " \t\r\n,:"))
	b.out.Write(b.raw[b.done:start])
	b.done = end
	return t, b.raw[start:end]
}

// value copies the next value, whose key is key. The recursion is at most 10,000
// levels deep, the limit of json.Valid.
func (b *blanker) value(key string, personal bool) {
	token, raw := b.next()
	switch t := token.(type) {
	case json.Delim:
		b.out.Write(raw)
		b.list(t, key, personal)
		return
	case string:
		text := t
		switch {
		case personal:
			text = ""
		case strings.HasSuffix(strings.ToLower(key), "version"): // 5.17.11.34 is not an IP address
			text = blankEmails(t)
		default:
			text = BlankText(t)
		}
		if text != t {
			raw = quote(text)
		}
	case json.Number:
		if personal {
			raw = []byte("0")
		}
	}
	b.out.Write(raw)
}

func (b *blanker) list(open json.Delim, key string, personal bool) {
	for b.in.More() {
		inner, name := personal, key
		if open == '{' {
			token, raw := b.next()
			b.out.Write(raw)
			name, _ = token.(string)
			inner = personal || personalKey(name)
		}
		b.value(name, inner)
	}
	_, raw := b.next() // the closing delimiter
	b.out.Write(raw)
}

// quote returns s as a JSON string.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n")
}
