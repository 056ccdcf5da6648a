// Package zoomsim is a Zoom that runs inside a test or inside "drawbridge demo". It has Zoom's token endpoint,
// the part of its REST API that concerns users, meetings and recordings, and its signed webhooks. It rejects
// what Zoom rejects, with Zoom's own messages, and can be told to fail in the ways in which Zoom fails.
//
// It imports nothing of this program and signs webhooks with its own code. A client that works with it
// therefore agrees with Zoom's documentation and not only with itself. It starts no goroutines and never reads
// the machine's clock: its user controls the time.
package zoomsim

import (
	"net/http"
	"sync"
	"time"
)

// Options describe the simulated account. Only Now is required.
type Options struct {
	Now func() time.Time

	AccountID, ClientID, ClientSecret string   // the Server-to-Server OAuth app
	AppID                             string   // App ID of the OAuth app, for its log of deliveries
	APIKey, APISecret                 string   // the JWT app
	Scopes                            []string // of the OAuth app; nil: the granular scopes for every call that the simulator supports

	SecretToken string       // signs webhooks
	WebhookURL  string       // where events are sent; "": nowhere
	Client      *http.Client // delivers webhooks; nil: a client of its own
	// RetryKeepsTimestamp makes a retry repeat the timestamp and the signature of the first attempt. Zoom does
	// not document whether it signs a retry again; by default the simulator does.
	RetryKeepsTimestamp bool

	// BaseURL is the address at which a browser reaches the simulator. Links to join and to start meetings and
	// to play recordings lead there (BaseURL + "/simulator/j/<id>?pwd=…"). "" gives them Zoom's form
	// (https://us05web.zoom.us/j/<id>?pwd=…).
	BaseURL     string
	MoveTime    func(time.Duration) // lets the page move the clock of Now forward; nil: it can't
	Stylesheets []string            // URLs of stylesheets for the simulator's pages
	Icon        string              // URL of their icon
}

// Sim is one Zoom account. Its methods are safe for concurrent use.
type Sim struct {
	opts   Options
	client *http.Client

	mu         sync.Mutex
	settled    *sync.Cond // signals changes of answering and delivered
	answering  int        // calls in progress, including the delivery of their events
	turns      uint64     // the last turn that takeTurn returned
	delivered  uint64     // the last turn whose events were delivered
	serial     uint64     // source of unique ids
	uuids      int
	seed       int64
	faults     Faults
	users      []*User
	added      []User // users as AddUser added them, in the same order
	meetings   []*meeting
	past       []*instance // all instances, including running ones
	tokens     map[string]token
	pages      map[string]page // by next_page_token
	perSecond  map[int64]int   // number of calls in each second, for Faults.PerSecond
	updates    map[string]int  // number of create and update calls, by host id and day
	calls      []Call
	deliveries []Delivery
	retries    []retry
	held       []Event
	hold       bool
	crc        ValidationResult
}

// New returns an account without users.
func New(o Options) *Sim {
	client := o.Client
	if client == nil {
		client = &http.Client{}
	}
	c := *client
	// Zoom counts a redirect as a failed delivery.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &Sim{
		opts: o, client: &c, seed: o.Now().UnixNano(),
		tokens: map[string]token{}, pages: map[string]page{},
		perSecond: map[int64]int{}, updates: map[string]int{},
	}
	s.settled = sync.NewCond(&s.mu)
	return s
}
