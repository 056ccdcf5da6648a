package zoomsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestToken(t *testing.T) {
	good := url.Values{"grant_type": {"account_credentials"}, "account_id": {"acc_1"}}
	tests := []struct {
		name, id, secret string
		form             url.Values
		wantStatus       int
		wantError        string // id in errors.json
	}{
		{"good", "client_1", "shh", good, 200, ""},
		{"wrong secret", "client_1", "no", good, 400, "oauth.invalid_client"},
		{"wrong id", "client_2", "shh", good, 400, "oauth.invalid_client"},
		{"wrong account", "client_1", "shh", url.Values{"grant_type": {"account_credentials"}, "account_id": {"acc_2"}}, 400, "oauth.bad_account_generic"},
		{"no grant", "client_1", "shh", url.Values{"account_id": {"acc_1"}}, 400, "oauth.unsupported_grant"},
		{"refresh grant", "client_1", "shh", url.Values{"grant_type": {"refresh_token"}, "account_id": {"acc_1"}}, 400, "oauth.invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.tokenRequest(tt.form, tt.id, tt.secret)
			if r.status != tt.wantStatus {
				t.Fatalf("status %d, want %d: %s", r.status, tt.wantStatus, r.body)
			}
			if tt.wantError != "" {
				wantError(t, r, tt.wantError, nil)
				return
			}
			var sample map[string]any
			readFile(t, "samples/oauth-token.200.json", &sample)
			if lacks := missing("", sample, map[string]any(r.json(t))); lacks != nil {
				t.Errorf("lacks %v", lacks)
			}
		})
	}
	t.Run("parameters in the query", func(t *testing.T) {
		w := newWorld(t)
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("client_1:shh"))
		path := "/oauth/token?" + good.Encode()
		if r := w.call("POST", path, "", "Authorization", basic); r.status != 200 {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		r := w.call("POST", path, `{}`, "Authorization", basic)
		wantError(t, r, "oauth.unsupported_grant", nil)
	})
}

func TestTokenLife(t *testing.T) {
	w := newWorld(t)
	first := w.newToken()
	get := func(token string) reply {
		w.token = token
		r, err := w.try("GET", "/v2/users/"+ana, "")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	second := w.newToken()
	if r := get(first); r.status != 200 {
		t.Errorf("two tokens: the first answers %d", r.status)
	}
	w.SetFaults(func(f *zoomsim.Faults) { f.NewTokenKillsOld = true })
	third := w.newToken()
	wantError(t, get(second), "auth.invalid", nil)
	w.clock.add(3598 * time.Second)
	if r := get(third); r.status != 200 {
		t.Errorf("one second before it expires: %d", r.status)
	}
	w.clock.add(time.Second)
	wantError(t, get(third), "auth.expired", nil)
	wantError(t, get("no.such.token"), "auth.invalid", nil)
	wantError(t, get(""), "auth.missing", nil)
}

func TestSwitchedAuthStatus(t *testing.T) {
	w := newWorld(t)
	w.newToken()
	w.SetFaults(func(f *zoomsim.Faults) { f.SwapAuthStatus, f.TokenRefused = true, true })
	w.token = "x"
	if r := w.call("GET", "/v2/users/"+ana, ""); r.status != 400 || r.json(t)["code"] != json.Number("124") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func jwt(alg, iss, secret string, exp int64) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": alg, "typ": "JWT"}) + "." + part(map[string]any{"iss": iss, "exp": exp})
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestJWT(t *testing.T) {
	w := newWorld(t)
	now := w.clock.now().Unix()
	tests := []struct {
		name, token string
		ended       bool
		wantError   string
		wantNote    bool
	}{
		{name: "good", token: jwt("HS256", "key_1", "jwtshh", now+60)},
		{name: "expired", token: jwt("HS256", "key_1", "jwtshh", now), wantError: "auth.expired"},
		{name: "wrong secret", token: jwt("HS256", "key_1", "other", now+60), wantError: "auth.invalid"},
		{name: "alg none", token: jwt("none", "key_1", "jwtshh", now+60), wantError: "auth.invalid"},
		{name: "unknown key", token: jwt("HS256", "key_2", "jwtshh", now+60), wantError: "auth.jwt_key_bad"},
		{name: "milliseconds", token: jwt("HS256", "key_1", "jwtshh", now*1000), wantNote: true},
		{name: "JWT apps switched off", token: jwt("HS256", "key_1", "jwtshh", now+60), ended: true, wantError: "auth.invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{JWTEnded: tt.ended} })
			w.token = tt.token
			r := w.call("GET", "/v2/users/me", "")
			if tt.wantError != "" {
				wantError(t, r, tt.wantError, nil)
			} else if r.status != 200 || r.json(t)["email"] != ana {
				t.Errorf("%d %s", r.status, r.body)
			}
			calls := w.Calls()
			if note := calls[len(calls)-1].Note; (note != "") != tt.wantNote {
				t.Errorf("note %q", note)
			}
		})
	}
}

// wantError compares a body with errors.json, whose placeholders and example values are replaced first.
func wantError(t *testing.T, r reply, id string, replace map[string]string) {
	t.Helper()
	var catalogue struct {
		Errors []struct {
			ID   string
			HTTP any
			Body json.RawMessage
		}
	}
	readFile(t, "errors.json", &catalogue)
	for _, e := range catalogue.Errors {
		if e.ID != id {
			continue
		}
		want := string(e.Body)
		for old, with := range replace {
			if !strings.Contains(want, old) {
				t.Errorf("%s: %q is not in %s", id, old, want)
			}
			want = strings.ReplaceAll(want, old, with)
		}
		var a, b any
		if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal(r.body, &b) != nil {
			t.Fatalf("%s: body %q is not JSON", id, r.body)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Errorf("%s:\n got %s\nwant %s", id, y, x)
		}
		if status, ok := e.HTTP.(json.Number); ok && status.String() != strconv.Itoa(r.status) {
			t.Errorf("%s: status %d, want %s", id, r.status, status)
		}
		return
	}
	t.Fatalf("errors.json has no %s", id)
}
