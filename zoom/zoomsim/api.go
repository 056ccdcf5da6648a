package zoomsim

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Call is one request to the API.
type Call struct {
	Method    string
	Path      string // with the query
	Operation string // as in Zoom's reference: "POST /users/{userId}/meetings"; "" if unknown
	Status    int    // 0: the connection was reset before the answer
	Body      string
	Note      string // a hint for developers that Zoom would not give
}

// request is a call while the simulator handles it.
type request struct {
	*http.Request
	body   []byte
	path   []string // segments after /v2, still percent-encoded
	op     *operation
	id     string // the id in the path, decoded once; "" if there is none
	now    time.Time
	faults Faults
	token  token
	note   string
	events []Event // to be delivered after the answer
	turn   uint64  // when to deliver the events, see takeTurn
}

// answer is what the simulator sends back. Body is encoded as JSON; nil sends no body, and []byte is sent
// unchanged.
type answer struct {
	status int
	header map[string]string
	body   any
}

// API returns Zoom's token endpoint (POST /oauth/token) and REST API (/v2/…). Mount it at the root of a server.
// Do not use http.ServeMux, which removes the double slashes of meeting uuids.
func (s *Sim) API() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "request body", http.StatusBadRequest)
		return
	}
	q := &request{Request: r, body: body, now: s.opts.Now()}
	s.mu.Lock()
	q.op, q.path = route(r.Method, r.URL.EscapedPath())
	if q.op != nil && strings.Contains(q.op.path, "{") {
		q.id, _ = url.PathUnescape(q.path[1])
	}
	q.faults = s.strike(q)
	index := len(s.calls)
	s.calls = append(s.calls, Call{Method: r.Method, Path: r.URL.RequestURI(), Operation: q.op.name(), Body: string(body)})
	s.answering++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.answering--
		s.settled.Broadcast()
		s.mu.Unlock()
	}()

	f := q.faults
	if f.Latency > 0 {
		select {
		case <-time.After(f.Latency):
		case <-r.Context().Done():
			return
		}
	}
	if f.Reset {
		hangUp(w)
		return
	}
	s.mu.Lock()
	a := s.handle(q)
	s.calls[index].Note = q.note
	if len(q.events) > 0 {
		q.turn = s.takeTurn()
	}
	if !f.ResetAfterCommit {
		s.calls[index].Status = a.status
	}
	s.mu.Unlock()

	if f.ResetAfterCommit {
		s.emit(r.Context(), q.turn, q.events)
		hangUp(w)
		return
	}
	s.write(w, q, a)
}

// handle checks a call and carries it out. If something is wrong, it returns the first error.
func (s *Sim) handle(q *request) answer {
	f := q.faults
	switch {
	case f.Down:
		status := f.DownStatus
		if status == 0 {
			status = http.StatusBadGateway
		}
		text := strconv.Itoa(status) + " " + http.StatusText(status)
		return answer{status, map[string]string{"Content-Type": "text/html"},
			[]byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")}
	case f.Redirect != "":
		return answer{http.StatusFound, map[string]string{"Location": f.Redirect}, nil}
	}
	if q.op != nil && q.op.run == nil {
		return s.issueToken(q)
	}
	if a, ok := s.authenticate(q); !ok {
		return a
	}
	if f.InvalidJSONError {
		// Zoom has sent this with code 104: the message contains unescaped quotes.
		return answer{http.StatusBadRequest, nil, []byte(`{"code":104,"message":"Invalid access token, does not contain scopes:["user:read:admin"]."}`)}
	}
	if f.OKWithError {
		return fail(http.StatusOK, 200, "You do not have the right permissions.")
	}
	if q.op == nil {
		return fail(http.StatusBadRequest, 2300, "This API endpoint is not recognized.")
	}
	if a, ok := s.scoped(q); !ok {
		return a
	}
	if a, ok := s.limited(q); !ok {
		return a
	}
	return q.op.run(s, q)
}

func (s *Sim) write(w http.ResponseWriter, q *request, a answer) {
	var body []byte
	switch b := a.body.(type) {
	case nil:
	case []byte:
		body = b
	default:
		body = encode(b)
	}
	if q.faults.Mangle != nil && a.status < 300 && len(body) > 0 {
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&object) == nil {
			q.faults.Mangle(q.op.name(), object)
			body = encode(object)
		}
	}
	h := w.Header()
	h.Set("Date", q.now.Add(q.faults.ClockSkew).UTC().Format(http.TimeFormat))
	h.Set("X-Zm-Trackingid", "v=2.0;clid=us05;rid=WEB_"+hash(s.seed, "tracking", q.now.UnixNano(), q.URL.Path)[:32])
	if len(body) > 0 {
		h.Set("Content-Type", "application/json;charset=UTF-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if q.op != nil && q.op.run != nil {
		h.Set("X-Ratelimit-Category", q.op.rate)
		if q.faults.DocumentedRateHeaders {
			h.Set("X-Ratelimit-Type", "QPS")
			h.Set("X-Ratelimit-Limit", "80")
			h.Set("X-Ratelimit-Remaining", "79")
		}
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	if len(q.events) > 0 {
		// The handler delivers the events before it returns. Meanwhile this connection accepts no other
		// request.
		h.Set("Connection", "close")
	}
	w.WriteHeader(a.status)
	switch {
	case q.faults.Stall:
		body = nil
	case q.faults.TruncatedBody:
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
	s.emit(q.Context(), q.turn, q.events)
	switch {
	case q.faults.Stall:
		<-q.Context().Done()
	case q.faults.TruncatedBody:
		hangUp(w)
	}
}

// hangUp closes the connection, with a TCP reset where the system allows it.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Calls returns the requests to the API, oldest first.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Settle waits until every call is answered and delivery of its events has been attempted.
func (s *Sim) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.answering > 0 {
		s.settled.Wait()
	}
}

type apiError struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Errors  []fieldError `json:"errors,omitempty"`
}

type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func fail(status, code int, message string) answer {
	return answer{status: status, body: apiError{Code: code, Message: message}}
}

func invalid(errs ...fieldError) answer {
	return answer{status: http.StatusBadRequest, body: apiError{300, "Validation Failed.", errs}}
}

var (
	notJSON   = fail(http.StatusBadRequest, 300, "Request Body should be a valid JSON object.")
	noContent = answer{status: http.StatusNoContent}
)

// object parses the JSON object of the request. It drops keys that are not lower case, because Zoom ignores
// them but json.Unmarshal would accept them.
func (q *request) object() (map[string]json.RawMessage, bool) {
	var all map[string]json.RawMessage
	media, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") || json.Unmarshal(q.body, &all) != nil || all == nil {
		return nil, false
	}
	for k := range all {
		if k != strings.ToLower(k) {
			delete(all, k)
		}
	}
	return all, true
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // cannot happen with our own types
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
