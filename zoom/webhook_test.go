package zoom_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	hookSecret = "test-secret-token-0123456789"
	hookTime   = "1761955200"
	hookBody   = `{"event":"meeting.started","payload":{"object":{"id":"1"}},"event_ts":1761955200123}`
	hookSig    = "v0=bfe18749347bb2e331a12e984a29023ad1fcac7de8bcdfdbf7cb52d716634656"
)

func headers(sig, ts string) http.Header {
	return http.Header{"X-Zm-Signature": {sig}, "X-Zm-Request-Timestamp": {ts}}
}

func secrets(s ...string) []zoom.Secret {
	list := make([]zoom.Secret, len(s))
	for i, x := range s {
		list[i] = zoom.NewSecret(x)
	}
	return list
}

// naive computes the signature independently of Verify: one expression, following
// Zoom's documentation, without any checks.
func naive(secret, ts, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "v0:%s:%s", ts, body)
	return fmt.Sprintf("v0=%x", m.Sum(nil))
}

func reason(err error) string {
	var v *zoom.VerifyError
	if errors.As(err, &v) {
		return string(v.Problem)
	}
	if err != nil {
		return "not a VerifyError: " + err.Error()
	}
	return ""
}

// The vectors are deliveries signed by Zoom, Slack's published example of the
// same scheme, and signatures computed with another implementation.
func TestVerifyVectors(t *testing.T) {
	const zoomNet = "4fv1RkqGQUq5sWbEz6hA5A" // from ZoomNet's published tests
	for _, tt := range []struct {
		name, secret, ts, body, sig string
		want                        string // the reason; "" means accepted
	}{
		{"V1 Slack", "8f742231b10e8888abcd99yyyzzz85a5", "1531420618", "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", ""},
		{"V2 small", hookSecret, hookTime, hookBody, hookSig, ""},
		{"V2 real size", hookSecret, hookTime, `{"event":"meeting.started","payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii==","topic":"SEV1 db down","type":2}},"event_ts":1761955200123}`, "v0=d9ae441609ca65224e69d4bc76d844d6129ef8df999f647040fd925cb56a4539", ""},
		{"V2 empty object", hookSecret, hookTime, `{}`, "v0=9095484c2942d24092163e171881220762e71707dfc338b82741dceeb5bcb073", ""},
		{"V2 empty body", hookSecret, hookTime, ``, "v0=fc0665abd98a4ccb9ab93fee21694f0dde9e4c7dfd7d36c366c2f4dacff667ab", ""},
		{"V2 url validation", hookSecret, hookTime, `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1761955200123}`, "v0=fde7c38b878f2c4b4c9caf08b2afb882575ab492e70024bb052cbbe916fbcd23", ""},
		{"V2 invalid UTF-8", hookSecret, hookTime, "{\"event\":\"a\xff\xfe\"}", "v0=ab1e3590065c92015cf412c943578873e97237dcb3967da9bd5389e6f4584819", ""},
		{"V2 escaped NUL", hookSecret, hookTime, `{"event":"a\u0000b"}`, "v0=42a083550689bb1dde8ed7b1cada17dff70e145d27001cddac5e5a0003941555", ""},
		{"V3 url validation by Zoom", zoomNet, "1720705455", `{"payload":{"plainToken":"xys8n8PGS7mAU0m5-YJjRA"},"event_ts":1720705455858,"event":"endpoint.url_validation"}`, "v0=93a1a675965ceb9c5a50c5dfb31f20e50f763be37a54ef74cd2d16a1a8e5c0d6", ""},
		{"V4 event by Zoom", zoomNet, "1720707175", `{"event":"meeting.started","payload":{"account_id":"VjZoEArIT5y-HlWxkV-tVA","object":{"duration":60,"start_time":"2024-07-11T14:12:55Z","timezone":"America/New_York","topic":"Test \uD83D\uDE92\uD83D\uDE92 ? - ’ - – \uD83D\uDE97 HOLA","id":"85393847045","type":2,"uuid":"jUh5o3dKQIytvcsfTtKBlg==","host_id":"8lzIwvZTSOqjndWPbPqzuA"}},"event_ts":1720707175904}`, "v0=1a14e79349318fa1bead50ebbd3c185ae078e182d3bbd30ab8010fcb7f4357c7", ""},
		{"V6 old secret", "old-secret-token-9876543210", hookTime, hookBody, "v0=0b6b5bbaceddd9cc16e519d71139096756ffec825e20295d8cb690505bbb406e", ""},
		{"V9 empty key", "", hookTime, hookBody, "v0=17a00a2ccc2e7b5620fc13de33dcad525c8038550ed75db4a5da8622563f775c", "no_secret"},
		{"V10 milliseconds", hookSecret, "1761955200123", hookBody, "v0=138dd39adb56d11d6fb56cd27532a06fd84873fe82dd209515c858a58c15f488", ""},
		{"V11 boundary shift", hookSecret, hookTime + `:{"event"`, strings.TrimPrefix(hookBody, `{"event":`), hookSig, "malformed_timestamp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := zoom.Verify(headers(tt.sig, tt.ts), []byte(tt.body), secrets(tt.secret))
			if reason(err) != tt.want {
				t.Fatalf("got %q, want %q", reason(err), tt.want)
			}
			if err == nil && fmt.Sprint(s.Timestamp.Unix()) != tt.ts && fmt.Sprint(s.Timestamp.UnixMilli()) != tt.ts {
				t.Errorf("timestamp %v, want %s", s.Timestamp, tt.ts)
			}
		})
	}
	t.Run("V9 empty key next to a real one", func(t *testing.T) {
		_, err := zoom.Verify(headers("v0=17a00a2ccc2e7b5620fc13de33dcad525c8038550ed75db4a5da8622563f775c", hookTime), []byte(hookBody), secrets(hookSecret, ""))
		if reason(err) != "wrong_signature" {
			t.Errorf("got %q", reason(err))
		}
	})
}

func TestVerifyVectorFile(t *testing.T) {
	var file struct {
		Vectors []struct {
			ID, Secret, Timestamp, Signature, Expect, PlainToken, EncryptedToken string
			Body                                                                 string                                      `json:"body_b64"`
			CRC                                                                  struct{ PlainToken, EncryptedToken string } `json:"crc_response"`
		}
	}
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			body, err := base64.StdEncoding.DecodeString(v.Body)
			if err != nil {
				t.Fatal(err)
			}
			switch v.Expect {
			case "valid", "invalid", "either": // for W-05, "either" means rejected here
				seen++
				_, err := zoom.Verify(headers(v.Signature, v.Timestamp), body, secrets(v.Secret))
				if (err == nil) != (v.Expect == "valid") {
					t.Errorf("got error %v, want %s", err, v.Expect)
				}
			case "crc":
				seen++
				v.CRC.PlainToken, v.CRC.EncryptedToken = v.PlainToken, v.EncryptedToken
				body = []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"` + v.PlainToken + `"}}`)
			}
			if v.CRC.PlainToken == "" {
				return
			}
			answer, is, err := zoom.URLValidation(body, zoom.NewSecret(v.Secret))
			want := `{"plainToken":"` + v.CRC.PlainToken + `","encryptedToken":"` + v.CRC.EncryptedToken + `"}`
			if err != nil || !is || string(answer) != want {
				t.Errorf("got %s, %v, %v, want %s", answer, is, err, want)
			}
		})
	}
	if seen < 12 {
		t.Errorf("only %d vectors were used", seen)
	}
}

func TestVerifyRefuses(t *testing.T) {
	good := headers(hookSig, hookTime)
	sig := func(s ...string) http.Header {
		return http.Header{"X-Zm-Signature": s, "X-Zm-Request-Timestamp": {hookTime}}
	}
	ts := func(s ...string) http.Header {
		return http.Header{"X-Zm-Signature": {hookSig}, "X-Zm-Request-Timestamp": s}
	}
	// Each malformed timestamp comes with a correct signature over it.
	signedTS := func(s string) http.Header {
		return http.Header{"X-Zm-Signature": {naive(hookSecret, s, hookBody)}, "X-Zm-Request-Timestamp": {s}}
	}
	digest := strings.TrimPrefix(hookSig, "v0=")
	type test struct {
		name string
		h    http.Header
		body string
		want string
	}
	tests := []test{
		{"W-03 no headers", http.Header{}, hookBody, "no_signature"},
		{"W-03 no signature", sig(), hookBody, "no_signature"},
		{"W-03 empty", sig(""), hookBody, "no_signature"},
		{"W-03 prefix only", sig("v0="), hookBody, "malformed_signature"},
		{"W-04 63 digits", sig(hookSig[:66]), hookBody, "malformed_signature"},
		{"W-04 65 digits", sig(hookSig + "0"), hookBody, "malformed_signature"},
		{"W-04 8 digits", sig(hookSig[:11]), hookBody, "malformed_signature"},
		{"W-05 upper case", sig("v0=" + strings.ToUpper(digest)), hookBody, "malformed_signature"},
		{"W-05 mixed case", sig("v0=B" + digest[1:]), hookBody, "malformed_signature"},
		{"W-07 other body", good, hookBody + " ", "wrong_signature"},
		{"W-07 other time", headers(hookSig, "1761955201"), hookBody, "wrong_signature"},
		{"W-07 other secret", sig(naive("another-secret", hookTime, hookBody)), hookBody, "wrong_signature"},
		{"W-08 spaces", good, strings.ReplaceAll(hookBody, ":", ": "), "wrong_signature"},
		{"W-08 escaped", good, strings.Replace(hookBody, "meeting", `\u006deeting`, 1), "wrong_signature"},
		{"W-11 missing", ts(), hookBody, "malformed_timestamp"},
		{"W-12 twelve digits", signedTS("176195520012"), hookBody, "malformed_timestamp"},
		{"W-12 microseconds", signedTS("1761955200123456"), hookBody, "malformed_timestamp"},
		{"W-30 good and bad signature", sig(hookSig, "v0="+strings.Repeat("0", 64)), hookBody, "malformed_signature"},
		{"W-30 bad and good signature", sig("v0="+strings.Repeat("0", 64), hookSig), hookBody, "malformed_signature"},
		{"W-30 same signature twice", sig(hookSig, hookSig), hookBody, "malformed_signature"},
		{"W-30 two timestamps", ts(hookTime, hookTime), hookBody, "malformed_timestamp"},
	}
	for _, p := range []string{"v1=" + digest, "V0=" + digest, "v0:" + digest, "sha256=" + digest, digest, "v0 =" + digest, hookSig + " ", hookSig + "\n", " " + hookSig, hookSig + "," + hookSig, "v0=aa " + digest[3:]} {
		tests = append(tests, test{"W-06 " + p, sig(p), hookBody, "malformed_signature"})
	}
	for _, s := range []string{"", "abc", "NaN", "Infinity", "1e9", "0x12345678", "-1", "-761955200", "+1761955200", " 1761955200", "1761955200 ", "1761955200\n", "１７６１９５５２００", "17619552001761955200", "1761955200.0", "176195520", "17619552001"} {
		tests = append(tests, test{"W-11 " + s, signedTS(s), hookBody, "malformed_timestamp"})
	}
	// W-13: a split at any colon of the body.
	for i, r := range hookBody {
		if r == ':' {
			tests = append(tests, test{fmt.Sprint("W-13 at ", i), headers(hookSig, hookTime+":"+hookBody[:i]), hookBody[i+1:], "malformed_timestamp"})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := zoom.Verify(tt.h, []byte(tt.body), secrets(hookSecret))
			if reason(err) != tt.want || s != (zoom.Signature{}) {
				t.Errorf("got %+v, %q, want %q", s, reason(err), tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), digest[:8]) || strings.Contains(err.Error(), "meeting")) {
				t.Errorf("W-10: the error contains parts of the request: %v", err)
			}
		})
	}
}

func TestVerifySlots(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tokens []string
		want   string
		slot   int
	}{
		{"W-01 only token", []string{hookSecret}, "", 0},
		{"W-70 newest", []string{hookSecret, "old"}, "", 0},
		{"W-70 previous", []string{"new", hookSecret}, "", 1},
		{"W-70 same secret twice", []string{"new", hookSecret, hookSecret}, "", 1},
		{"W-70 empty secret first", []string{"", hookSecret}, "", 1},
		{"W-70 both wrong", []string{"new", "old"}, "wrong_signature", 0},
		{"W-60 no secrets", nil, "no_secret", 0},
		{"W-60 only empty secrets", []string{"", ""}, "no_secret", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := zoom.Verify(headers(hookSig, hookTime), []byte(hookBody), secrets(tt.tokens...))
			if reason(err) != tt.want || s.Slot != tt.slot {
				t.Errorf("got slot %d, %q, want slot %d, %q", s.Slot, reason(err), tt.slot, tt.want)
			}
		})
	}
	t.Run("W-60 is reported before the request is checked", func(t *testing.T) {
		if _, err := zoom.Verify(http.Header{}, nil, nil); reason(err) != "no_secret" {
			t.Errorf("got %q", reason(err))
		}
	})
}

// Q1: Verify rejects a change of any single bit of the time, the body, the
// signature or the key (W-09).
func TestVerifyEveryBit(t *testing.T) {
	for name, input := range map[string]string{"time": hookTime, "body": hookBody, "signature": hookSig, "key": hookSecret} {
		for i := range len(input) * 8 {
			flipped := []byte(input)
			flipped[i/8] ^= 1 << (i % 8)
			ts, body, sig, key := hookTime, hookBody, hookSig, hookSecret
			switch name {
			case "time":
				ts = string(flipped)
			case "body":
				body = string(flipped)
			case "signature":
				sig = string(flipped)
			case "key":
				key = string(flipped)
			}
			if _, err := zoom.Verify(headers(sig, ts), []byte(body), secrets(key)); err == nil {
				t.Errorf("accepted with bit %d of the %s changed", i, name)
			}
		}
	}
}

// Q2: Verify rejects any split of the signed text other than at the first colon
// after the time.
func TestVerifyEverySplit(t *testing.T) {
	signed := hookTime + ":" + hookBody
	for i := range len(signed) {
		_, err := zoom.Verify(headers(hookSig, signed[:i]), []byte(signed[i+1:]), secrets(hookSecret))
		if (err == nil) != (i == len(hookTime)) {
			t.Errorf("split at %d: %v", i, err)
		}
	}
}

func validation(token string) string {
	b, _ := json.Marshal(token)
	return `{"event":"endpoint.url_validation","payload":{"plainToken":` + string(b) + `},"event_ts":1761955200123}`
}

// answerOf is the answer to a challenge, computed in the simplest way.
func answerOf(token string) string {
	m := hmac.New(sha256.New, []byte(hookSecret))
	m.Write([]byte(token))
	b, _ := json.Marshal(token)
	return fmt.Sprintf(`{"plainToken":%s,"encryptedToken":"%x"}`, b, m.Sum(nil))
}

func TestURLValidation(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		wantIs     bool
		want       string // the answer, or the reason of the VerifyError
	}{
		{"W-50", validation("qgg8vlvZRS6UYooatFL8Aw"), true, `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"6806fd4fceab5538106881d9ede74644cdb6e6f66b3bbafe64228529a219d414"}`},
		{"W-52 empty", validation(""), true, "malformed_plain_token"},
		{"W-52 513 characters", validation(strings.Repeat("é", 513)), true, "malformed_plain_token"},
		{"W-52 1 MB", validation(strings.Repeat("a", 1<<20)), true, "malformed_plain_token"},
		{"W-50 base64", validation("a+b/c=="), true, answerOf("a+b/c==")},
		{"W-50 512 characters", validation(strings.Repeat("é", 512)), true, answerOf(strings.Repeat("é", 512))},
		{"W-50 HTML", validation("<b>x</b>"), true, answerOf("<b>x</b>")},
		{"W-50 quote", validation(`a"b`), true, answerOf(`a"b`)},
		{"W-50 newline", validation("abc\n"), true, answerOf("abc\n")},
		{"W-50 unicode", validation("tøken 鍵"), true, answerOf("tøken 鍵")},
		{"W-52 colon", validation("a:b"), true, "malformed_plain_token"},
		{"W-52 V12 oracle", validation("v0:" + hookTime + ":" + hookBody), true, "malformed_plain_token"},
		{"W-52 number", `{"event":"endpoint.url_validation","payload":{"plainToken":1}}`, true, "malformed_plain_token"},
		{"W-52 null", `{"event":"endpoint.url_validation","payload":{"plainToken":null}}`, true, "malformed_plain_token"},
		{"W-52 missing", `{"event":"endpoint.url_validation","payload":{}}`, true, "malformed_plain_token"},
		{"W-52 array", `{"event":"endpoint.url_validation","payload":{"plainToken":["a"]}}`, true, "malformed_plain_token"},
		{"W-52 no payload", `{"event":"endpoint.url_validation"}`, true, "malformed_plain_token"},
		{"W-52 payload in a string", `{"event":"endpoint.url_validation","payload":"{\"plainToken\":\"a\"}"}`, true, "malformed_plain_token"},
		{"event name contains an escape", `{"event":"endpoint.url_v\u0061lidation","payload":{}}`, true, "malformed_plain_token"},
		{"W-43 other case", `{"Event":"endpoint.url_validation","payload":{"plainToken":"a"}}`, false, ""},
		{"other event", hookBody, false, ""},
		{"W-34 null", `null`, false, ""},
		{"W-34 array", `[{"event":"endpoint.url_validation"}]`, false, ""},
		{"W-34 nothing", ``, false, ""},
		{"W-34 broken", `{"event":"endpoint.url_validation","payload":{"plainToken":"a"}`, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, is, err := zoom.URLValidation([]byte(tt.body), zoom.NewSecret(hookSecret))
			got := string(answer) + reason(err)
			if is != tt.wantIs || got != tt.want {
				t.Errorf("got %v, %q, want %v, %q", is, got, tt.wantIs, tt.want)
			}
		})
	}
	t.Run("W-60 no secret", func(t *testing.T) {
		answer, is, err := zoom.URLValidation([]byte(validation("abc")), zoom.Secret{})
		if answer != nil || !is || reason(err) != "no_secret" {
			t.Errorf("got %s, %v, %v", answer, is, err)
		}
	})
}

// F1: Verify accepts exactly what a simple reference implementation accepts.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(hookBody), hookTime, hookSig, hookSecret, "", uint8(0))
	f.Add([]byte(hookBody), hookTime, hookSig, "new", hookSecret, uint8(0))
	f.Add([]byte("{\"event\":\"a\xff\xfe\"}"), hookTime, "v0=ab1e3590065c92015cf412c943578873e97237dcb3967da9bd5389e6f4584819", hookSecret, "x", uint8(1))
	f.Add([]byte(hookBody), hookTime, "v0=17a00a2ccc2e7b5620fc13de33dcad525c8038550ed75db4a5da8622563f775c", "", "", uint8(0))
	f.Add([]byte(hookBody), "1761955200123", "v0=138dd39adb56d11d6fb56cd27532a06fd84873fe82dd209515c858a58c15f488", hookSecret, "", uint8(0))
	f.Add([]byte(hookBody)[9:], hookTime+`:{"event"`, hookSig, hookSecret, "", uint8(0))
	f.Add([]byte(hookBody), hookTime, hookSig, hookSecret, "", uint8(2))
	f.Add([]byte(hookBody), hookTime, hookSig, hookSecret, "", uint8(3))
	f.Fuzz(func(t *testing.T, body []byte, ts, sig, key1, key2 string, mode uint8) {
		if mode%4 == 1 { // helps the fuzzer get past the signature check
			sig = naive(key1, ts, string(body))
		}
		h := headers(sig, ts)
		switch mode % 4 {
		case 2:
			h.Add("X-Zm-Signature", sig)
		case 3:
			h.Add("X-Zm-Request-Timestamp", ts)
		}
		want := -1
		aTime := (len(ts) == 10 || len(ts) == 13) && strings.Trim(ts, "0123456789") == ""
		if aTime && mode%4 < 2 {
			for i, k := range []string{key1, key2} {
				if want < 0 && k != "" && sig == naive(k, ts, string(body)) {
					want = i
				}
			}
		}
		s, err := zoom.Verify(h, body, secrets(key1, key2))
		if (err == nil) != (want >= 0) || err == nil && s.Slot != want {
			t.Errorf("Verify: slot %d, %v; reference: %d", s.Slot, err, want)
		}
		if _, err := zoom.Verify(h, body, nil); err == nil {
			t.Error("accepted without a key")
		}
	})
}

// F2: an answer contains an HMAC only of a token that cannot begin a signed
// message, and it is never the signature of an event.
func FuzzURLValidation(f *testing.F) {
	f.Add([]byte(validation("qgg8vlvZRS6UYooatFL8Aw")), hookTime, []byte(hookBody))
	f.Add([]byte(validation("v0:"+hookTime+":"+hookBody)), hookTime, []byte(hookBody))
	f.Add([]byte(validation("v0")), "", []byte(""))
	f.Add([]byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"a","plainToken":"v0:1:x"}}`), "1", []byte("x"))
	f.Add([]byte(`{"\u0065vent":"endpoint.url_validation","payload":{"plain\u0054oken":"\u0061"}}`), hookTime, []byte("a"))
	f.Fuzz(func(t *testing.T, body []byte, ts string, forged []byte) {
		answer, is, err := zoom.URLValidation(body, zoom.NewSecret(hookSecret))
		if answer == nil {
			return
		}
		if !is || err != nil {
			t.Fatalf("an answer together with %v, %v", is, err)
		}
		var a struct{ PlainToken, EncryptedToken string }
		if err := json.Unmarshal(answer, &a); err != nil {
			t.Fatal(err)
		}
		if n := utf8.RuneCountInString(a.PlainToken); n < 1 || n > 512 || strings.Contains(a.PlainToken, ":") {
			t.Errorf("answered %q", a.PlainToken)
		}
		m := hmac.New(sha256.New, []byte(hookSecret))
		m.Write([]byte(a.PlainToken))
		if a.EncryptedToken != hex.EncodeToString(m.Sum(nil)) {
			t.Errorf("wrong answer %s", answer)
		}
		if _, err := zoom.Verify(headers("v0="+a.EncryptedToken, ts), forged, secrets(hookSecret)); err == nil {
			t.Errorf("the answer to %q signs %q", body, forged)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 2000)
	h, tokens := headers(naive(hookSecret, hookTime, string(body)), hookTime), secrets("new-secret", hookSecret)
	for b.Loop() {
		if _, err := zoom.Verify(h, body, tokens); err != nil {
			b.Fatal(err)
		}
	}
}
