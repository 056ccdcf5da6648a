package incident

import (
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
	ID           string // UUIDv7
	Email        string
	Name         string
	Role         Role
	PasswordHash string // argon2id, parameters inside
	DisabledAt   time.Time
	LastSeenAt   time.Time // updated at most once a minute
	CreatedAt    time.Time
}

// Token is an API token. The token itself is shown once and stored as SHA-256.
type Token struct {
	ID         string
	Name       string
	Hash       string // hex SHA-256 of the whole token
	Scopes     []string
	CreatedBy  string
	CreatedAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
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

// AuditEntry says who changed what. Before and After hold no secret.
type AuditEntry struct {
	ID        string // UUIDv7, so it sorts by time
	At        time.Time
	ActorKind string
	Actor     string
	Action    string // "runbook.update"
	Target    string // "Production outage"
	Before    string // one line a changed field, "name: old"
	After     string
	Address   string
}

// LoginFailures counts wrong passwords for one key (account and address).
type LoginFailures struct {
	Count  int
	LastAt time.Time
}
