package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// AccountForm is the form for the Zoom app.
type AccountForm struct {
	Auth          string // server_to_server, webhook_only, jwt
	ZoomAccountID string
	ClientID      string
	APIKey        string
	Cluster       string // "": zoom.us
	BackupUsers   []string
	Secrets       map[SecretName]string // "" keeps the stored value
	Remove        []SecretName
	Version       int64 // the version of the account that the form showed

	AppID *string // the App ID, or the URL of the app's page, which contains it; nil keeps the stored value

	// Set by configuration files; nil keeps the stored value.
	StandbyMeetings *int
	StormLimit      *int
	StaticLinks     *[]StaticLink
	OnCallUsers     *[]string
}

// minWebhookToken is the minimum length of a webhook secret token. Zoom's have 22
// characters, and a short one could be guessed.
const minWebhookToken = 16

// SaveAccount connects the Zoom app or changes its settings, and returns what
// changed. A blank secret keeps the stored one.
func (s *Service) SaveAccount(ctx context.Context, actor Actor, f AccountForm) (changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, err
	}
	old, err := s.store.Account(ctx)
	if err != nil {
		return nil, err
	}
	next, set, err := f.account(old)
	if err != nil {
		return nil, err
	}
	// A secret with a new value is not removed, and neither is one that is not
	// stored.
	remove := slices.DeleteFunc(slices.Clone(f.Remove), func(name SecretName) bool {
		_, typed := set[name]
		_, stored := old.Secrets[name]
		return typed || !stored
	})
	changes = changesOf(old, next)
	for _, name := range SecretNames {
		if _, isSet := set[name]; isSet {
			changes = append(changes, Change{Field: string(name), After: SecretReplaced})
		} else if slices.Contains(remove, name) {
			changes = append(changes, Change{Field: string(name), After: SecretRemoved})
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	if err := s.store.SaveAccount(ctx, next, set, remove, s.audit(actor, AuditAccountSave, "", changes...)); err != nil {
		return nil, err
	}
	s.keepCheck(ctx, old, changes)
	s.keepLinks(next.StaticLinks)
	s.mu.Lock()
	s.tokens = webhookTokens{} // a new token is valid at once
	if next.AppID != old.AppID {
		s.gaps = gapSchedule{}
	}
	s.mu.Unlock()
	nudge(s.wakeGaps)
	if next.StandbyMeetings > 0 || old.StandbyMeetings > 0 {
		s.wakeStandby(ctx)
	}
	s.retryNow(ctx)
	return changes, nil
}

// maxHosts is the limit for backup users.
const maxHosts = 50

// hostPool returns the email addresses of the backup users, each once.
func hostPool(typed []string, fields map[string]string) (hosts []string) {
	for _, email := range typed {
		email = CanonicalEmail(email)
		if email == "" || slices.Contains(hosts, email) {
			continue
		}
		if !validEmail(email) || strings.ContainsAny(email, ",;") {
			fields["backup_user_emails"] = "“" + cutRunes(email, 60) + "” isn’t an email address. Enter one address a line."
			if len(typed) == 1 {
				fields["backup_user_emails"] = "This isn’t an email address."
			}
		}
		hosts = append(hosts, email)
	}
	if len(hosts) > maxHosts {
		fields["backup_user_emails"] = fmt.Sprintf("Use at most %d backup users.", maxHosts)
	}
	return hosts
}

// account checks the form and returns the stored account with the form's values.
func (f AccountForm) account(old Account) (next Account, set map[SecretName]Secret, err error) {
	fields := map[string]string{}
	next = old
	next.Auth = zoom.AuthMethod(f.Auth)
	next.ZoomAccountID, next.ClientID = strings.TrimSpace(f.ZoomAccountID), strings.TrimSpace(f.ClientID)
	next.APIKey = strings.TrimSpace(f.APIKey)
	next.BackupUsers = hostPool(f.BackupUsers, fields)
	if next.Cluster = f.Cluster; next.Cluster == "" {
		next.Cluster = "zoom.us"
	}
	next.Version = f.Version
	if f.StormLimit != nil {
		next.StormLimit = *f.StormLimit
	} else if next.StormLimit == 0 {
		next.StormLimit = DefaultStormLimit
	}
	if f.StandbyMeetings != nil {
		next.StandbyMeetings = *f.StandbyMeetings
	}
	if f.AppID != nil {
		next.AppID = strings.TrimSpace(*f.AppID)
		if _, rest, isPage := strings.Cut(next.AppID, "/develop/apps/"); isPage {
			next.AppID, _, _ = strings.Cut(rest, "/")
		}
		if next.AppID != "" && !zoom.IsAppID(next.AppID) {
			fields["app_id"] = "This isn’t an App ID. Copy it from the address of the app’s page in the Zoom App Marketplace: marketplace.zoom.us/develop/apps/<App ID>/…"
		}
	}
	if f.StaticLinks != nil {
		next.StaticLinks = trimStatic(*f.StaticLinks)
	}
	set = map[SecretName]Secret{}
	for name, value := range f.Secrets {
		if !slices.Contains(SecretNames, name) {
			return Account{}, nil, fmt.Errorf("no secret is named %q", name)
		}
		// A value copied from a web page may have spaces and line ends around it.
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		set[name] = zoom.NewSecret(value)
		if len(value) > 512 || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			fields[string(name)] = "This doesn’t look like a value from Zoom. Copy it again."
		}
		if (name == WebhookToken1 || name == WebhookToken2) && len(value) < minWebhookToken {
			fields[string(name)] = fmt.Sprintf("A secret token has at least %d characters. Copy it from Zoom: your app → Feature → Access.", minWebhookToken)
		}
	}
	has := func(name SecretName) bool {
		_, isSet := set[name]
		_, stored := old.Secrets[name]
		return isSet || (stored && !slices.Contains(f.Remove, name))
	}

	required := func(field, value, text string) {
		if value == "" {
			fields[field] = text
		}
		tooLong(fields, field, value, 200)
	}
	switch next.Auth {
	case zoom.ServerToServer:
		required("account_id", next.ZoomAccountID, "Copy the account ID from your app’s credentials in Zoom.")
		required("client_id", next.ClientID, "Copy the client ID from your app’s credentials in Zoom.")
		if !has(ClientSecret) {
			fields["client_secret"] = "Copy the client secret from your app’s credentials in Zoom."
		}
	case zoom.JWT:
		required("api_key", next.APIKey, "Copy the API key from your JWT app in Zoom.")
		if !has(APISecret) {
			fields["api_secret"] = "Copy the API secret from your JWT app in Zoom."
		}
	case zoom.WebhookOnly:
		if !has(WebhookToken1) {
			fields["webhook_secret_token_1"] = "Copy the Secret Token from your app in Zoom, under Feature → Access."
		}
	case "":
		if old.Auth == "" && next.ZoomAccountID+next.ClientID+next.APIKey == "" && len(next.BackupUsers) == 0 && len(set) == 0 {
			break // static links need no Zoom app
		}
		fallthrough
	default:
		fields["auth"] = "Choose Server-to-Server OAuth, webhooks only or JWT."
	}
	if next.Cluster != "zoom.us" && next.Cluster != "zoomgov.com" {
		fields["cluster"] = "Choose zoom.us or zoomgov.com."
	}
	checkStandby(fields, next)
	if next.StormLimit < 1 || next.StormLimit > HostDayLimit {
		fields["storm_limit"] = fmt.Sprintf("Enter a number from 1 to %d.", HostDayLimit)
	}
	checkStatic(fields, next.StaticLinks)
	if f.OnCallUsers != nil {
		var problem string
		if next.OnCallUsers, problem = onCall(*f.OnCallUsers); problem != "" {
			fields["on_call_emails"] = problem
		}
	}
	if len(fields) > 0 {
		return Account{}, nil, invalid("Some fields are missing or invalid. Nothing was saved.", fields)
	}
	return next, set, nil
}
