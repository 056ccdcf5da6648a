package zoomsim

import (
	"net/http"
	"strings"
)

// Lock is a setting that the account enforces, so that users cannot change it.
type Lock string

const (
	Unlocked  Lock = ""
	LockedOn  Lock = "on"
	LockedOff Lock = "off"
)

// User is a user of the simulator's Zoom account.
type User struct {
	Email       string // required; not case-sensitive
	ID          string // "": derived from the e-mail address
	DisplayName string
	Type        int    // 1 basic, 2 licensed; 0 means licensed
	Status      string // "active", "inactive" or "pending"; "" means active
	PMI         int64  // 0: AddUser chooses one

	UsePMIForScheduled, UsePMIForInstant bool // used when the request does not set use_pmi
	WaitingRoom, JoinBeforeHost          bool // the user's defaults; Zoom does not apply them to meetings created through the API
	CloudRecording                       bool // may record to the cloud

	WaitingRoomLock, PasscodeLock, AuthLock Lock // settings that the account enforces on every meeting of this user

	Unknown            bool // every call answers 1001, as if there were no such user
	OtherAccount       bool // every call answers 1010
	InvitationLost     bool // the calls for the user and the user's settings answer 1120
	NoMeetings         bool // meeting calls answer 3161
	DailyLimitReached  bool // create and update answer 429 until it is cleared
	ConcurrentMeetings int  // number of meetings of this host that may run at the same time; 0: no limit
	ForeignLogin       bool // signs in by SSO: GET /users/email says that there is no such address
}

// AddUser adds a user to the account.
func (s *Sim) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = hash(s.seed, "user", 0, strings.ToLower(u.Email))[:22]
	}
	if u.DisplayName == "" {
		name, _, _ := strings.Cut(u.Email, "@")
		u.DisplayName = strings.ToUpper(name[:1]) + name[1:]
	}
	if u.Type == 0 {
		u.Type = 2
	}
	if u.Status == "" {
		u.Status = "active"
	}
	if u.PMI == 0 {
		u.PMI = 3000000000 + s.number("pmi", u.ID)%6000000000
	}
	s.users = append(s.users, &u)
}

// SetUser changes the user with this e-mail address. It does nothing if there is none.
func (s *Sim) SetUser(email string, f func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.user(email); u != nil {
		f(u)
	}
}

// Users returns the users of the account in the order in which they were added.
func (s *Sim) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []User
	for _, u := range s.users {
		list = append(list, *u)
	}
	return list
}

// user finds a user by id or e-mail address, or returns nil.
func (s *Sim) user(key string) *User {
	for _, u := range s.users {
		if u.ID == key || strings.EqualFold(u.Email, key) {
			return u
		}
	}
	return nil
}

// target returns the user named in the path of the call, or an error answer.
func (s *Sim) target(q *request) (*User, answer, bool) {
	key := q.id
	if key == "me" && q.token.jwt && len(s.users) > 0 {
		key = s.users[0].Email
	}
	// Server-to-Server apps may not use "me". Zoom's documentation does not show the answer.
	u := s.user(key)
	switch {
	case u == nil || u.Unknown:
		message := "User does not exist: " + q.id + "."
		if q.op.name() == "GET /users/{userId}/meetings" {
			message = "User " + q.id + " not exist or not belong to this account."
		}
		return nil, fail(http.StatusNotFound, 1001, message), false
	case u.OtherAccount:
		return nil, fail(http.StatusBadRequest, 1010, "User does not belong to this account: "+s.opts.AccountID+"."), false
	}
	return u, answer{}, true
}

// mayHost rejects users who cannot have meetings.
func (u *User) mayHost(q *request) (answer, bool) {
	if u.NoMeetings || u.Status != "active" || u.Type > 2 {
		message := "Your user account is not allowed meeting hosting and scheduling capabilities."
		switch q.op.name() {
		case "GET /users/{userId}/meetings", "DELETE /meetings/{meetingId}", "PUT /meetings/{meetingId}/status":
			message = "Meeting hosting and scheduling capabilities are not allowed for your user account."
		}
		return fail(http.StatusBadRequest, 3161, message), false
	}
	return answer{}, true
}

const lostInvitation = "A valid invitation to join the Zoom account was not found for this user."

type userBody struct {
	ID            string   `json:"id"`
	FirstName     string   `json:"first_name"`
	LastName      string   `json:"last_name"`
	DisplayName   string   `json:"display_name"`
	Email         string   `json:"email"`
	Type          int      `json:"type"`
	RoleName      string   `json:"role_name,omitempty"`
	PMI           int64    `json:"pmi"`
	UsePMI        *bool    `json:"use_pmi,omitempty"` // instant meetings only
	PersonalURL   string   `json:"personal_meeting_url,omitempty"`
	Timezone      string   `json:"timezone"`
	Verified      int      `json:"verified"`
	Dept          string   `json:"dept"`
	CreatedAt     string   `json:"created_at"`
	LastLoginTime string   `json:"last_login_time,omitempty"`
	LastClient    string   `json:"last_client_version,omitempty"`
	GroupIDs      []string `json:"group_ids"`
	Jid           string   `json:"jid,omitempty"`
	AccountID     string   `json:"account_id,omitempty"`
	Language      string   `json:"language,omitempty"`
	PhoneCountry  string   `json:"phone_country,omitempty"`
	PhoneNumber   string   `json:"phone_number,omitempty"`
	Status        string   `json:"status"`
	RoleID        string   `json:"role_id"`
	AccountNumber int64    `json:"account_number,omitempty"`
	Cluster       string   `json:"cluster,omitempty"`
	LoginTypes    []int    `json:"login_types,omitempty"`
	UserCreatedAt string   `json:"user_created_at"`
}

func (s *Sim) userBody(u *User) userBody {
	first, last, _ := strings.Cut(u.DisplayName, " ")
	b := userBody{ID: u.ID, FirstName: first, LastName: last, DisplayName: u.DisplayName, Email: u.Email, Type: u.Type,
		PMI: u.PMI, Timezone: "UTC", Verified: 1, CreatedAt: "2024-03-01T08:00:00Z", UserCreatedAt: "2024-03-01T08:00:00Z",
		LastLoginTime: "2024-03-02T08:00:00Z", LastClient: "6.6.0.4410(mac)", GroupIDs: []string{}, Status: u.Status, RoleID: "2"}
	if u.Status == "pending" {
		b.Verified, b.LastLoginTime, b.LastClient = 0, "", ""
	}
	return b
}

func (s *Sim) getUser(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if u.InvitationLost {
		return fail(http.StatusBadRequest, 1120, lostInvitation)
	}
	b := s.userBody(u)
	b.RoleName, b.UsePMI = "Member", &u.UsePMIForInstant
	b.PersonalURL = "https://us05web.zoom.us/j/" + number(u.PMI)
	b.Jid, b.AccountID, b.AccountNumber = strings.ToLower(u.ID)+"@xmpp.zoom.us", s.opts.AccountID, 10009239
	b.Language, b.Cluster, b.LoginTypes = "en-US", "us05", []int{100}
	return answer{status: http.StatusOK, body: b}
}

// listUsers lists active users unless the query asks for another status.
func (s *Sim) listUsers(q *request) answer {
	status := q.URL.Query().Get("status")
	if status == "" {
		status = "active"
	}
	var list []userBody
	for _, u := range s.users {
		if u.Status == status && !u.Unknown && !u.OtherAccount {
			list = append(list, s.userBody(u))
		}
	}
	return paged(s, q, list, 2000, func(p pageBody, part []userBody) any {
		return struct {
			pageBody
			PageNumber int        `json:"page_number"`
			Users      []userBody `json:"users"`
		}{p, 1, part}
	})
}

// checkEmail finds only addresses that sign in with a Zoom password. It is a trap for programs that use it to
// find out whether someone is a user of the account.
func (s *Sim) checkEmail(q *request) answer {
	email := q.URL.Query().Get("email")
	if email == "" {
		return fail(http.StatusBadRequest, 300, "Email is required.")
	}
	u := s.user(email)
	return answer{status: http.StatusOK, body: struct {
		Existed bool `json:"existed_email"`
	}{u != nil && !u.Unknown && !u.ForeignLogin && !u.OtherAccount}}
}

func (s *Sim) listTemplates(q *request) answer {
	if _, a, ok := s.target(q); !ok {
		return a
	}
	return answer{status: http.StatusOK, body: map[string]any{"templates": []any{}, "total_records": 0}}
}

// getSettings shows the settings that affect the meetings of this user.
func (s *Sim) getSettings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if u.InvitationLost {
		return fail(http.StatusBadRequest, 1120, lostInvitation)
	}
	waitingRoom, join := u.WaitingRoom, u.JoinBeforeHost
	if u.WaitingRoomLock != Unlocked {
		waitingRoom = u.WaitingRoomLock == LockedOn
	}
	if q.URL.Query().Get("option") == "meeting_security" {
		return answer{status: http.StatusOK, body: map[string]any{"meeting_security": map[string]any{
			"auto_security": true, "waiting_room": waitingRoom, "meeting_password": u.PasscodeLock != LockedOff,
			"encryption_type": "enhanced_encryption", "embed_password_in_join_link": true, "phone_password": true,
			"require_password_for_scheduled_meeting": u.PasscodeLock == LockedOn, "pmi_password": true,
			"waiting_room_settings":        map[string]any{"participants_to_place_in_waiting_room": 0},
			"meeting_password_requirement": passwordRequirement,
		}}}
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"schedule_meeting": map[string]any{
			"host_video": false, "participants_video": false, "audio_type": "both", "join_before_host": join,
			"personal_meeting": true, "embed_password_in_join_link": true, "pstn_password_protected": true,
			"use_pmi_for_scheduled_meetings": u.UsePMIForScheduled, "use_pmi_for_instant_meetings": u.UsePMIForInstant,
			"require_password_for_scheduling_new_meetings": u.PasscodeLock != LockedOff,
			"require_password_for_scheduled_meetings":      u.PasscodeLock == LockedOn,
			"require_password_for_instant_meetings":        u.PasscodeLock == LockedOn,
			"require_password_for_pmi_meetings":            "all", "force_pmi_jbh_password": true,
			"meeting_password_requirement": passwordRequirement,
		},
		"in_meeting": map[string]any{"waiting_room": waitingRoom, "chat": true, "co_host": true, "breakout_room": false, "e2e_encryption": false},
		"recording":  map[string]any{"local_recording": true, "cloud_recording": u.cloud(), "auto_recording": "none", "auto_delete_cmr": false},
		"feature":    map[string]any{"meeting_capacity": 100, "large_meeting": false, "webinar": false, "concurrent_meeting": "None", "zoom_phone": false},
	}}
}

var passwordRequirement = map[string]any{
	"length": 0, "have_letter": false, "have_number": false, "have_special_character": false, "only_allow_numeric": false,
	"have_upper_and_lower_characters": false, "consecutive_characters_length": 0, "weak_enhance_detection": false,
}

// cloud reports whether the user may record to the cloud, which needs a license.
func (u *User) cloud() bool { return u.CloudRecording && u.Type == 2 }
