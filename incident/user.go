package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Secret is a value that redacts itself in every way of printing.
type Secret = zoom.Secret

// Role is what a user may do. Each role may do all that the one before may.
type Role string

const (
	Viewer    Role = "viewer"    // sees everything but secrets
	Responder Role = "responder" // opens, resolves and runs
	Admin     Role = "admin"     // changes the account, runbooks and users
)

// Includes reports whether a person of role r may do what role need may.
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

// Scopes of API tokens.
const (
	ScopeIncidentsWrite = "incidents:write"
	ScopeRead           = "read"
)

// User is a person who can log in. Email is canonical: trimmed, lower case.
type User struct {
	ID           string    `json:"-"` // UUIDv7
	Email        string    `json:"email"`
	Name         string    `json:"name"`
	Role         Role      `json:"role"`
	PasswordHash string    `json:"-"` // argon2id, parameters inside
	DisabledAt   time.Time `json:"disabled"`
	LastSeenAt   time.Time `json:"-"` // updated at most once a minute
	CreatedAt    time.Time `json:"-"`
}

// Token is an API token. The token itself is shown once and stored as SHA-256.
type Token struct {
	ID         string    `json:"-"`
	Name       string    `json:"name"`
	Hash       string    `json:"-"` // hex SHA-256 of the whole token
	Scopes     []string  `json:"scopes"`
	CreatedBy  string    `json:"-"`
	CreatedAt  time.Time `json:"-"`
	LastUsedAt time.Time `json:"-"`
	RevokedAt  time.Time `json:"-"`
}

// People stores users, sessions, setup links, API tokens, wrong passwords and the audit trail.
type People interface {
	User(ctx context.Context, id string) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	CountAdmins(ctx context.Context) (int, error)                   // not disabled ones
	InsertUser(ctx context.Context, u User, audit AuditEntry) error // Conflict if the e-mail is taken
	// UpdateUser writes name, role, password hash and DisabledAt. endSessions also
	// deletes the person's sessions, all but the one with the hash keepSession.
	// Conflict if no active admin would be left.
	UpdateUser(ctx context.Context, u User, endSessions bool, keepSession string, audit AuditEntry) error

	Session(ctx context.Context, hash string) (Session, error) // also one that is over; its user as they are now
	// InsertSession and TouchSession also set when the user was seen. TouchSession
	// does not bring back a session that has ended meanwhile.
	InsertSession(ctx context.Context, x Session) error
	TouchSession(ctx context.Context, x Session) error
	DeleteSession(ctx context.Context, hash string) error // no error if it is not there
	DeleteExpiredSessions(ctx context.Context) (int64, error)

	// SaveSetupLink replaces any setup link. UseSetupLink makes the first admin
	// with it, once: Conflict if it was used or there is an admin, NotFound if it
	// is unknown or has expired.
	SaveSetupLink(ctx context.Context, tokenHash string, expires time.Time) error
	SetupLink(ctx context.Context, tokenHash string) (expires, used time.Time, err error)
	UseSetupLink(ctx context.Context, tokenHash string, now time.Time, u User, audit AuditEntry) error

	InsertToken(ctx context.Context, t Token, audit AuditEntry) error
	TokenByHash(ctx context.Context, hash string) (Token, error) // also a revoked one
	// RevokeToken ends a token, whose name becomes the target of the audit entry.
	RevokeToken(ctx context.Context, id string, at time.Time, audit AuditEntry) error
	TouchToken(ctx context.Context, id string, at time.Time) error

	LoginFailures(ctx context.Context, key string) (LoginFailures, error)
	AddLoginFailure(ctx context.Context, key string, at time.Time) error
	ClearLoginFailures(ctx context.Context, key string) error
	DeleteLoginFailures(ctx context.Context, before time.Time) (int64, error)

	AddAudit(ctx context.Context, e AuditEntry) error
}

// Actor is who does something: a person, a token, the command line, or the
// program itself.
type Actor struct {
	Kind    string // "user", "token", "cli", "system"
	UserID  string
	Email   string // or the token's name
	Name    string
	Role    Role
	Address string // client address, "" for cli and system
}

// System is the program acting by itself.
var System = Actor{Kind: "system", Email: "drawbridge"}

// LoginFailures counts wrong passwords for one key (account and address).
type LoginFailures struct {
	Count  int
	LastAt time.Time
}
