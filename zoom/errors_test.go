package zoom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/google/go-cmp/cmp"
)

// answered makes a call, answers it as given and returns its error.
func answered(t testing.TB, status int, body string, header ...string) *zoom.Error {
	t.Helper()
	now := at("2026-11-22T01:00:00Z")
	f := &fake{api: func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		reply(w, status, body)
	}}
	c := zoom.New(zoom.Config{APIURL: "http://zoom.test/v2", OAuthURL: "http://zoom.test/oauth/token", Credentials: serverToServer,
		HTTP: &http.Client{Transport: transport{f}}, Now: func() time.Time { return now }})
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond) // too short for any retry
	defer cancel()
	_, err := c.CreateMeeting(ctx, "x@example.com", zoom.MeetingRequest{})
	return asError(t, err)
}

// Every error of Zoom's catalog keeps its code and message, and has a problem
// code.
func TestErrorCatalogue(t *testing.T) {
	var file struct {
		Errors []struct {
			ID   string
			HTTP any
			Body json.RawMessage
		}
	}
	raw, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	backup := []int{1001, 1010, 1120, 3161, 3000}
	hosts := []zoom.ProblemCode{zoom.ProblemNoSuchUser, zoom.ProblemOtherAccount, zoom.ProblemInvitationPending, zoom.ProblemMayNotHost, zoom.ProblemHostRefused, zoom.ProblemHostDayLimit}
	wide := []string{"auth.", "scope.", "acct.", "api.", "oauth.", "rate.qps", "rate.daily", "rate.concurrent"}
	for _, entry := range file.Errors {
		t.Run(entry.ID, func(t *testing.T) {
			status, _ := entry.HTTP.(float64)
			if status == 0 {
				status = 400
			}
			var body struct {
				Code            int
				Message, Reason string
				Error           string
				Errors          []zoom.FieldError
			}
			if err := json.Unmarshal(entry.Body, &body); err != nil {
				t.Fatal(err)
			}
			e := answered(t, int(status), string(entry.Body), "X-Zm-Trackingid", "v=2.0;clid=us05;rid=WEB_1")
			if e.Status != int(status) || e.Code != body.Code || e.Message != body.Message+body.Reason || e.OAuth != body.Error {
				t.Errorf("got %+v", e)
			}
			if d := cmp.Diff(body.Errors, e.Fields); d != "" {
				t.Error(d)
			}
			want := zoom.Refused
			if status >= 500 {
				want = zoom.Unknown
			}
			if e.Outcome != want {
				t.Errorf("outcome %s", e.Outcome)
			}
			p := zoom.ProblemOf(e)
			if got, want := slices.Contains(hosts, p.Code), slices.Contains(backup, body.Code) || entry.ID == "rate.user100"; got != want || p.Code == "" {
				t.Errorf("problem %s", p.Code)
			}
			if got, want := p.AccountWide, slices.ContainsFunc(wide, func(p string) bool { return strings.HasPrefix(entry.ID, p) }); got != want && entry.ID != "shared.access" {
				t.Errorf("AccountWide %v", got)
			}
		})
	}
}

func TestErrorReading(t *testing.T) {
	const scopes = "meeting:write:meeting:admin"
	for _, tt := range []struct {
		name   string
		status int
		body   string
		header []string
		want   zoom.Error
	}{
		{"Z-13 scopes", 400, string(sample(t, "api.400.missing_scope.json")), nil,
			zoom.Error{Code: 4711, Message: "Invalid access token, does not contain scopes:[meeting:write:meeting:admin, meeting:write:meeting].", Scopes: []string{scopes, "meeting:write:meeting"}}},
		{"Z-13 invalid JSON", 400, `{"code":104,"message":"Invalid access token, does not contain scopes:["user:read:admin","meeting:write:meeting:admin"]."}`, nil,
			zoom.Error{Code: 104, Message: `Invalid access token, does not contain scopes:["user:read:admin","meeting:write:meeting:admin"].`, Scopes: []string{"user:read:admin", scopes}}},
		{"fields", 400, string(sample(t, "api.400.validation.json")), nil,
			zoom.Error{Code: 300, Message: "Validation Failed.", Fields: []zoom.FieldError{{Field: "user_info.email", Message: "Invalid field."}, {Field: "user_info.type", Message: "Invalid field."}}}},
		{"tracking id", 404, `{"code":3001,"message":"x"}`, []string{"x-zm-trackingid", "v=2.0;clid=us05;rid=WEB_1"},
			zoom.Error{Code: 3001, Message: "x", TrackingID: "v=2.0;clid=us05;rid=WEB_1"}},
		{"code as a string", 400, `{"code":"1001","message":"x"}`, nil, zoom.Error{Code: 1001, Message: "x"}},
		{"web page", 403, `<html><h1>Forbidden</h1></html>`, nil, zoom.Error{Message: "The answer is a web page, not Zoom's API.", Outcome: zoom.Unknown}},
		{"text", 400, "bad\r\nLevel=error", nil, zoom.Error{Message: `bad\u000d\nLevel=error`, Outcome: zoom.Unknown}},
		{"nothing", 400, "", nil, zoom.Error{Outcome: zoom.Unknown}},
		{"control characters", 400, `{"code":1,"message":"a\u0000b\u001b[31m\u202Ec\nd"}`, nil, zoom.Error{Code: 1, Message: `a\u0000b\u001b[31m\u202ec\nd`}},
		{"errors in an unexpected form", 400, `{"code":300,"errors":["x",{"field":1},{}]}`, nil, zoom.Error{Code: 300, Fields: []zoom.FieldError{{Field: "1"}, {}}}},
		{"Z-02 daily limit of the user", 429, string(sample(t, "api.429.user_daily.json")), []string{"X-RateLimit-Category", "Light", "X-RateLimit-Limit", "6000", "X-RateLimit-Remaining", "5893"},
			zoom.Error{Code: 429, RateLimit: "user_day", Message: "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00."}},
		{"daily limit by header", 429, `{"code":429,"message":"x"}`, []string{"X-RateLimit-Type", "Daily-limit", "Retry-After", "2026-11-23T00:00:00Z"},
			zoom.Error{Code: 429, RateLimit: "day", Message: "x", RetryAfter: 23 * time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Op, tt.want.Status = "create meeting", tt.status
			if tt.want.Outcome == "" {
				tt.want.Outcome = zoom.Refused
			}
			e := answered(t, tt.status, tt.body, tt.header...)
			if d := cmp.Diff(&tt.want, e); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if strings.ContainsAny(e.Error(), "\n\r\x00\x1b") {
				t.Errorf("%q", e.Error())
			}
		})
	}
	t.Run("long", func(t *testing.T) {
		for _, s := range []string{"ø", "\\u0000", "x"} {
			if m := answered(t, 400, `{"message":"`+strings.Repeat(s, 5000)+`"}`).Message; utf8.RuneCountInString(m) > 300 || len(m) < 290 {
				t.Errorf("%d characters", utf8.RuneCountInString(m))
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Z-01 seconds", "7", 7 * time.Second},
		{"Z-01 zero", "0", 0},
		{"Z-01 spaces", " 7 ", 7 * time.Second},
		{"Z-01 too long", "99999999", day},
		{"Z-01 beyond int64", "99999999999999999999", day},
		{"Z-01 negative", "-5", 0},
		{"Z-01 HTTP date", "Sun, 22 Nov 2026 01:00:30 GMT", 30 * time.Second},
		{"Z-01 HTTP date past", "Sun, 22 Nov 2020 01:00:30 GMT", 0},
		{"Z-01 ISO-8601", "2026-11-22T01:10:00Z", 10 * time.Minute},
		{"Z-01 ISO-8601 with zone", "2026-11-22T02:10:00+01:00", 10 * time.Minute},
		{"Z-01 ISO-8601 past", "2020-05-31T00:00:00Z", 0},
		{"Z-01 ISO-8601 far", "9999-05-31T00:00:00Z", day},
		{"Z-01 garbage", "soon", 0},
		{"Z-01 fraction", "1.5", 0},
		{"Z-01 absent", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := answered(t, 429, `{}`, "Retry-After", tt.value).RetryAfter; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// F7: the wait is between 0 and the maximum, whatever the header contains.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"7", "-1", "2020-05-31T00:00:00Z", "Sun, 22 Nov 2026 01:00:30 GMT", "1e9", "９"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := answered(t, 418, `{}`, "Retry-After", value).RetryAfter; d < 0 || d > 24*time.Hour {
			t.Errorf("%v", d)
		}
	})
}

func TestProblemOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want zoom.Problem
	}{
		{"nobody", &zoom.Error{Code: 1001, Outcome: zoom.Refused}, zoom.Problem{Code: zoom.ProblemNoSuchUser}},
		{"wrapped", fmt.Errorf("bridge: %w", &zoom.Error{Code: 4711, Scopes: []string{"user:read:admin"}, Outcome: zoom.Refused}),
			zoom.Problem{Code: zoom.ProblemMissingScopes, Scopes: []string{"user:read:admin"}, AccountWide: true}},
		{"field", &zoom.Error{Code: 300, Fields: []zoom.FieldError{{Field: "topic", Message: "Invalid field."}}, Outcome: zoom.Refused},
			zoom.Problem{Code: zoom.ProblemBadValue, Fields: []zoom.FieldError{{Field: "topic", Message: "Invalid field."}}}},
		{"unknown code", &zoom.Error{Status: 400, Code: 9999, Message: "Odd", Outcome: zoom.Refused},
			zoom.Problem{Code: zoom.ProblemRefused, Said: "Odd", ZoomCode: 9999, Status: 400}},
		{"daily limit", &zoom.Error{Status: 429, RateLimit: "day", RetryAfter: 23*time.Hour + time.Minute, Outcome: zoom.Refused},
			zoom.Problem{Code: zoom.ProblemDayLimit, RetrySeconds: 82860, AccountWide: true}},
		{"host's license", &zoom.Error{Status: 400, Code: 3000, Message: "Not licensed", Outcome: zoom.Refused},
			zoom.Problem{Code: zoom.ProblemHostRefused, Said: "Not licensed", ZoomCode: 3000, Status: 400}},
		{"context ended", &zoom.Error{Op: "create meeting", Outcome: zoom.Unknown, Err: context.DeadlineExceeded}, zoom.Problem{Code: zoom.ProblemTimedOut, MaybeCreated: true}},
		{"context ended in a call that creates nothing", &zoom.Error{Op: "get user", Outcome: zoom.Unknown, Err: context.DeadlineExceeded}, zoom.Problem{Code: zoom.ProblemTimedOut}},
		{"Zoom answers 5xx", &zoom.Error{Op: "create meeting", Status: 502, Outcome: zoom.Unknown}, zoom.Problem{Code: zoom.ProblemServerError, Status: 502, MaybeCreated: true}},
		{"not a zoom.Error", errors.New("x"), zoom.Problem{Code: zoom.ProblemUnreadable}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, zoom.ProblemOf(tt.err)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Q10, for this package: if a server, a proxy or a dialer echoes our secrets,
// they do not get into an error or a log.
func TestNoSecretInErrors(t *testing.T) {
	basic := "Y2xpZW50SURjYW5hcnkwMTIzNDU2OmNsaWVudC1zZWNyZXQtY2FuYXJ5LTAxMjM0NTY3ODk="
	everything := clientSecret + " " + accessToken + " " + apiSecret + " Basic " + basic
	body := `{"code":300,"message":"` + everything + `","error":"` + clientSecret + `","reason":"` + everything + `","errors":[{"field":"` + accessToken + `","message":"` + everything + `"}]}`
	creds := serverToServer
	creds.APISecret = zoom.NewSecret(apiSecret)
	// The token endpoint cannot echo a token that it has not issued yet.
	early := strings.NewReplacer(accessToken, "x")
	leaky := roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/oauth") {
			return nil, errors.New(early.Replace(everything))
		}
		return nil, &url.Error{Op: "Get", URL: "https://api.zoom.us/v2/x?next_page_token=secretpage", Err: &url.Error{
			Op: "Get", URL: "https://x", Err: errors.New("proxy said " + everything + " at https://api.zoom.us/v2/x?access_token=secretpage\n")}}
	})
	api := map[string]http.RoundTripper{
		"JSON": transport{&fake{api: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Zm-Trackingid", everything)
			reply(w, 400, body)
		}}},
		"text":  transport{&fake{api: replies(400, everything)}},
		"200":   transport{&fake{api: replies(200, body)}},
		"token": transport{&fake{token: replies(400, early.Replace(body))}},
		"html":  transport{&fake{token: replies(500, early.Replace(everything))}},
		"error": roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/oauth") {
				return transport{&fake{}}.RoundTrip(r)
			}
			return leaky(r)
		}),
		"token error": leaky,
	}
	for name, rt := range api {
		t.Run(name, func(t *testing.T) {
			c := zoom.New(zoom.Config{APIURL: "https://api.zoom.us/v2", OAuthURL: "https://zoom.us/oauth/token", Credentials: creds,
				HTTP: &http.Client{Transport: rt}, Now: time.Now})
			var out bytes.Buffer
			_, err1 := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{})
			_, err2 := c.ListMeetings(t.Context(), "x@example.com")
			for _, err := range []error{err1, err2} {
				e := asError(t, err)
				for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
					slog.New(h).Error("x", "err", err, "client", c, "fields", e.Fields)
				}
				fmt.Fprintf(&out, "%v %+v %#v %q\n%+v\n", err, err, err, err, zoom.ProblemOf(err))
				if b, err := json.Marshal(e); err == nil {
					out.Write(b)
				}
				for u := err; u != nil; u = errors.Unwrap(u) {
					fmt.Fprintf(&out, "%v %+v %#v\n", u, u, u)
				}
			}
			if found := append(secretsIn(out.String()), secretsIn(strings.ReplaceAll(out.String(), `\`, ""))...); found != nil || strings.Contains(out.String(), "secretpage") || strings.Contains(out.String(), basic) {
				t.Errorf("%q show in\n%.3000s", found, out.String())
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
	}
	return f(r)
}
