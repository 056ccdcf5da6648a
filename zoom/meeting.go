package zoom

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// typeScheduled is a meeting with a start time. Its id stays valid longer than
// the id of an instant meeting.
const typeScheduled = 2

// typeRecurring is a meeting without a fixed time. Its id stays valid for a year after
// it was last used.
const typeRecurring = 3

// noRegistration is the approval type of a meeting that people join without registering.
const noRegistration = 2

// MeetingRequest describes the meeting to create. CreateMeeting also sends all
// other settings, with values that suit an incident bridge: no personal meeting
// id, join at any time, no sign-in, no registration, mute on entry, video off,
// audio by computer or telephone, no emails, and a passcode. Meetings created
// through the API do not inherit the host's settings in Zoom's scheduler.
type MeetingRequest struct {
	Topic            string    // at most 200 characters
	Agenda           string    // at most 2000 characters
	StartTime        time.Time // zero: not sent, and Zoom takes the current time
	Recurring        bool      // without a fixed time: the id stays valid longest; StartTime and DurationMinutes are not sent
	DurationMinutes  int       // planned; a meeting can run longer
	AutoRecording    string    // none, local or cloud; "" means none
	WaitingRoom      bool      // Zoom switches JoinBeforeHost off if this is on
	JoinBeforeHost   bool
	AlternativeHosts []string // email addresses of licensed users
}

// Meeting is a meeting as Zoom returned it. All texts are printable and none of
// them can be trusted.
type Meeting struct {
	ID        string // digits; does not fit into 32 bits
	PMI       string // the host's personal meeting id, if the meeting uses it: events then carry it in place of ID
	UUID      string // of this occurrence of the meeting; base64, may contain a slash
	HostEmail string
	Topic     string
	Agenda    string
	Type      int    // 0: Zoom did not say
	Status    string // waiting or started; Zoom has no "ended"; "": Zoom did not say
	Duration  int    // planned, in minutes; 0: Zoom did not say
	StartURL  Secret `json:"-"` // like JoinURL, but makes whoever opens it host, for two hours; empty in lists
	StartHost string // where the start link leads, if Links does not accept it; StartURL is then empty
	JoinURL   string // usable as a link, see Client.GetMeeting; empty otherwise
	Passcode  string // empty in lists
	// PhonePasscode is what people enter on a phone: digits, other than Passcode. "": Zoom
	// did not say.
	PhonePasscode string
	CreatedAt     time.Time
	Settings      MeetingSettings
	DialIn        []DialIn
}

// MeetingSettings are the settings in force. They can differ from the requested
// ones: Zoom silently overrides them with the settings of the account. A setting is nil
// or "" if Zoom did not say what it is.
type MeetingSettings struct {
	AutoRecording         string // none, local or cloud
	WaitingRoom           *bool
	JoinBeforeHost        *bool
	UsePMI                *bool
	MeetingAuthentication *bool  // only people who are signed in can join; older name: enforce_login
	Registration          *bool  // people must register before they can join
	Audio                 string // both, telephony, voip or thirdParty
	Encryption            string // enhanced_encryption or e2ee
	AlternativeHosts      []string
}

// DialIn is one telephone number that dials into a meeting.
type DialIn struct {
	Country     string // ISO 3166 code, two letters
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

// CreateMeeting creates a meeting hosted by host, a user id or an email address.
// It never repeats a call whose outcome is Unknown, because Zoom has no
// idempotency key. If Zoom created a meeting but the answer lacks a usable link,
// CreateMeeting returns what it could read together with an error whose outcome
// is Unknown.
func (c *Client) CreateMeeting(ctx context.Context, host string, r MeetingRequest) (Meeting, error) {
	return c.usableMeeting(ctx, creation(host, r))
}

func creation(host string, r MeetingRequest) request {
	b := meetingBody{
		Topic:    r.Topic,
		Agenda:   r.Agenda,
		Type:     typeScheduled,
		Timezone: "UTC",
		Duration: r.DurationMinutes,
		// Zoom generates the passcode. One of ours might violate a rule of the
		// account (length, letters, symbols), and Zoom would then create no
		// meeting.
		DefaultPassword: true,
		Settings: settingsBody{
			MuteUponEntry:  true,
			JoinBeforeHost: r.JoinBeforeHost,
			WaitingRoom:    r.WaitingRoom,
			ApprovalType:   noRegistration,
			Audio:          "both",
			AutoRecording:  cmp.Or(r.AutoRecording, "none"),
			// End-to-end encryption would rule out cloud recording and dialing in
			// by telephone.
			EncryptionType:   "enhanced_encryption",
			AlternativeHosts: strings.Join(r.AlternativeHosts, ";"),
		},
	}
	switch {
	case r.Recurring:
		b.Type, b.Duration = typeRecurring, 0
	case !r.StartTime.IsZero():
		b.StartTime = r.StartTime.UTC().Format("2006-01-02T15:04:05Z")
	}
	return userRequest(opCreateMeeting, http.MethodPost, host, "/meetings", b)
}

// Call is a call to Zoom as it would be sent.
type Call struct{ Method, Path, Body string }

// CreationOf returns the call that CreateMeeting makes.
func CreationOf(host string, r MeetingRequest) Call { return callOf(creation(host, r)) }

// ChangeOf returns the call that UpdateMeeting makes.
func ChangeOf(id string, m MeetingChange) Call { return callOf(change(id, m)) }

func callOf(r request) Call {
	body, _ := r.payload()
	return Call{r.method, r.path, string(body)}
}

// GetMeeting returns the meeting with this id, which must be all digits. It fails
// if the meeting has no link that Links accepts, but returns the meeting all the
// same.
func (c *Client) GetMeeting(ctx context.Context, id string) (Meeting, error) {
	return c.usableMeeting(ctx, meetingRequest("get meeting", http.MethodGet, id))
}

// MeetingChange is what UpdateMeeting changes.
type MeetingChange struct {
	Topic         string
	Agenda        string
	AutoRecording string // none, local or cloud
}

// UpdateMeeting changes a meeting. It counts against Zoom's limit of meetings that a
// host may create or change in a day.
func (c *Client) UpdateMeeting(ctx context.Context, id string, m MeetingChange) error {
	return c.do(ctx, change(id, m))
}

func change(id string, m MeetingChange) request {
	r := meetingRequest("update meeting", http.MethodPatch, id)
	r.body = map[string]any{"topic": m.Topic, "agenda": m.Agenda, "settings": map[string]string{"auto_recording": cmp.Or(m.AutoRecording, "none")}}
	return r
}

// UpdateMeetingSettings changes the settings of a meeting that are not nil: WaitingRoom,
// JoinBeforeHost, MeetingAuthentication, and Registration if it is false. Zoom may answer
// that it did and keep a setting that the account or a group locks.
func (c *Client) UpdateMeetingSettings(ctx context.Context, id string, to MeetingSettings) error {
	settings := map[string]any{}
	for name, value := range map[string]*bool{
		"waiting_room": to.WaitingRoom, "join_before_host": to.JoinBeforeHost, "meeting_authentication": to.MeetingAuthentication,
	} {
		if value != nil {
			settings[name] = *value
		}
	}
	if to.JoinBeforeHost != nil && *to.JoinBeforeHost {
		settings["jbh_time"] = 0 // at any time
	}
	if to.Registration != nil && !*to.Registration {
		settings["approval_type"] = noRegistration
	}
	r := meetingRequest("change meeting settings", http.MethodPatch, id)
	r.body = map[string]any{"settings": settings}
	return c.do(ctx, r)
}

// DeleteMeeting deletes a meeting that is not in progress.
func (c *Client) DeleteMeeting(ctx context.Context, id string) error {
	return c.do(ctx, meetingRequest("delete meeting", http.MethodDelete, id))
}

// maxPages limits how many pages of 300 meetings each ListMeetings reads.
const maxPages = 20

// ListMeetings returns the unexpired meetings of host: all that are planned,
// waiting or live. Lists contain no start links, passcodes and settings, and the
// agenda may be truncated. If Zoom has more than 6000 meetings, fails in the middle or
// lists a meeting whose id cannot be read, ListMeetings returns what it has read
// together with an error. A caller must not conclude from such a list that a meeting
// does not exist.
func (c *Client) ListMeetings(ctx context.Context, host string) (list []Meeting, err error) {
	unread := false
	query := url.Values{"type": {"scheduled"}, "page_size": {"300"}}
	r := userRequest("list meetings", http.MethodGet, host, "/meetings", nil)
	err = c.pages(ctx, r, query, "meetings", maxPages, func(page gjson.Result) error {
		for _, j := range page.Array() {
			if m := c.readMeeting(j); j.IsObject() && m.ID != "" {
				list = append(list, m)
			} else {
				unread = true
			}
		}
		return nil
	})
	if err == nil && unread {
		err = &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return list, err
}

// usableMeeting makes a call that returns a meeting.
func (c *Client) usableMeeting(ctx context.Context, r request) (Meeting, error) {
	body, err := c.call(ctx, r)
	if err != nil {
		return Meeting{}, err
	}
	j, _ := readObject(body)
	m := c.readMeeting(j)
	if m.ID == "" || m.JoinURL == "" {
		e := &Error{Op: r.op, Outcome: Unknown, Message: "The meeting has no usable id or link.", Err: errUnusable}
		if host := LinkHost(j.Get("join_url").String()); m.ID != "" && host != "" {
			e.Message, e.LinkHost = "The meeting's link leads to "+host+".", host
		}
		return m, e
	}
	return m, nil
}

func (c *Client) readMeeting(j gjson.Result) Meeting {
	s := part(j, "settings")
	m := Meeting{
		ID:        number(j.Get("id")),
		PMI:       number(j.Get("pmi")),
		UUID:      word(j.Get("uuid")),
		HostEmail: word(j.Get("host_email")),
		Topic:     word(j.Get("topic")),
		Agenda:    word(j.Get("agenda")),
		Type:      count(j.Get("type")),
		Status:    word(j.Get("status")),
		Duration:  count(j.Get("duration")),
		Passcode:  word(j.Get("password")),

		PhonePasscode: number(j.Get("pstn_password")),

		CreatedAt: instant(j.Get("created_at")),
		Settings: MeetingSettings{
			AutoRecording:         word(s.Get("auto_recording")),
			WaitingRoom:           truth(s.Get("waiting_room")),
			JoinBeforeHost:        truth(s.Get("join_before_host")),
			UsePMI:                truth(s.Get("use_pmi")),
			MeetingAuthentication: truth(s.Get("meeting_authentication")),
			Audio:                 word(s.Get("audio")),
			Encryption:            word(s.Get("encryption_type")),
		},
	}
	if login := truth(s.Get("enforce_login")); m.Settings.MeetingAuthentication == nil || login != nil && *login {
		m.Settings.MeetingAuthentication = login
	}
	if approval := s.Get("approval_type"); approval.Type == gjson.Number {
		needed := approval.Int() != noRegistration
		m.Settings.Registration = &needed
	}
	if link := j.Get("join_url").String(); c.links.Accepts(link) {
		m.JoinURL = link
	}
	if start := j.Get("start_url").String(); c.links.Accepts(start) {
		m.StartURL = NewSecret(start)
	} else {
		m.StartHost = LinkHost(start)
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

// meetingRequest returns a call about a meeting. It rejects anything but digits,
// which could change the path of the call.
func meetingRequest(op, method, id string) request {
	r := request{op: op, method: method, path: "/meetings/" + id}
	if len(id) > 20 || !digits.MatchString(id) {
		r.err = errNoMeeting
	}
	return r
}

// userRequest returns a call about a user. It rejects "me", which means the owner
// of the app: that is never the intended host, and Server-to-Server apps may not
// use it.
func userRequest(op, method, idOrEmail, below string, body any) request {
	// Some servers decode a plus in a path as a space.
	r := request{op: op, method: method, path: "/users/" + strings.ReplaceAll(url.PathEscape(idOrEmail), "+", "%2B") + below, body: body}
	switch strings.ToLower(idOrEmail) {
	case "", ".", "..", "me":
		r.err = errNoHost
	}
	return r
}
