package zoom_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

func TestTokenRequest(t *testing.T) {
	var got *http.Request
	var body string
	f := &fake{token: func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Write(sample(t, "oauth-token.200.json"))
	}}
	c := onTheNet(t, f)
	before := time.Now()
	tok, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"meeting:read:meeting:admin", "meeting:write:meeting:admin", "user:read:user:admin"}, tok.Scopes); d != "" {
		t.Error(d)
	}
	if life := tok.ExpiresAt.Sub(before); life < 3599*time.Second || life > 3605*time.Second {
		t.Errorf("life %v", life)
	}
	// The form is that of the request in Zoom's documentation,
	// samples/oauth-token.request.http.
	if want := "account_id=" + accountID + "&grant_type=account_credentials"; body != want || got.URL.RawQuery != "" {
		t.Errorf("body %q, query %q", body, got.URL.RawQuery)
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret)); got.Header.Get("Authorization") != want {
		t.Errorf("Authorization %q", got.Header.Get("Authorization"))
	}
	if ct := got.Header.Get("Content-Type"); ct != "application/x-www-form-urlencoded" {
		t.Errorf("Content-Type %q", ct)
	}
}

// numbered issues the tokens t1, t2, … with a lifetime of life seconds.
func numbered(life int) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		n++
		reply(w, 200, fmt.Sprintf(`{"access_token":"t%d","expires_in":%d,"scope":"s%d"}`, n, life, n))
	}
}

func scope(t *testing.T, c *zoom.Client) string {
	t.Helper()
	tok, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(tok.Scopes, " ")
}

func TestTokenIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		good := numbered(3600)
		f.token = func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Second); good(w, r) }
		c := inMemory(f, serverToServer)
		// The first caller gives up early; the others still get the token.
		first, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go func() {
			_, err := c.Token(first)
			if e := asError(t, err); e.Outcome != zoom.NotSent || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if s := scope(t, c); s != "s1" {
					t.Error(s)
				}
			})
		}
		wg.Wait()
		if _, asked := f.log(); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestTokenRenewal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		life   int
		before time.Duration // still the first token
		after  time.Duration // the second token
	}{
		{"five minutes before the end", 3600, 55*time.Minute - time.Second, 55 * time.Minute},
		{"shorter margin for a short lifetime", 100, 89 * time.Second, 90 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{token: numbered(tt.life)}
				c := inMemory(f, serverToServer)
				start := time.Now()
				for _, step := range []struct {
					at   time.Duration
					want string
				}{{0, "s1"}, {tt.before, "s1"}, {tt.after, "s2"}, {tt.after + time.Second, "s2"}} {
					time.Sleep(time.Until(start.Add(step.at)))
					if s := scope(t, c); s != step.want {
						t.Errorf("after %v: %s, want %s", step.at, s, step.want)
					}
				}
			})
		})
	}
}

// While the old token works, a token endpoint that does not answer delays a call
// by only one second.
func TestTokenRenewalFails(t *testing.T) {
	for _, tt := range []struct {
		name    string
		broken  http.HandlerFunc
		wantMax time.Duration
	}{
		{"Z-12 500", replies(500, "x"), 0},
		{"Z-12 no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{token: numbered(3600)}
				c := inMemory(f, serverToServer)
				scope(t, c)
				f.token = tt.broken
				time.Sleep(56 * time.Minute)
				start := time.Now()
				for range 10 {
					if s := scope(t, c); s != "s1" {
						t.Error(s)
					}
				}
				if took := time.Since(start); took > 10*tt.wantMax {
					t.Errorf("took %v", took)
				}
				if _, asked := f.log(); asked > 2 {
					t.Errorf("asked %d times", asked-1)
				}
				time.Sleep(4 * time.Minute)
				if _, err := c.Token(t.Context()); err == nil {
					t.Error("an expired token was used")
				}
			})
		})
	}
}

func TestTokenAnswers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   int
		body     string
		wantLife time.Duration // 0: error
		want     zoom.ProblemCode
	}{
		{"number", 200, `{"access_token":"t","expires_in":60}`, time.Minute, ""},
		{"Z-12 string", 200, `{"access_token":"t","expires_in":"60"}`, time.Minute, ""},
		{"Z-12 zero", 200, `{"access_token":"t","expires_in":0}`, time.Hour, ""},
		{"Z-12 missing", 200, `{"access_token":"t"}`, time.Hour, ""},
		{"Z-12 negative", 200, `{"access_token":"t","expires_in":-1}`, time.Hour, ""},
		{"Z-12 large", 200, `{"access_token":"t","expires_in":1000000000}`, time.Hour, ""},
		{"Z-12 garbage", 200, `{"access_token":"t","expires_in":{}}`, time.Hour, ""},
		{"Z-12 foreign host is not used", 200, `{"access_token":"t","expires_in":60,"api_url":"https://evil.example"}`, time.Minute, ""},
		{"no token", 200, `{"expires_in":60}`, 0, zoom.ProblemUnreadable},
		{"token is a number", 200, `{"access_token":5}`, 0, zoom.ProblemUnreadable},
		{"token breaks the header", 200, `{"access_token":"a\r\nX: y"}`, 0, zoom.ProblemUnreadable},
		{"not JSON", 200, `<html>`, 0, zoom.ProblemUnreadable},
		{"Z-12 wrong client", 400, string(sample(t, "oauth-token.400.invalid_client.json")), 0, zoom.ProblemWrongClient},
		{"Z-12 wrong client with 401", 401, string(sample(t, "oauth-token.400.invalid_client.json")), 0, zoom.ProblemWrongClient},
		{"Z-12 wrong account", 400, string(sample(t, "oauth-token.400.bad_account.json")), 0, zoom.ProblemWrongAccount},
		{"Z-12 429", 429, `{"reason":"Too many","error":"too_many"}`, 0, zoom.ProblemRateLimit},
		{"Z-12 5xx", 503, ``, 0, zoom.ProblemServerError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var hosts []string
			f := &fake{token: replies(tt.status, tt.body), api: func(w http.ResponseWriter, r *http.Request) {
				hosts = append(hosts, r.URL.Host)
				reply(w, 200, `{"id":"u"}`)
			}}
			now := at("2026-11-22T01:00:00Z")
			c := zoom.New(zoom.Config{APIURL: "https://api.zoom.us/v2", OAuthURL: "https://zoom.us/oauth/token", Credentials: serverToServer,
				HTTP: &http.Client{Transport: transport{f}}, Now: func() time.Time { return now }})
			tok, err := c.Token(t.Context())
			_, asked := f.log()
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if tt.wantLife != 0 {
				if err != nil || tok.ExpiresAt.Sub(now) != tt.wantLife || tok.Scopes != nil { // Zoom did not say
					t.Errorf("got %+v, %v", tok, err)
				}
				if _, err := c.GetUser(t.Context(), "x"); err != nil || hosts[0] != "api.zoom.us" {
					t.Error(hosts, err)
				}
				return
			}
			if e := asError(t, err); e.Outcome != zoom.NotSent || e.Op != "get token" {
				t.Errorf("%+v", e)
			}
			if p := zoom.ProblemOf(err); p.Code != tt.want || !p.AccountWide {
				t.Errorf("%+v", p)
			}
		})
	}
	for _, creds := range []zoom.Credentials{{}, {Method: zoom.ServerToServer, AccountID: "a", ClientID: "b"}, {Method: zoom.JWT, APIKey: "k"}} {
		_, err := inMemory(&fake{}, creds).Token(t.Context())
		if p := zoom.ProblemOf(err); p.Code != zoom.ProblemIncomplete {
			t.Errorf("%+v: %+v", creds, p)
		}
	}
}

// Z-11: a rejected token is replaced once, even if several calls notice.
func TestTokenRefused(t *testing.T) {
	refuse := string(sample(t, "api.401.invalid_token.json"))
	for _, tt := range []struct {
		name      string
		status    int
		body      string
		token     http.HandlerFunc
		goodFrom  string // the Authorization header that the API accepts
		wantCalls int
		wantAsked int
		wantErr   bool
	}{
		{"401 with 124", 401, refuse, numbered(3600), "Bearer t2", 2, 2, false},
		{"400 with 124", 400, refuse, numbered(3600), "Bearer t2", 2, 2, false},
		{"401 without a code", 401, ``, numbered(3600), "Bearer t2", 2, 2, false},
		{"revoked", 401, `{"code":4741,"message":"The token has been revoked."}`, numbered(3600), "Bearer t2", 2, 2, false},
		{"every token rejected", 401, refuse, numbered(3600), "nothing", 2, 2, true},
		{"same token issued again", 401, refuse, replies(200, `{"access_token":"t1","expires_in":3600}`), "nothing", 1, 2, true},
		{"missing scope", 401, string(sample(t, "api.400.missing_scope.json")), numbered(3600), "Bearer t2", 1, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{token: tt.token, api: func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != tt.goodFrom {
					reply(w, tt.status, tt.body)
					return
				}
				w.Write(sample(t, "create-meeting.201.lean.json"))
			}}
			c := onTheNet(t, f)
			_, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{})
			calls, asked := f.log()
			if len(calls) != tt.wantCalls || asked != tt.wantAsked || (err != nil) != tt.wantErr {
				t.Errorf("%d calls, %d tokens, %v", len(calls), asked, err)
			}
			if err != nil && asError(t, err).Outcome != zoom.Refused {
				t.Error(err)
			}
		})
	}
	t.Run("scope added later", func(t *testing.T) {
		f := &fake{token: numbered(3600), api: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t2" {
				w.WriteHeader(400)
				w.Write(sample(t, "api.400.missing_scope.json"))
				return
			}
			reply(w, 200, `{"id":"u"}`)
		}}
		c := onTheNet(t, f)
		_, err1 := c.GetUser(t.Context(), "x")
		_, err2 := c.GetUser(t.Context(), "x")
		if err1 == nil || err2 != nil {
			t.Error(err1, err2)
		}
	})
	t.Run("concurrent calls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{token: numbered(3600), api: func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(10 * time.Millisecond)
				if r.Header.Get("Authorization") == "Bearer t1" {
					reply(w, 401, refuse)
					return
				}
				reply(w, 200, `{"id":"u"}`)
			}}
			c := inMemory(f, serverToServer)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					if _, err := c.GetUser(t.Context(), "x"); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if _, asked := f.log(); asked != 2 {
				t.Errorf("asked %d times", asked)
			}
		})
	})
}

func TestJWT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		creds := zoom.Credentials{Method: zoom.JWT, APIKey: "key", APISecret: zoom.NewSecret(apiSecret)}
		var tokens []string
		f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
			raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			tokens = append(tokens, raw)
			tok, err := jwt.Parse(raw, func(*jwt.Token) (any, error) { return []byte(apiSecret), nil },
				jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer("key"), jwt.WithExpirationRequired())
			if err != nil {
				t.Error(err)
				return
			}
			exp, _ := tok.Claims.GetExpirationTime()
			if life := time.Until(exp.Time); life > 120*time.Second || life < 100*time.Second {
				t.Errorf("life %v", life)
			}
			reply(w, 200, `{"id":"u"}`)
		}}
		c := inMemory(f, creds)
		for range 3 {
			if _, err := c.GetUser(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(109 * time.Second)
		}
		tok, err := c.Token(t.Context())
		if err != nil || tok.Scopes != nil {
			t.Errorf("%+v, %v", tok, err)
		}
		if _, asked := f.log(); asked != 0 {
			t.Error("the token endpoint was asked")
		}
	})
	t.Run("switched off by Zoom", func(t *testing.T) {
		f := &fake{api: replies(401, string(sample(t, "api.401.invalid_token.json")))}
		c := inMemory(f, zoom.Credentials{Method: zoom.JWT, APIKey: "key", APISecret: zoom.NewSecret(apiSecret)})
		_, err := c.GetUser(t.Context(), "x")
		if p := zoom.ProblemOf(err); p.Code != zoom.ProblemAccessRefused || !p.AccountWide {
			t.Errorf("%+v", p)
		}
		if calls, _ := f.log(); len(calls) > 2 {
			t.Error(calls)
		}
	})
}
