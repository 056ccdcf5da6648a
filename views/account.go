package views

import "strings"

// AccountPage is GET /account, and the answer of a refused POST /account (422).
//
// The form posts to /account with: auth (server_to_server | jwt), account_id, client_id,
// client_secret, app_id, api_key, api_secret, backup_user_email, webhook_secret_token_1,
// webhook_secret_token_2, keep_webhook_secret_token_1, cluster (zoom.us | zoomgov.com), version,
// and op, the button pressed: save, or remove_webhook_secret_token_2.
// An empty secret keeps the one that is stored.
type AccountPage struct {
	Frame Frame

	Auth      string // tab on show and value of the form's auth: "server_to_server" or "jwt"
	InUse     string // the way tokens are got now; "" before anything is saved
	AccountID string
	ClientID  string
	AppID     string
	APIKey    string

	ClientSecret  StoredSecret
	APISecret     StoredSecret
	WebhookToken1 StoredSecret // the newest
	WebhookToken2 StoredSecret // the one before, while rotating

	BackupUserEmail string
	Cluster         string // "zoom.us" or "zoomgov.com"
	Version         int64  // of the row that was read; guards against lost updates

	CanEdit  bool              // false shows the values and no form controls
	Conflict string            // somebody saved meanwhile: who and when, as a sentence
	Errors   map[string]string // field name → sentence
	Guide    AccountGuide
	Check    AccountCheck
	Health   *HealthPanel    // nil before Zoom can send events
	Gaps     *DeliveriesCard // nil for a JWT app and before anything is saved
}

// AccountGuide is what has to be typed into Zoom's marketplace.
type AccountGuide struct {
	WebhookURL      string // this server's, absolute
	WebhookURLError string // why Zoom could not reach it: "This server's public URL is http://127.0.0.1:8080. Zoom needs …"; "" when fine
	ValidatedAt     When   // when Zoom last validated the URL; zero for never
	LastEventAt     When
	Scopes          []AccountScope
	Events          []AccountEvent
}

// AccountScope is one permission under both of Zoom's naming schemes.
type AccountScope struct {
	Granular string
	Classic  string
	For      string // what we do with it: "Create the meeting"
	Optional bool
}

// AccountEvent is one event type to subscribe to.
type AccountEvent struct {
	Event string // "meeting.started"
	Name  string // as Zoom's marketplace lists it: "Start Meeting"
	For   string
}

// AccountCheck is the last result of Check connection. POST /account/check with email
// (optional) makes a new one.
type AccountCheck struct {
	CheckedAt When // zero: never checked
	Lines     []CheckLine
	Features  []ScopeFeature
	Email     string // other e-mail whose settings were looked at; "" for none
	EmailErr  string
	Other     []CheckLine
}

// CheckLine is one thing that was looked at.
type CheckLine struct {
	Level   Level
	Subject string // "Personal meeting ID"
	Reason  string // what was found, one sentence
	Fix     string // "In Zoom: Settings → Meeting → …"; "" when nothing is to be done
}

// ScopeFeature says whether the token may do what one feature needs.
type ScopeFeature struct {
	Level   Level  // note: not there, and nothing that is needed
	Feature string // "Create bridges"
	Scope   string // the scope it has, or the granular one it needs
	Classic string // the classic name of the same; "" when the token has Scope
}

func accountSub(p AccountPage) string {
	switch p.InUse {
	case "":
		return "Not connected yet"
	case "jwt":
		return "Connected by a JWT app"
	}
	return "Connected by Server-to-Server OAuth"
}

func inUse(p AccountPage, auth string) string {
	if p.InUse == auth {
		return "in use"
	}
	return ""
}

func scopeName(s AccountScope, classic bool) string {
	if classic {
		return s.Classic
	}
	return s.Granular
}

func scopeNames(scopes []AccountScope, classic bool) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = scopeName(s, classic)
	}
	return strings.Join(names, "\n")
}

// classicScopes is scopes with each classic name once: one of them covers several granular ones.
func classicScopes(scopes []AccountScope) []AccountScope {
	at := map[string]int{}
	var once []AccountScope
	for _, s := range scopes {
		i, seen := at[s.Classic]
		if !seen {
			at[s.Classic] = len(once)
			once = append(once, s)
			continue
		}
		once[i].Optional = once[i].Optional && s.Optional
		if !strings.Contains(once[i].For, s.For) {
			once[i].For += "; " + strings.ToLower(s.For[:1]) + s.For[1:]
		}
	}
	return once
}

func missingScopes(features []ScopeFeature) string {
	var names []string
	for _, f := range features {
		if f.Level != LevelOK && f.Level != LevelNote && f.Scope != "" {
			names = append(names, f.Scope)
		}
	}
	return strings.Join(names, "\n")
}

// all is every level of c that a person has to know of.
func (c AccountCheck) all() (levels []Level) {
	for _, l := range c.Lines {
		levels = append(levels, l.Level.found())
	}
	for _, f := range c.Features {
		levels = append(levels, f.Level.found())
	}
	return levels
}

func (c AccountCheck) worst() Level { return gravest(c.all()) }

func (c AccountCheck) says() string {
	n := map[Level]int{}
	for _, l := range c.all() {
		n[l]++
	}
	var parts []string
	if n[LevelBad] > 0 {
		parts = append(parts, Plural(n[LevelBad], "thing doesn’t work", "things don’t work"))
	}
	if look := n[LevelWarning] + n[LevelUnknown]; look > 0 {
		parts = append(parts, Plural(look, "thing to check", "things to check"))
	}
	if len(parts) == 0 {
		return "Everything that was checked works."
	}
	return strings.Join(parts, ", ") + "."
}
