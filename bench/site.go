package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// site is a Drawbridge server with a logged-in user and API tokens.
type site struct {
	addr   string
	cookie string
	tokens []string
	next   atomic.Int64 // token
}

// visitor creates a user, logs in and creates API tokens. There are several tokens
// because each is limited to 200 pages at once and then 20 a second.
func (h *harness) visitor(ctx context.Context, dir, addr string, tokens int) (*site, error) {
	name := fmt.Sprintf("bench-%08x", rand.Uint32())
	const password = "a long enough password for bench"
	if _, err := h.command(ctx, dir, "", password, "user", "add", name+"@example.com", "--role", "admin", "--password-stdin"); err != nil {
		return nil, err
	}
	s := &site{addr: addr}
	for n := range tokens {
		token, err := h.command(ctx, dir, "", "", "token", "create", "--name", fmt.Sprintf("%s-%d", name, n), "--scope", "read")
		if err != nil {
			return nil, err
		}
		s.tokens = append(s.tokens, strings.TrimSpace(token))
	}
	answer, _, err := s.post(ctx, "/login", url.Values{"email": {name + "@example.com"}, "password": {password}})
	if err != nil {
		return nil, err
	}
	for _, c := range answer.Cookies() {
		if c.Name == "drawbridge_session" {
			s.cookie = c.Name + "=" + c.Value
			return s, nil
		}
	}
	return nil, fmt.Errorf("the login was answered with %s", answer.Status)
}

// post sends a form as its page does.
func (s *site) post(ctx context.Context, path string, form url.Values) (answer *http.Response, page string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+s.addr)
	r.Header.Set("Cookie", s.cookie)
	if answer, err = http.DefaultTransport.RoundTrip(r); err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

var shownRules = regexp.MustCompile(`name="shown" value="([^"]*)"`)

// retention sets how many days all events are kept. Saving requires a preview, and
// the value of its field "shown".
func (s *site) retention(ctx context.Context, days string) error {
	form := url.Values{"keep_others": {days}, "blank_others": {"0"}}
	answer, page, err := s.post(ctx, "/settings/retention/preview", form)
	if err != nil {
		return err
	}
	if m := shownRules.FindStringSubmatch(page); m != nil {
		form.Set("shown", html.UnescapeString(m[1]))
	} else if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the preview of retention was answered with %s", answer.Status)
	}
	answer, _, err = s.post(ctx, "/settings/retention", form)
	if err == nil && answer.StatusCode != http.StatusSeeOther {
		err = fmt.Errorf("saving retention was answered with %s", answer.Status)
	}
	return err
}

// page is a request for a page.
func (s *site) page(path string) []byte { return get(path, "Cookie: "+s.cookie) }

// api is a request to the API.
func (s *site) api(path string) []byte {
	return get(path, "Authorization: Bearer "+s.tokens[int(s.next.Add(1))%len(s.tokens)])
}

// event holds the fields of an event that a survey needs.
type event struct {
	ID         string
	Event      string
	MeetingID  string    `json:"meeting_id"`
	ReceivedAt time.Time `json:"received_at"`
	Topic      string
}

type eventList struct {
	Items      []event
	NextCursor string `json:"next_cursor"`
}

func (s *site) events(ctx context.Context, query url.Values) (list eventList, err error) {
	status, body, err := fetch(ctx, s.addr, s.api("/api/v1/events?"+query.Encode()))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/api/v1/events?%s: %d %s", query.Encode(), status, body)
	}
	if err != nil {
		return list, err
	}
	return list, json.Unmarshal(body, &list)
}

func rfc3339(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// survey is a sample of the log: values to search for.
type survey struct {
	oldest, newest time.Time
	events         []event  // from random times
	cursors        []string // that continue from random times
	types          []string // the most frequent first
	words          []string // of topics, the most frequent first
}

func (s *site) survey(ctx context.Context) (v survey, err error) {
	first, err := s.events(ctx, url.Values{})
	if err != nil {
		return v, err
	}
	if len(first.Items) == 0 {
		return v, fmt.Errorf("the log is empty")
	}
	v.newest = first.Items[0].ReceivedAt
	// The list is newest first. Search for the oldest event by bisection.
	low, high := v.newest.AddDate(-30, 0, 0), v.newest
	for high.Sub(low) > time.Minute {
		middle := low.Add(high.Sub(low) / 2)
		list, err := s.events(ctx, url.Values{"before": {rfc3339(middle)}, "limit": {"1"}})
		if err != nil {
			return v, err
		}
		if len(list.Items) > 0 {
			high = middle
		} else {
			low = middle
		}
	}
	v.oldest = high
	types, words := map[string]int{}, map[string]int{}
	for range 60 {
		at := v.oldest.Add(time.Duration(rand.Int64N(int64(v.newest.Sub(v.oldest)) + 1)))
		list, err := s.events(ctx, url.Values{"before": {rfc3339(at)}, "limit": {"50"}})
		if err != nil {
			return v, err
		}
		v.events = append(v.events, list.Items...)
		if list.NextCursor != "" {
			v.cursors = append(v.cursors, list.NextCursor)
		}
		for _, e := range list.Items {
			types[e.Event]++
			for _, w := range strings.Fields(e.Topic) {
				if isWord(w) {
					words[strings.ToLower(w)]++
				}
			}
		}
	}
	delete(types, "")
	v.types, v.words = byCount(types), byCount(words)
	if len(v.types) == 0 || len(v.words) == 0 || len(v.cursors) == 0 {
		return v, fmt.Errorf("the log is too small: %d types, %d words, %d pages", len(v.types), len(v.words), len(v.cursors))
	}
	return v, nil
}

func isWord(s string) bool {
	return len(s) > 2 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}

// stream reads a response until limit and returns the number of lines and the time
// to the first byte and to the end.
func (s *site) stream(ctx context.Context, path string, limit time.Duration) (lines int64, first, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		return
	}
	r.Header.Set("Cookie", s.cookie)
	begin := time.Now()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, 0, 0, fmt.Errorf("%s: %s", path, answer.Status)
	}
	buffer := make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = answer.Body.Read(buffer)
		if first == 0 && n > 0 {
			first = time.Since(begin)
		}
		for _, b := range buffer[:n] {
			if b == '\n' {
				lines++
			}
		}
	}
	took = time.Since(begin)
	if err == io.EOF || ctx.Err() != nil {
		err = nil
	}
	return
}

// byCount returns the keys, highest count first.
func byCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
}
