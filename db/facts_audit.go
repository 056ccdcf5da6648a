package db

import (
	"cmp"
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// convertAudit is the part of keepFacts for the audit trail. It turns the lines
// "field: value" of before and after into a list of changes.
func convertAudit(ctx context.Context, tx *sql.Tx) error {
	err := rewrite(ctx, tx, `
		SELECT id, action, before, after FROM audit_entries WHERE id > $1 AND before || after <> '' ORDER BY id`, 4, `
		UPDATE audit_entries SET after = v.column2 FROM $v WHERE audit_entries.id = v.column1`,
		func(r []string) ([]any, error) { return []any{asJSON(oldChanges(r[1], r[2], r[3]))}, nil })
	if err != nil {
		return err
	}
	return statements(
		`UPDATE audit_entries SET target = COALESCE((SELECT name FROM api_tokens WHERE id = target), target) WHERE action = 'token.revoke'`,
		`UPDATE audit_entries SET target = '' WHERE action IN ('account.save', 'retention.save', 'gaps.find')`,
		`ALTER TABLE audit_entries DROP COLUMN before`,
		`ALTER TABLE audit_entries RENAME COLUMN after TO changes`, // JSON; '': none
	)(ctx, tx)
}

var (
	oldRunbookFields = []string{"name", "incident type", "description", "disabled", "variable #",
		"step # kind", "step # execute automatically", "step # topic", "step # agenda", "step # recording", "step # duration", "step # host",
		"step # waiting room", "step # join before host", "step # alternative hosts"}
	oldSecrets = []string{"client_secret", "api_secret", "webhook_secret_token_1", "webhook_secret_token_2"}

	// oldFields are the fields that an entry could have, in the order of its
	// lines.
	oldFields = map[string][]string{
		"account.save": append([]string{"auth", "account_id", "client_id", "api_key", "cluster", "backup_user_email", "app_id", "standby_meetings", "static_links"}, oldSecrets...),

		"runbook.create": oldRunbookFields, "runbook.update": oldRunbookFields, "runbook.delete": oldRunbookFields,
		"runbook.enable": {"disabled"}, "runbook.disable": {"disabled"},
		"incident.open": {"runbook", "severity"}, "incident.resolved": {"status"}, "incident.reopened": {"status"},
		"bridge.use_link": {"host"}, "gaps.find": {"deliveries compared", "recovered", "not kept by Zoom", "problem"},
		"token.create": {"scopes"}, "user.first_admin": {"role"}, "user.create": {"role"}, "user.set_role": {"role"}, "user.set_name": {"name"},
	}
	oldRow  = regexp.MustCompile(`^(variable|step) ([1-9][0-9]?)\b`)
	oldRule = regexp.MustCompile(`^([a-z][a-z0-9_]*): keep (?:for ever|(\d+) days), (?:never blank|blank after (\d+) days)$`)

	// oldNames maps fields to their new names if these differ.
	oldNames = map[string]string{"deliveries compared": "deliveries", "not kept by Zoom": "lost"}
)

// oldEntry is the parsed before or after of an old entry.
type oldEntry struct {
	fields []string // in the order of the lines
	values map[string]string
}

func (e *oldEntry) set(field, value string) {
	e.fields = append(e.fields, field)
	e.values[field] = value
}

func (e *oldEntry) setProblem(r incident.Reason) {
	e.set("problem.code", string(r.Code))
	if r.Text != "" {
		e.set("problem.text", r.Text)
	}
	if r.Zoom != nil {
		e.set("problem.zoom.code", string(r.Zoom.Code))
		e.set("problem.zoom.said", r.Zoom.Said)
		if r.Zoom.Status != 0 {
			e.set("problem.zoom.status", strconv.Itoa(r.Zoom.Status))
		}
	}
}

// oldChanges parses an old entry. A value can have several lines, one of which
// may look like a field. If an entry can be read in two ways, it becomes a
// single change of the field "note".
func oldChanges(action, before, after string) (changes []incident.Change) {
	note := []incident.Change{{Field: "note", Before: before, After: after}}
	old, sure := readOld(action, before)
	next, sureToo := readOld(action, after)
	if !sure || !sureToo {
		return note
	}
	for _, field := range append(old.fields, next.fields...) {
		was, stood := old.values[field]
		is, stands := next.values[field]
		switch action {
		case "account.save", "runbook.update": // only fields that differ, each on both sides
			if stood && stands && was == is || stood != stands && !slices.Contains(oldSecrets, field) && !oneSided(field, old, next) {
				return note
			}
		}
		same := was == is && (was == "" || action == "retention.save" && stood && stands) // nothing to show
		if !same && !slices.ContainsFunc(changes, func(c incident.Change) bool { return c.Field == field }) {
			changes = append(changes, incident.Change{Field: field, Before: was, After: is})
		}
	}
	return changes
}

// oneSided reports whether a field belongs to a variable or step that was added
// or removed.
func oneSided(field string, old, next oldEntry) bool {
	parts := strings.Split(field, ".")
	if len(parts) < 3 {
		return parts[0] == "variables"
	}
	kind := strings.Join(append(parts[:2:2], "kind"), ".")
	return slices.Contains(old.fields, kind) != slices.Contains(next.fields, kind)
}

// readOld parses the lines "field: value" of an old entry. sure is true if
// there is only one way to read them.
func readOld(action, text string) (e oldEntry, sure bool) {
	e.values = map[string]string{}
	if text == "" {
		return e, true
	}
	fields, last := oldFields[action], -1
	for i, line := range strings.Split(text, "\n") {
		if action == "retention.save" {
			rule := oldRule.FindStringSubmatch(line)
			if rule == nil {
				return e, false
			}
			e.set(rule[1]+".keep_days", cmp.Or(rule[2], "0"))
			e.set(rule[1]+".blank_days", cmp.Or(rule[3], "0"))
			continue
		}
		field, value, rank := oldField(fields, line)
		switch {
		case i > 0 && (rank < 0 || len(fields) == 1): // the value continues
			e.values[e.fields[len(e.fields)-1]] += "\n" + line
		case rank <= last:
			return e, false
		case field == "problem": // always last, and on one line
			e.setProblem(readReason(value, "", call{code: unknownCode}))
		default:
			e.set(field, value)
			last = rank
		}
	}
	return e, true
}

// oldField returns the new name of the field that a line may start with, its
// value, and its rank in the order of lines. The rank is -1 if the line starts
// with no field.
func oldField(fields []string, line string) (field, value string, rank int) {
	name, value, _ := strings.Cut(line, ": ")
	form, n, place := name, 0, ""
	if m := oldRow.FindStringSubmatch(name); m != nil {
		n, _ = strconv.Atoi(m[2])
		form = m[1] + " #" + name[len(m[0]):]
		place = m[1] + "s." + strconv.Itoa(n-1)
		name = strings.TrimSpace(name[len(m[0]):])
	}
	rank = slices.Index(fields, form)
	if rank < 0 {
		return "", "", -1
	}
	if strings.HasPrefix(place, "steps") {
		n *= 100
	}
	if name == "duration" {
		name, value = "duration minutes", strings.TrimSuffix(value, " minutes")
	}
	name = strings.ReplaceAll(cmp.Or(oldNames[name], name), " ", "_")
	return strings.Trim(place+"."+name, "."), value, rank + n
}
