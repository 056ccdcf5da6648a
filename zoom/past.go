package zoom

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// PastMeeting is one instance of a meeting that has ended.
type PastMeeting struct {
	StartedAt, EndedAt time.Time // zero: Zoom did not say
}

// PastParticipant is one session of a person in a meeting that has ended. Its texts
// cannot be trusted.
type PastParticipant struct {
	SessionID string // as EventParticipant.UserID; "": Zoom did not say
	Name      string
	Email     string // "" for people outside the account
	JoinedAt  time.Time
	LeftAt    time.Time
	Waited    bool // they were in the waiting room, not in the meeting
}

// GetPastMeeting returns an instance that has ended, by its uuid. The error has code
// 3001 while it runs and shortly after, and code 200 if the account is not a paid one.
func (c *Client) GetPastMeeting(ctx context.Context, uuid string) (PastMeeting, error) {
	r := pastRequest("get past meeting", uuid, "")
	body, err := c.call(ctx, r)
	if err != nil {
		return PastMeeting{}, err
	}
	j, ok := readObject(body)
	if !ok {
		return PastMeeting{}, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return PastMeeting{StartedAt: instant(j.Get("start_time")), EndedAt: instant(j.Get("end_time"))}, nil
}

// maxPastPages limits how many pages of 300 sessions ListPastParticipants reads.
const maxPastPages = 10

// ListPastParticipants returns who was in an instance that has ended, by its uuid. Zoom
// returns nobody if there was only one person (Zoom, "Get past meeting participants").
func (c *Client) ListPastParticipants(ctx context.Context, uuid string) ([]PastParticipant, error) {
	var list []PastParticipant
	r := pastRequest("list past participants", uuid, "/participants")
	err := c.pages(ctx, r, url.Values{"page_size": {"300"}}, "participants", maxPastPages, func(page gjson.Result) error {
		each(page, 300, func(j gjson.Result) {
			list = append(list, PastParticipant{
				SessionID: word(j.Get("user_id")), Name: word(j.Get("name")), Email: word(j.Get("user_email")),
				JoinedAt: instant(j.Get("join_time")), LeftAt: instant(j.Get("leave_time")),
				Waited: word(j.Get("status")) == "in_waiting_room",
			})
		})
		return nil
	})
	return list, err
}

// Recorded reports whether Zoom has a recording of a meeting in the cloud, by its id.
func (c *Client) Recorded(ctx context.Context, id string) (bool, error) {
	r := meetingRequest("get recordings", http.MethodGet, id)
	r.path += "/recordings"
	body, err := c.call(ctx, r)
	if z, ok := errors.AsType[*Error](err); ok && z.Code == codeNoRecording {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, ok := readObject(body); !ok {
		return false, &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return true, nil
}

// codeNoRecording is Zoom's answer that a meeting has no recording, or none that is ready
// (Zoom, "Get meeting recordings").
const codeNoRecording = 3301

// EndMeeting ends a meeting for everyone who is in it.
func (c *Client) EndMeeting(ctx context.Context, id string) error {
	r := meetingRequest("end meeting", http.MethodPut, id)
	r.path += "/status"
	r.body = map[string]string{"action": "end"}
	return c.do(ctx, r)
}

// An id of digits stands for the latest instance.
var uuids = regexp.MustCompile(`^[A-Za-z0-9+/=_-]{1,100}$`)

func pastRequest(op, uuid, below string) request {
	r := request{op: op, method: http.MethodGet, path: "/past_meetings/" + escapeUUID(uuid) + below}
	if !uuids.MatchString(uuid) {
		r.err = errNoMeeting
	}
	return r
}

// escapeUUID escapes a uuid for a path, twice if Zoom's documentation asks for that.
func escapeUUID(uuid string) string {
	// Some servers decode a plus in a path as a space.
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	escaped := escape(uuid)
	if strings.HasPrefix(uuid, "/") || strings.Contains(uuid, "//") {
		escaped = escape(escaped)
	}
	return escaped
}
