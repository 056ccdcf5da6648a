package words

import (
	"cmp"
	"strconv"
	"strings"
)

// Cell words a finding about a person in one or two words.
func (f Finding) Cell() string {
	if s, ok := settingStates[f.Code]; ok {
		switch {
		case f.Fine:
			return s[0]
		case f.Unsaid:
			return "Not said"
		}
		return s[1]
	}
	switch f.Code {
	case "user":
		return "Licensed"
	case "user_basic":
		return "Basic, 40 min"
	case "user_inactive":
		return capital(cmp.Or(f.Value, "inactive"))
	case "user_may_not_host":
		return "No license"
	case "user_unsaid":
		return "Not said"
	case "at_once":
		if f.Count == 0 {
			return "Not said"
		}
		return strconv.Itoa(f.Count)
	case "user_unknown":
		if f.Zoom != nil && f.Zoom.elsewhere() {
			return "Not found"
		}
	}
	return "Not read"
}

// elsewhere reports whether somebody is no user of the connected account.
func (p Problem) elsewhere() bool { return p.Code == "no_such_user" || p.Code == "other_account" }

// settingStates has the states of a setting: the one that suits bridges, and the other.
var settingStates = map[string][2]string{
	"pmi_scheduled":    {"Off", "On"},
	"pmi_instant":      {"Off", "On"},
	"waiting_room":     {"Off", "On"},
	"join_before_host": {"On", "Off"},
	"cloud_recording":  {"On", "Off"},
	"authentication":   {"Not required", "Required"},
}

// SettingFix names a setting, what it is, and what Drawbridge would change it to.
func SettingFix(code string) (setting, before, after string) {
	s := settingStates[code]
	return settingTexts[code].subject, s[1], s[0]
}

// HostRoles names why somebody may become a host.
func HostRoles(roles []string) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = map[string]string{"pool": "backup user", "on_call": "on call", "opener": "opened incidents"}[r]
	}
	return capital(strings.Join(names, ", "))
}

// Preflight says how the people of the pre-flight check fare.
func Preflight(people, unchecked, bad, warned, strangers int) string {
	said, foreign := "", ""
	if strangers > 0 {
		foreign = plural(strangers, "person isn’t a Zoom user of this account", "people aren’t Zoom users of this account")
	}
	switch {
	case bad > 0:
		said = plural(bad, "person can’t host a bridge", "people can’t host a bridge")
	case warned > 0:
		said = plural(warned, "person has settings that don’t suit bridges", "people have settings that don’t suit bridges")
	}
	switch {
	case said != "" && foreign != "":
		return said + ", and " + foreign
	case said+foreign != "":
		return said + foreign
	case unchecked > 0:
		return "Not everyone has been checked yet"
	}
	return plural(people, "person can host a bridge", "people can host a bridge")
}

// HostFixes says what became of changes of settings in Zoom.
func HostFixes(fixed, kept int, refused []Reason) string {
	said := ""
	if fixed > 0 {
		said = "Changed " + plural(fixed, "setting", "settings") + " in Zoom."
	}
	if kept > 0 {
		said = join(said, "Zoom kept "+plural(kept, "setting as it was", "settings as they were")+": the account or a group locks it. A Zoom admin can unlock it.")
	}
	for _, r := range refused {
		t := r.Says()
		said = join(said, t.Cause, t.Fix)
	}
	return cmp.Or(said, "Nothing was changed.")
}

// FixesLeft says that Zoom was not asked about some people.
func FixesLeft(people int) string {
	return plural(people, "person was left as they were", "people were left as they were") + ": nothing was left to change, or time ran out. Check again."
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// LeftToday says how many meetings Zoom still lets a host create or change today.
func LeftToday(left, limit int) string {
	return "This host can create or change " + plural(left, "more meeting", "more meetings") + " until midnight UTC. Zoom allows " + strconv.Itoa(limit) + " a day."
}

// ReadyForMost is the headline of Overview if somebody who may open an incident can't host.
const ReadyForMost = "New incidents will get a bridge, but not everyone can host one."
