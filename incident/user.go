package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Secret is a value that is redacted whenever it is printed.
type Secret = zoom.Secret

// Role is what a user may do. Each role includes the ones before it.
type Role string

const (
	Viewer    Role = "viewer"    // may see everything except secrets
	Responder Role = "responder" // may open and resolve incidents, and run steps
	Admin     Role = "admin"     // may change the account, runbooks and users
)

// Includes reports whether role r may do everything that role need may do.
func (r Role) Includes(need Role) bool { return rank(r) >= rank(need) && rank(r) > 0 }

func rank(r Role) int {
	switch r {
	case Viewer:
		return 1
	case Responder:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// The scopes of API tokens.
const (
	ScopeIncidentsWrite = "incidents:write"
	ScopeRead           = "read" // everything but raw events
	ScopeEventsRaw      = "events:raw"
	ScopeMetrics        = "metrics"
)

// User is a person who can log in. Email is in the form that CanonicalEmail
// returns.
type User struct {
	ID           string    `json:"-"` // UUIDv7
	Email        string    `json:"email"`
	Name         string    `json:"name"`
	Role         Role      `json:"role"`
	PasswordHash string    `json:"-"` // argon2id hash with its parameters; "": invited, has not set one
	DisabledAt   time.Time `json:"disabled"`
	LastSeenAt   time.Time `json:"-"` // updated at most once a minute
	CreatedAt    time.Time `json:"-"`
}

// Token is an API token. The token itself is shown once; only its SHA-256 is
// stored.
type Token struct {
	ID         string    `json:"-"`
	Name       string    `json:"name"`
	Hash       string    `json:"-"` // hex SHA-256 of the whole token
	Scopes     []string  `json:"scopes"`
	CreatedBy  string    `json:"-"`
	CreatedAt  time.Time `json:"-"`
	LastUsedAt time.Time `json:"-"`
	RevokedAt  time.Time `json:"-"`
	Suffix     string    `json:"-"`       // the end of the token, to recognize it; "" for tokens of older versions
	ExpiresAt  time.Time `json:"expires"` // zero: never
}

// Expired reports whether the token has expired.
func (t Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// SetupLink is a one-time link with which a person sets a password. Only the hash of
// its token is stored.
type SetupLink struct {
	Hash      string
	UserID    string // "": it creates the first admin
	ExpiresAt time.Time
	UsedAt    time.Time
}

// People stores users, sessions, setup links, API tokens, wrong passwords and the audit trail.
type People interface {
	User(ctx context.Context, id string) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	CountAdmins(ctx context.Context) (int, error)                   // without disabled ones
	InsertUser(ctx context.Context, u User, audit AuditEntry) error // Conflict if the email address is taken
	// UpdateUser runs change on the user in a transaction and stores name, role,
	// password hash and DisabledAt, so that changes made at the same time do not
	// undo each other. It returns the error of change, which may run more than
	// once, and Conflict if no active admin would be left. With endSessions it
	// also deletes the user's sessions except the one with the hash keepSession.
	UpdateUser(ctx context.Context, id string, endSessions bool, keepSession string, change func(*User) (AuditEntry, error)) error

	Session(ctx context.Context, hash string) (Session, error) // finds expired sessions too; User is the current state of the user
	// InsertSession returns NotFound if the user is disabled or no longer has the
	// password hash of x.User: such a session would outlive its end.
	// InsertSession and TouchSession also store when the user was last seen.
	// TouchSession does not bring back a session that has ended meanwhile.
	InsertSession(ctx context.Context, x Session) error
	TouchSession(ctx context.Context, x Session) error
	DeleteSession(ctx context.Context, hash string) error // no error if it does not exist
	DeleteExpiredSessions(ctx context.Context) (int64, error)

	// SaveSetupLink replaces any earlier link for the same user, and first adds
	// the user if add isn't nil. UseSetupLink creates the first admin with a link,
	// once; UseInvitation stores the password of the link's user and ends the
	// user's sessions. They return Conflict if the link was used (or there is an
	// admin), and NotFound if it is unknown or expired, or the user disabled.
	SaveSetupLink(ctx context.Context, l SetupLink, add *User, audit AuditEntry) error
	SetupLink(ctx context.Context, tokenHash string) (SetupLink, error)
	UseSetupLink(ctx context.Context, tokenHash string, now time.Time, u User, audit AuditEntry) error
	UseInvitation(ctx context.Context, tokenHash string, now time.Time, passwordHash string, audit AuditEntry) error

	InsertToken(ctx context.Context, t Token, audit AuditEntry) error
	TokenByHash(ctx context.Context, hash string) (Token, error) // finds revoked tokens too
	// RevokeToken ends a token. The token's name becomes the target of the audit
	// entry.
	RevokeToken(ctx context.Context, id string, at time.Time, audit AuditEntry) error
	TouchToken(ctx context.Context, id string, at time.Time) error

	LoginFailures(ctx context.Context, key string) (LoginFailures, error)
	AddLoginFailure(ctx context.Context, key string, at time.Time) error
	ClearLoginFailures(ctx context.Context, key string) error
	DeleteLoginFailures(ctx context.Context, before time.Time) (int64, error)

	AddAudit(ctx context.Context, e AuditEntry) error
}

// ActorKind is a kind of actor. The codes are stored.
type ActorKind string

const (
	ActorUser        ActorKind = "user"
	ActorToken       ActorKind = "token"
	ActorCommandLine ActorKind = "cli"
)

// Actor is who does something: a user, an API token, the command line, or
// Drawbridge itself.
type Actor struct {
	Kind    ActorKind
	UserID  string
	Email   string // email address, or the name of the token
	Name    string
	Role    Role
	Address string // address of the client; "" for the command line
	// Recalled is set if the database did not answer who this is.
	Recalled bool `json:"-"`
}

// LoginFailures counts wrong passwords for one key, which is a user and a
// network.
type LoginFailures struct {
	Count  int
	LastAt time.Time
}
