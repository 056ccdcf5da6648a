package zoom_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	accountID    = "AbCdEfGhIjKlMnOpQrStUv-_"
	clientID     = "clientIDcanary0123456"
	clientSecret = "client-secret-canary-0123456789"
	accessToken  = "access-token-canary-0123456789"
	apiSecret    = "api-secret-canary-0123456789"
)

// sample returns a body from Zoom's documentation or from a live capture.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fake answers like Zoom: it serves a token from /oauth/token, and everything
// else from api.
type fake struct {
	t     testing.TB
	token http.HandlerFunc // nil: always the same valid token
	api   http.HandlerFunc

	mu    sync.Mutex
	calls []string // "METHOD path?query" of the API
	asked int      // number of token requests
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		f.mu.Lock()
		f.asked++
		f.mu.Unlock()
		if f.token != nil {
			f.token(w, r)
			return
		}
		reply(w, 200, `{"access_token":"`+accessToken+`","token_type":"bearer","expires_in":3599,"scope":"meeting:write:admin user:read:admin","api_url":"https://api.zoom.us"}`)
		return
	}
	f.mu.Lock()
	f.calls = append(f.calls, r.Method+" "+r.URL.RequestURI())
	f.mu.Unlock()
	f.api(w, r)
}

func (f *fake) log() ([]string, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...), f.asked
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func replies(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, status, body) }
}

var serverToServer = zoom.Credentials{
	Method: zoom.ServerToServer, AccountID: accountID, ClientID: clientID, ClientSecret: zoom.NewSecret(clientSecret),
}

// onTheNet serves f on a loopback port.
func onTheNet(t testing.TB, f *fake) *zoom.Client {
	t.Helper()
	f.t = t
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return zoom.New(zoom.Config{
		APIURL: srv.URL + "/v2", OAuthURL: srv.URL + "/oauth/token",
		Credentials: serverToServer, HTTP: srv.Client(), Now: time.Now,
	})
}

// inMemory serves f without a network, so that the clock of testing/synctest
// advances while a call waits.
func inMemory(f *fake, creds zoom.Credentials) *zoom.Client {
	return zoom.New(zoom.Config{
		APIURL: "https://api.zoom.us/v2", OAuthURL: "https://zoom.us/oauth/token",
		Credentials: creds, HTTP: &http.Client{Transport: transport{f}}, Now: time.Now,
	})
}

type transport struct{ h http.Handler }

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	done := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		in := r.Clone(r.Context())
		in.Body = io.NopCloser(bytes.NewReader(body))
		in.RequestURI = r.URL.RequestURI()
		tr.h.ServeHTTP(w, in)
		done <- w.Result()
	}()
	select {
	case res := <-done:
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// asError returns the *zoom.Error of a call. Every error of a call is one.
func asError(t testing.TB, err error) *zoom.Error {
	t.Helper()
	var e *zoom.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want a *zoom.Error", err, err)
	}
	return e
}

// secretsIn returns the test secrets that occur in s.
func secretsIn(s string) []string {
	var found []string
	for _, c := range []string{clientSecret, accessToken, apiSecret, "c2VjcmV0LWNhbmFyeS", "Y2xpZW50SURjYW5hcnk"} {
		if strings.Contains(s, c) {
			found = append(found, c)
		}
	}
	return found
}
