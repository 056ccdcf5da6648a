package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// SecretName names one write-only value of the account.
type SecretName string

const (
	ClientSecret  SecretName = "client_secret"
	APISecret     SecretName = "api_secret"
	WebhookToken1 SecretName = "webhook_secret_token_1" // the newest
	WebhookToken2 SecretName = "webhook_secret_token_2" // the one being retired
)

// SecretNames is every secret of an account, in the order of the form.
var SecretNames = []SecretName{ClientSecret, APISecret, WebhookToken1, WebhookToken2}

// Account is the one connected Zoom app. The zero Account is "not connected".
type Account struct {
	Auth          zoom.AuthMethod `json:"auth"`
	ZoomAccountID string          `json:"account_id"`
	ClientID      string          `json:"client_id"`
	APIKey        string          `json:"api_key"`
	Cluster       string          `json:"cluster"`           // "zoom.us" or "zoomgov.com"
	AppID         string          `json:"app_id"`            // of the app in Zoom's marketplace, for the log of its deliveries; "" = not known
	BackupUser    string          `json:"backup_user_email"` // e-mail

	// Kept for the standby and static rungs, which configuration files may
	// already name.
	StandbyMeetings int          `json:"standby_meetings"`
	StaticLinks     []StaticLink `json:"static_links"`

	Secrets map[SecretName]StoredSecret `json:"-"`

	WebhookValidatedAt time.Time `json:"-"` // last signed endpoint.url_validation answered
	// Validations that failed in a row, says Zoom's log of its deliveries.
	LoggedFailures     int         `json:"-"`
	ValidationFailedAt time.Time   `json:"-"` // the last of them
	Check              CheckReport `json:"-"`
	Version            int64       `json:"-"` // grows with each save; 0 = never saved
	UpdatedAt          time.Time   `json:"-"`
}

// Accounts stores the account and the access token to Zoom that all servers share.
type Accounts interface {
	Account(ctx context.Context) (Account, error) // the zero Account until one is saved
	// SaveAccount writes all but Secrets, Check and what is known of validations.
	// It seals the secrets in set, deletes those in remove and the access token,
	// and increments Version. Conflict if a.Version is not the stored one.
	SaveAccount(ctx context.Context, a Account, set map[SecretName]Secret, remove []SecretName, audit AuditEntry) error
	SaveCheck(ctx context.Context, r CheckReport) error
	SetWebhookValidated(ctx context.Context, at time.Time) error

	// The token of one version of the account; see zoom.TokenStore.
	ZoomToken(ctx context.Context, accountVersion int64) (zoom.SharedToken, error)
	ClaimZoomToken(ctx context.Context, accountVersion, version int64, now time.Time, lease time.Duration) (bool, error)
	SaveZoomToken(ctx context.Context, accountVersion int64, t zoom.SharedToken) (bool, error)
	ReleaseZoomToken(ctx context.Context, accountVersion, version int64) error
}

// StoredSecret is a secret with what a page may say about it.
// Value is zero, and Locked set, when the master key cannot open it.
type StoredSecret struct {
	Value  Secret
	Locked bool
	SetAt  time.Time
	SetBy  string
}

// StaticLink is a way to meet that is not a Zoom meeting of ours.
type StaticLink struct {
	Name  string `json:"name" yaml:"name"`
	URL   string `json:"url" yaml:"url" audit:"link"`
	Phone string `json:"phone,omitempty" yaml:"phone,omitempty"`
}

// Connected reports whether the account has what it takes to ask for a token.
func (a Account) Connected() bool {
	if a.Auth == zoom.JWT {
		return a.APIKey != "" && !a.Secrets[APISecret].Value.IsZero()
	}
	return a.ZoomAccountID != "" && a.ClientID != "" && !a.Secrets[ClientSecret].Value.IsZero()
}

// WebhookTokens are the secret tokens that may sign, newest first.
// locked is true when one is stored that the master key cannot open: then a
// failed signature proves nothing.
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

// CheckReport is what Check connection found.
type CheckReport struct {
	At    time.Time `json:"at"`
	Lines []Finding `json:"lines"`
}

// Level is the worst level of the report, "" when nothing was checked.
func (r CheckReport) Level() Level { return WorstLevel(r.Lines) }
