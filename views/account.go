package views

import (
	"cmp"
	"slices"
	"strings"
)

// AccountPage is GET /account, and the answer to a rejected POST /account (422).
//
// The form posts to /account with: auth (server_to_server | webhook_only | jwt), account_id, client_id,
// client_secret, app_id, api_key, api_secret, backup_user_emails, standby_meetings, storm_limit, webhook_secret_token_1,
// webhook_secret_token_2, keep_webhook_secret_token_1, cluster (zoom.us | zoomgov.com), version,
// and op, the button pressed: save, or remove_webhook_secret_token_2.
// An empty secret keeps the stored one.
type AccountPage struct {
	Frame Frame

	Auth      string // selected tab and value of the form's auth: "server_to_server", "webhook_only" or "jwt"
	InUse     string // how Drawbridge gets access tokens now; "" before anything is saved
	AccountID string
	ClientID  string
	AppID     string
	APIKey    string

	ClientSecret  StoredSecret
	APISecret     StoredSecret
	WebhookToken1 StoredSecret // the newest
	WebhookToken2 StoredSecret // the older one, during a rotation

	BackupUsers     string      // email addresses, one a line
	Hosts           []CheckLine // how busy they are, and the standby meetings
	StandbyMeetings string
	StormLimit      string
	Cluster         string // "zoom.us" or "zoomgov.com"
	Version         int64  // of the row that was read; prevents lost updates

	Static StaticLinksForm

	CanEdit  bool              // admins; others see no form
	Conflict string            // who else saved in the meantime, and when; "" for nobody
	Problem  string            // why the form was refused, if no field is wrong; "" for nothing
	Errors   map[string]string // field name → sentence
	Guide    AccountGuide
	Check    AccountCheck
	Health   *HealthPanel    // nil until Zoom can send events
	Gaps     *DeliveriesCard // nil for a JWT app and before anything is saved
}

// AccountGuide is what an admin enters in the Zoom App Marketplace.
type AccountGuide struct {
	WebhookURL      string // of this server, absolute
	WebhookURLError string // why Zoom can't reach it; "" if nothing suggests so
	ValidatedAt     When   // when Zoom last validated the URL; zero for never
	LastEventAt     When
	Scopes          []AccountScope
	Events          []AccountEvent
}

// AccountScope is one permission, with its names in both of Zoom's naming schemes.
type AccountScope struct {
	Granular string
	Classic  string
	For      string // what Drawbridge uses it for: "Create bridges"
	Optional bool
}

// AccountEvent is one event type to subscribe to.
type AccountEvent struct {
	Event string // "meeting.started"
	Name  string // as Zoom's marketplace lists it: "Start Meeting"
	For   string
}

// AccountCheck is the last result of Check connection. POST /account/check with an optional
// email makes a new one.
type AccountCheck struct {
	CheckedAt  When // zero: never checked
	Steps      []AccountStep
	Lines      []CheckLine
	Features   []ScopeFeature
	Email      string // other user whose settings were checked; "" for none
	Other      []CheckLine
	OnlyEvents bool   // the account can't ask Zoom about users
	Typed      string // what the field for the other user holds
	EmailErr   string
}

// AccountStep is one of the steps to a working account: connect, check, webhook.
type AccountStep struct {
	Level       Level // unknown: not done yet; note: doesn't apply
	Title, Text string
	At          When // zero: it has no time
}

// started reports whether a Zoom app was entered.
func (c AccountCheck) started() bool { return len(c.Steps) > 0 && c.Steps[0].Level != LevelUnknown }

// done reports whether nothing is left to set up. A warning, such as about a person's
// settings, says itself what to do.
func (c AccountCheck) done() bool {
	return len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(s AccountStep) bool { return s.Level == LevelBad || s.Level == LevelUnknown })
}

// CheckLine is one thing that was checked.
type CheckLine struct {
	Level   Level
	Subject string // "Personal meeting ID"
	Reason  string // what was found, one sentence
	Fix     string // "In Zoom, Settings → Meeting: …"; "" if there is nothing to do
	FixID   string // of the dialog of Fix, which changes it in Zoom; "": there is none
	// Incident is another incident that the line names: INC-5; "": none.
	Incident, IncidentPath string
}

// ScopeFeature says whether the access token has the scope that a feature needs.
type ScopeFeature struct {
	Level   Level  // note: missing, but not required
	Feature string // "Create bridges"
	Scope   string // the scope it has, or the granular scope it needs
	Classic string // the classic name of a missing scope, else ""
}

func accountSub(p AccountPage) string {
	switch p.InUse {
	case "":
		return "Not connected yet"
	case "webhook_only":
		return "Only receives events"
	case "jwt":
		return "Uses a JWT app"
	}
	return "Uses Server-to-Server OAuth"
}

func inUse(p AccountPage, auth string) string {
	if p.InUse == auth {
		return "in use"
	}
	return ""
}

func (s AccountScope) name(classic bool) string {
	if classic {
		return s.Classic
	}
	return s.Granular
}

func scopeNames(scopes []AccountScope, classic bool) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = s.name(classic)
	}
	return strings.Join(names, "\n")
}

// classicScopes is scopes with each classic name once, because one of them covers several granular ones.
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
		for use := range strings.SplitSeq(s.For, "; ") {
			if !strings.Contains(strings.ToLower(once[i].For), strings.ToLower(use)) {
				once[i].For += "; " + strings.ToLower(use[:1]) + use[1:]
			}
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

// all lists the levels of all lines and features of c.
func (c AccountCheck) all() (levels []Level) {
	for _, l := range slices.Concat(c.Lines, c.Other) {
		levels = append(levels, l.Level.found())
	}
	for _, f := range c.Features {
		levels = append(levels, f.Level.found())
	}
	return levels
}

func (c AccountCheck) worst() Level {
	worst := gravest(c.all())
	switch {
	case !c.started():
		return LevelNote
	case c.CheckedAt.ISO == "":
		return LevelUnknown
	case worst == LevelOK && c.OnlyEvents:
		return LevelNote
	}
	return worst
}

// fine counts the checks that found nothing wrong.
func (c AccountCheck) fine() (n int) {
	for _, l := range c.all() {
		if l == LevelOK {
			n++
		}
	}
	return n
}

// quiet reports whether a finding needs no attention and is folded away.
func quiet(l Level) bool { return l == LevelOK || l == LevelNote }

// split are the lines that need attention, the most serious first, and the others.
func split(lines []CheckLine) (problems, rest []CheckLine) {
	for _, l := range lines {
		if quiet(l.Level) {
			rest = append(rest, l)
		} else {
			problems = append(problems, l)
		}
	}
	slices.SortStableFunc(problems, func(a, b CheckLine) int {
		return cmp.Compare(grave[b.Level.found()], grave[a.Level.found()])
	})
	return problems, rest
}

func problems(lines []CheckLine) []CheckLine {
	list, _ := split(lines)
	return list
}

func unremarkable(lines []CheckLine) []CheckLine {
	_, list := split(lines)
	return list
}

func (c AccountCheck) features(fine bool) (list []ScopeFeature) {
	for _, f := range c.Features {
		if quiet(f.Level) == fine {
			list = append(list, f)
		}
	}
	return list
}

func (c AccountCheck) says() string {
	switch {
	case !c.started():
		return "Three steps to connect Zoom"
	case c.CheckedAt.ISO == "":
		return "Not checked yet"
	}
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
	if len(parts) == 0 && c.OnlyEvents {
		return "Drawbridge only receives events here."
	}
	if len(parts) == 0 {
		return "Everything that was checked works."
	}
	if len(parts) > 1 {
		return Plural(n[LevelBad]+n[LevelWarning]+n[LevelUnknown], "problem", "problems") + ": " + strings.Join(parts, ", ") + "."
	}
	return strings.Join(parts, ", ") + "."
}
