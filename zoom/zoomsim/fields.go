package zoomsim

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// settings are a meeting's settings as the API shows them.
type settings struct {
	HostVideo                     bool           `json:"host_video"`
	ParticipantVideo              bool           `json:"participant_video"`
	CNMeeting                     bool           `json:"cn_meeting"`
	INMeeting                     bool           `json:"in_meeting"`
	JoinBeforeHost                bool           `json:"join_before_host"`
	JBHTime                       int            `json:"jbh_time"`
	MuteUponEntry                 bool           `json:"mute_upon_entry"`
	Watermark                     bool           `json:"watermark"`
	UsePMI                        bool           `json:"use_pmi"`
	ApprovalType                  int            `json:"approval_type"`
	Audio                         string         `json:"audio"`
	AutoRecording                 string         `json:"auto_recording"`
	EnforceLogin                  bool           `json:"enforce_login"`
	EnforceLoginDomains           string         `json:"enforce_login_domains"`
	AlternativeHosts              string         `json:"alternative_hosts"`
	AlternativeHostUpdatePolls    bool           `json:"alternative_host_update_polls"`
	AlternativeHostsNotification  bool           `json:"alternative_hosts_email_notification"`
	CloseRegistration             bool           `json:"close_registration"`
	ShowShareButton               bool           `json:"show_share_button"`
	ShowJoinInfo                  bool           `json:"show_join_info"`
	AllowMultipleDevices          bool           `json:"allow_multiple_devices"`
	RegistrantsConfirmationEmail  bool           `json:"registrants_confirmation_email"`
	RegistrantsEmailNotification  bool           `json:"registrants_email_notification"`
	WaitingRoom                   bool           `json:"waiting_room"`
	RequestPermissionToUnmute     bool           `json:"request_permission_to_unmute_participants"`
	MeetingAuthentication         bool           `json:"meeting_authentication"`
	AuthenticationOption          string         `json:"authentication_option,omitempty"`
	EncryptionType                string         `json:"encryption_type"`
	Countries                     switchedOff    `json:"approved_or_denied_countries_or_regions"`
	BreakoutRoom                  switchedOff    `json:"breakout_room"`
	InternalMeeting               bool           `json:"internal_meeting"`
	ContinuousMeetingChat         meetingChat    `json:"continuous_meeting_chat"`
	ParticipantFocusedMeeting     bool           `json:"participant_focused_meeting"`
	PushChangeToCalendar          bool           `json:"push_change_to_calendar"`
	AutoStartMeetingSummary       bool           `json:"auto_start_meeting_summary"`
	AutoStartAICompanionQuestions bool           `json:"auto_start_ai_companion_questions"`
	DeviceTesting                 bool           `json:"device_testing"`
	FocusMode                     bool           `json:"focus_mode"`
	EnableDedicatedGroupChat      bool           `json:"enable_dedicated_group_chat"`
	PrivateMeeting                bool           `json:"private_meeting"`
	EmailNotification             bool           `json:"email_notification"`
	HostSaveVideoOrder            bool           `json:"host_save_video_order"`
	SignLanguageInterpretation    switchedOff    `json:"sign_language_interpretation"`
	QuestionAndAnswer             switchedOff    `json:"question_and_answer"`
	EmailInAttendeeReport         bool           `json:"email_in_attendee_report"`
	GlobalDialInNumbers           []dialInNumber `json:"global_dial_in_numbers"`
}

// switchedOff is a feature that this account does not have. Zoom silently ignores values sent for it.
type switchedOff struct {
	Enable bool `json:"enable"`
}

func (*switchedOff) UnmarshalJSON([]byte) error { return nil }

type meetingChat struct {
	Enable  bool   `json:"enable"`
	AutoAdd bool   `json:"auto_add_invited_external_users"`
	Channel string `json:"channel_id"`
}

type dialInNumber struct {
	Country     string `json:"country"`
	CountryName string `json:"country_name"`
	City        string `json:"city"`
	Number      string `json:"number"`
	Type        string `json:"type"`
}

// newSettings returns the defaults. Meetings created through the API do not inherit the user's settings.
func newSettings() settings {
	return settings{ApprovalType: 2, Audio: "both", AutoRecording: "none", EncryptionType: "enhanced_encryption",
		AlternativeHostsNotification: true, RegistrantsConfirmationEmail: true, RegistrantsEmailNotification: true, EmailNotification: true,
		GlobalDialInNumbers: []dialInNumber{
			{"US", "US", "San Jose", "+1 669 555 0100", "toll"},
			{"NO", "Norway", "", "+47 2155 0100", "toll"},
		}}
}

// meetingRequest is the body of a create or update call. nil and "" mean that the caller did not set the field.
type meetingRequest struct {
	Topic           *string         `json:"topic"`
	Type            int             `json:"type"`
	StartTime       string          `json:"start_time"`
	Duration        *int            `json:"duration"`
	Timezone        string          `json:"timezone"`
	Agenda          *string         `json:"agenda"`
	Password        *string         `json:"password"`
	DefaultPassword bool            `json:"default_password"`
	ScheduleFor     string          `json:"schedule_for"`
	PreSchedule     bool            `json:"pre_schedule"`
	Recurrence      json.RawMessage `json:"recurrence"`
	Settings        json.RawMessage `json:"settings"`

	said struct {
		UsePMI *bool `json:"use_pmi"`
	}
	start time.Time
}

var passwordRunes = regexp.MustCompile(`^[a-zA-Z0-9@\-_*!&]{1,10}$`)

// parseMeeting reads the body and checks everything that does not depend on the host.
func (q *request) parseMeeting(kind int) (meetingRequest, answer, bool) {
	r := meetingRequest{Type: kind}
	all, ok := q.object()
	if !ok {
		return r, notJSON, false
	}
	var errs []fieldError
	bad := func(when bool, field string) {
		if when {
			errs = append(errs, fieldError{field, "Invalid field."})
		}
	}
	if field := mistyped(encode(all), &r); field != "" {
		bad(true, field)
	}
	if len(r.Settings) > 0 {
		// This checks a copy. apply reads the settings again, on top of those of the meeting.
		have := newSettings()
		field := mistyped(r.Settings, &have)
		bad(field != "", "settings."+field)
		_ = json.Unmarshal(r.Settings, &r.said)
		if !slices.Contains([]int{0, 5, 10}, have.JBHTime) {
			errs = append(errs, fieldError{"settings.jbh_time", "Invalid parameter: jbh_time."})
		}
		bad(!slices.Contains([]string{"local", "cloud", "none"}, have.AutoRecording), "settings.auto_recording")
		bad(!slices.Contains([]string{"both", "telephony", "voip", "thirdParty"}, have.Audio), "settings.audio")
		bad(have.ApprovalType < 0 || have.ApprovalType > 2, "settings.approval_type")
		bad(!slices.Contains([]string{"enhanced_encryption", "e2ee"}, have.EncryptionType), "settings.encryption_type")
		if strings.Contains(have.EnforceLoginDomains, ",") {
			return r, fail(http.StatusBadRequest, 300, "Invalid enforce_login_domains. Separate multiple domains with semicolons."), false
		}
	}
	bad(r.Topic != nil && utf8.RuneCountInString(*r.Topic) > 200, "topic")
	bad(r.Agenda != nil && utf8.RuneCountInString(*r.Agenda) > 2000, "agenda")
	bad(!slices.Contains([]int{1, 2, 3, 8}, r.Type) && r.Type != kind, "type")
	bad(r.Duration != nil && *r.Duration < 0, "duration")
	bad(r.Password != nil && *r.Password != "" && !passwordRunes.MatchString(*r.Password), "password")
	bad(r.Type == 8 && len(r.Recurrence) == 0 && q.Method == http.MethodPost, "recurrence")
	zone := time.UTC
	if r.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(r.Timezone); err != nil {
			bad(true, "timezone")
			zone = time.UTC
		}
	}
	if r.StartTime != "" {
		var err error
		// Only whole seconds are allowed. Without a zone the time is in timezone.
		if r.start, err = time.Parse("2006-01-02T15:04:05Z07:00", r.StartTime); err != nil {
			r.start, err = time.ParseInLocation("2006-01-02T15:04:05", r.StartTime, zone)
		}
		bad(err != nil || strings.Contains(r.StartTime, "."), "start_time")
	}
	if len(errs) > 0 {
		return r, invalid(errs...), false
	}
	return r, answer{}, true
}

// mistyped decodes what it can and returns the name of the first field with a wrong type.
func mistyped(raw []byte, into any) string {
	err := json.Unmarshal(raw, into)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return wrong.Field
	}
	return ""
}

// usePMI reports whether the meeting takes place in the host's personal room. Zoom does not document whether
// the account's setting overrides an explicit false; with Faults.PMI it does.
func (r meetingRequest) usePMI(f Faults, host *User) bool {
	switch {
	case f.PMI:
		return true
	case r.said.UsePMI != nil:
		return *r.said.UsePMI
	case r.Type == 1:
		return host.UsePMIForInstant
	}
	return host.UsePMIForScheduled
}

// apply carries out a checked request on a meeting. Like Zoom, it overrides some of the requested values.
func (s *Sim) apply(q *request, m *meeting, r meetingRequest, create bool) (answer, bool) {
	b := m.body
	before := b
	if len(r.Settings) > 0 {
		_ = json.Unmarshal(r.Settings, &b.Settings)
		if a, ok := s.alternativeHosts(b.Settings.AlternativeHosts); !ok {
			return a, false
		}
	}
	b.Settings.UsePMI = before.Settings.UsePMI
	b.Type = r.Type
	if r.Topic != nil && (*r.Topic != "" || !create) {
		b.Topic = *r.Topic
	}
	if r.Agenda != nil {
		b.Agenda = *r.Agenda
	}
	if r.Duration != nil && *r.Duration > 0 {
		b.Duration = *r.Duration
	}
	if r.Timezone != "" {
		b.Timezone = r.Timezone
	}
	switch {
	case b.Type == 3 || b.Type == 4:
		b.StartTime = ""
	case b.Type == 1:
		b.StartTime = b.CreatedAt
	case !r.start.IsZero() && r.start.After(q.now):
		b.StartTime = utc(r.start)
	case create || !r.start.IsZero():
		b.StartTime = utc(q.now) // a time in the past becomes now
	}
	b.PreSchedule = r.PreSchedule
	password := s.secure(m.host, &b.Settings, before, r, create)
	if q.faults.OverwriteSettings {
		b.Settings.WaitingRoom = true
	}
	if b.Settings.WaitingRoom {
		b.Settings.JoinBeforeHost = false
	}
	if b.Settings.AutoRecording == "cloud" && (!m.host.cloud() || b.Settings.EncryptionType == "e2ee") {
		b.Settings.AutoRecording = "none" // silently
	}
	m.body = b
	s.setPassword(m, password)
	return answer{}, true
}

// secure applies Zoom's rule that a meeting needs a passcode, a waiting room or authentication, and the locks
// of the account: the 23 scenarios for create and 23 for update of "Meeting API security enhancements" in
// Zoom's documentation. It changes have and returns the passcode.
func (s *Sim) secure(host *User, have *settings, before meetingBody, r meetingRequest, create bool) string {
	password := before.Password
	if r.Password != nil {
		password = *r.Password
	}
	if r.DefaultPassword && password == "" || host.PasscodeLock == LockedOn && password == "" {
		password = cmp.Or(before.Password, s.newPassword())
	}
	if host.PasscodeLock == LockedOff {
		password = ""
	}
	force := func(lock Lock, value *bool) {
		if lock != Unlocked {
			*value = lock == LockedOn
		}
	}
	force(host.WaitingRoomLock, &have.WaitingRoom)
	force(host.AuthLock, &have.MeetingAuthentication)
	if password == "" && !have.WaitingRoom && !have.MeetingAuthentication {
		old := before.Settings
		kept := !create && host.PasscodeLock != LockedOff && host.AuthLock != LockedOff
		switch {
		case kept && (before.Password != "" || old.MeetingAuthentication || old.WaitingRoom && host.WaitingRoomLock != LockedOff):
			password, have.MeetingAuthentication = before.Password, old.MeetingAuthentication
			have.WaitingRoom = old.WaitingRoom && host.WaitingRoomLock != LockedOff
		case host.WaitingRoomLock != LockedOff:
			have.WaitingRoom = true
		case host.PasscodeLock != LockedOff:
			password = cmp.Or(before.Password, s.newPassword())
		case host.AuthLock != LockedOff:
			have.MeetingAuthentication = true
		}
	}
	if have.MeetingAuthentication && have.AuthenticationOption == "" {
		have.AuthenticationOption = "signIn_" + hash(s.seed, "authentication", 0, "")[:22]
	}
	return password
}
