package zoom

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// TypeScheduled is a meeting with a start time. Its id works longer than that
// of an instant meeting.
const TypeScheduled = 2

// MeetingRequest says which meeting to create. What is not in it is sent too,
// with the values of an incident bridge: no personal meeting id, join at any
// time, no sign-in, no registration, muted on entry, video off, sound from
// computer or telephone, no mails, and a passcode. Meetings made by the API do
// not inherit what the host has set in Zoom's scheduler.
type MeetingRequest struct {
	Topic            string    // ≤ 200 characters
	Agenda           string    // ≤ 2000 characters
	Type             int       // 0 means TypeScheduled
	StartTime        time.Time // zero: not sent, Zoom takes now
	DurationMinutes  int       // planned; a meeting goes on after it
	AutoRecording    string    // none, local or cloud; "" means none
	WaitingRoom      bool      // switches JoinBeforeHost off at Zoom
	JoinBeforeHost   bool
	AlternativeHosts []string // e-mail addresses of licensed users
}

// Meeting as Zoom answered. All texts are printable, none is trustworthy.
type Meeting struct {
	ID              string // digits; more than fit into 32 bits
	PMI             string // the host's personal meeting id, if the meeting uses it: events then carry it in place of ID
	UUID            string // of the instance; base64, may contain a slash
	HostID          string
	HostEmail       string
	Topic           string
	Agenda          string
	Type            int
	Status          string // waiting or started; Zoom has no "ended"
	StartURL        Secret // as JoinURL, but makes anybody host, for two hours; empty in lists
	JoinURL         string // usable as a link, see Client.GetMeeting; empty otherwise
	Passcode        string // empty in lists
	CreatedAt       time.Time
	StartTime       time.Time // planned
	DurationMinutes int       // planned
	Settings        MeetingSettings
	DialIn          []DialIn
}

// MeetingSettings are the settings in force. Zoom changes what was asked for,
// silently, when the account says so.
type MeetingSettings struct {
	AutoRecording         string // none, local or cloud
	WaitingRoom           bool
	JoinBeforeHost        bool
	UsePMI                bool
	MeetingAuthentication bool
	AlternativeHosts      []string
}

// DialIn is one telephone number of a meeting.
type DialIn struct {
	Country     string // two letters
	CountryName string
	City        string
	Number      string
	Type        string // toll or tollfree
}

type meetingBody struct {
	Topic           string       `json:"topic"`
	Agenda          string       `json:"agenda"`
	Type            int          `json:"type"`
	StartTime       string       `json:"start_time,omitempty"`
	Timezone        string       `json:"timezone"`
	Duration        int          `json:"duration,omitempty"`
	DefaultPassword bool         `json:"default_password"`
	Settings        settingsBody `json:"settings"`
}

type settingsBody struct {
	HostVideo             bool   `json:"host_video"`
	ParticipantVideo      bool   `json:"participant_video"`
	MuteUponEntry         bool   `json:"mute_upon_entry"`
	JoinBeforeHost        bool   `json:"join_before_host"`
	JBHTime               int    `json:"jbh_time"`
	WaitingRoom           bool   `json:"waiting_room"`
	UsePMI                bool   `json:"use_pmi"`
	MeetingAuthentication bool   `json:"meeting_authentication"`
	ApprovalType          int    `json:"approval_type"`
	Audio                 string `json:"audio"`
	AutoRecording         string `json:"auto_recording"`
	EncryptionType        string `json:"encryption_type"`
	AlternativeHosts      string `json:"alternative_hosts"`
	MailAlternativeHosts  bool   `json:"alternative_hosts_email_notification"`
	MailNotification      bool   `json:"email_notification"`
}

// CreateMeeting creates a meeting of host, a user id or an e-mail address. It
// is never repeated after an outcome that is Unknown, since Zoom has no
// idempotency key. If Zoom created a meeting but the answer lacks a usable
// link, what could be read is returned with an error whose outcome is Unknown.
func (c *Client) CreateMeeting(ctx context.Context, host string, r MeetingRequest) (Meeting, error) {
	const op = opCreateMeeting
	user, err := userPath(op, host)
	if err != nil {
		return Meeting{}, err
	}
	b := meetingBody{
		Topic:    r.Topic,
		Agenda:   r.Agenda,
		Type:     r.Type,
		Timezone: "UTC",
		Duration: r.DurationMinutes,
		// Zoom makes the passcode: one of ours may break a rule of the account
		// (length, letters, signs), and then there would be no meeting.
		DefaultPassword: true,
		Settings: settingsBody{
			MuteUponEntry:  true,
			JoinBeforeHost: r.JoinBeforeHost,
			WaitingRoom:    r.WaitingRoom,
			ApprovalType:   2, // no registration
			Audio:          "both",
			AutoRecording:  first(r.AutoRecording, "none"),
			// End-to-end encryption would forbid cloud recording and telephones.
			EncryptionType:   "enhanced_encryption",
			AlternativeHosts: strings.Join(r.AlternativeHosts, ";"),
		},
	}
	if b.Type == 0 {
		b.Type = TypeScheduled
	}
	if !r.StartTime.IsZero() {
		b.StartTime = r.StartTime.UTC().Format("2006-01-02T15:04:05Z")
	}
	body, err := c.call(ctx, request{op, http.MethodPost, user + "/meetings", b})
	if err != nil {
		return Meeting{}, err
	}
	return c.usableMeeting(op, body)
}

// GetMeeting returns a meeting of which the id, digits, is known. It must have
// a link that can be shown: https on zoom.us, zoomgov.com or a subdomain of
// them, or on the host of Config.APIURL when that is not Zoom's.
func (c *Client) GetMeeting(ctx context.Context, id string) (Meeting, error) {
	const op = "get meeting"
	path, err := meetingPath(op, id)
	if err != nil {
		return Meeting{}, err
	}
	body, err := c.call(ctx, request{op, http.MethodGet, path, nil})
	if err != nil {
		return Meeting{}, err
	}
	return c.usableMeeting(op, body)
}

// DeleteMeeting deletes a meeting that is not in progress.
func (c *Client) DeleteMeeting(ctx context.Context, id string) error {
	const op = "delete meeting"
	path, err := meetingPath(op, id)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, request{op, http.MethodDelete, path, nil})
	return err
}

// maxPages of 300 meetings each are read of a list.
const maxPages = 20

// ListMeetings returns the unexpired meetings of host, which are all that are
// planned, waiting or live. Start links, passcodes and settings are not in a
// list, and the agenda may be cut. If Zoom has more than 6000, or stops in the
// middle, what was read comes with an error: do not conclude that a meeting
// does not exist.
func (c *Client) ListMeetings(ctx context.Context, host string) ([]Meeting, error) {
	const op = "list meetings"
	user, err := userPath(op, host)
	if err != nil {
		return nil, err
	}
	var list []Meeting
	query := url.Values{"type": {"scheduled"}, "page_size": {"300"}}
	for range maxPages {
		body, err := c.call(ctx, request{op, http.MethodGet, user + "/meetings?" + query.Encode(), nil})
		if err != nil {
			return list, err
		}
		page, ok := readObject(body)
		if !ok || !page.Get("meetings").IsArray() {
			return list, &Error{Op: op, Outcome: Unknown, Err: errUnusable}
		}
		each(page.Get("meetings"), 300, func(j gjson.Result) {
			if m := c.readMeeting(j); m.ID != "" {
				list = append(list, m)
			}
		})
		next := page.Get("next_page_token").String()
		if next == "" {
			return list, nil
		}
		if next == query.Get("next_page_token") {
			break
		}
		query.Set("next_page_token", next)
	}
	return list, &Error{Op: op, Outcome: Unknown, Err: errors.New("the list has no end")}
}

func (c *Client) usableMeeting(op string, body []byte) (Meeting, error) {
	j, _ := readObject(body)
	m := c.readMeeting(j)
	if m.ID == "" || m.JoinURL == "" {
		return m, &Error{Op: op, Outcome: Unknown, Message: "The meeting has no usable id or link.", Err: errUnusable}
	}
	return m, nil
}

func (c *Client) readMeeting(j gjson.Result) Meeting {
	s := part(j, "settings")
	m := Meeting{
		ID:              number(j.Get("id")),
		PMI:             number(j.Get("pmi")),
		UUID:            word(j.Get("uuid")),
		HostID:          word(j.Get("host_id")),
		HostEmail:       word(j.Get("host_email")),
		Topic:           word(j.Get("topic")),
		Agenda:          word(j.Get("agenda")),
		Type:            count(j.Get("type")),
		Status:          word(j.Get("status")),
		Passcode:        word(j.Get("password")),
		CreatedAt:       instant(j.Get("created_at")),
		StartTime:       instant(j.Get("start_time")),
		DurationMinutes: count(j.Get("duration")),
		Settings: MeetingSettings{
			AutoRecording:         word(s.Get("auto_recording")),
			WaitingRoom:           s.Get("waiting_room").Bool(),
			JoinBeforeHost:        s.Get("join_before_host").Bool(),
			UsePMI:                s.Get("use_pmi").Bool(),
			MeetingAuthentication: s.Get("meeting_authentication").Bool(),
		},
	}
	if link := j.Get("join_url").String(); c.usableLink(link) {
		m.JoinURL = link
	}
	if start := j.Get("start_url").String(); c.usableLink(start) {
		m.StartURL = NewSecret(start)
	}
	for _, h := range strings.FieldsFunc(word(s.Get("alternative_hosts")), func(r rune) bool { return r == ';' || r == ',' }) {
		if h = strings.TrimSpace(h); h != "" {
			m.Settings.AlternativeHosts = append(m.Settings.AlternativeHosts, h)
		}
	}
	each(s.Get("global_dial_in_numbers"), 200, func(n gjson.Result) {
		if d := (DialIn{
			Country:     word(n.Get("country")),
			CountryName: word(n.Get("country_name")),
			City:        word(n.Get("city")),
			Number:      word(n.Get("number")),
			Type:        word(n.Get("type")),
		}); d.Number != "" {
			m.DialIn = append(m.DialIn, d)
		}
	})
	return m
}

// meetingPath refuses what is not a meeting id: another path would be asked.
func meetingPath(op, id string) (string, error) {
	if len(id) > 20 || !digits.MatchString(id) {
		return "", &Error{Op: op, Outcome: NotSent, Err: errNoMeeting}
	}
	return "/meetings/" + id, nil
}

// userPath refuses "me": it is the owner of the app, whom nobody means, and not
// allowed to Server-to-Server apps.
func userPath(op, idOrEmail string) (string, error) {
	switch strings.ToLower(idOrEmail) {
	case "", ".", "..", "me":
		return "", &Error{Op: op, Outcome: NotSent, Err: errNoHost}
	}
	// A plus in a path is a plus, but not every server knows.
	return "/users/" + strings.ReplaceAll(url.PathEscape(idOrEmail), "+", "%2B"), nil
}

// usableLink accepts links of Zoom, and of the simulator or gateway that is
// configured in its place.
func (c *Client) usableLink(s string) bool {
	if ZoomLink(s) {
		return true
	}
	u := link(s)
	return u != nil && c.apiHost != "" && strings.EqualFold(u.Hostname(), c.apiHost)
}

// ZoomLink reports whether s may be shown as a link to Zoom: https, on zoom.us,
// zoomgov.com or a subdomain of them, without user or port.
func ZoomLink(s string) bool {
	u := link(s)
	return u != nil && u.Scheme == "https" && u.Port() == "" && zoomHost(u.Host)
}

// link parses an absolute http or https URL; nil if s is something else.
func link(s string) *url.URL {
	u, err := url.Parse(s)
	// A browser reads a backslash as a slash, and may so find another host.
	if err != nil || len(s) > 2048 || strings.ContainsAny(s, "\\\"'<> ") || printable(s) != s ||
		u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil
	}
	return u
}

func zoomHost(h string) bool {
	h = strings.ToLower(h)
	for _, z := range []string{"zoom.us", "zoomgov.com"} {
		if h == z || strings.HasSuffix(h, "."+z) {
			return true
		}
	}
	return false
}
