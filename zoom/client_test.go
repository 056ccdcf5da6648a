package zoom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/google/go-cmp/cmp"
)

// checkCreateBody checks a request against Zoom's field table of "create a
// meeting": names, types and allowed values. It returns the fields with their
// full paths.
func checkCreateBody(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{
		"topic": "string", "agenda": "string", "type": "float64", "start_time": "string", "timezone": "string",
		"duration": "float64", "default_password": "bool", "settings": "map[string]interface {}",
		"settings.host_video": "bool", "settings.participant_video": "bool", "settings.mute_upon_entry": "bool",
		"settings.join_before_host": "bool", "settings.jbh_time": "float64", "settings.waiting_room": "bool",
		"settings.use_pmi": "bool", "settings.meeting_authentication": "bool", "settings.approval_type": "float64",
		"settings.audio": "string", "settings.auto_recording": "string", "settings.encryption_type": "string",
		"settings.alternative_hosts": "string", "settings.alternative_hosts_email_notification": "bool",
		"settings.email_notification": "bool",
	}
	flat := map[string]any{}
	for k, v := range body {
		flat[k] = v
	}
	settings, _ := body["settings"].(map[string]any)
	for k, v := range settings {
		flat["settings."+k] = v
	}
	for k, v := range flat {
		if got := fmt.Sprint(reflect.TypeOf(v)); types[k] != got {
			t.Errorf("%s is a %s, Zoom wants %q", k, got, types[k])
		}
	}
	for k, allowed := range map[string][]any{
		"type":                    {1., 2., 3., 8.},
		"settings.jbh_time":       {0., 5., 10.},
		"settings.approval_type":  {0., 1., 2.},
		"settings.audio":          {"both", "telephony", "voip", "thirdParty"},
		"settings.auto_recording": {"local", "cloud", "none"},
	} {
		if !slices.Contains(allowed, flat[k]) {
			t.Errorf("%s is %v, Zoom allows %v", k, flat[k], allowed)
		}
	}
	if s, ok := flat["start_time"].(string); ok {
		if _, err := time.Parse("2006-01-02T15:04:05Z", s); err != nil {
			t.Error(err)
		}
	}
	return flat
}

var leanMeeting = zoom.Meeting{
	ID: "87685621847", UUID: "RO/Xx7M7R4eZCjLejz4wdg==", HostEmail: "jchill@example.com",
	Topic:  "INC-1042 Checkout errors in eu-west-1",
	Agenda: "Incident bridge for INC-1042.\nCommander: Ada Example\nhttps://incidents.example.com/INC-1042",
	Type:   2, Status: "waiting", Duration: 60,
	StartURL:      zoom.NewSecret("https://us05web.zoom.us/s/87685621847?zak=eyJ0eXAiOiJKV1QiLCJzdiI6IjAwMDAwMSJ9.CONSTRUCTED.SIG"),
	JoinURL:       "https://us05web.zoom.us/j/87685621847?pwd=uGBNumrMF6BPFw85hBNTApbDBeO7aI.1",
	Passcode:      "q8wDSw",
	PhonePasscode: "800645960",
	CreatedAt:     at("2026-11-22T01:14:21Z"),
	Settings: zoom.MeetingSettings{
		AutoRecording: "cloud", JoinBeforeHost: new(true), WaitingRoom: new(false), UsePMI: new(false), MeetingAuthentication: new(false),
		Registration: new(false), Audio: "both", Encryption: "enhanced_encryption",
	},
	DialIn: []zoom.DialIn{{Country: "US", CountryName: "US", City: "San Jose", Number: "+1 000 000 0000", Type: "toll"}},
}

func TestCreateMeeting(t *testing.T) {
	var got *http.Request
	var body []byte
	f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		reply(w, 201, string(sample(t, "create-meeting.201.lean.json")))
	}}
	c := onTheNet(t, f)
	m, err := c.CreateMeeting(t.Context(), "jill+zoom/x@example.com", zoom.MeetingRequest{
		Topic: "INC-1042", Agenda: "a", StartTime: at("2026-11-22T02:15:00+01:00"), DurationMinutes: 60,
		AutoRecording: "cloud", JoinBeforeHost: true, AlternativeHosts: []string{"a@example.com", "b@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(leanMeeting, m); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got.Method != "POST" || got.RequestURI != "/v2/users/jill%2Bzoom%2Fx@example.com/meetings" {
		t.Errorf("%s %s", got.Method, got.RequestURI)
	}
	if a := got.Header.Get("Authorization"); a != "Bearer "+accessToken {
		t.Errorf("Authorization %q", a)
	}
	if ct := got.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	want := map[string]any{
		"topic": "INC-1042", "agenda": "a", "type": 2., "start_time": "2026-11-22T01:15:00Z", "timezone": "UTC",
		"duration": 60., "default_password": true,
		"settings.use_pmi": false, "settings.join_before_host": true, "settings.jbh_time": 0., "settings.waiting_room": false,
		"settings.auto_recording": "cloud", "settings.meeting_authentication": false, "settings.approval_type": 2.,
		"settings.audio": "both", "settings.encryption_type": "enhanced_encryption", "settings.mute_upon_entry": true,
		"settings.host_video": false, "settings.participant_video": false, "settings.email_notification": false,
		"settings.alternative_hosts": "a@example.com;b@example.com", "settings.alternative_hosts_email_notification": false,
	}
	flat := checkCreateBody(t, body)
	delete(flat, "settings")
	if d := cmp.Diff(want, flat); d != "" {
		t.Errorf("body (-want +got)\n%s", d)
	}

	t.Run("minimal request", func(t *testing.T) {
		if _, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{Topic: "t"}); err != nil {
			t.Fatal(err)
		}
		flat := checkCreateBody(t, body)
		if _, sent := flat["start_time"]; sent || flat["type"] != 2. || flat["settings.auto_recording"] != "none" {
			t.Errorf("body %s", body)
		}
	})
}

func TestMeetingFull(t *testing.T) {
	full := strings.ReplaceAll(string(sample(t, "get-meeting.200.full.json")), `"https://example.com/j`, `"https://us02web.zoom.us/j`)
	c := onTheNet(t, &fake{api: replies(200, full)})
	m, err := c.GetMeeting(t.Context(), "97763643886")
	if err != nil {
		t.Fatal(err)
	}
	if m.PMI != "97891943927" || m.ID != "97763643886" || m.Settings.AutoRecording != "cloud" ||
		!slices.Equal(m.Settings.AlternativeHosts, []string{"jchill@example.com", "thill@example.com"}) ||
		m.Settings.MeetingAuthentication == nil || !*m.Settings.MeetingAuthentication || len(m.DialIn) != 1 {
		t.Errorf("%+v", m)
	}
}

func TestJoinLink(t *testing.T) {
	for _, tt := range []struct {
		name, link string
		want       bool
	}{
		{"cluster", "https://us05web.zoom.us/j/1?pwd=x", true},
		{"zoom.us", "https://zoom.us/j/1", true},
		{"upper case", "https://US05WEB.ZOOM.US/j/1", true},
		{"government", "https://zoomgov.com/j/1", true},
		{"government subdomain", "https://x.zoomgov.com/j/1", true},
		{"simulator", "http://127.0.0.1:9/j/1", true},
		{"empty", "", false},
		{"http", "http://zoom.us/j/1", false},
		{"script", "javascript:alert(1)//zoom.us", false},
		{"look-alike", "https://zoom.us.evil.example/j/1", false},
		{"look-alike prefix", "https://evilzoom.us/j/1", false},
		{"user", "https://zoom.us@evil.example/j/1", false},
		{"user at Zoom", "https://evil@zoom.us/j/1", false},
		{"backslash", `https://evil.example\\.zoom.us/j/1`, false},
		{"port", "https://zoom.us:8443/j/1", false},
		{"dot", "https://zoom.us./j/1", false},
		{"control", "https://zoom.us/j/1\\u0000", false},
		{"writing direction", "https://zoom.us/j/1?x=\u202egnp.exe", false},
		{"quote", `https://zoom.us/j/1\"onclick`, false},
		{"relative", "/j/1", false},
		{"scheme only", "https:///j/1", false},
		{"long", "https://zoom.us/" + strings.Repeat("a", 3000), false},
		{"other host", "https://example.com/j/1", false},
		{"domain of the configuration", "https://meet.configured.example/j/1", true},
		{"below a domain of the configuration", "https://a.meet.configured.example/j/1", true},
		{"above a domain of the configuration", "https://configured.example/j/1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{api: replies(201, `{"id":87685621847,"start_url":"`+tt.link+`","join_url":"`+tt.link+`"}`)}
			srv := httptest.NewServer(f)
			t.Cleanup(srv.Close)
			c := zoom.New(zoom.Config{
				APIURL: srv.URL + "/v2", OAuthURL: srv.URL + "/oauth/token", Domains: []string{"Meet.Configured.example"},
				Credentials: serverToServer, HTTP: srv.Client(), Now: time.Now,
			})
			m, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{})
			if (err == nil) != tt.want || (m.JoinURL != "") != tt.want || m.StartURL.IsZero() == tt.want {
				t.Fatalf("got %+v, %v", m, err)
			}
			if err != nil && asError(t, err).Outcome != zoom.Unknown {
				t.Errorf("outcome %v", err)
			}
			if m.ID != "87685621847" {
				t.Error("the id of a meeting that exists is lost")
			}
		})
	}
	t.Run("Zoom may not return links to a simulator", func(t *testing.T) {
		c := inMemory(&fake{api: replies(201, `{"id":1,"join_url":"http://127.0.0.1:9/j/1"}`)}, serverToServer)
		if m, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{}); err == nil {
			t.Errorf("got %+v", m)
		}
	})
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}

// Each failed create reports what it may have done, and is never repeated unless
// Zoom certainly did nothing.
func TestCreateOutcome(t *testing.T) {
	elsewhere := httptest.NewServer(replies(201, string(sample(t, "create-meeting.201.lean.json"))))
	defer elsewhere.Close()
	for _, tt := range []struct {
		name string
		api  http.HandlerFunc
		want zoom.Outcome
	}{
		{"Z-04 500", replies(500, `{"code":500,"message":"Internal Server Error"}`), zoom.Unknown},
		{"Z-04 502 HTML", replies(502, `<html>Bad Gateway</html>`), zoom.Unknown},
		{"Z-04 503 empty", replies(503, ``), zoom.Unknown},
		{"Z-04 504", replies(504, `upstream`), zoom.Unknown},
		{"Z-04 empty success", replies(201, ``), zoom.Unknown},
		{"Z-04 no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, zoom.Unknown},
		{"Z-04 HTML with 200", replies(200, `<html>Log in</html>`), zoom.Unknown},
		{"Z-05 no answer", func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, zoom.Unknown},
		{"Z-05 no body after the headers", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(201)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, zoom.Unknown},
		{"Z-06 reset after commit", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			conn := hijack(w)
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}, zoom.Unknown},
		{"Z-06 closed after commit", func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); hijack(w).Close() }, zoom.Unknown},
		{"Z-07 truncated", func(w http.ResponseWriter, _ *http.Request) {
			conn := hijack(w)
			io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"id\":1,")
			conn.Close()
		}, zoom.Unknown},
		{"Z-07 not HTTP", func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w)
			io.WriteString(conn, "HTTP/9 "+accessToken+"\r\n\r\n")
			conn.Close()
		}, zoom.Unknown},
		{"Z-07 invalid JSON", replies(201, `{"id":1,`), zoom.Unknown},
		{"Z-07 no join link", replies(201, `{"id":87685621847}`), zoom.Unknown},
		{"Z-07 no id", replies(201, `{"join_url":"https://zoom.us/j/1"}`), zoom.Unknown},
		{"Z-07 code 0 without a meeting", replies(200, `{"code":0,"message":""}`), zoom.Unknown},
		{"Z-07 10 MB", replies(201, `{"id":1,"join_url":"https://zoom.us/j/1","x":"`+strings.Repeat("x", 10<<20)+`"}`), zoom.Unknown},
		{"error with status 200", replies(200, `{"code":200,"message":"You do not have the right permissions."}`), zoom.Refused},
		{"Z-14 no such user", replies(404, string(sample(t, "get-user.404.json"))), zoom.Refused},
		{"Z-02 daily limit of the user", replies(429, string(sample(t, "api.429.user_daily.json"))), zoom.Refused},
		{"validation", replies(400, string(sample(t, "api.400.validation.json"))), zoom.Refused},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, zoom.Unknown},
		{"a proxy's page", replies(403, `<html>Blocked "code":3000</html>`), zoom.Unknown},
		{"a proxy's JSON", replies(408, `{"message":"Request Timeout"}`), zoom.Unknown},
		{"a proxy's limit", replies(429, `<html>Slow down</html>`), zoom.Refused},
		{"nothing with 400", replies(400, ``), zoom.Unknown},
		{"a meeting with 400", replies(400, `{"id":87685621847,"join_url":"https://zoom.us/j/87685621847"}`), zoom.Unknown},
		{"a meeting with an error code", replies(201, `{"code":200,"id":87685621847,"join_url":"https://zoom.us/j/87685621847"}`), zoom.Unknown},
		{"damaged error", replies(400, `{"code":3000,"message":"no "meetings" here"}`), zoom.Refused},
		{"Zoom's limit without a body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Category", "Light")
			w.WriteHeader(429)
		}, zoom.Refused},
		{"Zoom's refusal without a code", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Zm-Trackingid", "v=2.0;clid=us05;rid=WEB_1")
			reply(w, 403, `{"message":"Access to the Zoom REST API has been denied for this account."}`)
		}, zoom.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{api: tt.api}
			c := onTheNet(t, f)
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := c.CreateMeeting(ctx, "x@example.com", zoom.MeetingRequest{})
			e := asError(t, err)
			if e.Outcome != tt.want || e.Op != "create meeting" {
				t.Errorf("got %s, want %s: %v", e.Outcome, tt.want, err)
			}
			if calls, _ := f.log(); len(calls) != 1 {
				t.Errorf("%d calls", len(calls))
			}
			if p := zoom.ProblemOf(err); p.Code == "" || p.MaybeCreated != (tt.want == zoom.Unknown) {
				t.Errorf("problem %+v", p)
			}
			if s := secretsIn(fmt.Sprintf("%v %+v %#v", err, err, err)); s != nil {
				t.Errorf("%q show in %v", s, err)
			}
		})
	}
}

func TestNotSent(t *testing.T) {
	closed := httptest.NewServer(nil)
	address := closed.URL
	closed.Close()
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	token := httptest.NewServer(&fake{})
	defer token.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, api, oauth string
		ctx              context.Context
		host             string
		wantWide         bool
		want             zoom.ProblemCode
	}{
		{"API does not listen", address, token.URL, t.Context(), "x@example.com", true, zoom.ProblemUnreachable},
		{"token endpoint does not listen", token.URL, address, t.Context(), "x@example.com", true, zoom.ProblemUnreachable},
		{"Z-20 name does not resolve", "http://zoom.invalid", token.URL, t.Context(), "x@example.com", true, zoom.ProblemUnreachable},
		{"Z-20 certificate", tlsServer.URL, token.URL, t.Context(), "x@example.com", true, zoom.ProblemNotZoom},
		{"not a URL", "http://%zz", token.URL, t.Context(), "x@example.com", true, zoom.ProblemUnreachable},
		{"context ended", token.URL, token.URL, ended, "x@example.com", false, zoom.ProblemTimedOut},
		{"no host", token.URL, token.URL, t.Context(), "", false, zoom.ProblemNoHost},
		{"me", token.URL, token.URL, t.Context(), "me", false, zoom.ProblemNoHost},
		{"path traversal", token.URL, token.URL, t.Context(), "..", false, zoom.ProblemNoHost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := zoom.New(zoom.Config{APIURL: tt.api, OAuthURL: tt.oauth + "/oauth/token", Credentials: serverToServer, Now: time.Now})
			ctx, cancel := context.WithTimeout(tt.ctx, 2*time.Second)
			defer cancel()
			_, err := c.CreateMeeting(ctx, tt.host, zoom.MeetingRequest{})
			if e := asError(t, err); e.Outcome != zoom.NotSent {
				t.Errorf("outcome %s: %v", e.Outcome, err)
			}
			if p := zoom.ProblemOf(err); p.AccountWide != tt.wantWide || p.Code != tt.want {
				t.Errorf("%+v", p)
			}
			if s := secretsIn(err.Error()); s != nil {
				t.Errorf("%q show in %v", s, err)
			}
		})
	}
	for _, id := range []string{"", "me", "1/../2", "12 3", "RO/Xx7M7R4eZCjLejz4wdg==", strings.Repeat("1", 21)} {
		t.Run("meeting "+id, func(t *testing.T) {
			c := zoom.New(zoom.Config{APIURL: token.URL, OAuthURL: token.URL, Credentials: serverToServer, Now: time.Now})
			err := c.DeleteMeeting(t.Context(), id)
			_, err2 := c.GetMeeting(t.Context(), id)
			if asError(t, err).Outcome != zoom.NotSent || asError(t, err2).Outcome != zoom.NotSent {
				t.Error(err, err2)
			}
			if p := zoom.ProblemOf(err); p.AccountWide || p.Code != zoom.ProblemNotAMeeting {
				t.Errorf("%+v", p)
			}
		})
	}
}

// A failed dial is repeated, even for a create, because nothing was sent.
func TestDialIsRepeated(t *testing.T) {
	f := &fake{api: replies(201, string(sample(t, "create-meeting.201.lean.json")))}
	srv := httptest.NewServer(f)
	defer srv.Close()
	var dials atomic.Int32
	hc := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if n := dials.Add(1); n != 1 && n != 4 { // the token needs one dial, the create three
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}}
	c := zoom.New(zoom.Config{APIURL: srv.URL + "/v2", OAuthURL: srv.URL + "/oauth/token", Credentials: serverToServer, HTTP: hc, Now: time.Now})
	if _, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{}); err != nil {
		t.Error(err)
	}
	if calls, _ := f.log(); len(calls) != 1 || dials.Load() != 4 {
		t.Errorf("%v, %d dials", calls, dials.Load())
	}
}

// While nobody listens, another link is given at once: three tries take a quarter of a
// second at most.
func TestDialGivesUpSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		hc := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
			dials++
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}}}
		c := zoom.New(zoom.Config{APIURL: "http://zoom.test/v2", Credentials: zoom.Credentials{Method: zoom.JWT, APIKey: "key", APISecret: zoom.NewSecret("secret")}, HTTP: hc, Now: time.Now})
		start := time.Now()
		_, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{})
		if took := time.Since(start); err == nil || dials != 3 || took < 100*time.Millisecond || took >= 250*time.Millisecond {
			t.Errorf("%d dials in %v, %v", dials, took, err)
		}
	})
}

func TestRetries(t *testing.T) {
	const second = `{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}`
	const day = `{"code":429,"message":"You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request."}`
	get := func(ctx context.Context, c *zoom.Client) error { _, err := c.GetUser(ctx, "x@example.com"); return err }
	create := func(ctx context.Context, c *zoom.Client) error {
		_, err := c.CreateMeeting(ctx, "x@example.com", zoom.MeetingRequest{})
		return err
	}
	remove := func(ctx context.Context, c *zoom.Client) error { return c.DeleteMeeting(ctx, "123") }
	for _, tt := range []struct {
		name               string
		do                 func(context.Context, *zoom.Client) error
		status             int
		body               string
		header             [2]string
		times              int // how many tries fail before one succeeds
		timeout            time.Duration
		wantCalls          int
		wantErr            bool
		wantMin, wantUntil time.Duration // the time it takes
	}{
		{"Z-03 create waits", create, 429, second, [2]string{}, 2, 0, 3, false, 2 * time.Second, 4 * time.Second},
		{"Z-03 limit named by the header", create, 429, `{"code":429}`, [2]string{"X-RateLimit-Type", "QPS"}, 1, 0, 2, false, time.Second, 2 * time.Second},
		{"Z-03 gives up", get, 429, second, [2]string{}, 9, 0, 3, true, 2 * time.Second, 4 * time.Second},
		{"Z-03 does not outlast the context", create, 429, second, [2]string{}, 1, 900 * time.Millisecond, 1, true, 0, 1},
		{"Z-01 seconds", create, 429, second, [2]string{"Retry-After", "7"}, 1, 0, 2, false, 7 * time.Second, 8 * time.Second},
		{"Z-01 too long", create, 429, second, [2]string{"Retry-After", "99999999"}, 1, 0, 1, true, 0, 1},
		{"Z-01 unknown limit with Retry-After", create, 429, `{}`, [2]string{"Retry-After", "2"}, 1, 0, 2, false, 2 * time.Second, 3 * time.Second},
		{"Z-01 unknown limit without Retry-After", create, 429, `{}`, [2]string{}, 1, 0, 1, true, 0, 1},
		{"Z-02 daily limit", create, 429, day, [2]string{}, 1, 0, 1, true, 0, 1},
		{"Z-04 read", get, 502, `<html>`, [2]string{}, 2, 0, 3, false, 200 * time.Millisecond, time.Second},
		{"Z-04 read gives up", get, 502, `<html>`, [2]string{}, 9, 0, 3, true, 200 * time.Millisecond, time.Second},
		{"Z-04 create", create, 502, `<html>`, [2]string{}, 1, 0, 1, true, 0, 1},
		{"Z-04 delete", remove, 502, `<html>`, [2]string{}, 1, 0, 1, true, 0, 1},
		{"refused", get, 404, `{"code":1001,"message":"User does not exist: x."}`, [2]string{}, 1, 0, 1, true, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
					if n++; n <= tt.times {
						if tt.header[0] != "" {
							w.Header().Set(tt.header[0], tt.header[1])
						}
						reply(w, tt.status, tt.body)
						return
					}
					switch r.Method {
					case "POST":
						reply(w, 201, string(sample(t, "create-meeting.201.lean.json")))
					case "GET":
						reply(w, 200, string(sample(t, "get-user.200.json")))
					default:
						w.WriteHeader(204)
					}
				}}
				c := inMemory(f, serverToServer)
				ctx := t.Context()
				if tt.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				start := time.Now()
				err := tt.do(ctx, c)
				took := time.Since(start)
				if calls, _ := f.log(); len(calls) != tt.wantCalls || (err != nil) != tt.wantErr {
					t.Errorf("%d calls, %v", len(calls), err)
				}
				if took < tt.wantMin || took >= tt.wantUntil {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestReadIsRepeatedAfterReset(t *testing.T) {
	n := 0
	f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
		if n++; n < 3 {
			hijack(w).Close()
			return
		}
		w.Write(sample(t, "get-user.200.json"))
	}}
	if _, err := onTheNet(t, f).GetUser(t.Context(), "x@example.com"); err != nil {
		t.Error(err)
	}
}

func TestGetUser(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       zoom.User
		wantErr    bool
	}{
		{"documentation", string(sample(t, "get-user.200.json")), zoom.User{
			ID: "zJKyaiAyTNC-MWjiWC18KQ", Type: zoom.UserBasic, Status: "pending", UsePMI: new(false),
		}, false},
		{"licensed", `{"id":"u","type":2,"status":"active","use_pmi":true}`, zoom.User{
			ID: "u", Type: zoom.UserLicensed, Status: "active", UsePMI: new(true),
		}, false},
		{"code 0 is a success", `{"code":0,"id":"u"}`, zoom.User{ID: "u"}, false},
		{"no id", `{}`, zoom.User{}, false},
		{"array", `[{"id":"u"}]`, zoom.User{}, true},
		{"string", `"{\"id\":\"u\"}"`, zoom.User{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{api: replies(200, tt.body)}
			u, err := onTheNet(t, f).GetUser(t.Context(), "Jill@example.com")
			if (err != nil) != tt.wantErr {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, u); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if calls, _ := f.log(); calls[0] != "GET /v2/users/Jill@example.com" {
				t.Error(calls)
			}
		})
	}
}

func TestGetUserSettings(t *testing.T) {
	f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("option") == "meeting_authentication" {
			reply(w, 200, `{"meeting_authentication":true,"authentication_options":[]}`)
			return
		}
		reply(w, 200, string(sample(t, "get-user-settings.200.json")))
	}}
	s, err := onTheNet(t, f).GetUserSettings(t.Context(), "jill@example.com")
	if err != nil {
		t.Fatal(err)
	}
	yes := new(true)
	want := zoom.UserSettings{
		UsePMIForScheduled: yes, UsePMIForInstant: yes, WaitingRoom: yes, JoinBeforeHost: yes, CloudRecording: yes, MeetingAuthentication: yes,
		AtOnce: 2,
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if calls, _ := f.log(); !slices.Equal(calls, []string{"GET /v2/users/jill@example.com/settings", "GET /v2/users/jill@example.com/settings?option=meeting_authentication"}) {
		t.Error(calls)
	}
}

// What Zoom does not say is neither true nor false.
func TestNotSaid(t *testing.T) {
	for _, tt := range []struct{ name, settings, user string }{
		{"nothing", `{}`, `{"id":"u"}`},
		{"null", `{"schedule_meeting":null,"in_meeting":null,"recording":null,"meeting_authentication":null}`, `{"id":"u","type":null,"status":null,"use_pmi":null}`},
		{"another type", `{"schedule_meeting":{"join_before_host":"yes","use_pmi_for_scheduled_meetings":{}},"in_meeting":[],"recording":"on"}`, `{"id":"u","use_pmi":"no"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := onTheNet(t, &fake{api: replies(200, tt.settings)}).GetUserSettings(t.Context(), "jill@example.com")
			if d := cmp.Diff(zoom.UserSettings{}, s); d != "" || err != nil {
				t.Errorf("settings: %v (-want +got)\n%s", err, d)
			}
			u, err := onTheNet(t, &fake{api: replies(200, tt.user)}).GetUser(t.Context(), "jill@example.com")
			if d := cmp.Diff(zoom.User{ID: "u"}, u); d != "" || err != nil {
				t.Errorf("user: %v (-want +got)\n%s", err, d)
			}
		})
	}
	for _, settings := range []string{``, `,"settings":null`, `,"settings":{}`, `,"settings":[]`, `,"settings":{"waiting_room":null,"approval_type":null,"use_pmi":"no"}`} {
		m, err := onTheNet(t, &fake{api: replies(200, `{"id":1234567890,"join_url":"https://zoom.us/j/1234567890"`+settings+`}`)}).GetMeeting(t.Context(), "1234567890")
		if d := cmp.Diff(zoom.MeetingSettings{}, m.Settings); d != "" || err != nil || m.Status != "" || m.Type != 0 {
			t.Errorf("meeting with %s: %v (-want +got)\n%s", settings, err, d)
		}
	}
	meetings, err := onTheNet(t, &fake{api: replies(200, `{"page_size":300}`)}).ListMeetings(t.Context(), "jill@example.com")
	if err != nil || len(meetings) != 0 {
		t.Errorf("a list without meetings: %v, %v", meetings, err)
	}
}

// enforce_login is the older name of meeting_authentication.
func TestSignInNeeded(t *testing.T) {
	for _, tt := range []struct {
		settings string
		want     bool
	}{
		{`{"enforce_login":true}`, true}, {`{"enforce_login":true,"meeting_authentication":false}`, true},
		{`{"meeting_authentication":true,"enforce_login":false}`, true}, {`{"meeting_authentication":false,"enforce_login":false}`, false},
		{`{"meeting_authentication":false,"enforce_login":null}`, false}, {`{"enforce_login":false}`, false},
	} {
		m, err := onTheNet(t, &fake{api: replies(200, `{"id":1234567890,"join_url":"https://zoom.us/j/1234567890","settings":`+tt.settings+`}`)}).GetMeeting(t.Context(), "1234567890")
		if got := m.Settings.MeetingAuthentication; err != nil || got == nil || *got != tt.want {
			t.Errorf("%s: %v, %v", tt.settings, got, err)
		}
	}
}

func TestDeleteMeeting(t *testing.T) {
	f := &fake{api: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }}
	if err := onTheNet(t, f).DeleteMeeting(t.Context(), "87685621847"); err != nil {
		t.Fatal(err)
	}
	if calls, _ := f.log(); !slices.Equal(calls, []string{"DELETE /v2/meetings/87685621847"}) {
		t.Error(calls)
	}
}

// Calls that return nothing did what they ask for only if Zoom says so.
func TestAnswerWithoutContent(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   zoom.Outcome
	}{
		{"no content", 204, ``, ""},
		{"empty", 200, "\n", ""},
		{"JSON", 202, `{}`, ""},
		{"a login page", 200, `<html>Log in</html>`, zoom.Unknown},
		{"text", 200, `OK`, zoom.Unknown},
		{"an error", 200, `{"code":3002,"message":"in progress"}`, zoom.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := onTheNet(t, &fake{api: replies(tt.status, tt.body)})
			for name, err := range map[string]error{
				"delete":          c.DeleteMeeting(t.Context(), "1"),
				"end":             c.EndMeeting(t.Context(), "1"),
				"update":          c.UpdateMeeting(t.Context(), "1", zoom.MeetingChange{}),
				"change settings": c.UpdateMeetingSettings(t.Context(), "1", zoom.MeetingSettings{}),
				"change user":     c.UpdateUserSettings(t.Context(), "x@example.com", zoom.SettingsChange{}),
			} {
				if e, _ := errors.AsType[*zoom.Error](err); (e == nil) != (tt.want == "") || e != nil && e.Outcome != tt.want {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestListMeetings(t *testing.T) {
	page := func(ids []int, next string) string {
		var list []string
		for _, id := range ids {
			list = append(list, fmt.Sprintf(`{"id":%d,"agenda":"a%d","join_url":"https://zoom.us/j/%d"}`, id, id, id))
		}
		return `{"page_size":300,"next_page_token":"` + next + `","meetings":[` + strings.Join(list, ",") + `]}`
	}
	for _, tt := range []struct {
		name      string
		pages     map[string]string // by next_page_token
		wantIDs   []string
		wantCalls int
		wantErr   bool
	}{
		{"two pages", map[string]string{"": page([]int{1, 2}, "a=&b"), "a=&b": page([]int{3}, "")}, []string{"1", "2", "3"}, 2, false},
		{"none", map[string]string{"": page(nil, "")}, nil, 1, false},
		{"foreign link is dropped but the meeting is kept", map[string]string{"": `{"meetings":[{"id":1,"join_url":"https://example.com/j/1"}]}`}, []string{"1"}, 1, false},
		{"odd ids", map[string]string{"": `{"meetings":[{"id":80667646564.0},{"id":" 80667646565"},{"id":"806 6764 6566"}]}`}, []string{"80667646564", "80667646565", "80667646566"}, 1, false},
		{"no id", map[string]string{"": `{"next_page_token":"a","meetings":[{"id":null},{"id":1}]}`, "a": page([]int{2}, "")}, []string{"1", "2"}, 2, true},
		{"unreadable id", map[string]string{"": `{"meetings":[{"id":80667646564.5}]}`}, nil, 1, true},
		{"not a meeting", map[string]string{"": `{"meetings":["{\"id\":1}"]}`}, nil, 1, true},
		{"null", map[string]string{"": `{"meetings":null}`}, nil, 1, false},
		{"same page again and again", map[string]string{"": page([]int{1}, "a"), "a": page([]int{2}, "a")}, []string{"1", "2"}, 2, true},
		{"second page is invalid", map[string]string{"": page([]int{1}, "a"), "a": `{"meetings":5}`}, []string{"1"}, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("type") != "scheduled" || q.Get("page_size") != "300" {
					t.Errorf("query %s", r.URL.RawQuery)
				}
				reply(w, 200, tt.pages[q.Get("next_page_token")])
			}}
			list, err := onTheNet(t, f).ListMeetings(t.Context(), "x@example.com")
			var ids []string
			for _, m := range list {
				ids = append(ids, m.ID)
			}
			calls, _ := f.log()
			if !slices.Equal(ids, tt.wantIDs) || len(calls) != tt.wantCalls || (err != nil) != tt.wantErr {
				t.Errorf("got %v, %v, %v", ids, calls, err)
			}
		})
	}
	t.Run("endless list", func(t *testing.T) {
		n := 0
		f := &fake{api: func(w http.ResponseWriter, r *http.Request) {
			n++
			reply(w, 200, page([]int{n}, strconv.Itoa(n)))
		}}
		list, err := onTheNet(t, f).ListMeetings(t.Context(), "x@example.com")
		if err == nil || len(list) != 20 {
			t.Errorf("%d meetings, %v", len(list), err)
		}
	})
	t.Run("documentation", func(t *testing.T) {
		body := strings.Replace(string(sample(t, "list-meetings.200.json")), "Tva2CuIdTgsv8wAnhyAdU3m06Y2HuLQtlh3", "", 1)
		list, err := onTheNet(t, &fake{api: replies(200, body)}).ListMeetings(t.Context(), "x@example.com")
		if err != nil || len(list) != 1 || list[0].Agenda != "My Meeting" || list[0].JoinURL != "" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestSkew(t *testing.T) {
	dates := []string{"", "garbage", "Sun, 22 Nov 2026 03:00:00 GMT", "Sun, 22 Nov 2026 01:00:00 GMT", "Sun, 22 Nov 2026 01:00:05 GMT", "Sun, 22 Nov 2026 00:59:00 GMT"}
	now := at("2026-11-22T01:00:00Z")
	f := &fake{
		token: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			reply(w, 200, `{"access_token":"t","expires_in":3599}`)
		},
		api: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = []string{dates[0]}
			reply(w, 200, `{"id":"u"}`)
		},
	}
	c := zoom.New(zoom.Config{APIURL: "http://zoom.test/v2", OAuthURL: "http://zoom.test/oauth/token", Credentials: serverToServer,
		HTTP: &http.Client{Transport: transport{f}}, Now: func() time.Time { return now }})
	for _, tt := range []struct {
		name   string
		want   time.Duration
		wantOK bool
	}{
		{"no date", 0, false}, {"garbage", 0, false}, {"first", 2 * time.Hour, true},
		{"second", 2 * time.Hour, true}, {"median of three", 5 * time.Second, true}, {"median of four", 5 * time.Second, true},
	} {
		if _, err := c.GetUser(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		if d, ok := c.Skew(); d != tt.want || ok != tt.wantOK {
			t.Errorf("%s: got %v, %v", tt.name, d, ok)
		}
		dates = dates[1:]
	}
	now = now.Add(24 * time.Hour)
	if d, ok := c.Skew(); ok {
		t.Errorf("a day later it is still %v", d)
	}
}
