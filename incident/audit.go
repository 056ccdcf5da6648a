package incident

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AuditAction says what was done. Actions are stored, so the meaning of an action
// must never change. The comment of each action names the target of its entries,
// if they have one.
type AuditAction string

const (
	AuditAccountSave       AuditAction = "account.save"
	AuditHostFix           AuditAction = "host.fix"             // email
	AuditRunbookCreate     AuditAction = "runbook.create"       // name
	AuditRunbookUpdate     AuditAction = "runbook.update"       // name
	AuditRunbookBringBack  AuditAction = "runbook.bring_back"   // name
	AuditRunbookEnable     AuditAction = "runbook.enable"       // name
	AuditRunbookDisable    AuditAction = "runbook.disable"      // name
	AuditRunbookDelete     AuditAction = "runbook.delete"       // name
	AuditIncidentOpen      AuditAction = "incident.open"        // name
	AuditIncidentResolved  AuditAction = "incident.resolved"    // key
	AuditIncidentReopened  AuditAction = "incident.reopened"    // key
	AuditIncidentEdit      AuditAction = "incident.edit"        // key
	AuditIncidentNote      AuditAction = "incident.note"        // key
	AuditStepRun           AuditAction = "step.run"             // key of the incident
	AuditStepTick          AuditAction = "step.tick"            // key of the incident
	AuditBridgeUseLink     AuditAction = "bridge.use_link"      // key of the incident
	AuditBridgeMove        AuditAction = "bridge.move"          // key of the incident
	AuditBridgeAgain       AuditAction = "bridge.again"         // key of the incident
	AuditBridgeEnd         AuditAction = "bridge.end"           // key of the incident
	AuditBridgeFix         AuditAction = "bridge.fix"           // key of the incident
	AuditBridgeStart       AuditAction = "bridge.start"         // key of the incident
	AuditEventReprocess    AuditAction = "event.reprocess"      // type of the event
	AuditRetentionSave     AuditAction = "retention.save"       //
	AuditDrillRun          AuditAction = "drill.run"            // name of the runbook
	AuditDrillPlan         AuditAction = "drill.plan"           //
	AuditPendingDiscard    AuditAction = "pending.discard"      // name
	AuditSweepRun          AuditAction = "sweep.run"            //
	AuditGapsFind          AuditAction = "gaps.find"            //
	AuditTokenCreate       AuditAction = "token.create"         // name
	AuditTokenRevoke       AuditAction = "token.revoke"         // name
	AuditUserFirstAdmin    AuditAction = "user.first_admin"     // email
	AuditUserCreate        AuditAction = "user.create"          // email
	AuditUserInvite        AuditAction = "user.invite"          // email
	AuditUserLink          AuditAction = "user.link"            // email
	AuditUserJoin          AuditAction = "user.join"            // email
	AuditUserSetRole       AuditAction = "user.set_role"        // email
	AuditUserSetName       AuditAction = "user.set_name"        // email
	AuditUserEnable        AuditAction = "user.enable"          // email
	AuditUserDisable       AuditAction = "user.disable"         // email
	AuditUserResetPassword AuditAction = "user.reset_password"  // email
	AuditUserPassword      AuditAction = "user.change_password" // email
	AuditUserEndSessions   AuditAction = "user.end_sessions"    // email
)

// AuditEntry says who changed what. It contains no secret.
type AuditEntry struct {
	ID        string // UUIDv7, so it sorts by time
	At        time.Time
	ActorKind ActorKind
	Actor     string
	Action    AuditAction
	Target    string // such as "Production outage"; "" if the action has only one possible target
	Changes   []Change
	Address   string
}

// Change is one changed field with its old and new value.
type Change struct {
	Field  string `json:"field"` // "steps.0.topic"
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// The values of After for a change of a secret. The secret itself is never in a
// Change.
const (
	SecretReplaced = "replaced"
	SecretRemoved  = "removed"
)

func (s *Service) audit(actor Actor, action AuditAction, target string, changes ...Change) AuditEntry {
	return AuditEntry{
		ID: newID(), At: s.now(), ActorKind: actor.Kind, Actor: actor.Email, Address: actor.Address,
		Action: action, Target: target, Changes: changes,
	}
}

// changesOf returns every exported field that differs between two values of the
// same type; nil stands for a value that does not exist. Fields have their names
// in JSON or YAML. Fields named "-" there are left out, because nobody enters
// them or they are secret.
func changesOf(before, after any) (changes []Change) {
	old, next := leaves("", "", reflect.ValueOf(before)), leaves("", "", reflect.ValueOf(after))
	at := func(list []leaf, field string) (l leaf) {
		if i := slices.IndexFunc(list, func(l leaf) bool { return l.field == field }); i >= 0 {
			l = list[i]
		}
		return l
	}
	for _, l := range next {
		if was := at(old, l.field); !reflect.DeepEqual(was.value, l.value) {
			changes = append(changes, Change{Field: l.field, Before: was.text, After: l.text})
		}
	}
	for _, l := range old {
		if at(next, l.field).field == "" {
			changes = append(changes, Change{Field: l.field, Before: l.text})
		}
	}
	return changes
}

// leaf is a field with a value.
type leaf struct {
	field string // "steps.0.topic"
	text  string // the value as the audit trail shows it
	value any
}

// leaves returns the leaves of a value. shown is the tag audit of its field. Of a
// "link" the audit trail shows only the host and a short hash, because the rest
// may give access, and of a "secret" nothing.
func leaves(field, shown string, v reflect.Value) (list []leaf) {
	below := func(name, shown string, v reflect.Value) {
		list = append(list, leaves(strings.Trim(field+"."+name, "."), shown, v)...)
	}
	l := leaf{field: field}
	switch kind := v.Kind(); {
	case kind == reflect.Invalid:
		return nil
	case kind == reflect.Pointer:
		return leaves(field, shown, v.Elem())
	case kind == reflect.Struct && slices.ContainsFunc(reflect.VisibleFields(v.Type()), reflect.StructField.IsExported):
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, options, _ := strings.Cut(cmp.Or(f.Tag.Get("json"), f.Tag.Get("yaml"), f.Name), ",")
			if strings.HasPrefix(f.Tag.Get("yaml"), ",inline") { // its fields have no name in between for people
				name = ""
			}
			left := strings.HasPrefix(options, "omit") && v.Field(i).IsZero()
			if f.IsExported() && name != "-" && !left {
				below(name, f.Tag.Get("audit"), v.Field(i))
			}
		}
		return list
	case kind == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			below(key.String(), "", v.MapIndex(key))
		}
		return list
	case kind == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			below(strconv.Itoa(i), "", v.Index(i))
		}
		return list
	case kind == reflect.Slice:
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = fmt.Sprint(v.Index(i))
		}
		l.text = strings.Join(texts, ", ")
	case kind == reflect.Struct && v.IsZero():
	case v.Type() == reflect.TypeFor[time.Time]():
		l.text = v.Interface().(time.Time).UTC().Format(time.RFC3339)
	case shown == "link" && v.String() != "":
		sum := sha256.Sum256([]byte(v.String()))
		var host string
		if u, err := url.Parse(v.String()); err == nil {
			host = u.Host
		}
		l.text = fmt.Sprintf("%s (%x)", host, sum[:4])
	case shown == "secret" && v.String() != "":
		l.text = "•••"
	default:
		l.text = fmt.Sprint(v)
	}
	if l.value = v.Interface(); l.text != "" {
		list = []leaf{l}
	}
	return list
}
