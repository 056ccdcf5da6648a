package zoomsim

import (
	"encoding/json"
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
	ID          string // "": derived from the email address
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
	s.users, s.added = append(s.users, &u), append(s.added, u)
}

// SetUser changes the user with this email address. It does nothing if there is none.
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

// user finds a user by id or email address, or returns nil.
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

func (s *Sim) getUser(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if u.InvitationLost {
		return fail(http.StatusBadRequest, 1120, lostInvitation)
	}
	first, last, _ := strings.Cut(u.DisplayName, " ")
	pairs := []any{"id", u.ID, "first_name", first, "last_name", last, "display_name", u.DisplayName, "email", u.Email, "type", u.Type,
		"role_name", "Member", "pmi", u.PMI, "use_pmi", u.UsePMIForInstant, // only for instant meetings
		"personal_meeting_url", "https://us05web.zoom.us/j/" + number(u.PMI), "timezone", "UTC", "dept", "",
		"created_at", "2024-03-01T08:00:00Z", "user_created_at", "2024-03-01T08:00:00Z", "group_ids", []string{},
		"jid", strings.ToLower(u.ID) + "@xmpp.zoom.us", "account_id", s.opts.AccountID, "account_number", 10009239,
		"language", "en-US", "cluster", "us05", "login_types", []int{100}, "status", u.Status, "role_id", "2"}
	if u.Status == "pending" {
		pairs = append(pairs, "verified", 0)
	} else {
		pairs = append(pairs, "verified", 1, "last_login_time", "2024-03-02T08:00:00Z", "last_client_version", "6.6.0.4410(mac)")
	}
	return answer{status: http.StatusOK, body: object(pairs...)}
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

// getSettings shows the settings that affect the meetings of this user.
func (s *Sim) getSettings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if u.InvitationLost {
		return fail(http.StatusBadRequest, 1120, lostInvitation)
	}
	if q.URL.Query().Get("option") == "meeting_authentication" {
		return answer{status: http.StatusOK, body: map[string]any{
			"meeting_authentication": u.AuthLock == LockedOn, "authentication_options": []any{},
		}}
	}
	waitingRoom := u.WaitingRoom
	if u.WaitingRoomLock != Unlocked {
		waitingRoom = u.WaitingRoomLock == LockedOn
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"schedule_meeting": map[string]any{
			"host_video": false, "participants_video": false, "audio_type": "both", "join_before_host": u.JoinBeforeHost,
			"personal_meeting": true, "embed_password_in_join_link": true, "pstn_password_protected": true,
			"use_pmi_for_scheduled_meetings": u.UsePMIForScheduled, "use_pmi_for_instant_meetings": u.UsePMIForInstant,
			"require_password_for_scheduling_new_meetings": u.PasscodeLock != LockedOff,
			"require_password_for_scheduled_meetings":      u.PasscodeLock == LockedOn,
			"require_password_for_instant_meetings":        u.PasscodeLock == LockedOn,
			"require_password_for_pmi_meetings":            "all", "force_pmi_jbh_password": true,
			"meeting_password_requirement": map[string]any{
				"length": 0, "have_letter": false, "have_number": false, "have_special_character": false, "only_allow_numeric": false,
				"have_upper_and_lower_characters": false, "consecutive_characters_length": 0, "weak_enhance_detection": false,
			},
		},
		"in_meeting": map[string]any{"waiting_room": waitingRoom, "chat": true, "co_host": true, "breakout_room": false, "e2e_encryption": false},
		"recording":  map[string]any{"local_recording": true, "cloud_recording": u.cloud(), "auto_recording": "none", "auto_delete_cmr": false},
		"feature":    map[string]any{"meeting_capacity": 100, "large_meeting": false, "webinar": false, "concurrent_meeting": u.concurrentPlan(), "zoom_phone": false},
	}}
}

// concurrentPlan is the user's plan for concurrent meetings, as Zoom names it.
func (u *User) concurrentPlan() string {
	switch {
	case u.ConcurrentMeetings > 2:
		return "Plus"
	case u.ConcurrentMeetings == 2:
		return "Basic"
	}
	return "None"
}

// updateSettings changes a user's settings. A setting that the account locks stays as it is,
// without an error.
func (s *Sim) updateSettings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if u.InvitationLost {
		return fail(http.StatusBadRequest, 1120, lostInvitation)
	}
	all, ok := q.object()
	if !ok {
		return notJSON
	}
	for name, value := range map[string]*bool{
		"schedule_meeting.use_pmi_for_scheduled_meetings": &u.UsePMIForScheduled, "schedule_meeting.use_pmi_for_instant_meetings": &u.UsePMIForInstant,
		"schedule_meeting.join_before_host": &u.JoinBeforeHost, "in_meeting.waiting_room": &u.WaitingRoom, "recording.cloud_recording": &u.CloudRecording,
	} {
		block, key, _ := strings.Cut(name, ".")
		var settings map[string]json.RawMessage
		if raw, ok := all[block]; ok && json.Unmarshal(raw, &settings) != nil {
			return invalid(fieldError{block, "Invalid field."})
		}
		if raw, ok := settings[key]; ok && json.Unmarshal(raw, value) != nil {
			return invalid(fieldError{name, "Invalid field."})
		}
	}
	q.events = append(q.events, s.event("user.settings_updated", object("account_id", s.opts.AccountID, "operator", u.Email, "object", object("id", u.ID)), q.now))
	return noContent
}

// cloud reports whether the user may record to the cloud, which needs a license.
func (u *User) cloud() bool { return u.CloudRecording && u.Type == 2 }
