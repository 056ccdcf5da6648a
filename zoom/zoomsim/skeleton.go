package zoomsim

import (
	"context"
	"net/http"
	"time"
)

// Meeting is what the simulator's ledger knows about one meeting.
type Meeting struct {
	ID              int64  // what the create answer said; always above 2^32
	PMI             int64  // the number events carry instead of ID, when the meeting uses the personal room; else 0
	UUID            string // of the running or next instance
	HostID          string
	HostEmail       string
	Topic           string
	Agenda          string
	Type            int
	Status          string // "waiting", "started", "ended", "deleted"
	Password        string
	JoinURL         string
	Recording       string // auto_recording: "none", "local", "cloud"
	WaitingRoom     bool
	JoinBeforeHost  bool
	CreatedAt       time.Time
	StartedAt       time.Time // of the last instance
	EndedAt         time.Time
	People          []Participant // inside or waiting now
	RecordingsReady int
}

// Participant is someone inside a meeting or waiting to get in.
type Participant struct {
	Key      string // for Leave and Admit
	Name     string
	Email    string
	JoinedAt time.Time
	Waiting  string // "": inside; "host": waits for the host to start; "room": in the waiting room
}

// Call is one request the API got.
type Call struct {
	At        time.Time
	Method    string
	Path      string // as sent, with its query
	Operation string // as in Zoom's reference: "POST /users/{userId}/meetings"; "" when there is none
	Status    int    // 0: the connection was broken
	Body      string // of the request
	Note      string // what Zoom would not say but a developer wants to know
}

// Person is who joins a meeting. A person whose address is the host's is the host.
type Person struct{ Name, Email string }

// Event is a webhook that waits to be sent.
type Event struct {
	Event string
	Body  []byte
}

// Delivery is one attempt to deliver a webhook.
type Delivery struct {
	Event   string
	Body    []byte
	Header  http.Header
	Attempt int // 1, then 2 … 4 for the retries
	Status  int // 0: no answer
	Err     string
	At      time.Time
	RetryAt time.Time // when it is tried again; zero: never
}

// ValidationResult is what became of an endpoint.url_validation request.
type ValidationResult struct {
	At             time.Time
	OK             bool
	PlainToken     string
	EncryptedToken string // as answered
	Status         int
	Problem        string // why not OK
	Failures       int    // in a row
	Disabled       bool   // after six failures in a row no events are sent
}

// API is Zoom's token endpoint (POST /oauth/token) and REST API (/v2/…).
func (s *Sim) API() http.Handler { return http.NotFoundHandler() }

// Page is the page where one can be Zoom. It must be mounted at /simulator/.
func (s *Sim) Page() http.Handler { return http.NotFoundHandler() }

// Meetings lists all meetings ever made, oldest first, deleted ones too.
func (s *Sim) Meetings() []Meeting { return nil }

// Calls lists the requests the API got, oldest first.
func (s *Sim) Calls() []Call { return nil }

// Settle waits until the events caused by answered API calls have been delivered or have failed.
func (s *Sim) Settle() { s.inflight.Wait() }

// Join lets a person into a meeting, named by id, personal meeting ID or uuid. The first to get in
// starts it. It returns the key for Leave.
func (s *Sim) Join(ctx context.Context, meetingID string, p Person) (string, error) { return "", nil }

// Admit lets a person out of the waiting room into the meeting.
func (s *Sim) Admit(ctx context.Context, meetingID, participantKey string) error { return nil }

// Leave takes a person out of a meeting.
func (s *Sim) Leave(ctx context.Context, meetingID, participantKey string) error { return nil }

// End ends a running meeting for everybody.
func (s *Sim) End(ctx context.Context, meetingID string) error { return nil }

// CompleteRecording finishes the cloud recording of the meeting's last instance.
func (s *Sim) CompleteRecording(ctx context.Context, meetingID string) error { return nil }

// Validate sends endpoint.url_validation and checks the answer.
func (s *Sim) Validate(ctx context.Context) (ValidationResult, error) {
	return ValidationResult{}, nil
}

// ValidateDue validates when the last validation is 72 hours old; false when it is not due.
func (s *Sim) ValidateDue(ctx context.Context) (ValidationResult, bool) {
	return ValidationResult{}, false
}

// Send signs and posts exactly these bytes, now, whatever is held.
func (s *Sim) Send(ctx context.Context, event string, body []byte) (Delivery, error) {
	return Delivery{}, nil
}

// Sign returns the headers of a delivery of body at a time.
func (s *Sim) Sign(body []byte, at time.Time) http.Header { return nil }

// Deliveries lists every attempt, oldest first.
func (s *Sim) Deliveries() []Delivery { return nil }

// RetryDue delivers again what is due by Now and says how many attempts that were.
func (s *Sim) RetryDue(ctx context.Context) int { return 0 }

// Hold keeps events back until Release.
func (s *Sim) Hold(on bool) {}

// Release sends the events held so far, after order has changed them: reversed, doubled, some dropped.
// A nil order sends them as they came.
func (s *Sim) Release(ctx context.Context, order func([]Event) []Event) int { return 0 }

type (
	meeting  struct{}
	instance struct{}
	token    struct{}
	page     struct{}
	retry    struct{}
)
