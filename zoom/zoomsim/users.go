package zoomsim

// Lock is an account-wide setting a user cannot change.
type Lock string

const (
	Unlocked  Lock = ""
	LockedOn  Lock = "on"
	LockedOff Lock = "off"
)

// User is a person of the simulator's Zoom account.
type User struct {
	Email       string // required, compared without case
	ID          string // "": made from the e-mail address
	DisplayName string
	Type        int    // 1 basic, 2 licensed; 0: licensed
	Status      string // "active", "inactive", "pending"; "": active
	PMI         int64  // 0: one is made

	UsePMIForScheduled, UsePMIForInstant bool // used when the request does not say use_pmi
	WaitingRoom, JoinBeforeHost          bool // the user's defaults; Zoom does not apply them to meetings made by API
	CloudRecording                       bool // may record to the cloud

	WaitingRoomLock, PasscodeLock, AuthLock Lock // what the account forces on every meeting of this user

	Unknown            bool // every call answers 1001, as if there were no such user
	OtherAccount       bool // every call answers 1010
	InvitationLost     bool // GET user and settings answer 1120
	NoMeetings         bool // meeting calls answer 3161
	DailyLimitReached  bool // create and update answer 429 until it is cleared
	ConcurrentMeetings int  // how many meetings of this host may run at once; 0: no limit
	ForeignLogin       bool // signs in by SSO: GET /users/email says there is no such address
}

// AddUser puts a user into the account.
func (s *Sim) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, &u)
}

// SetUser changes the user with that e-mail address; it does nothing when there is none.
func (s *Sim) SetUser(email string, f func(*User)) {}

// Users lists the account's people in the order they were added.
func (s *Sim) Users() []User { return nil }
