package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// SecretName is the name of one secret of the account.
type SecretName string

const (
	ClientSecret  SecretName = "client_secret"
	APISecret     SecretName = "api_secret"
	WebhookToken1 SecretName = "webhook_secret_token_1" // the newest
	WebhookToken2 SecretName = "webhook_secret_token_2" // the previous one, during a rotation
)

// SecretNames are all secrets of an account, in the order of the form.
var SecretNames = []SecretName{ClientSecret, APISecret, WebhookToken1, WebhookToken2}

// Account is the connected Zoom app. The zero Account means that no app is
// connected.
type Account struct {
	Auth          zoom.AuthMethod `json:"auth"`
	ZoomAccountID string          `json:"account_id"`
	ClientID      string          `json:"client_id"`
	APIKey        string          `json:"api_key"`
	Cluster       string          `json:"cluster"`            // "zoom.us" or "zoomgov.com"
	AppID         string          `json:"app_id"`             // App ID in the Zoom App Marketplace, for the log of deliveries; "": unknown
	BackupUsers   []string        `json:"backup_user_emails"` // the host pool: email addresses in the order of preference, none twice

	StormLimit      int          `json:"storm_limit"`      // new Zoom meetings for one source in ten minutes, if another link is at hand
	StandbyMeetings int          `json:"standby_meetings"` // kept ready on the hosts
	StaticLinks     []StaticLink `json:"static_links"`     // the last rung
	OnCallUsers     []string     `json:"on_call_emails"`   // whom the pre-flight check looks at besides hosts and openers: email addresses, none twice

	Secrets map[SecretName]StoredSecret `json:"-"`

	WebhookValidatedAt time.Time `json:"-"` // when a signed endpoint.url_validation was last answered
	// The number of validations in a row that failed, according to Zoom's log of
	// deliveries.
	LoggedFailures     int         `json:"-"`
	ValidationFailedAt time.Time   `json:"-"` // when the last of them failed
	Check              CheckReport `json:"-"`
	HostsChangedAt     time.Time   `json:"-"` // when Zoom last told that a user in Check has changed
	Version            int64       `json:"-"` // goes up by one with each save; 0: never saved
	UpdatedAt          time.Time   `json:"-"`
}

// Accounts stores the account, and the access token for Zoom that all servers
// share.
type Accounts interface {
	Account(ctx context.Context) (Account, error) // the zero Account if none was saved
	// SaveAccount writes everything but Secrets, Check and what is known about
	// validations. It seals and stores the secrets in set, deletes those in
	// remove as well as the access token, and increments Version. It returns
	// Conflict if a.Version is not the stored version.
	SaveAccount(ctx context.Context, a Account, set map[SecretName]Secret, remove []SecretName, audit AuditEntry) error
	SaveCheck(ctx context.Context, r CheckReport) error
	// SaveOnCall writes OnCallUsers only, also before an app is connected.
	SaveOnCall(ctx context.Context, emails []string, audit AuditEntry) error

	// HostChecks returns the pre-flight checks of all people. SaveHostCheck writes one
	// without ChangedAt. KeepHostChecks deletes those of other people.
	HostChecks(ctx context.Context) ([]HostCheck, error)
	SaveHostCheck(ctx context.Context, h HostCheck) error
	KeepHostChecks(ctx context.Context, emails []string) error
	SetWebhookValidated(ctx context.Context, at time.Time) error

	// These manage the access token of one version of the account, see
	// zoom.TokenStore.
	ZoomToken(ctx context.Context, accountVersion int64) (zoom.SharedToken, error)
	ClaimZoomToken(ctx context.Context, accountVersion, version int64, now time.Time, lease time.Duration) (bool, error)
	SaveZoomToken(ctx context.Context, accountVersion int64, t zoom.SharedToken) (bool, error)
	ReleaseZoomToken(ctx context.Context, accountVersion, version int64) error
}

// StoredSecret is a secret with the facts that a page may show. Value is zero and
// Locked is true if the master key cannot decrypt it.
type StoredSecret struct {
	Value  Secret
	Locked bool
	SetAt  time.Time
	SetBy  string
}

// Connected reports whether the account has all credentials for requesting a
// token. An account that only receives events never has.
func (a Account) Connected() bool {
	switch a.Auth {
	case zoom.JWT:
		return a.APIKey != "" && !a.Secrets[APISecret].Value.IsZero()
	case zoom.WebhookOnly:
		return false
	default:
		return a.ZoomAccountID != "" && a.ClientID != "" && !a.Secrets[ClientSecret].Value.IsZero()
	}
}

// OnlyEvents reports whether the account receives events but can't create
// meetings, because that is all its app may do.
func (a Account) OnlyEvents() bool { return a.Auth == zoom.WebhookOnly }

// WebhookTokens returns the secret tokens that may sign webhooks, newest first.
// locked is true if the master key cannot decrypt one of them; a wrong signature
// then proves nothing.
func (a Account) WebhookTokens() (tokens []Secret, locked bool) {
	for _, name := range []SecretName{WebhookToken1, WebhookToken2} {
		s, ok := a.Secrets[name]
		locked = locked || (ok && s.Locked)
		if !s.Value.IsZero() {
			tokens = append(tokens, s.Value)
		}
	}
	return tokens, locked
}

// CheckReport is the result of CheckConnection.
type CheckReport struct {
	At time.Time `json:"at"`
	// Asked is when a person last asked for a check, and so has seen what bridges
	// showed before; zero in reports of older versions.
	Asked time.Time `json:"asked,omitzero"`
	// StillAt is when the account was last saved without a change to what the check is
	// about.
	StillAt time.Time         `json:"still_at,omitzero"`
	Lines   []Finding         `json:"lines"`
	Users   map[string]string `json:"users,omitempty"` // the ids of the users in Zoom, by email address
	// AtOnce is how many meetings a user may run at the same time, by email address. It
	// has only users for whom Zoom said that it is more than one.
	AtOnce map[string]int `json:"at_once,omitempty"`
}
