package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// notEntered lists fields of the configuration that neither a form nor the file has, and why.
var notEntered = map[string]string{
	"Runbook.ID": "set by the program", "Runbook.Version": "set at each save", "Runbook.CreatedAt": "set at each save", "Runbook.UpdatedAt": "set at each save",
	"Runbook.DisabledAt": "has a button of its own", "Runbook.ArchivedAt": "set by deleting",
	"Step.ID": "set by the program", "Step.Kind": "chosen when the step is added",
	"Account.Secrets": "write-only, tested by name", "Account.WebhookValidatedAt": "set by events from Zoom", "Account.LoggedFailures": "set by events from Zoom",
	"Account.ValidationFailedAt": "set by events from Zoom", "Account.Check": "set by the program", "Account.HostsChangedAt": "set by events from Zoom", "Account.Version": "set at each save", "Account.UpdatedAt": "set at each save",
	"RetentionRule.Family": "the name of the rule", "DrillPlan.SavedAt": "set at each save",
}

// notInForm lists fields that only the file has, and notInAPI those that the API omits.
var (
	notInForm = map[string]string{}
	notInAPI  = map[string]string{
		"Runbook.Description": "for admins", "MeetingTemplate.DurationMinutes": "for admins", "MeetingTemplate.Host": "for admins", "MeetingTemplate.WaitingRoom": "for admins",
		"MeetingTemplate.NobodyMinutes": "for admins", "MeetingTemplate.EmptyMinutes": "for admins", "MeetingTemplate.LongHours": "for admins", "MeetingTemplate.EndEmpty": "for admins", "MeetingTemplate.JoinBeforeHost": "for admins", "MeetingTemplate.AlternativeHosts": "for admins",
	}
)

// entered is a field that an admin enters.
type entered struct {
	field string // its name in Go, such as "MeetingTemplate.Topic"
	path  string // its name in the file and in the audit trail, such as "steps.0.topic"
	value reflect.Value
}

// fieldsOf returns every field of a struct and of the structs inside it.
func fieldsOf(t *testing.T, path string, v reflect.Value) (list []entered) {
	t.Helper()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		field := v.Type().Name() + "." + f.Name
		if notEntered[field] != "" {
			continue
		}
		name, options, _ := strings.Cut(cmp.Or(f.Tag.Get("yaml"), f.Tag.Get("json")), ",")
		if name == "" && !strings.HasPrefix(options, "inline") {
			t.Errorf("%s has no name for the file and the audit trail", field)
		}
		at := strings.Trim(path+"."+name, ".")
		switch v := v.Field(i); {
		case v.Kind() == reflect.Struct && path != "" && v.IsZero(): // another row has it
		case v.Kind() == reflect.Struct:
			list = append(list, fieldsOf(t, at, v)...)
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			for i := range v.Len() {
				list = append(list, fieldsOf(t, fmt.Sprint(at, ".", i), v.Index(i))...)
			}
		default:
			list = append(list, entered{field, at, v})
		}
	}
	return list
}

// inOneRow leaves out fields that are empty in one row and not in another: some kinds of
// steps and conditions don't have them. Every field of the type must be in some row.
func inOneRow(t *testing.T, list []entered, of reflect.Type) []entered {
	t.Helper()
	filled := map[string]bool{}
	for _, e := range list {
		filled[e.field] = filled[e.field] || !e.value.IsZero()
	}
	var want func(reflect.Type)
	want = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			field, below := of.Name()+"."+f.Name, f.Type
			if below.Kind() == reflect.Slice {
				below = below.Elem()
			}
			_, listed := filled[field]
			switch {
			case notEntered[field] != "":
			case below.Kind() == reflect.Struct:
				want(below)
			case !listed:
				t.Errorf("%s has no value to change", field)
			}
		}
	}
	want(of)
	return slices.DeleteFunc(list, func(e entered) bool { return e.value.IsZero() && filled[e.field] })
}

// change gives a field another value.
func (e entered) change(t *testing.T) {
	t.Helper()
	v := e.value
	switch special := map[string]string{
		"Variable.Type": "text", "MeetingTemplate.Recording": "cloud", "MeetingTemplate.Host": "always_backup", "Account.Auth": "jwt",
		"Account.Cluster": "zoomgov.com", "Account.AppID": "AnotherAppIdAAAAAAAAAA", "Variable.Name": "another",
		"Schedule.When": "bridge_ready", "After.Outcome": "either", "Condition.Field": "type", "Condition.Is": "none_of", "Condition.Zone": "Europe/Paris",
		"Variable.Default": "us", "DrillPlan.Schedule": "weekly", "DrillPlan.Runbook": "Another", "StaticLink.URL": "https://meet.example.com/KEY2",
	}[e.field]; {
	case special != "":
		v.SetString(special)
	case e.field == "After.Step":
		v.SetInt(2)
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).String() == "mon":
		v.Set(reflect.Append(v, reflect.ValueOf("wed")))
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(v.Int() + 7)
	case v.Kind() == reflect.String:
		v.SetString(v.String() + " changed")
	case v.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, reflect.ValueOf("another@example.com")))
	default:
		t.Fatalf("%s: change cannot change a %s", e.field, v.Type())
	}
}

// text returns the value as a form sends it, "" for an unchecked box.
func (e entered) text() string {
	switch v := e.value.Interface().(type) {
	case bool:
		return map[bool]string{true: "true"}[v]
	case []string:
		return strings.Join(v, "\n")
	case incident.Values:
		return strings.Join(v, "\n")
	}
	return fmt.Sprint(e.value)
}

// lastChanges returns the fields that the last save changed, according to the audit trail.
func (w *world) lastChanges(t *testing.T) (fields []string) {
	t.Helper()
	page, err := w.store.Audit(t.Context(), db.AuditFilter{}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Items[0].Changes {
		fields = append(fields, c.Field)
	}
	return fields
}

// send changes one field of the form on a page and submits it, as a browser does.
func (p *person) send(page, to, field, text string) error {
	p.t.Helper()
	_, body := p.do("GET", page, nil)
	form, names := formOn(p.t, body, to)
	if !slices.Contains(names, field) {
		return fmt.Errorf("the form on %s has no field %s", page, field)
	}
	if form.Set(field, text); text == "" {
		form.Del(field)
	}
	if strings.Contains(body, `name="op"`) { // a form of several rows
		form.Set("op", "save")
	}
	if status, body := p.do("POST", to, form); status != http.StatusSeeOther {
		return fmt.Errorf("submitting the form on %s with another %s: status %d\n%s", page, field, status, body)
	}
	return nil
}

// formOn returns the values that a browser would send for the form whose action is to,
// and the names of all its fields.
func formOn(t *testing.T, page, to string) (values url.Values, names []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	values = url.Values{}
	for form := range root.Descendants() {
		if form.Data != "form" || attribute(form, "action") != to {
			continue
		}
		for n := range form.Descendants() {
			name, kind := attribute(n, "name"), attribute(n, "type")
			if name == "" || n.Data == "button" {
				continue
			}
			names = append(names, name)
			switch {
			case n.Data == "textarea" && n.FirstChild != nil:
				values.Set(name, n.FirstChild.Data)
			case n.Data == "select":
				for option := range n.Descendants() {
					if hasAttribute(option, "selected") {
						values.Set(name, attribute(option, "value"))
					}
				}
			case n.Data == "input" && (kind != "checkbox" && kind != "radio" || hasAttribute(n, "checked")):
				values.Set(name, attribute(n, "value"))
			}
		}
	}
	return values, names
}

func hasAttribute(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func attribute(n *html.Node, name string) (value string) {
	for _, a := range n.Attr {
		if a.Key == name {
			value = a.Val
		}
	}
	return value
}

// inside returns the value at a path in decoded JSON or YAML, after it has set it to
// the new value, if there is one.
func inside(doc any, path string, set any) (value any) {
	name, rest, more := strings.Cut(path, ".")
	if i, err := strconv.Atoi(name); err == nil {
		list, _ := doc.([]any)
		if i >= len(list) {
			return nil
		}
		return inside(list[i], rest, set)
	}
	object, _ := doc.(map[string]any)
	if more {
		return inside(object[name], rest, set)
	}
	if set != nil {
		object[name] = set
	}
	return object[name]
}

// Every field that admins enter can be changed in the form and in the file, is stored,
// is read back, and is named in the audit trail. The failure names the field that one of
// them forgets.
func TestEveryField(t *testing.T) {
	alone(t)
	for name, secret := range map[string]string{"ZOOM_CLIENT_SECRET": demoClientSecret, "ZOOM_API_SECRET": "api-secret-0123456789", "ZOOM_WEBHOOK_SECRET": demoSecretToken, "ZOOM_WEBHOOK_SECRET_OLD": "CANARY-0123456789-other"} {
		t.Setenv(name, secret)
	}
	dir := t.TempDir()
	w, err := startWorld(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	_, err = w.service.CreateUser(ctx, commandLine, demoEmail, "Ada", incident.Admin, demoPassword)
	must(t, err)
	token, _, err := w.service.CreateToken(ctx, commandLine, "reader", []string{"read"}, 0)
	must(t, err)
	admin := newPerson(t, w.url)
	if !admin.canLogIn(demoEmail, demoPassword) {
		t.Fatal("cannot log in")
	}
	export := func(t *testing.T) (file map[string]any) {
		t.Helper()
		must(t, yaml.Unmarshal([]byte(ok(t, "", "export", "--data-dir", dir)), &file))
		return file
	}
	// apply changes one value in the exported file and applies the file.
	apply := func(t *testing.T, path string, value any) error {
		t.Helper()
		file := export(t)
		inside(file, path, value)
		text, err := yaml.Marshal(file)
		must(t, err)
		if r := command(t, string(text), "apply", "-", "--data-dir", dir); r.code != 0 {
			return errors.New(r.err)
		}
		if inside(export(t), path, nil) == nil && !reflect.ValueOf(value).IsZero() {
			return fmt.Errorf("the export lacks %s", path)
		}
		return nil
	}

	t.Run("runbook", func(t *testing.T) {
		base := func() incident.Runbook {
			return incident.Runbook{
				Name: "Outage", IncidentType: "outage", Description: "First line.\nSecond line.",
				Variables: []incident.Variable{{Name: "region", Label: "Region", Type: "choice", Required: true, Default: "eu", Help: "Where", Choices: []string{"eu", "us"}}},
				Steps: []incident.Step{{Kind: incident.StepCreateMeeting, Name: "War room", ExecuteAutomatically: true, Meeting: incident.MeetingTemplate{
					Topic: "{{ incident.name }}", Agenda: "First line.\nSecond line.", Recording: incident.RecordingLocal, DurationMinutes: 45,
					Host: incident.HostOpener, EmptyMinutes: 15, AlternativeHosts: []string{"ana@example.com"},
				}}, {Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Tell {{ incident.opener.name }}", Schedule: incident.Schedule{
					Wait: 5, Repeat: incident.Repeat{Every: 30, Times: 4}, OnlyIf: incident.Conditions{All: []incident.Condition{
						{Field: "severity", Is: incident.IsOneOf, Value: []string{"SEV1", "SEV2"}},
						{Field: "weekday", Is: incident.IsOneOf, Value: []string{"mon", "tue"}, Zone: "Europe/Oslo"},
					}},
				}}, {Kind: incident.StepEndMeeting, ExecuteAutomatically: true, WithPeople: true, Schedule: incident.Schedule{
					When: incident.TriggerAfter, After: incident.After{Step: 1, Outcome: incident.OutcomeFailed},
				}}, {Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Look again", Schedule: incident.Schedule{
					Repeat: incident.Repeat{OnChange: true, Times: 3}, OnlyIf: incident.Conditions{Any: []incident.Condition{{Field: "severity", Is: incident.IsOneOf, Value: []string{"a, b", "c"}}}},
				}}},
			}
		}
		stored, _, err := w.service.SaveRunbook(ctx, commandLine, base())
		must(t, err)
		read := func(t *testing.T) incident.Runbook {
			t.Helper()
			r, err := w.store.Runbook(ctx, stored.ID)
			must(t, err)
			return r
		}
		fields := func(t *testing.T, r *incident.Runbook) []entered {
			t.Helper()
			return inOneRow(t, fieldsOf(t, "", reflect.ValueOf(r).Elem()), reflect.TypeFor[incident.Runbook]())
		}
		first := base()
		for _, way := range []string{"form", "file"} {
			for i, field := range fields(t, &first) {
				t.Run(way+" "+field.path, func(t *testing.T) {
					again := base()
					again.ID, again.Version = stored.ID, read(t).Version
					_, _, err := w.service.SaveRunbook(ctx, commandLine, again)
					must(t, err)
					want := base()
					e := fields(t, &want)[i]
					e.change(t)
					for i := range want.Steps {
						step := &want.Steps[i]
						switch {
						case !step.ExecuteAutomatically:
							step.Schedule = incident.Schedule{} // only such steps have one
						case step.Schedule.When != incident.TriggerAfter:
							step.Schedule.After = incident.After{}
						}
						if step.Schedule.Repeat.Every == 0 && !step.Schedule.Repeat.OnChange {
							step.Schedule.Repeat.Times = 0
						}
						for j, c := range step.Schedule.OnlyIf.All {
							if c.Field != "weekday" {
								step.Schedule.OnlyIf.All[j].Zone = ""
							}
						}
					}
					if e.field == "Variable.Type" {
						want.Variables[0].Choices = nil // only a choice has choices
					}

					if way == "form" {
						name, text := strings.NewReplacer("steps.", "step.", "variables.", "variable.", "duration_minutes", "duration", "after.step", "after_step", "after.outcome", "after_outcome",
							"only_if.all", "if", "only_if.any", "if", "repeat.on_change", "repeat", "repeat.", "").Replace(e.path), e.text()
						if strings.HasSuffix(text, "\nwed") { // a box for each day
							name, text = name+".2", "wed"
						}
						err = admin.send("/runbooks/"+stored.ID, "/runbooks/"+stored.ID, name, text)
					} else if err = apply(t, "runbooks.0."+e.path, e.value.Interface()); e.path == "name" { // another name means another runbook
						if r, err := w.store.RunbookByName(ctx, want.Name); err == nil {
							_, err = w.service.DeleteRunbook(ctx, commandLine, r.ID)
							must(t, err)
							return
						}
					}

					must(t, err)
					got := read(t)
					if d := gocmp.Diff(want, got, gocmp.FilterPath(isNotEntered, gocmp.Ignore())); d != "" {
						t.Errorf("%s (-want +got)\n%s", e.field, d)
					}
					if changed := w.lastChanges(t); !slices.Contains(changed, e.path) {
						t.Errorf("the audit trail names %q as changed, want %s", changed, e.path)
					}
					_, list := api(t, &server{url: w.url}, token, "GET", "/api/v1/runbooks", nil)
					if shown := inside(list, "items.0."+e.path, nil); notInAPI[e.field] == "" && fmt.Sprint(shown) != fmt.Sprint(e.value) && !(shown == nil && e.value.IsZero()) {
						t.Errorf("the API: %s is %v, want %v", e.path, shown, e.value)
					}
				})
			}
		}
	})

	t.Run("account", func(t *testing.T) {
		secrets := map[incident.SecretName]string{
			incident.ClientSecret: demoClientSecret, incident.APISecret: "api-secret-0123456789", incident.WebhookToken1: demoSecretToken,
		}
		base := func(auth zoom.AuthMethod) incident.Account {
			return incident.Account{
				Auth: auth, ZoomAccountID: demoAccountID, ClientID: demoClientID, APIKey: "key", Cluster: "zoom.us", AppID: demoAppID,
				BackupUsers: []string{demoBackup, "second@example.com"}, StandbyMeetings: 2, StormLimit: 6, StaticLinks: []incident.StaticLink{{Name: "War room", URL: "https://meet.example.com/KEY", Phone: "+47 21", PIN: "CANARY-1"}}, OnCallUsers: []string{"bo@example.com"},
			}
		}
		read := func(t *testing.T) incident.Account {
			t.Helper()
			a, err := w.store.Account(ctx)
			must(t, err)
			return a
		}
		save := func(t *testing.T, a incident.Account) {
			t.Helper()
			_, err := w.service.SaveAccount(ctx, commandLine, incident.AccountForm{
				Auth: string(a.Auth), ZoomAccountID: a.ZoomAccountID, ClientID: a.ClientID, APIKey: a.APIKey, Cluster: a.Cluster, AppID: &a.AppID,
				BackupUsers: a.BackupUsers, StandbyMeetings: &a.StandbyMeetings, StormLimit: &a.StormLimit, StaticLinks: &a.StaticLinks, OnCallUsers: &a.OnCallUsers, Secrets: secrets,
				Remove: []incident.SecretName{incident.WebhookToken2}, Version: read(t).Version,
			})
			must(t, err)
		}
		for _, way := range []string{"form", "file"} {
			for i, field := range fieldsOf(t, "", reflect.ValueOf(base(""))) {
				if way == "form" && notInForm[field.field] != "" {
					continue
				}
				t.Run(way+" "+field.path, func(t *testing.T) {
					auth, page := zoom.ServerToServer, "/account"
					switch field.path {
					case "auth":
						page = "/account?auth=jwt"
					case "api_key":
						auth = zoom.JWT
					}
					save(t, base(auth))
					want := base(auth)
					e := fieldsOf(t, "", reflect.ValueOf(&want).Elem())[i]
					e.change(t)

					if way == "form" && strings.HasPrefix(e.path, "static_links.") {
						err = admin.send(page, "/account/links", e.path, e.text())
					} else if way == "form" && e.path == "on_call_emails" {
						err = admin.send("/preflight", "/preflight/on-call", e.path, e.text())
					} else if way == "form" {
						err = admin.send(page, "/account", e.path, e.text())
					} else {
						err = apply(t, "account."+e.path, e.value.Interface())
					}

					must(t, err)
					if d := gocmp.Diff(want, read(t), gocmp.FilterPath(isNotEntered, gocmp.Ignore())); d != "" {
						t.Errorf("%s (-want +got)\n%s", e.field, d)
					}
					if changed := w.lastChanges(t); !slices.Equal(changed, []string{e.path}) {
						t.Errorf("the audit trail names %q as changed, want %s", changed, e.path)
					}
				})
			}
			for _, name := range incident.SecretNames {
				t.Run(fmt.Sprint(way, " ", name), func(t *testing.T) {
					const typed = "CANARY-0123456789-other"
					want := typed
					auth := zoom.ServerToServer
					if name == incident.APISecret {
						auth = zoom.JWT
					}
					save(t, base(auth))
					switch {
					case way == "form" && name == incident.WebhookToken2: // a replaced token becomes the older one
						want = demoSecretToken
						err = admin.send("/account", "/account", string(incident.WebhookToken1), typed)
					case way == "form":
						err = admin.send("/account", "/account", string(name), typed)
					case name == incident.WebhookToken1:
						err = apply(t, "account.webhook_secret_tokens", []string{typed})
					case name == incident.WebhookToken2:
						err = apply(t, "account.webhook_secret_tokens", []string{demoSecretToken, typed})
					default:
						err = apply(t, "account."+string(name), typed)
					}
					must(t, err)
					if got := read(t).Secrets[name].Value.Reveal(); got != want {
						t.Errorf("%s is not stored", name)
					}
					if changed := w.lastChanges(t); !slices.Contains(changed, string(name)) {
						t.Errorf("the audit trail names %q as changed, want %s", changed, name)
					}
				})
			}
		}
		trail, err := w.store.Audit(ctx, db.AuditFilter{}, "", 200)
		must(t, err)
		if text := fmt.Sprint(trail.Items); strings.Contains(text, "CANARY") || strings.Contains(text, "/KEY") {
			t.Error("the audit trail contains a secret")
		}
	})

	t.Run("drills", func(t *testing.T) {
		base := incident.DrillPlan{Schedule: incident.DrillsDaily, Hour: 3, Runbook: "Production outage"}
		for i, field := range fieldsOf(t, "", reflect.ValueOf(base)) {
			for _, way := range []string{"form", "file"} {
				t.Run(way+" "+field.path, func(t *testing.T) {
					_, err := w.service.SaveDrillPlan(ctx, commandLine, base)
					must(t, err)
					want := base
					e := fieldsOf(t, "", reflect.ValueOf(&want).Elem())[i]
					e.change(t)
					if way == "form" {
						err = admin.send("/drills", "/drills/schedule", e.path, e.text())
					} else {
						err = apply(t, "drills."+e.path, e.value.Interface())
					}
					must(t, err)
					got, err := w.store.DrillPlan(ctx)
					must(t, err)
					if d := gocmp.Diff(want, got, gocmp.FilterPath(isNotEntered, gocmp.Ignore())); d != "" {
						t.Errorf("%s (-want +got)\n%s", e.field, d)
					}
					if changed := w.lastChanges(t); !slices.Equal(changed, []string{e.path}) {
						t.Errorf("the audit trail names %q as changed, want %s", changed, e.path)
					}
				})
			}
		}
	})

	t.Run("retention", func(t *testing.T) {
		base := func() []incident.RetentionRule {
			return []incident.RetentionRule{{KeepDays: 400, BlankDays: 300}, {Family: "participant", KeepDays: 90, BlankDays: 30}}
		}
		for rule, family := range []string{"others", "participant"} {
			for i, field := range fieldsOf(t, "", reflect.ValueOf(base()[rule])) {
				for _, way := range []string{"form", "file"} {
					t.Run(way+" "+family+"."+field.path, func(t *testing.T) {
						_, err := w.service.SaveRetention(ctx, commandLine, base())
						must(t, err)
						want := base()
						e := fieldsOf(t, "", reflect.ValueOf(&want[rule]).Elem())[i]
						e.change(t)
						if way == "form" {
							err = admin.saveRetention(strings.TrimSuffix(e.path, "_days")+"_"+family, e.text())
						} else {
							err = apply(t, fmt.Sprint("retention.", rule, ".", e.path), e.value.Interface())
						}
						must(t, err)
						got, err := w.store.Retention(ctx)
						must(t, err)
						if d := gocmp.Diff(want, got); d != "" {
							t.Errorf("%s (-want +got)\n%s", e.field, d)
						}
						if changed := w.lastChanges(t); !slices.Equal(changed, []string{family + "." + e.path}) {
							t.Errorf("the audit trail names %q as changed, want %s", changed, e.path)
						}
					})
				}
			}
		}
	})
}

// saveRetention changes one number in the rules, previews them and saves them.
func (p *person) saveRetention(field, text string) error {
	p.t.Helper()
	_, page := p.do("GET", "/settings/retention", nil)
	form, names := formOn(p.t, page, "/settings/retention/preview")
	if !slices.Contains(names, field) {
		return fmt.Errorf("the retention form has no field %s", field)
	}
	form.Set(field, text)
	_, page = p.do("POST", "/settings/retention/preview", form)
	form, _ = formOn(p.t, page, "/settings/retention/preview")
	if status, body := p.do("POST", "/settings/retention", form); status != http.StatusSeeOther {
		return fmt.Errorf("saving the rules: status %d\n%s", status, body)
	}
	return nil
}

// isNotEntered ignores fields that nobody enters.
func isNotEntered(p gocmp.Path) bool {
	for i, step := range p {
		if f, ok := step.(gocmp.StructField); ok && notEntered[p[i-1].Type().Name()+"."+f.Name()] != "" {
			return true
		}
	}
	return false
}
