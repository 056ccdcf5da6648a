package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// sign computes Zoom's signature as Zoom documents it, independently of package
// zoom.
func sign(secret, ts string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", ts, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func (w *world) ts() string { return strconv.FormatInt(w.clock.now().Unix(), 10) }

// deliver sends a body, signed with secret at the current time.
func (w *world) deliver(secret string, body []byte, header ...string) answer {
	w.t.Helper()
	return w.webhook(w.ts(), sign(secret, w.ts(), body), body, header...)
}

func (w *world) webhook(ts, signature string, body []byte, header ...string) answer {
	w.t.Helper()
	header = append(header, "X-Zm-Request-Timestamp", ts, "X-Zm-Signature", signature)
	return w.browser().do(http.MethodPost, "/webhook", bytes.NewReader(body), header...)
}

// events returns the number of stored events.
func (w *world) events() int {
	w.t.Helper()
	page, err := w.store.EventRows(w.t.Context(), db.EventFilter{}, "", 200)
	w.must(err)
	return len(page.Items)
}

func started(id int) []byte {
	return fmt.Appendf(nil, `{"event":"meeting.started","payload":{"account_id":"AccountAAAAAAAAAAAAAAA","object":{"id":"%d","uuid":"4444AAAiAAAAAiAiAiiAii==","topic":"SEV1 db down","type":2}},"event_ts":1795313647123}`, 81234567890+id)
}

const constant401 = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no valid Zoom signature."}`

// refused checks for the one answer to all requests without a valid signature,
// and that nothing is stored.
func (w *world) refused(name string, r answer) {
	w.t.Helper()
	if r.status != http.StatusUnauthorized || r.body != constant401 {
		w.t.Errorf("%s: status %d, body %s", name, r.status, r.body)
	}
}

func TestWebhookSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("W-01 valid", func(t *testing.T) {
		r := w.deliver(secretToken, started(1))
		if r.status != http.StatusOK || r.body != "{}" || r.header.Get("Content-Type") != "application/json" || w.events() != 1 {
			t.Errorf("status %d, %s %q, %d events", r.status, r.header.Get("Content-Type"), r.body, w.events())
		}
	})
	t.Run("W-24 only event_ts differs", func(t *testing.T) {
		before := w.events()
		w.deliver(secretToken, []byte(`{"event":"x","event_ts":1}`))
		w.deliver(secretToken, []byte(`{"event":"x","event_ts":2}`))
		if got := w.events() - before; got != 2 {
			t.Errorf("%d events, want 2", got)
		}
	})
	deep := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	keys := []byte(`{"a0":0`)
	for i := range 60_000 {
		keys = fmt.Appendf(keys, `,"a%d":0`, i)
	}
	keys = append(keys, '}')
	bodies := map[string][]byte{
		"W-33 exactly 4 MiB": bytes.Repeat([]byte("x"), 4<<20), "W-34 empty": nil, "W-34 one byte": []byte("x"),
		"W-34 null": []byte("null"), "W-34 array": []byte("[]"), "W-34 string": []byte(`"x"`), "W-34 number": []byte("0"),
		"W-36 gzip": zipped(started(2)), "W-40 invalid UTF-8": []byte("{\"event\":\"a\xff\xfe\"}"), "W-40 lone surrogate": []byte(`{"event":"\ud800"}`),
		"W-40 BOM": []byte("\xef\xbb\xbf{}"), "W-40 UTF-16": []byte("\xff\xfe{\x00}\x00"), "W-41 raw NUL": []byte("{\"event\":\"a\x00\"}"),
		"W-41 escaped NUL": []byte(`{"event":"meeting.started","payload":{"object":{"id":"1","topic":"a\u0000b"}}}`),
		"W-42 odd ids":     []byte(`{"event":"meeting.started","payload":{"object":{"id":1e400,"uuid":[]}}}`),
		"W-42 huge id":     []byte(`{"event":"meeting.started","payload":{"object":{"id":123456789012345678901234567890}}}`),
		"W-43 doubled":     []byte(`{"event":"a","EVENT":"b","event":"c"}`), "W-44 unknown": []byte(`{"event":"meeting.danced","payload":"x"}`),
		"W-45 deep": deep(10_000), "W-45 very deep": deep(500_000), "W-45 many keys": keys,
		"W-46 long topic": fmt.Appendf(nil, `{"event":"meeting.started","payload":{"object":{"id":"1","topic":"%s"}}}`, strings.Repeat("t", 200_000)),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			before := w.events()
			if r := w.deliver(secretToken, body); r.status != http.StatusOK {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			page, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 1)
			w.must(err)
			e, err := w.store.Event(t.Context(), page.Items[0].ID)
			w.must(err)
			if w.events() != before+1 || !bytes.Equal(e.Body, body) {
				t.Errorf("%d new events, body kept: %v", w.events()-before, bytes.Equal(e.Body, body))
			}
		})
	}
	t.Run("the worker reads all of them without a panic", func(t *testing.T) {
		_, err := w.service.ReadEvents(t.Context())
		w.must(err)
		page, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 200)
		w.must(err)
		for _, e := range page.Items {
			if e.State == incident.EventNew {
				t.Errorf("event %d is still new", e.ID)
			}
		}
	})
	t.Run("W-37 the content type is ignored", func(t *testing.T) {
		for i, kind := range []string{"", "text/plain", "application/json;charset=utf-16", "application/json; charset-utf-8", "multipart/form-data", "application/xml"} {
			if r := w.deliver(secretToken, started(100+i), "Content-Type", kind); r.status != http.StatusOK {
				t.Errorf("%q: status %d", kind, r.status)
			}
		}
		w.refused("unsigned", w.webhook(w.ts(), "", started(110), "Content-Type", "application/json"))
	})
	t.Run("W-39 a query is ignored and not logged", func(t *testing.T) {
		body := started(120)
		r := w.browser().do(http.MethodPost, "/webhook?secret=CANARY-query", bytes.NewReader(body), "X-Zm-Request-Timestamp", w.ts(), "X-Zm-Signature", sign(secretToken, w.ts(), body))
		if r.status != http.StatusOK || strings.Contains(w.log.String(), "CANARY-query") {
			t.Errorf("status %d, or the query is in the log", r.status)
		}
	})
	t.Run("F-03 pages of other sites cannot use the exemption", func(t *testing.T) {
		if r := w.deliver(secretToken, started(130), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); r.status != http.StatusOK {
			t.Errorf("signed: status %d", r.status)
		}
	})
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

func TestWebhookAsOthersWriteIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := os.ReadFile("testdata/webhook-started.json")
	w.must(err)
	for i, path := range []string{"/webhook/", "//webhook", "/Webhook", "/WEBHOOK//"} {
		t.Run(path, func(t *testing.T) {
			body := bytes.ReplaceAll(text, []byte("$MS"), fmt.Append(nil, w.clock.now().UnixMilli()+int64(i)))
			r := w.browser().do(http.MethodPost, path, bytes.NewReader(body), "X-Zm-Request-Timestamp", w.ts(), "X-Zm-Signature", sign(secretToken, w.ts(), body))
			if r.status != http.StatusOK || w.events() != i+1 {
				t.Errorf("status %d, %d events: %s", r.status, w.events(), r.body)
			}
		})
	}
	t.Run("W-12 a timestamp in milliseconds", func(t *testing.T) {
		before, ts := w.events(), w.ts()+"123"
		if r := w.webhook(ts, sign(secretToken, ts, started(7)), started(7)); r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		page, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 1)
		w.must(err)
		if e := page.Items[0]; w.events() != before+1 || e.Stale || fmt.Sprint(e.SignedAt.UnixMilli()) != ts {
			t.Errorf("signed at %v, stale %v; want %s, fresh", e.SignedAt, e.Stale, ts)
		}
	})
}

func TestWebhookRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := started(1)
	ts := w.ts()
	good := sign(secretToken, ts, body)
	bare := good[3:]

	signatures := map[string]string{
		"W-03 empty": "", "W-03 only v0=": "v0=",
		"W-04 63 digits": good[:66], "W-04 65 digits": good + "0", "W-04 8 digits": good[:11],
		"W-05 upper": "v0=" + strings.ToUpper(bare), "W-05 mixed": "v0=" + strings.ToUpper(bare[:32]) + bare[32:],
		"W-06 v1": "v1=" + bare, "W-06 V0": "V0=" + bare, "W-06 colon": "v0:" + bare, "W-06 sha256": "sha256=" + bare, "W-06 bare": bare,
		"W-06 space": "v0 =" + bare, "W-06 two": good + "," + good,
		"W-07 other body": sign(secretToken, ts, started(2)), "W-07 other secret": sign(oldToken, ts, body), "W-07 other time": sign(secretToken, "1795313000", body),
		"W-60 empty key": sign("", ts, body),
	}
	for name, signature := range signatures {
		t.Run(name, func(t *testing.T) { w.refused(name, w.webhook(ts, signature, body)) })
	}
	t.Run("W-03 no headers at all", func(t *testing.T) {
		w.refused("none", w.browser().do(http.MethodPost, "/webhook", bytes.NewReader(body)))
		w.refused("no timestamp", w.browser().do(http.MethodPost, "/webhook", bytes.NewReader(body), "X-Zm-Signature", good))
	})
	t.Run("W-08 JSON re-encoded", func(t *testing.T) {
		var v any
		w.must(json.Unmarshal([]byte(`{"event": "é\/", "a": 1}`), &v))
		again, err := json.Marshal(v)
		w.must(err)
		w.refused("compact", w.webhook(ts, sign(secretToken, ts, again), []byte(`{"event": "é\/", "a": 1}`)))
	})
	t.Run("W-09 any changed bit", func(t *testing.T) {
		for i := range len(bare) {
			flipped := []byte(bare)
			flipped[i] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", bare[i])+1)%16]
			w.refused(fmt.Sprint("digit ", i), w.webhook(ts, "v0="+string(flipped), body))
		}
		for i := 0; i < len(body); i += 7 {
			flipped := bytes.Clone(body)
			flipped[i] ^= 1
			w.refused(fmt.Sprint("byte ", i), w.webhook(ts, good, flipped))
		}
	})
	t.Run("W-11 odd timestamps", func(t *testing.T) {
		for _, odd := range []string{"", "abc", "NaN", "Infinity", "1e9", "0x6908", "-1", "+1795313647", "１７９５３１３６４７", "17953136470000000000", "1795313647.0", "179531364"} {
			w.refused(odd, w.webhook(odd, sign(secretToken, odd, body), body))
		}
	})
	t.Run("W-12 neither seconds nor milliseconds", func(t *testing.T) {
		for _, odd := range []string{ts + "12", ts + "1234", ts + "123456"} {
			w.refused(odd, w.webhook(odd, sign(secretToken, odd, body), body))
		}
	})
	t.Run("W-13 bytes moved from the body to the timestamp", func(t *testing.T) {
		head, rest, _ := strings.Cut(string(body), ":")
		w.refused("shifted", w.webhook(ts+":"+head, good, []byte(rest)))
	})
	t.Run("W-30 a header that occurs twice", func(t *testing.T) {
		bad := sign(oldToken, ts, body)
		for _, pair := range [][2]string{{good, bad}, {bad, good}, {good, good}} {
			w.refused("signature", w.browser().do(http.MethodPost, "/webhook", bytes.NewReader(body), "X-Zm-Request-Timestamp", ts, "X-Zm-Signature", pair[0], "X-Zm-Signature", pair[1]))
		}
		w.refused("time", w.browser().do(http.MethodPost, "/webhook", bytes.NewReader(body), "X-Zm-Request-Timestamp", ts, "X-Zm-Request-Timestamp", ts, "X-Zm-Signature", good))
	})
	t.Run("W-38 other methods and addresses", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} {
			r := w.browser().do(method, "/webhook", nil)
			if allow := r.header.Get("Allow"); r.status != http.StatusMethodNotAllowed || !strings.Contains(allow, "POST") {
				t.Errorf("%s: status %d, Allow %q; want 405, POST", method, r.status, allow)
			}
		}
		for _, path := range []string{"/webhook/..;/", "/webhook%2f", "/./webhook", "/", "/zoom/webhook", "/webhooks", "/login"} {
			r := w.browser().do(http.MethodPost, path, bytes.NewReader(body), "X-Zm-Request-Timestamp", ts, "X-Zm-Signature", good)
			if r.status != http.StatusNotFound || !strings.Contains(r.body, "isn’t Drawbridge’s webhook address") {
				t.Errorf("%s: status %d, want 404 about the address: %s", path, r.status, r.body)
			}
		}
	})
	t.Run("W-10 only a count of them is kept", func(t *testing.T) {
		if n := w.events(); n != 0 {
			t.Errorf("%d events", n)
		}
		for _, secret := range []string{good, bare, "SEV1 db down"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log contains %q", secret)
			}
		}
		_, err := w.service.RunOnce(t.Context())
		w.must(err)
		counts, err := w.store.Refusals(t.Context(), w.clock.now().Add(-time.Hour))
		w.must(err)
		seen := map[string]bool{}
		for _, c := range counts {
			seen[string(c.Reason)] = c.Count > 0
		}
		for _, reason := range []string{"no_signature", "malformed_signature", "wrong_signature", "malformed_timestamp", "wrong_path"} {
			if !seen[reason] {
				t.Errorf("%s was not counted: %v", reason, counts)
			}
		}
	})
}

func TestWebhookVectors(t *testing.T) { // W-02
	text, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID, Secret, Timestamp, Signature, Expect string
			Body                                     []byte          `json:"body_b64"`
			Answer                                   json.RawMessage `json:"crc_response"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	secret := ""
	for _, v := range file.Vectors {
		if v.Timestamp == "" || v.Secret == "" {
			continue // package zoom tests those without a request
		}
		t.Run(v.ID, func(t *testing.T) {
			if v.Secret != secret {
				w.saveAccount(incident.AccountForm{
					Auth: "server_to_server", ZoomAccountID: "AccountAAAAAAAAAAAAAAA", ClientID: "ClientAAAAAAAAAAAAAAAA", BackupUsers: []string{"oncall@example.com"},
					Secrets: map[incident.SecretName]string{incident.WebhookToken1: v.Secret},
				})
				secret = v.Secret
			}
			r := w.webhook(v.Timestamp, v.Signature, v.Body)
			switch {
			case v.Expect == "invalid" && r.status != http.StatusUnauthorized,
				v.Expect == "valid" && r.status != http.StatusOK:
				t.Errorf("status %d, want %s", r.status, v.Expect)
			case v.Answer != nil:
				var want, got map[string]string
				w.must(json.Unmarshal(v.Answer, &want))
				w.must(json.Unmarshal([]byte(r.body), &got))
				if got["plainToken"] != want["plainToken"] || got["encryptedToken"] != want["encryptedToken"] {
					t.Errorf("answered %s, want %s", r.body, v.Answer)
				}
			}
		})
	}
}

func TestWebhookTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, tt := range []struct {
		name  string
		age   time.Duration
		stale bool
	}{
		{"W-14 119 minutes old", 119 * time.Minute, false},
		{"W-14 121 minutes old", 121 * time.Minute, true},
		{"W-14 299 seconds ahead", -299 * time.Second, false},
		{"W-14 301 seconds ahead", -301 * time.Second, true},
		{"W-15 a day old", 24 * time.Hour, true},
		{"W-23 half a year old", 180 * 24 * time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := started(200 + i)
			ts := strconv.FormatInt(w.clock.now().Add(-tt.age).Unix(), 10)
			if r := w.webhook(ts, sign(secretToken, ts, body), body); r.status != http.StatusOK {
				t.Fatalf("status %d: a wrong clock must not cost an event", r.status)
			}
			page, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 1)
			w.must(err)
			if page.Items[0].Stale != tt.stale {
				t.Errorf("stale %v, want %v", page.Items[0].Stale, tt.stale)
			}
		})
	}
}

func TestWebhookReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := started(1)
	ts := w.ts()
	t.Run("W-20 several times in a row", func(t *testing.T) {
		for range 200 {
			if r := w.webhook(ts, sign(secretToken, ts, body), body); r.status != http.StatusOK {
				t.Fatalf("status %d", r.status)
			}
		}
	})
	t.Run("W-21 many at the same time", func(t *testing.T) {
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				if r := w.webhook(ts, sign(secretToken, ts, body), body); r.status != http.StatusOK {
					t.Errorf("status %d", r.status)
				}
			})
		}
		all.Wait()
	})
	t.Run("W-22 with a new signature, as in a retry", func(t *testing.T) {
		w.clock.add(5 * time.Minute)
		if r := w.deliver(secretToken, body); r.status != http.StatusOK {
			t.Errorf("status %d", r.status)
		}
	})
	t.Run("W-23 six days later", func(t *testing.T) {
		w.clock.add(6 * 24 * time.Hour)
		if r := w.webhook(ts, sign(secretToken, ts, body), body); r.status != http.StatusOK {
			t.Errorf("status %d", r.status)
		}
	})
	if n := w.events(); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestWebhookSize(t *testing.T) {
	w := newWorld(t)
	ts := w.ts()
	// dial sends raw bytes and returns the first answer.
	dial := func(t *testing.T, head string, body io.Reader) *http.Response {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		w.must(err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, head)
		w.must(err)
		if body != nil {
			_, _ = io.Copy(conn, body) // the server may close the connection first
		}
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		w.must(err)
		return r
	}
	t.Run("W-31 rejected by its Content-Length alone", func(t *testing.T) {
		r := dial(t, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n", nil)
		if r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413 and no 100", r.StatusCode)
		}
	})
	t.Run("W-32 100 MB in chunks", func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := http.NewRequest(http.MethodPost, w.url+"/webhook", io.LimitReader(endless{}, 100<<20))
		w.must(err)
		response, err := noRedirect.Do(r)
		if err == nil {
			defer response.Body.Close()
			if response.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("status %d, want 413", response.StatusCode)
			}
		} // the server may also close the connection while we are sending
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 48<<20 { // what grows to 4 MiB is allocated several times
			t.Errorf("%d bytes were allocated", got)
		}
	})
	t.Run("W-33 one byte over the limit", func(t *testing.T) {
		body := bytes.Repeat([]byte("x"), 4<<20+1)
		if r := w.webhook(ts, sign(secretToken, ts, body), body); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413", r.status)
		}
	})
	t.Run("W-35 unusual requests get the answers of net/http", func(t *testing.T) {
		body := string(started(1))
		signed := "X-Zm-Request-Timestamp: " + ts + "\r\nX-Zm-Signature: " + sign(secretToken, ts, []byte(body)) + "\r\n"
		chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
		for _, tt := range []struct {
			name, request string
			want          int
		}{
			{"length and chunks", "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signed + length + "Transfer-Encoding: chunked\r\n\r\n" + chunked, 200},
			{"two lengths", "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signed + length + "Content-Length: 1\r\n\r\n" + body, 400},
			{"bad chunk", "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signed + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 503},
			{"space before the colon", "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Zm-Signature : x\r\n" + length + "\r\n" + body, 400},
			{"folded header", "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Zm-Request-Timestamp: " + ts + "\r\nX-Zm-Signature: v0=aa\r\n bb\r\n" + length + "\r\n" + body, 401},
			{"absolute URI", "POST http://evil.example/webhook HTTP/1.1\r\nHost: x\r\n" + signed + length + "\r\n" + body, 200},
			{"HTTP/1.0 without a host", "POST /webhook HTTP/1.0\r\n" + signed + length + "\r\n" + body, 200},
			{"no host", "POST /webhook HTTP/1.1\r\n" + signed + length + "\r\n" + body, 400},
		} {
			if r := dial(t, tt.request, nil); r.StatusCode != tt.want {
				t.Errorf("%s: status %d, want %d", tt.name, r.StatusCode, tt.want)
			}
		}
	})
	t.Run("W-81 the sender disconnects in the middle", func(t *testing.T) {
		body := started(300)
		before := w.events()
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		w.must(err)
		fmt.Fprintf(conn, "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Zm-Request-Timestamp: %s\r\nX-Zm-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", ts, sign(secretToken, ts, body), len(body), body[:20])
		conn.Close()
		if r := w.deliver(secretToken, body); r.status != http.StatusOK || w.events() != before+1 {
			t.Errorf("the retry: status %d, %d new events", r.status, w.events()-before)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func challenge(plain string) []byte {
	return []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":` + plain + `},"event_ts":1761955200123}`)
}

// hangsUp is a client that closes the connection when it has the answer.
type hangsUp struct {
	*httptest.ResponseRecorder
	hangUp func()
}

func (h hangsUp) Flush() { h.hangUp() }

func TestWebhookValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("W-50 signed", func(t *testing.T) {
		r := w.deliver(secretToken, challenge(`"qgg8vlvZRS6UYooatFL8Aw"`))
		want := `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"6806fd4fceab5538106881d9ede74644cdb6e6f66b3bbafe64228529a219d414"}`
		if r.status != http.StatusOK || r.body != want || r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("status %d, %v, body %s", r.status, r.header, r.body)
		}
		if w.events() != 0 {
			t.Error("a challenge is stored as an event")
		}
		// The time is stored after the answer was sent. The connection accepts
		// the next request only after that.
		w.browser().get("/livez")
		account, err := w.store.Account(t.Context())
		w.must(err)
		if !account.WebhookValidatedAt.Equal(w.clock.now()) {
			t.Errorf("validated at %v", account.WebhookValidatedAt)
		}
	})
	t.Run("stored also if Zoom hangs up once it has the answer", func(t *testing.T) {
		w := newWorld(t)
		ctx, hangUp := context.WithCancel(t.Context())
		body := challenge(`"abc"`)
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook", bytes.NewReader(body))
		r.Header.Set("X-Zm-Request-Timestamp", w.ts())
		r.Header.Set("X-Zm-Signature", sign(secretToken, w.ts(), body))
		w.server.ServeHTTP(hangsUp{httptest.NewRecorder(), hangUp}, r)
		account, err := w.store.Account(t.Context())
		w.must(err)
		if ctx.Err() == nil || account.WebhookValidatedAt.IsZero() {
			t.Errorf("validated at %v, connection %v", account.WebhookValidatedAt, ctx.Err())
		}
	})
	t.Run("W-51 unsigned", func(t *testing.T) {
		w.refused("unsigned", w.webhook(w.ts(), "", challenge(`"qgg8vlvZRS6UYooatFL8Aw"`)))
		w.refused("signed with another token", w.deliver(oldToken, challenge(`"qgg8vlvZRS6UYooatFL8Aw"`)))
	})
	t.Run("W-56 a wrong signature is counted separately and not as a failure of Zoom", func(t *testing.T) {
		w.refused("a validation", w.deliver(oldToken, challenge(`"qgg8vlvZRS6UYooatFL8Aw"`)))
		w.refused("an event", w.deliver(oldToken, []byte(`{"event":"meeting.started"}`)))
		_, err := w.service.RunOnce(t.Context())
		w.must(err)
		counts, err := w.store.Refusals(t.Context(), time.Unix(0, 0))
		w.must(err)
		got := map[string]int64{}
		for _, c := range counts {
			got[string(c.Reason)] = c.Count
		}
		if got["wrong_validation"] != 2 || got["wrong_signature"] != 1 { // one is from W-51
			t.Errorf("rejected %v", got)
		}
		account, err := w.store.Account(t.Context())
		w.must(err)
		if h := account.Health(incident.DeliveryFacts{}, 0, w.clock.now()); h.FailedValidations != 0 {
			t.Errorf("%d failed validations", h.FailedValidations)
		}
	})
	t.Run("W-52 invalid tokens", func(t *testing.T) {
		for _, plain := range []string{`""`, `"` + strings.Repeat("a", 513) + `"`, `"` + strings.Repeat("a", 900_000) + `"`, `"v0:1761955200:{}"`, `":"`, `7`, `null`, `[]`, `{}`} {
			r := w.deliver(secretToken, challenge(plain))
			if r.status != http.StatusBadRequest || strings.Contains(r.body, "encryptedToken") {
				t.Errorf("%.40s: status %d, body %.200s", plain, r.status, r.body)
			}
		}
		if r := w.deliver(secretToken, []byte(`{"event":"endpoint.url_validation"}`)); r.status != http.StatusBadRequest {
			t.Errorf("no token: status %d", r.status)
		}
	})
	t.Run("W-54 the answer never signs an event", func(t *testing.T) {
		event := started(1)
		oracle, err := json.Marshal("v0:" + w.ts() + ":" + string(event))
		w.must(err)
		for _, r := range []answer{w.deliver(secretToken, challenge(string(oracle))), w.webhook(w.ts(), "", challenge(string(oracle)))} {
			if r.status == http.StatusOK || strings.Contains(r.body, sign(secretToken, w.ts(), event)[3:]) {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		}
	})
	t.Run("W-55 the answer uses the token that signed", func(t *testing.T) {
		w.rotate()
		r := w.deliver(oldToken, challenge(`"abc"`))
		mac := hmac.New(sha256.New, []byte(oldToken))
		mac.Write([]byte("abc"))
		if want := hex.EncodeToString(mac.Sum(nil)); !strings.Contains(r.body, want) {
			t.Errorf("status %d, body %s, want %s in it", r.status, r.body, want)
		}
	})
}

// rotate stores an additional, older secret token.
func (w *world) rotate() {
	w.t.Helper()
	w.saveAccount(incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: "AccountAAAAAAAAAAAAAAA", ClientID: "ClientAAAAAAAAAAAAAAAA", BackupUsers: []string{"oncall@example.com"},
		Secrets: map[incident.SecretName]string{incident.WebhookToken2: oldToken},
	})
}

func TestWebhookRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rotate()
	t.Run("W-70 both tokens, then only the newest", func(t *testing.T) {
		for i, secret := range []string{secretToken, oldToken} {
			if r := w.deliver(secret, started(i)); r.status != http.StatusOK {
				t.Errorf("token %d: status %d", i, r.status)
			}
			page, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 1)
			w.must(err)
			if page.Items[0].Slot != i {
				t.Errorf("slot %d, want %d", page.Items[0].Slot, i)
			}
		}
		w.refused("both wrong", w.deliver("another-secret-token-000", started(9)))
	})
	t.Run("W-71 no event is lost during the rotation", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 40 {
					if r := w.deliver(secretToken, started(1000+i*100+j)); r.status != http.StatusOK {
						t.Errorf("status %d: %s", r.status, r.body)
					}
				}
			})
		}
		w.saveAccount(incident.AccountForm{
			Auth: "server_to_server", ZoomAccountID: "AccountAAAAAAAAAAAAAAA", ClientID: "ClientAAAAAAAAAAAAAAAA", BackupUsers: []string{"oncall@example.com"},
			Remove: []incident.SecretName{incident.WebhookToken2},
		})
		all.Wait()
		w.refused("retired", w.deliver(oldToken, started(10)))
	})
	t.Run("W-70 a token that another program has stored just now", func(t *testing.T) {
		const added = "added-by-another-program-0"
		account, err := w.store.Account(t.Context())
		w.must(err)
		w.must(w.store.SaveAccount(t.Context(), account, map[incident.SecretName]incident.Secret{incident.WebhookToken2: zoom.NewSecret(added)}, nil, incident.AuditEntry{}))
		if r := w.deliver(added, started(11)); r.status != http.StatusOK {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	})
}

func TestWebhookOurFault(t *testing.T) {
	t.Parallel()
	unavailable := func(t *testing.T, w *world, r answer) {
		t.Helper()
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("status %d, want 503: %s", r.status, r.body)
		}
		wantBroken(t, r)
	}
	t.Run("W-60 no secret is stored", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.bare = true })
		unavailable(t, w, w.deliver("", started(1)))
		unavailable(t, w, w.deliver(secretToken, started(1)))
		unavailable(t, w, w.deliver("", challenge(`"abc"`)))
		if w.events() != 0 {
			t.Error("an event is stored")
		}
	})
	t.Run("W-62 the secret cannot be decrypted", func(t *testing.T) {
		cfg := dbtest.Migrated(t)
		first := newWorld(t, func(o *options) { o.db = cfg })
		other := cfg
		other.Keys = dbtest.Keys(t, "another key")
		w := newWorld(t, func(o *options) { o.db, o.bare = other, true })
		if r := first.deliver(secretToken, started(1)); r.status != http.StatusOK {
			t.Fatalf("with the right key: status %d", r.status)
		}
		unavailable(t, w, w.deliver(secretToken, started(2)))
		unavailable(t, w, w.deliver("wrong-secret-token-000000", started(2)))
	})
	t.Run("W-80 another program locks the database", func(t *testing.T) {
		cfg := dbtest.Migrated(t)
		w := newWorld(t, func(o *options) { o.db = cfg })
		if r := w.deliver(secretToken, started(1)); r.status != http.StatusOK {
			t.Fatalf("before: status %d", r.status)
		}
		other, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, db.SQLiteFile)+"?_txlock=immediate")
		w.must(err)
		defer other.Close()
		tx, err := other.Begin()
		w.must(err)
		begun := time.Now()
		unavailable(t, w, w.deliver(secretToken, started(2)))
		if took := time.Since(begun); took > 2900*time.Millisecond {
			t.Errorf("W-82: answered after %v", took)
		}
		begun = time.Now()
		r := w.firstByte(secretToken, challenge(`"abc"`))
		if took := time.Since(begun); r != http.StatusOK || took > time.Second {
			t.Errorf("W-56: status %d after %v", r, took)
		}
		w.must(tx.Rollback())
		if r := w.deliver(secretToken, started(2)); r.status != http.StatusOK || w.events() != 2 {
			t.Errorf("the retry: status %d, %d events, want 200 and 2", r.status, w.events())
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		w.deliver(secretToken, started(1))
		w.breakStore()
		unavailable(t, w, w.deliver(secretToken, started(2)))
	})
}

// firstByte returns the status of an answer as soon as it arrives.
func (w *world) firstByte(secret string, body []byte) int {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, w.url+"/webhook", bytes.NewReader(body))
	r.RequestURI = ""
	r.Header.Set("X-Zm-Request-Timestamp", w.ts())
	r.Header.Set("X-Zm-Signature", sign(secret, w.ts(), body))
	response, err := noRedirect.Do(r)
	w.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.must(err)
	if !json.Valid(text) {
		w.t.Errorf("answered %q", text)
	}
	return response.StatusCode
}
