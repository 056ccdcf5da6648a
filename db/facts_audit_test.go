package db_test

import (
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Old entries of the audit trail are parsed if there is only one way to do
// that. Of the others nothing is lost.
func TestConvertAudit(t *testing.T) {
	t.Parallel()
	changes := func(list ...string) (changes []incident.Change) { // field, before, after
		for i := 0; i < len(list); i += 3 {
			changes = append(changes, incident.Change{Field: list[i], Before: list[i+1], After: list[i+2]})
		}
		return changes
	}
	// By action and by the first line of before and after.
	want := map[string][]incident.Change{
		"user.first_admin||role: admin":                        changes("role", "", "admin"),
		"user.set_name|name: Bob|name: Bob":                    changes("name", "Bob", "Bob\nrole: admin"),
		"user.set_role|role: viewer|role: responder":           changes("role", "viewer", "responder"),
		"account.save||webhook_secret_token_2: replaced":       changes("webhook_secret_token_2", "", "replaced"),
		"account.save|app_id: |app_id: nqSreNVsQ2eGzUMGnA8AHA": changes("app_id", "", "nqSreNVsQ2eGzUMGnA8AHA"),
		"account.save|client_id: cid|client_id: cid":           changes("note", "client_id: cid\napi_key: forged\nclient_secret: removed", "client_id: cid"),
		"runbook.disable||disabled: yes":                       changes("disabled", "", "yes"),
		"runbook.create||name: Template 2": changes("name", "", "Template 2", "steps.0.kind", "", "create_meeting", "steps.0.execute_automatically", "", "true",
			"steps.0.topic", "", "{{ incident.key }}", "steps.0.agenda", "", "{{ incident.started_at | date: incident.description }}", "steps.0.recording", "", "cloud",
			"steps.0.duration_minutes", "", "60", "steps.0.host", "", "opener_with_backup", "steps.0.waiting_room", "", "false", "steps.0.join_before_host", "", "true"),
		"incident.open||runbook: Outage": changes("note", "", "runbook: Outage\nname: “forged”\nseverity: SEV1\nrunbook: forged"),
		"incident.open||runbook: Waits":  changes("runbook", "", "Waits", "severity", "", "SEV2"),
		"retention.save|others: keep 400 days, blank after 90 days|others: keep for ever, never blank": changes(
			"others.keep_days", "400", "0", "others.blank_days", "90", "0", "user.keep_days", "", "500", "user.blank_days", "", "0"),
		"gaps.find||deliveries compared: 11": changes("deliveries", "", "11", "recovered", "", "1", "lost", "", "0"),
		"gaps.find||deliveries compared: 0": changes("deliveries", "", "0", "recovered", "", "0", "lost", "", "0",
			"problem.code", "", "zoom", "problem.zoom.code", "", "no_app_id"),
		"token.create||scopes: read": changes("scopes", "", "read"),
	}
	old := map[string]map[string]any{}
	tokens := map[any]any{}
	for _, r := range dbtest.Version8Rows(t) {
		switch r.Table {
		case "audit_entries":
			old[r.Row["id"].(string)] = r.Row
		case "api_tokens":
			tokens[r.Row["id"]] = r.Row["name"]
		}
	}
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, dbtest.Version8(t, cfg))
		seen, entries := map[string]bool{}, 0
		for cursor := ""; ; {
			page, err := s.Audit(t.Context(), db.AuditFilter{}, cursor, 200)
			check(t, err)
			for _, e := range page.Items {
				entries++
				was := old[e.ID]
				before, after := was["before"].(string), was["after"].(string)
				head := func(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }
				key := string(e.Action) + "|" + head(before) + "|" + head(after)
				if changes, ok := want[key]; ok && !seen[key] {
					same(t, e.Changes, changes)
					seen[key] = true
				}
				if len(e.Changes) == 0 && before+after != "" {
					t.Errorf("%s: nothing is left of %q and %q", e.Action, before, after)
				}
				target := was["target"]
				switch e.Action {
				case incident.AuditTokenRevoke:
					target = tokens[target]
				case incident.AuditAccountSave, incident.AuditRetentionSave, incident.AuditGapsFind:
					target = ""
				default: // as it was
				}
				if e.Target != target {
					t.Errorf("%s of %q, want %q", e.Action, e.Target, target)
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if entries != len(old) {
			t.Errorf("%d entries of %d", entries, len(old))
		}
		for form := range want {
			if !seen[form] {
				t.Errorf("no entry begins with %q", form)
			}
		}
	})
}
