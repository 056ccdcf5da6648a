// Package zoomsim is a Zoom that runs inside a test or inside "drawbridge demo": its token endpoint,
// the part of its REST API that has to do with users, meetings and recordings, and its signed webhooks.
// It refuses what Zoom refuses, with Zoom's own words, and can be told to fail as Zoom fails.
//
// It imports nothing of this program, and signs webhooks by its own few lines, so that a client that
// works with it agrees with Zoom's documentation and not merely with itself. It starts no goroutines
// and never looks at the machine's clock: whoever drives it drives time.
package zoomsim

import (
	"net/http"
	"sync"
	"time"
)

// Options say which account the simulator is. Only Now is required.
type Options struct {
	Now func() time.Time

	AccountID, ClientID, ClientSecret string   // the Server-to-Server OAuth app
	AppID                             string   // of the OAuth app, for the log of its deliveries
	APIKey, APISecret                 string   // the JWT app
	Scopes                            []string // of the OAuth app; nil: granular scopes for every call the simulator knows

	SecretToken string       // signs webhooks
	WebhookURL  string       // where events go; "" sends none
	Client      *http.Client // delivers webhooks; nil: a client of its own
	// RetryKeepsTimestamp repeats a delivery with the first timestamp and signature. Zoom does not say
	// whether it signs a retry again; by default the simulator does.
	RetryKeepsTimestamp bool

	// BaseURL is the simulator's own address as a browser sees it. Links to join, to start and to play
	// recordings lead there (BaseURL + "/simulator/j/<id>?pwd=…"); "" makes them Zoom's
	// (https://us05web.zoom.us/j/<id>?pwd=…).
	BaseURL     string
	Stylesheets []string // URLs the demo page links
}

// Sim is one Zoom account. Its methods may be called from several goroutines.
type Sim struct {
	opts   Options
	client *http.Client

	mu         sync.Mutex
	settled    *sync.Cond // answering or delivered changed
	answering  int        // calls that are not answered, or whose events are not delivered
	turns      uint64     // given out to those who cause events
	delivered  uint64     // the turn that was delivered last
	serial     uint64     // counts everything that needs an id
	uuids      int
	seed       int64
	faults     Faults
	users      []*User
	meetings   []*meeting
	past       []*instance // all instances, the running too
	tokens     map[string]token
	pages      map[string]page // next_page_token → where that list goes on
	perSecond  map[int64]int   // calls seen in a second, for Faults.PerSecond
	updates    map[string]int  // host id + day → create and update calls
	calls      []Call
	deliveries []Delivery
	retries    []retry
	held       []Event
	hold       bool
	crc        ValidationResult
}

// New makes an account without users.
func New(o Options) *Sim {
	client := o.Client
	if client == nil {
		client = &http.Client{}
	}
	c := *client
	// Zoom takes a redirect for a failed delivery.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &Sim{
		opts: o, client: &c, seed: o.Now().UnixNano(),
		tokens: map[string]token{}, pages: map[string]page{},
		perSecond: map[int64]int{}, updates: map[string]int{},
	}
	s.settled = sync.NewCond(&s.mu)
	return s
}
