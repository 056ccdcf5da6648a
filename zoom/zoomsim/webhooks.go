package zoomsim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Delivery is one attempt to deliver a webhook.
type Delivery struct {
	Event     string
	RequestID string // the same for every attempt
	Body      []byte
	Header    http.Header
	Attempt   int // 1 for the first attempt, 2 to 4 for the retries
	Status    int // 0: no answer
	Answer    []byte
	Err       string
	At        time.Time
	RetryAt   time.Time // time of the next attempt; zero: none
}

// ValidationResult is the result of an endpoint.url_validation request.
type ValidationResult struct {
	At         time.Time
	OK         bool
	PlainToken string
	Problem    string // why OK is false
	Failures   int    // in a row
	Disabled   bool   // Zoom sends no events after six failures in a row
}

// retry is a failed delivery that will be retried.
type retry struct {
	event   Event
	request string // the X-Zm-Request-Id
	attempt int
	due     time.Time
	signed  time.Time
}

func (s *Sim) deliverFirst(ctx context.Context, e Event) Delivery {
	now := s.opts.Now()
	s.mu.Lock()
	id := s.requestID()
	s.mu.Unlock()
	return s.deliver(ctx, retry{e, id, 1, now, now})
}

func (s *Sim) requestID() string {
	x := hex.EncodeToString([]byte(s.random("request", 43)))
	return x[:8] + "_" + x[8:12] + "_" + x[12:16] + "_" + x[16:20] + "_" + x[20:32]
}

// retryAfter are the pauses between attempts: Zoom retries 5, 25 and 85 minutes after the first attempt.
var retryAfter = []time.Duration{5 * time.Minute, 20 * time.Minute, 60 * time.Minute}

const (
	deliveryTimeout = 3 * time.Second
	validateEvery   = 72 * time.Hour
	disableAfter    = 6
)

// Sign returns the headers for delivering exactly these bytes at this time: "v0=" + hex(HMAC-SHA256(secret
// token, "v0:" + Unix seconds + ":" + body)).
func (s *Sim) Sign(body []byte, at time.Time) http.Header {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(s.opts.SecretToken))
	mac.Write([]byte("v0:" + seconds + ":"))
	mac.Write(body)
	s.mu.Lock()
	id, trace := s.requestID(), hex.EncodeToString([]byte(s.random("trace", 43)))
	s.mu.Unlock()
	h := http.Header{}
	h.Set("User-Agent", "Zoom Marketplace/1.0a")
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Authorization", hash(s.seed, "verification", 0, "")[:22]) // the retired verification token, which proves nothing
	h.Set("Traceparent", "00-"+trace[:32]+"-"+trace[32:48]+"-01")
	h.Set("X-Zm-Request-Timestamp", seconds)
	h.Set("X-Zm-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	h.Set("X-Zm-Request-Id", id)
	return h
}

// Send signs and posts exactly these bytes at once, even if events are held back or switched off. It retries
// like any event. The error is that of the connection.
func (s *Sim) Send(ctx context.Context, event string, body []byte) (Delivery, error) {
	if s.opts.WebhookURL == "" {
		return Delivery{}, errors.New("the simulator has no webhook URL")
	}
	d := s.deliverFirst(ctx, Event{event, body})
	if d.Err != "" {
		return d, errors.New(d.Err)
	}
	return d, nil
}

// takeTurn reserves the next place in the order of deliveries. Whoever causes events calls it while holding the
// lock.
func (s *Sim) takeTurn() uint64 {
	s.turns++
	return s.turns
}

// emit sends events one after the other when it is their turn, or keeps them while Hold is on.
func (s *Sim) emit(ctx context.Context, turn uint64, events []Event) {
	if len(events) == 0 {
		return
	}
	s.mu.Lock()
	for s.delivered+1 != turn {
		s.settled.Wait()
	}
	if s.opts.WebhookURL == "" || s.crc.Disabled {
		events = nil
	}
	if lose := s.faults.LoseEvents; lose != "" {
		events = slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return lose == "*" || strings.HasPrefix(e.Event, lose) })
	}
	if s.faults.DuplicateEvents {
		var twice []Event
		for _, e := range events {
			twice = append(twice, e, e)
		}
		events = twice
	}
	if s.hold {
		s.held = append(s.held, events...)
		events = nil
	}
	s.mu.Unlock()
	// The caller may leave before the answer, but the events must still be sent.
	ctx = context.WithoutCancel(ctx)
	for _, e := range events {
		s.deliverFirst(ctx, e)
	}
	s.mu.Lock()
	s.delivered = turn
	s.settled.Broadcast()
	s.mu.Unlock()
}

// deliver makes one attempt, records it and schedules the next one. Zoom retries only when there is no answer
// or the status is 500 or higher.
func (s *Sim) deliver(ctx context.Context, r retry) Delivery {
	now := s.opts.Now()
	at := now
	if s.opts.RetryKeepsTimestamp {
		at = r.signed
	}
	d := Delivery{Event: r.event.Event, RequestID: r.request, Body: r.event.Body, Attempt: r.attempt, At: now, Header: s.Sign(r.event.Body, at.Add(s.Faults().ClockSkew))}
	d.Header.Set("X-Zm-Request-Id", r.request) // Zoom's log of deliveries says that it "remains unchanged across retry attempts"
	err := s.post(ctx, &d)
	if err != nil {
		d.Err = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if (err != nil || d.Status >= 500) && r.attempt <= len(retryAfter) && r.event.Event != "endpoint.url_validation" {
		d.RetryAt = r.due.Add(retryAfter[r.attempt-1])
		s.retries = append(s.retries, retry{r.event, r.request, r.attempt + 1, d.RetryAt, r.signed})
	}
	s.deliveries = append(s.deliveries, d)
	return d
}

// post sends the request of a delivery and fills in its answer.
func (s *Sim) post(ctx context.Context, d *Delivery) error {
	if s.Faults().Unreachable {
		return errors.New("connection refused")
	}
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opts.WebhookURL, bytes.NewReader(d.Body))
	if err != nil {
		return err
	}
	req.Header = d.Header.Clone()
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d.Status = resp.StatusCode
	d.Answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return err
}

// RetryDue makes all attempts that are due by Now, in the order in which they are due, and returns their
// number. When an attempt fails and the next one is due as well, it follows at once.
func (s *Sim) RetryDue(ctx context.Context) int {
	for n := 0; ; n++ {
		s.mu.Lock()
		next := -1
		for i, r := range s.retries {
			if !s.opts.Now().Before(r.due) && (next < 0 || r.due.Before(s.retries[next].due)) {
				next = i
			}
		}
		if next < 0 {
			s.mu.Unlock()
			return n
		}
		r := s.retries[next]
		s.retries = slices.Delete(s.retries, next, next+1)
		s.mu.Unlock()
		s.deliver(ctx, r)
	}
}

// Hold(true) keeps events back until Release. Hold(false) lets new events pass again; those already held still
// wait for Release.
func (s *Sim) Hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = on
}

// Release sends the events held so far, as order returns them: reversed, doubled or with some left out. A nil
// order keeps them as they are. Release returns how many it sent.
func (s *Sim) Release(ctx context.Context, order func([]Event) []Event) int {
	s.mu.Lock()
	events := s.held
	s.held = nil
	s.mu.Unlock()
	if order != nil {
		events = order(events)
	}
	for _, e := range events {
		s.deliverFirst(ctx, e)
	}
	return len(events)
}

// Deliveries returns all attempts, oldest first.
func (s *Sim) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Validate sends a signed endpoint.url_validation and checks the answer: within three seconds, status 200,
// JSON, the same plainToken, and its HMAC with the secret token. A success enables a disabled subscription
// again. It returns an error only if there is no webhook URL.
func (s *Sim) Validate(ctx context.Context) (ValidationResult, error) {
	if s.opts.WebhookURL == "" {
		return ValidationResult{}, errors.New("the simulator has no webhook URL")
	}
	s.mu.Lock()
	v := ValidationResult{At: s.opts.Now(), PlainToken: s.random("plain", 22), Failures: s.crc.Failures, Disabled: s.crc.Disabled}
	e := s.event("endpoint.url_validation", object("plainToken", v.PlainToken), v.At)
	s.mu.Unlock()
	d := s.deliverFirst(ctx, e)
	var got struct{ PlainToken, EncryptedToken string }
	parsed := json.Unmarshal(d.Answer, &got)
	mac := hmac.New(sha256.New, []byte(s.opts.SecretToken))
	mac.Write([]byte(v.PlainToken))
	switch {
	case d.Err != "":
		v.Problem = "no answer within three seconds: " + d.Err
	case d.Status != http.StatusOK:
		v.Problem = "the answer has status " + strconv.Itoa(d.Status) + ", not 200"
	case parsed != nil:
		v.Problem = "the answer is not JSON"
	case got.PlainToken != v.PlainToken:
		v.Problem = "the answer has another plainToken"
	case got.EncryptedToken != hex.EncodeToString(mac.Sum(nil)):
		v.Problem = "encryptedToken is not the HMAC of plainToken; is it the right secret token?"
	}
	v.OK = v.Problem == ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.OK {
		v.Failures, v.Disabled = 0, false
	} else if v.Failures++; v.Failures >= disableAfter {
		v.Disabled = true
	}
	s.crc = v
	return v, nil
}

// ValidateDue validates again if the last validation is at least 72 hours old, as Zoom does by itself, unless
// the subscription is disabled. It reports whether it did.
func (s *Sim) ValidateDue(ctx context.Context) (ValidationResult, bool) {
	s.mu.Lock()
	last := s.crc
	s.mu.Unlock()
	if last.At.IsZero() || last.Disabled || s.opts.Now().Sub(last.At) < validateEvery {
		return last, false
	}
	v, err := s.Validate(ctx)
	return v, err == nil
}
