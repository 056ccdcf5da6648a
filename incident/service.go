package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Store is the storage of a Service. It is declared here instead of in package
// db, because db imports this package.
//
// Each method is one transaction. If it gets an AuditEntry with an Action, it
// writes the entry in the same transaction. If a row does not exist, the error is
// NotFound; if the storage does not answer, the error is Unavailable. A change to
// something that a page shows also updates the topics of Pulse.
type Store interface {
	Accounts
	Runbooks
	Incidents
	Standbys
	Events
	People
	Retention
	Drills
	Sweeps
	ReadOnly() Store // the same storage; every write is an Internal error
}

// Config holds what New needs.
type Config struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger

	ZoomHTTP     *http.Client // the only client for calls to Zoom
	ZoomAPIURL   string       // "": chosen by the account's cluster
	ZoomOAuthURL string       // "": chosen by the account's cluster
	ZoomDomains  []string     // domains whose links lead to Zoom, in addition to Zoom's own
	JournalPath  string       // the file of incidents that are not in the database yet; "": they are only in memory
	PublicURL    string       // the URL at which people reach this server, without a slash at the end; "": unknown
}

// Service has the verbs of the program. It is safe for concurrent use.
type Service struct {
	store     Store
	now       func() time.Time
	log       *slog.Logger
	publicURL string
	// installation tells this installation from one that works with a copy of its
	// database, such as a restored backup, by the public URL.
	installation string

	zoomHTTP              *http.Client
	zoomAPIURL, zoomOAuth string
	zoomDomains           []string
	links                 zoom.Links

	mu            sync.Mutex
	client        *zoom.Client // the client of account version clientVersion
	clientVersion int64
	tokens        webhookTokens
	rereading     sync.Mutex
	refusals      map[Rejection]int64 // counted since the last flush
	gaps          gapSchedule
	hostLists     map[hostListKey]*hostList
	journal       journal
	sessions      recalled[Session]
	usedTokens    recalled[Token]
	calls         recalled[Call]
	touching      sync.Mutex      // held while the use of a token or session is stored
	rooms         sync.Mutex      // held while a static link is chosen
	asking        map[string]bool // the attempts whose calls this process makes; see lost
	zoomDown      bool            // a bridge failed since Zoom last created a meeting, and not because of its host
	askAfter      time.Time       // Zoom is not asked about calls before, because it did not answer
	askFails      int             // how many times in a row
	createTook    time.Duration   // how long Zoom took to create the last meeting
	silent        int             // how many calls in a row Zoom did not answer; see breaker.go
	silentFrom    time.Time       // when the first of them ended
	probeAt       time.Time       // when a silent Zoom is asked again
	renewAt       time.Time       // when a check that found Zoom silent may be repeated
	warmAt        time.Time       // when the access token is looked at again
	tokensEnded   []time.Time     // when another program last ended the access token; see tokenwar.go
	newOpeners    bool            // somebody opened an incident since the pre-flight check looked for new people
	tidied        time.Time
	drillHour     time.Time // the last hour for which the plan of drills was read

	hashing chan struct{} // limits concurrent argon2id hashes
	worker  string

	retention retention // used only by the retention loop

	wakeReader, wakeJobs    chan struct{} // signal a new event, a new job
	wakeSteps               chan struct{} // signals an incident whose steps are to be looked at
	wakeRetention, wakeGaps chan struct{} // signal changed rules, a new App ID
}

const installationLength = 8

// New returns a Service. It starts nothing; Run does.
func New(cfg Config) *Service {
	url := strings.TrimRight(cfg.PublicURL, "/")
	sum := sha256.Sum256([]byte(url))
	return &Service{
		store:        cfg.Store,
		now:          cfg.Now,
		log:          cfg.Log,
		publicURL:    url,
		installation: hex.EncodeToString(sum[:])[:installationLength],
		zoomHTTP:     cfg.ZoomHTTP,
		zoomAPIURL:   cfg.ZoomAPIURL,
		zoomOAuth:    cfg.ZoomOAuthURL,
		zoomDomains:  cfg.ZoomDomains,
		links:        zoom.NewLinks(cfg.ZoomAPIURL, cfg.ZoomDomains),
		refusals:     map[Rejection]int64{},
		journal:      journal{path: cfg.JournalPath},
		hostLists:    map[hostListKey]*hostList{},
		hashing:      make(chan struct{}, 2),
		wakeReader:   make(chan struct{}, 1),
		wakeJobs:     make(chan struct{}, 1),
		wakeSteps:    make(chan struct{}, 1),

		wakeRetention: make(chan struct{}, 1),
		wakeGaps:      make(chan struct{}, 1),
		worker:        newID(),
	}
}

// newID returns a UUIDv7, which is unique and sorts by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// zoomClient returns the client for the current account. It keeps the same client
// until the account changes, because the client holds the access token.
func (s *Service) zoomClient(a Account) (*zoom.Client, error) {
	if a.OnlyEvents() {
		return nil, errOnlyEvents
	}
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

// accountClient is zoomClient for the account as it is stored now.
func (s *Service) accountClient(ctx context.Context) (*zoom.Client, error) {
	account, err := s.store.Account(ctx)
	if err != nil {
		return nil, err
	}
	return s.zoomClient(account)
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
		Domains:  s.zoomDomains,
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

var (
	errNotConnected = refuse(Unavailable, "No Zoom app is connected. An admin can connect one on the Zoom account page.")
	errOnlyEvents   = refuse(Conflict, "Drawbridge only receives events from Zoom, so it can’t do this.")
)

// need returns Forbidden if the actor's role does not include role. Routes check
// roles as well, but a new route could forget to.
func need(actor Actor, role Role) error {
	if actor.Kind == ActorCommandLine || actor.Role.Includes(role) {
		return nil
	}
	return RefuseRole(actor.Role, role)
}

// nudge wakes a loop of the worker. It never blocks.
func nudge(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// attached returns ctx without its cancellation and with its own timeout, so that
// work continues after the browser that started it has gone.
func attached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
