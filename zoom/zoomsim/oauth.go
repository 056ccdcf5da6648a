package zoomsim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type token struct {
	expires time.Time
	jwt     bool // issued to a JWT app: no scopes, and "me" is allowed
	killed  bool
}

type oauthError struct {
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

func refuse(reason, err string) answer {
	return answer{status: http.StatusBadRequest, body: oauthError{reason, err}}
}

// issueToken answers POST /oauth/token. The parameters may be in a form or in the query.
func (s *Sim) issueToken(q *request) answer {
	if a, ok := s.limited(q); !ok {
		return a
	}
	id, secret, ok := q.BasicAuth()
	if !ok || id != s.opts.ClientID || secret != s.opts.ClientSecret || id == "" || q.faults.TokenRefused {
		return refuse("Invalid client_id or client_secret", "invalid_client")
	}
	form := url.Values{}
	media, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); media {
	case "application/json": // with this content type, Zoom ignores the query as well
	case "application/x-www-form-urlencoded", "":
		form = q.URL.Query()
		if body, err := url.ParseQuery(string(q.body)); err == nil && media != "" {
			for k, v := range body {
				form[k] = v
			}
		}
	}
	switch form.Get("grant_type") {
	case "account_credentials":
	case "authorization_code", "refresh_token":
		return refuse("Invalid Token!", "invalid_grant")
	default:
		return refuse("unsupported grant type", "unsupported_grant_type")
	}
	if account := form.Get("account_id"); account == "" || account != s.opts.AccountID {
		return refuse("Bad Request", "invalid_request")
	}
	if q.faults.NewTokenKillsOld {
		for k, t := range s.tokens {
			t.killed = true
			s.tokens[k] = t
		}
	}
	// A client that follows api_url must stay with the simulator.
	here := url.URL{Scheme: "http", Host: q.Host}
	if q.TLS != nil {
		here.Scheme = "https"
	}
	value := newToken()
	s.tokens[value] = token{expires: q.now.Add(3599 * time.Second)}
	return answer{status: http.StatusOK, body: struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
		APIURL      string `json:"api_url"`
	}{value, "bearer", 3599, strings.Join(s.scopes(q.faults), " "), here.String()}}
}

// newToken returns a token that looks like Zoom's: three parts separated by dots, several hundred bytes.
func newToken() string {
	part := func(n int) string {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"sv":"000001","alg":"HS512","v":"2.0","kid":"`+part(12)+`"}`)) + "." + part(360) + "." + part(64)
}

func (s *Sim) scopes(f Faults) []string {
	have := s.opts.Scopes
	if have == nil {
		have = defaultScopes()
	}
	return slices.DeleteFunc(slices.Clone(have), func(scope string) bool { return slices.Contains(f.MissingScopes, scope) })
}

func (s *Sim) authenticate(q *request) (answer, bool) {
	status := http.StatusUnauthorized
	if q.faults.SwapAuthStatus {
		status = http.StatusBadRequest
	}
	scheme, value, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	if value = strings.TrimSpace(value); !strings.EqualFold(scheme, "Bearer") || value == "" {
		return fail(status, 124, "Requires an access token."), false
	}
	t, known := s.tokens[value]
	if !known {
		var a answer
		if t, a, known = s.parseJWT(q, value, status); !known {
			return a, false
		}
	}
	switch {
	case q.faults.TokenRefused || t.killed || t.jwt && q.faults.JWTEnded:
		if !t.jwt { // a rejected token stays invalid after the fault is over
			t.killed = true
			s.tokens[value] = t
		}
		return fail(status, 124, "Invalid access token."), false
	case !q.now.Before(t.expires):
		return fail(status, 124, "Access token is expired."), false
	}
	q.token = t
	return answer{}, true
}

// parseJWT checks the token of a JWT app: HS256 with the API secret, the API key as iss, and exp in seconds.
func (s *Sim) parseJWT(q *request, value string, status int) (token, answer, bool) {
	bad := fail(status, 124, "Invalid access token.")
	parts := strings.Split(value, ".")
	if len(parts) != 3 || s.opts.APISecret == "" {
		return token{}, bad, false
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return token{}, bad, false
		}
		raw[i] = b
	}
	var header struct{ Alg string }
	var claims struct {
		Iss string
		Exp float64
	}
	if json.Unmarshal(raw[0], &header) != nil || json.Unmarshal(raw[1], &claims) != nil || header.Alg != "HS256" {
		return token{}, bad, false
	}
	if claims.Iss != s.opts.APIKey {
		return token{}, fail(http.StatusBadRequest, 200, "Invalid api key or secret."), false
	}
	mac := hmac.New(sha256.New, []byte(s.opts.APISecret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(mac.Sum(nil), raw[2]) {
		return token{}, bad, false
	}
	if claims.Exp > float64(q.now.Add(48*time.Hour).Unix()) {
		q.note = "the JWT lives for more than two days; is exp in milliseconds?"
		claims.Exp = float64(q.now.Add(48 * time.Hour).Unix())
	}
	return token{expires: time.Unix(int64(claims.Exp), 0), jwt: true}, answer{}, true
}

// scoped checks that the app has a scope for the call. JWT apps may make every call.
func (s *Sim) scoped(q *request) (answer, bool) {
	have := s.scopes(q.faults)
	for _, scope := range append(slices.Clone(q.op.granular), q.op.classic...) {
		if q.token.jwt || slices.Contains(have, scope) {
			return answer{}, true
		}
	}
	status := http.StatusBadRequest
	if q.faults.SwapAuthStatus {
		status = http.StatusUnauthorized
	}
	return fail(status, 4711, "Invalid access token, does not contain scopes:["+strings.Join(q.op.granular, ", ")+"]."), false
}
