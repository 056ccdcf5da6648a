package zoom

import (
	"context"
	"net/http"
	"time"
)

// AuthMethod says how a Zoom app proves who it is.
type AuthMethod string

const (
	ServerToServer AuthMethod = "server_to_server"
	JWT            AuthMethod = "jwt"
)

// Credentials of one Zoom app. ServerToServer uses AccountID, ClientID and
// ClientSecret; JWT uses APIKey and APISecret.
type Credentials struct {
	Method       AuthMethod
	AccountID    string
	ClientID     string
	ClientSecret Secret
	APIKey       string
	APISecret    Secret
}

// Config is what a Client needs.
type Config struct {
	APIURL      string // such as https://api.zoom.us/v2; see Endpoints
	OAuthURL    string // such as https://zoom.us/oauth/token
	Credentials Credentials
	HTTP        *http.Client     // nil: a client of our own with a time limit of 15 s
	Now         func() time.Time // required
}

// Client speaks with Zoom for one app. It is safe for concurrent use.
type Client struct{}

// New starts nothing.
func New(cfg Config) *Client { return &Client{} }

// Token is what is known about the current access token, without the token.
type Token struct {
	Scopes    []string
	ExpiresAt time.Time
}

func (c *Client) Token(ctx context.Context) (Token, error) { panic("skeleton") }

func (c *Client) Skew() (time.Duration, bool) { panic("skeleton") }
