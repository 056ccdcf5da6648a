package views

import "strconv"

// SettingsUsersPage is GET /settings/users.
//
// ?new=1 opens the form for a new user, and ?edit={id} the form for an existing one.
// POST /settings/users takes name, email, role (admin | responder | viewer) and answers
// with the page, which shows the link of the invitation. So does POST
// /settings/users/{id}/link. POST /settings/users/{id} takes name and role; …/disable
// and …/enable take nothing.
type SettingsUsersPage struct {
	Frame  Frame
	Rows   []UserRow
	Name   string // as typed, if it was rejected
	Email  string
	Role   string
	New    bool   // the form for a new user is open
	EditID string // the user whose form is open; "" for none
	Errors map[string]string

	Link, LinkFor string // a new one-time link to set a password, on this answer only
	LinkUntil     When
}

// UserRow is one user.
type UserRow struct {
	ID         string
	Name       string
	Email      string
	Role       string
	Me         bool
	Disabled   bool
	Invited    bool // has not set a password yet
	LastSeenAt When // zero: never
	CreatedAt  When
	LastAdmin  bool // this is the only admin, who can't be disabled or lose the role
}

// SettingsTokensPage is GET /settings/tokens.
//
// ?new=1 opens the form. POST /settings/tokens takes name, days and scope (incidents:write, read; repeated) and answers with
// the page, which shows the new token. POST /settings/tokens/{id}/revoke revokes a token.
type SettingsTokensPage struct {
	Frame        Frame
	Rows         []TokenRow
	New          string // the new token in clear text, on this answer only
	NewName      string
	Name         string // as typed, if it was rejected
	ScopeWrite   bool
	ScopeRead    bool
	ScopeRaw     bool
	ScopeMetrics bool
	Open         bool // the form is open
	Errors       map[string]string
	Example      string // a command that tries the new token; "" for none
	Days         int    // until the token expires, as chosen; 0: never
}

// TokenRow is one API token.
type TokenRow struct {
	ID         string
	Name       string
	Scopes     []string
	CreatedBy  string
	CreatedAt  When
	LastUsedAt When // zero: never
	RevokedAt  When // zero: not revoked
	EndsIn     string
	ExpiresAt  When // zero: never
	Expired    bool
}

// SettingsAuditPage is GET /settings/audit?q=&who=&action=&from=&to=&cursor=.
type SettingsAuditPage struct {
	Frame Frame
	Query string
	Who   string

	From, To           string // dates as typed
	FromError, ToError string
	Actions            []Choice
	Filtered           bool
	Rows               []AuditRow
	Pager              Pager
}

// AuditRow is one entry of the audit trail.
type AuditRow struct {
	At      When
	Who     string
	What    string // "changed the Zoom account"
	Subject string
	URL     string
	From    string // address of the browser or "command line"
	Changes []AuditChange
}

// AuditChange is a field before and after the change. A secret shows as "set", "changed" or "removed".
type AuditChange struct {
	Field  string
	Before string
	After  string
}

// SettingsMePage is GET /settings/me.
//
// POST /settings/me takes name. POST /settings/me/password takes current_password,
// new_password, new_password_again. POST /settings/me/sessions ends every other session.
type SettingsMePage struct {
	Frame    Frame
	Name     string
	Email    string
	Role     string
	Sessions int
	Errors   map[string]string
}

// SettingsAboutPage is GET /settings/about.
type SettingsAboutPage struct {
	Frame     Frame
	Version   string
	Revision  string
	GoVersion string
	Database  string // "SQLite" or "PostgreSQL"
	DBVersion string
	DBSize    string
	Counts    []KeyValue
	PublicURL string
}

// tokenDays are the choices for when a new token expires.
func (p SettingsTokensPage) tokenDays() []Choice {
	choices := []Choice{{Value: "30", Label: "In 30 days"}, {Value: "90", Label: "In 90 days"}, {Value: "365", Label: "In a year"}, {Value: "0", Label: "Never"}}
	for i := range choices {
		choices[i].Selected = choices[i].Value == strconv.Itoa(p.Days)
	}
	return choices
}

// settingsTabs are the tabs that a person may open.
func settingsTabs(admin bool, current string) []Tab {
	var tabs []Tab
	for _, t := range []struct {
		key, label string
		admin      bool
	}{
		{"users", "Users", true}, {"tokens", "API tokens", true}, {"audit", "Audit trail", true}, {"retention", "Retention", true}, {"me", "My account", false}, {"about", "About", false},
	} {
		if admin || !t.admin {
			tabs = append(tabs, Tab{Label: t.label, Href: "/settings/" + t.key, Current: t.key == current})
		}
	}
	return tabs
}
