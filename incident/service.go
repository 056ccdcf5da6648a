package incident

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Store is the storage of a Service. It is declared here, and not in package db,
// because db imports this package.
//
// Each method is one transaction, in which an AuditEntry with an Action is written
// too. What is not there is a NotFound error, a storage that does not answer
// Unavailable. A change to what a page shows bumps its topics of Pulse.
type Store interface {
	Accounts
	Runbooks
	Incidents
	Events
	People
	Retention
	ReadOnly() Store // the same storage; each write is an Internal error
}

// Config is what a Service needs.
type Config struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger

	ZoomHTTP     *http.Client // the one client that speaks to Zoom
	ZoomAPIURL   string       // "" = by the account's cluster
	ZoomOAuthURL string       // "" = by the account's cluster
	PublicURL    string       // how people reach this server, no slash at the end; "" = not known
}

// Service holds the verbs of the program. It is safe for concurrent use.
type Service struct {
	store     Store
	now       func() time.Time
	log       *slog.Logger
	publicURL string

	zoomHTTP              *http.Client
	zoomAPIURL, zoomOAuth string

	mu            sync.Mutex
	client        *zoom.Client // for the account of version clientVersion
	clientVersion int64
	tokens        webhookTokens
	rereading     sync.Mutex
	refusals      map[string]int64 // since the last flush
	gaps          gapSchedule
	tidied        time.Time

	hashing chan struct{} // bounds concurrent argon2id
	worker  string

	retention retention // of the one loop that carries it out

	wakeReader, wakeJobs    chan struct{} // an event waits, a job waits
	wakeRetention, wakeGaps chan struct{} // the rules have changed, an App ID was entered
}

// New makes a Service. It starts nothing; Run does.
func New(cfg Config) *Service {
	return &Service{
		store:      cfg.Store,
		now:        cfg.Now,
		log:        cfg.Log,
		publicURL:  strings.TrimRight(cfg.PublicURL, "/"),
		zoomHTTP:   cfg.ZoomHTTP,
		zoomAPIURL: cfg.ZoomAPIURL,
		zoomOAuth:  cfg.ZoomOAuthURL,
		refusals:   map[string]int64{},
		hashing:    make(chan struct{}, 2),
		wakeReader: make(chan struct{}, 1),
		wakeJobs:   make(chan struct{}, 1),

		wakeRetention: make(chan struct{}, 1),
		wakeGaps:      make(chan struct{}, 1),
		worker:        newID(),
	}
}

// newID is a UUIDv7: unique without asking anybody, and in order of time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// zoomClient is the client of the account as it is now. One client lives as
// long as the account does not change, because it holds the access token.
func (s *Service) zoomClient(a Account) (*zoom.Client, error) {
	if !a.Connected() {
		return nil, errNotConnected
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil || s.clientVersion != a.Version {
		s.client, s.clientVersion = s.newZoomClient(a), a.Version
	}
	return s.client, nil
}

// useZoomClient makes the client, of the account a, the one that zoomClient gives.
func (s *Service) useZoomClient(client *zoom.Client, a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client, s.clientVersion = client, a.Version
}

func (s *Service) newZoomClient(a Account) *zoom.Client {
	api, oauth := zoom.Endpoints(a.Cluster)
	if s.zoomAPIURL != "" {
		api = s.zoomAPIURL
	}
	if s.zoomOAuth != "" {
		oauth = s.zoomOAuth
	}
	return zoom.New(zoom.Config{
		APIURL:   api,
		OAuthURL: oauth,
		Credentials: zoom.Credentials{
			Method:       a.Auth,
			AccountID:    a.ZoomAccountID,
			ClientID:     a.ClientID,
			ClientSecret: a.Secrets[ClientSecret].Value,
			APIKey:       a.APIKey,
			APISecret:    a.Secrets[APISecret].Value,
		},
		HTTP:   s.zoomHTTP,
		Now:    s.now,
		Tokens: accountTokens{s, a.Version},
	})
}

var errNotConnected = refuse(Unavailable, "No Zoom app is connected. An admin can connect one on the Zoom account page.")

// need refuses an actor whose role does not include the role. Routes check
// roles too; this is the check that cannot be forgotten.
func need(actor Actor, role Role) error {
	switch actor.Kind {
	case "system", "cli":
		return nil
	}
	if actor.Role.Includes(role) {
		return nil
	}
	return refuse(Forbidden, "Your role does not allow this. Ask an admin.")
}

// nudge makes a loop of the worker look now. It never blocks.
func nudge(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// attached is ctx without its cancellation and with a limit of its own: work
// that was begun goes on when the browser that asked for it is closed.
func attached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
