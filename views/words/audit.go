package words

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// action is what someone did, and its target if that is always the same.
type action struct{ did, target string }

// auditActions has the words of the audit trail's actions.
var auditActions = map[string]action{
	"account.save":         {"changed the", "Zoom account"},
	"host.fix":             {"changed settings in Zoom of", ""},
	"runbook.create":       {"created runbook", ""},
	"runbook.update":       {"changed runbook", ""},
	"runbook.bring_back":   {"brought back a version of runbook", ""},
	"runbook.enable":       {"enabled runbook", ""},
	"runbook.disable":      {"disabled runbook", ""},
	"runbook.delete":       {"deleted or archived runbook", ""},
	"incident.open":        {"opened incident", ""},
	"incident.resolved":    {"resolved", ""},
	"incident.reopened":    {"reopened", ""},
	"incident.edit":        {"edited", ""},
	"incident.note":        {"added a note to", ""},
	"step.run":             {"ran a step of", ""},
	"step.tick":            {"ticked a step of", ""},
	"bridge.move":          {"moved the bridge to a Zoom meeting for", ""},
	"bridge.use_link":      {"set another link for the bridge of", ""},
	"bridge.again":         {"started the ended call again for", ""},
	"bridge.end":           {"ended the call of", ""},
	"bridge.fix":           {"fixed a setting of the meeting of", ""},
	"bridge.start":         {"started the bridge of", ""},
	"event.reprocess":      {"reprocessed event", ""},
	"retention.save":       {"changed the retention of", "events"},
	"drill.run":            {"started a drill of", ""},
	"drill.plan":           {"changed the schedule of", "drills"},
	"pending.discard":      {"discarded an incident that couldn’t be stored,", ""},
	"sweep.run":            {"looked for", "left-over meetings"},
	"gaps.find":            {"checked for missing events in", "Zoom’s delivery log"},
	"token.create":         {"created token", ""},
	"token.revoke":         {"revoked token", ""},
	"user.first_admin":     {"became the first admin", ""},
	"user.create":          {"added user", ""},
	"user.invite":          {"invited", ""},
	"user.link":            {"created a password link for", ""},
	"user.join":            {"set a password with a link", ""},
	"user.set_role":        {"changed the role of", ""},
	"user.set_name":        {"changed the name of", ""},
	"user.enable":          {"enabled", ""},
	"user.disable":         {"disabled", ""},
	"user.reset_password":  {"set a new password for", ""},
	"user.change_password": {"changed the password of", ""},
	"user.end_sessions":    {"ended other sessions of", ""},
}

// Actor names who did something. An API token can have the name of a person.
func Actor(kind, name string) string {
	if kind == "token" {
		return "API token “" + name + "”"
	}
	return name
}

// Audit words an entry of the audit trail: "created runbook",
// "“Production outage”".
func Audit(code, target string) (did, to string) {
	a, ok := auditActions[code]
	if !ok {
		a.did = strings.NewReplacer(".", " ", "_", " ").Replace(code)
	}
	switch {
	case code == "user.first_admin" || code == "user.join": // it is the person who did it
		return a.did, ""
	case target != "" && (code == "incident.open" || code == "pending.discard" || code == "drill.run" || strings.HasPrefix(code, "runbook.") || strings.HasPrefix(code, "token.")):
		return a.did, "“" + target + "”"
	}
	return a.did, cmp.Or(target, a.target)
}

// AuditAction is one kind of change, to choose from.
type AuditAction struct{ Code, Did string }

// AllAuditActions are all kinds of changes, sorted by their words.
func AllAuditActions() (list []AuditAction) {
	for code, a := range auditActions {
		list = append(list, AuditAction{code, strings.TrimSpace(a.did + " " + a.target)})
	}
	slices.SortFunc(list, func(a, b AuditAction) int { return cmp.Compare(a.Did, b.Did) })
	return list
}

// AuditActions are the codes of the actions whose words contain a text, ignoring case.
func AuditActions(text string) (codes []string) {
	for _, code := range slices.Sorted(maps.Keys(auditActions)) {
		if a := auditActions[code]; strings.Contains(strings.ToLower(a.did+" "+a.target), strings.ToLower(text)) {
			codes = append(codes, code)
		}
	}
	return codes
}

// fields has the names of fields that differ from their codes.
var fields = map[string]string{
	"auth": "connection type", "account_id": "account ID", "client_id": "client ID", "app_id": "App ID", "api_key": "API key",
	"api_secret": "API secret", "webhook_secret_token_1": "secret token", "webhook_secret_token_2": "older secret token",
	"cluster": "Zoom cluster", "opener_email": "opener", "vars": "variable", "backup_user_email": "backup user", "backup_user_emails": "backup users", "duration_minutes": "length in minutes", "url": "link",
	"hour": "hour (UTC)", "keep_days": "keep (days)", "blank_days": "erase personal data after (days)", "lost": "not recoverable",
	"alarm_nobody_minutes": "nobody has joined (minutes)", "alarm_empty_minutes": "everybody left (minutes)", "alarm_long_hours": "call has been running (hours)",
	"end_empty": "then end the empty meeting", "meeting_authentication": "sign-in needed", "approval_type": "registration needed",
}

// Field names a field, "steps.0.topic", as people do: "step 1 topic".
func Field(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if n, err := strconv.Atoi(part); err == nil && i > 0 {
			parts[i-1], parts[i] = strings.TrimSuffix(parts[i-1], "s"), strconv.Itoa(n+1)
		} else {
			parts[i] = cmp.Or(fields[part], code(part))
		}
	}
	return strings.Join(parts, " ")
}

// Retention says how long events of a family are kept if the family has a rule of its
// own; 0 days means forever.
func Retention(family string, own bool, keepDays, blankDays int) string {
	if !own {
		return family + ": no rule of its own"
	}
	keep, erase := "keep forever", "never erase personal data"
	if keepDays > 0 {
		keep = "keep " + plural(keepDays, "day", "days")
	}
	if blankDays > 0 {
		erase = "erase personal data after " + plural(blankDays, "day", "days")
	}
	return family + ": " + keep + ", " + erase
}
