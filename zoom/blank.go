package zoom

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

// Keys whose value says something about a person, beside those that personalKey
// knows by a part of their name. Ids of Zoom are not among them: without them an
// event would belong to nothing any more.
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

// personalKey reports whether the values at key, and all below it, are personal.
func personalKey(key string) bool {
	key = strings.ToLower(key)
	return personalKeys[key] || strings.HasSuffix(key, "name") || strings.HasSuffix(key, "_ip") ||
		strings.Contains(key, "email") || strings.Contains(key, "phone") || strings.Contains(key, "ip_addr") ||
		strings.Contains(key, "caller") || strings.Contains(key, "callee")
}

// emailText is an e-mail address inside of a text or a link.
var emailText = regexp.MustCompile("(?i)[^\\s\"'<>()\\[\\],;:/?=&#@%]+(?:(?:@|%40)[^\\s\"'<>()\\[\\],;:/?=&#@%]+)+")

const blanked = "[blanked]"

// Blank returns the body of an event without what says who somebody was: the
// texts and numbers of names, e-mail addresses, IP addresses, phone numbers and
// the like are emptied, and e-mail and IP addresses also where they stand in
// another text. Everything else stays byte for byte: structure, order, ids,
// times, topic. What is not a JSON object is blanked as a whole, to nothing.
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

// BlankText is what Blank makes of a text that is not personal by its key.
func BlankText(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	return blankEmails(s)
}

func blankEmails(s string) string {
	if !strings.ContainsAny(s, "@%") { // most
		return s
	}
	return emailText.ReplaceAllString(s, blanked)
}

// blanker copies raw to out, token by token, and leaves out what is personal.
type blanker struct {
	raw  []byte
	in   *json.Decoder
	out  bytes.Buffer
	done int // bytes of raw that were copied
}

// next is the next token and its bytes. What stands before it is copied.
func (b *blanker) next() (json.Token, []byte) {
	t, err := b.in.Token()
	if err != nil {
		return nil, nil // not after json.Valid
	}
	end := int(b.in.InputOffset())
	start := b.done + len(b.raw[b.done:end]) - len(bytes.TrimLeft(b.raw[b.done:end], " \t\r\n,:"))
	b.out.Write(b.raw[b.done:start])
	b.done = end
	return t, b.raw[start:end]
}

// value copies the next value, which stands at key. The depth is at most
// json.Valid's 10,000.
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
		case strings.HasSuffix(strings.ToLower(key), "version"): // 5.17.11.34 is not an address
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
	_, raw := b.next() // the closing one
	b.out.Write(raw)
}

// quote is s as JSON.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n")
}
