package template_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // makes the test of the filter tz independent of the machine's zone files

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident/template"
)

// names and data resemble those of an incident.
var names = template.Names{
	Known: []string{
		"vars.customer", "vars.zone", "vars.customer_tier",
		"incident.name", "incident.number", "incident.key", "incident.severity", "incident.type", "incident.description",
		"incident.opener.name", "incident.opener.email", "incident.started_at", "runbook.name",
		"incident.custom_fields.customer.value", "incident.custom_fields.customer-tier.value",
	},
	Instead: map[string]string{"incident.priority": "incident.severity", "incident.opener": "incident.opener.name", "incident": "incident.name"},
}

func data(changes ...any) map[string]any {
	d := map[string]any{
		"incident.name": "Checkout is slow", "incident.number": 42, "incident.key": "INC-42", "incident.severity": "SEV2", "incident.type": "outage",
		"incident.description": "Payments take longer than ten seconds since the last release.",
		"incident.opener.name": "Ada Berg", "incident.opener.email": "ada@example.com",
		"incident.started_at": time.Date(2026, time.March, 14, 10, 26, 53, 0, time.FixedZone("", 3600)), "runbook.name": "Production outage",
		"vars.customer": "Acme", "vars.zone": "Europe/Oslo", "vars.customer_tier": "gold",
		"incident.custom_fields.customer.value": "Acme", "incident.custom_fields.customer-tier.value": "gold",
	}
	for i := 0; i < len(changes); i += 2 {
		d[changes[i].(string)] = changes[i+1]
	}
	return d
}

func mustParse(t testing.TB, src string) *template.Template {
	t.Helper()
	tpl, err := template.Parse(src, names)
	if err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	return tpl
}

func TestTemplateRefused(t *testing.T) {
	wide := strings.Repeat("{% if true %}", 6) + strings.Repeat("{% endif %}", 6)
	tests := []struct {
		name, src              string
		wantLine, wantColumn   int
		wantCode               template.Code
		wantMessage, wantMeant string
	}{
		{"T-01 for", "{% for i in (1..1000000000) %}{% endfor %}", 1, 4, template.UnknownTag, `The tag "for" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 tablerow", "{% tablerow i in (1..9) %}{% endtablerow %}", 1, 4, template.UnknownTag, `The tag "tablerow" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 cycle", "a\n {% cycle 'a', 'b' %}", 2, 5, template.UnknownTag, `The tag "cycle" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 capture", "{%- capture x -%}{%- endcapture -%}", 1, 5, template.UnknownTag, `The tag "capture" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 assign", "{% assign x = incident.name %}", 1, 4, template.UnknownTag, `The tag "assign" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 include", "{% include '/etc/passwd' %}", 1, 4, template.UnknownTag, `The tag "include" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 render", "{% render 'x' %}", 1, 4, template.UnknownTag, `The tag "render" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 increment", "{% increment x %}", 1, 4, template.UnknownTag, `The tag "increment" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 comment", "{% comment %}{% endcomment %}", 1, 4, template.UnknownTag, `The tag "comment" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 raw", "{% raw %}{{ x }}{% endraw %}", 1, 4, template.UnknownTag, `The tag "raw" isn’t allowed. Templates use if, unless and case.`, ""},
		{"T-01 range", "{% if (1..9000000) contains 3 %}{% endif %}", 1, 9, template.Range, "Ranges aren’t allowed.", ""},
		{"T-01 assign inside an expression", "{{ %assign x = 1 }}", 1, 1, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"T-01 loop inside an expression", "{{ %loop x in y }}", 1, 1, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"T-02 long source", strings.Repeat("x", 4097), 1, 1, template.TooLong, "The template is 4097 bytes long; at most 4096 are allowed.", ""},
		{"T-02 5,000 filters", "{{ incident.name" + strings.Repeat(" | upcase", 5000) + " }}", 1, 1, template.TooLong, "The template is 45019 bytes long; at most 4096 are allowed.", ""},
		{"T-02 21 filters", "{{ incident.name" + strings.Repeat("|upcase", 21) + " }}", 1, 158, template.TooManyFilters, "A template may use at most 20 filters.", ""},
		{"T-02 depth", wide, 1, 66, template.TooDeep, "Blocks may be nested at most 5 deep.", ""},
		{"T-02 unclosed output", "æøå {{ incident.name", 1, 5, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"T-02 output closed with one brace", "{{ incident.name } {{ incident.key }}", 1, 1, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"T-02 output runs into a tag", "{{ incident.name {% if true %}{% endif %}", 1, 1, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"T-02 unclosed tag", "ok\n\n  {% if true", 3, 3, template.NotClosed, `"{%" isn’t closed: add "%}".`, ""},
		{"T-02 tag closed with one brace", "{% if true }x{% endif %}", 1, 1, template.NotClosed, `"{%" isn’t closed: add "%}".`, ""},
		{"T-02 unclosed block", "x{% if true %}y", 1, 2, template.NotClosed, `"if" isn’t closed: add "{% endif %}".`, ""},
		{"T-02 invalid UTF-8", "\xff", 1, 1, template.NotUTF8, "The template isn’t valid UTF-8 text.", ""},
		{"output on two lines", "{{ incident.name\n| upcase }}", 1, 1, template.SeveralLines, "Everything between {{ and }} must be on one line.", ""},
		{"empty output", "a {{ }}", 1, 3, template.Empty, `There is nothing between "{{" and "}}".`, ""},
		{"empty output before another", "{{}} {{ incident.name }}", 1, 1, template.NotClosed, `"{{" isn’t closed: add "}}".`, ""},
		{"empty tag", "{%  %}", 1, 1, template.Empty, `There is nothing between "{%" and "%}".`, ""},
		{"colon after a tag name", "{% if: true %}", 1, 1, template.Syntax, `"{% if: true %}" can’t be read.`, ""},
		{"misspelled variable", "A {{ incident.nmae }}", 1, 6, template.UnknownVariable, `There is no variable "incident.nmae".`, "incident.name"},
		{"misspelled variable after wide text", "🚨🚨 {{ incident.severty }}", 1, 7, template.UnknownVariable, `There is no variable "incident.severty".`, "incident.severity"},
		{"second line", "x\n{{ incident.descripton | upcase }}", 2, 4, template.UnknownVariable, `There is no variable "incident.descripton".`, "incident.description"},
		{"variable of the runbook without vars", "{{ customer }}", 1, 4, template.UnknownVariable, `There is no variable "customer".`, "vars.customer"},
		{"incident's variable without incident", "{{ severity }}", 1, 4, template.UnknownVariable, `There is no variable "severity".`, "incident.severity"},
		{"misspelled variable of the runbook", "{{ vars.custmoer }}", 1, 4, template.UnknownVariable, `There is no variable "vars.custmoer".`, "vars.customer"},
		{"misspelled slug", "{{ incident.custom_fields.cusomer.value }}", 1, 4, template.UnknownVariable, `There is no variable "incident.custom_fields.cusomer.value".`, "incident.custom_fields.customer.value"},
		{"variable group", "{{ incident.opener }}", 1, 4, template.UnknownVariable, `There is no variable "incident.opener".`, "incident.opener.name"},
		{"whole incident", "{{ incident }}", 1, 4, template.UnknownVariable, `There is no variable "incident".`, "incident.name"},
		{"variable of the hosted tool that has no equivalent", "{{ incident.priority }}", 1, 4, template.UnknownVariable, `There is no variable "incident.priority".`, "incident.severity"},
		{"no similar name", "{{ incident.retro_exports }}", 1, 4, template.UnknownVariable, `There is no variable "incident.retro_exports".`, ""},
		{"T-06 env", "{{ env.HOME }}", 1, 4, template.UnknownVariable, `There is no variable "env.HOME".`, ""},
		{"T-06 method", "{{ incident.name.String }}", 1, 4, template.UnknownVariable, `There is no variable "incident.name.String".`, ""},
		{"T-06 field of a filter's result", `{{ (incident.started_at | tz: "Europe/Oslo").Unix }}`, 1, 45, template.Unexpected, `"." isn’t allowed here.`, ""},
		{"T-06 index", `{{ incident["name"] }}`, 1, 12, template.Unexpected, `"[" isn’t allowed here.`, ""},
		{"size as a property", "{{ incident.name.size }}", 1, 4, template.UnknownVariable, `There is no variable "incident.name.size".`, ""},
		{"misspelled filter", "{{ incident.name | upcas }}", 1, 20, template.UnknownFilter, `There is no filter "upcas".`, "upcase"},
		{"filter that is not allowed", "{{ incident.name | json }}", 1, 20, template.UnknownFilter, `There is no filter "json".`, ""},
		{"filter without the bar", "{{ incident.name upcase }}", 1, 18, template.UnknownVariable, `There is no variable "upcase".`, "| upcase"},
		{"missing argument", "{{ incident.name | default }}", 1, 20, template.MissingArgument, `The filter "default" needs an argument after a colon.`, ""},
		{"too many arguments", `{{ incident.name | replace: "a" }}`, 1, 20, template.WrongArguments, `The filter "replace" takes 2 arguments, not 1.`, ""},
		{"unneeded argument", `{{ incident.name | upcase: 1 }}`, 1, 20, template.WrongArguments, `The filter "upcase" takes no arguments, not 1.`, ""},
		{"named argument", `{{ incident.name | default: "x", allow_false: true }}`, 1, 34, template.NamedArgument, `"allow_false:": filters take no named arguments.`, ""},
		{"unknown zone", `{{ incident.started_at | tz: "Oslo" }}`, 1, 30, template.UnknownZone, `There is no time zone "Oslo". Time zones have names like "Europe/Oslo".`, `"Europe/Oslo"`},
		{"zone in lower case", `{{ incident.started_at | tz: 'america/new york' }}`, 1, 30, template.UnknownZone, `There is no time zone "america/new york". Time zones have names like "Europe/Oslo".`, `"America/New_York"`},
		{"zone that is a path", `{{ incident.started_at | tz: "../../etc/passwd" }}`, 1, 30, template.UnknownZone, `There is no time zone "../../etc/passwd". Time zones have names like "Europe/Oslo".`, ""},
		{"zone of the machine", `{{ incident.started_at | tz: "Local" }}`, 1, 30, template.UnknownZone, `There is no time zone "Local". Time zones have names like "Europe/Oslo".`, ""},
		{"date width", `{{ incident.started_at | date: "%9999999Y" }}`, 1, 32, template.UnknownDateFormat, `The date format has an unknown part "%9".`, `"%Y-%m-%d %H:%M"`},
		{"incomplete date directive", `{{ incident.started_at | date: "%H:%" }}`, 1, 32, template.UnknownDateFormat, `The date format has an unknown part "%".`, `"%Y-%m-%d %H:%M"`},
		{"single equals sign", `{% if incident.severity = "SEV1" %}{% endif %}`, 1, 25, template.Unexpected, `"=" isn’t allowed here.`, "=="},
		{"ampersands", `{% if true && true %}{% endif %}`, 1, 12, template.Unexpected, `"&" isn’t allowed here.`, "and"},
		{"two bars", `{% if true || false %}{% endif %}`, 1, 12, template.Unexpected, `"||" isn’t allowed here.`, "or"},
		{"typographic quotes", "{{ incident.name | default: “none” }}", 1, 29, template.Unexpected, `"“" isn’t allowed here.`, `"`},
		{"unclosed quote", `{{ incident.name | default: "none }}`, 1, 29, template.TextNotClosed, "This text has no closing quotation mark.", ""},
		{"closing braces in a text", `{{ incident.name | default: "}}" }}`, 1, 29, template.TextNotClosed, "This text has no closing quotation mark.", ""},
		{"filter inside a comparison", `{% if incident.name | size > 3 %}{% endif %}`, 1, 7, template.FilterInComparison, "A comparison can’t contain a filter.", ""},
		{"nothing after the bar", "{{ incident.name | }}", 1, 4, template.Syntax, `"incident.name |" can’t be read.`, ""},
		{"two values", "{{ incident.name incident.key }}", 1, 4, template.Syntax, `"incident.name incident.key" can’t be read.`, ""},
		{"number too long", "{{ 99999999999999999999 }}", 1, 4, template.NumberTooLong, "This number is too long: at most 15 characters are allowed.", ""},
		{"elseif", "{% if true %}{% elseif false %}{% endif %}", 1, 17, template.UnknownTag, `The tag "elseif" isn’t allowed. Templates use if, unless and case.`, "elsif"},
		{"else if", "{% if true %}{% else if false %}{% endif %}", 1, 22, template.TextAfterTag, `Nothing may come after "else".`, "elsif"},
		{"two elses", "{% if true %}{% else %}{% else %}{% endif %}", 1, 27, template.AfterElse, `"else" can’t come after the else of its block.`, ""},
		{"elsif in unless", "{% unless true %}{% elsif true %}{% endunless %}", 1, 21, template.WrongBlock, `"elsif" doesn’t belong in the block "unless".`, ""},
		{"when in if", "{% if true %}{% when 1 %}{% endif %}", 1, 17, template.WrongBlock, `"when" doesn’t belong in the block "if".`, ""},
		{"else outside", "{% else %}", 1, 1, template.NoOpenBlock, `There is no open block for the tag "else".`, ""},
		{"end outside", "{% endif %}", 1, 1, template.NoOpenBlock, `There is no open block for the tag "endif".`, ""},
		{"wrong end", "{% if true %}{% endunless %}", 1, 17, template.WrongEnd, `"endunless" doesn’t end the open block "if".`, "endif"},
		{"misspelled end", "{% if true %}{% edif %}{% endif %}", 1, 17, template.UnknownTag, `The tag "edif" isn’t allowed. Templates use if, unless and case.`, "endif"},
		{"if without a condition", "{% if %}{% endif %}", 1, 4, template.MissingCondition, `The tag "if" needs a condition.`, ""},
		{"when without a value", "{% case incident.type %}{% when %}{% endcase %}", 1, 28, template.MissingCondition, `The tag "when" needs a condition.`, ""},
		{"empty", "{% if incident.name == empty %}{% endif %}", 1, 24, template.UnknownVariable, `There is no variable "empty".`, `""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := template.Parse(tt.src, names)
			if err == nil || tpl != nil {
				t.Fatalf("Parse accepted %q", tt.src)
			}
			var errs template.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("error is a %T", err)
			}
			got := errs[0]
			if got.Line != tt.wantLine || got.Column != tt.wantColumn || got.Code != tt.wantCode || got.Message() != tt.wantMessage || got.Suggestion != tt.wantMeant {
				t.Errorf("got %+v, want line %d, column %d, %s, %q, suggestion %q", got, tt.wantLine, tt.wantColumn, tt.wantCode, tt.wantMessage, tt.wantMeant)
			}
			// The errors read the same after they were stored as JSON.
			var stored template.Errors
			if text, err := json.Marshal(errs); err != nil || json.Unmarshal(text, &stored) != nil || stored.Error() != errs.Error() {
				t.Errorf("stored as %s: %v, want %v", text, stored, errs)
			}
		})
	}
}

func TestTemplateReportsEverythingInOrder(t *testing.T) {
	_, err := template.Parse("{% if true %}\n{{ incident.nam }} {{ incident.key | upcas }}", names)
	want := "Line 1, column 1: \"if\" isn’t closed: add \"{% endif %}\". " +
		"Line 2, column 4: There is no variable \"incident.nam\". Did you mean incident.name? " +
		"Line 2, column 38: There is no filter \"upcas\". Did you mean upcase?"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestTemplateRender(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"plain text", "War room", "War room"},
		{"template of the README", "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})", "SEV2 Checkout is slow (Acme)"},
		{"names of any depth", "{{runbook.name}} {{incident.opener.name}} {{incident.number}} {{incident.custom_fields.customer.value}} {{incident.custom_fields.customer-tier.value}} {{vars.customer}}",
			"Production outage Ada Berg 42 Acme gold Acme"},
		{"if", `{% if incident.severity == "SEV1" %}a{% elsif incident.severity == "SEV2" and vars.customer contains "cm" %}b{% else %}c{% endif %}`, "b"},
		{"unless", `{% unless vars.customer == "" %}a{% else %}b{% endunless %}`, "a"},
		{"case", `{% case incident.type %}{% when "leak", "theft" %}a{% when "outage" or "slow" %}b{% else %}c{% endcase %}`, "b"},
		{"number", "{% if incident.number > 41 %}a{% endif %}", "a"},
		{"whitespace", "a {%- if true -%} b {%- endif -%} c", "abc"},
		{"braces as text", "{ } }} %}", "{ } }} %}"},
		{"default", `{{ "" | default: "none" }}{{ nil | default: 3 }}{{ false | default: vars.customer }}{{ incident.key | default: "x" }}`, "none3AcmeINC-42"},
		{"case filters", `{{ "åSE" | upcase }} {{ "ÅSE" | downcase }} {{ "åSE i byen" | capitalize }}`, "ÅSE åse Åse i byen"},
		{"strip", `[{{ "  a b " | strip }}]`, "[a b]"},
		{"replace", `{{ "a-b-c" | replace: "-", "+" }} {{ "a-b" | remove: "-" }} {{ "ab" | replace: "", "x" }}`, "a+b+c ab ab"},
		{"append", `{{ 4 | append: "2" | prepend: "INC-" }}`, "INC-42"},
		{"truncate", `{{ "blåbærsyltetøy" | truncate: 6 }} {{ "blåbærsyltetøy" | truncate: 6, "…" }} {{ "abc" | truncate: 3 }} {{ "abcd" | truncate: 2 }}{{ "abcd" | truncate: -1 }}`, "blå... blåbæ… abc .."},
		{"size", `{{ "blåbær" | size }} {{ "a,b" | split: "," | size }}`, "6 2"},
		{"lists", `{{ "a, b, c" | split: ", " | first }}{{ "a, b, c" | split: ", " | last }} {{ "a,b" | split: "," | join: " + " }} {{ "a,b" | split: "," }} {{ "x" | first }}`, "ac a + b ab x"},
		{"sums", `{{ 1 | plus: 2 }} {{ "5" | minus: 7 }} {{ 1.5 | plus: 1 }} {{ "many" | plus: 1 }}`, "3 -2 2.5 1"},
		{"time in UTC", "{{ incident.started_at }}", "2026-03-14 09:26:53 UTC"},
		{"tz", `{{ incident.started_at | tz: "Europe/Oslo" }}`, "2026-03-14 10:26:53 CET"},
		{"tz by a variable", `{{ incident.started_at | tz: vars.zone | date: "%H:%M %Z" }}`, "10:26 CET"},
		{"tz then date", `{{ incident.started_at | tz: "America/New_York" | date: "%a %-d %b %Y, %I:%M %p, 100%%" }}`, "Sat 14 Mar 2026, 05:26 AM, 100%"},
		{"tz twice", `{{ incident.started_at | tz: "Asia/Tokyo" | tz: "UTC" }}`, "2026-03-14 09:26:53 UTC"},
		{"every date directive", `{{ "2026-03-04T05:06:07+02:00" | date: "%Y %y %m %-m %B %b %h %d %-d %e %j %A %a %H %-H %I %-I %M %-M %S %p %P %z %F %T %R %D %s" }}`,
			"2026 26 03 3 March Mar Mar 04 4  4 063 Wednesday Wed 05 5 05 5 06 6 07 AM am +0200 2026-03-04 05:06:07 05:06 03/04/26 1772593567"},
		{"hours subtracted manually", `{{ incident.started_at | date: "%s" | minus: 28800 | date: "%H:%M" }}`, "01:26"},
		{"date without a time", `{{ "2026-12-24" | date: "%d.%m.%Y" }}`, "24.12.2026"},
		{"filters of a value that is not a time", `{{ vars.customer | date: "%Y" }}{{ vars.customer | tz: "UTC" }}`, "AcmeAcme"},
		{"one name in brackets", `{% if (incident.key == "INC-42") %}a{% endif %}`, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := mustParse(t, tt.src).Render(data(), 2000)
			if err != nil || cut || got != tt.want {
				t.Errorf("Render = %q, %v, %v; want %q", got, cut, err, tt.want)
			}
		})
	}
}

func TestTemplateCut(t *testing.T) {
	tests := []struct {
		name, text string
		max        int
		want       string
		wantCut    bool
	}{
		{"T-03 fits", strings.Repeat("å", 200), 200, strings.Repeat("å", 200), false},
		{"T-03 one character over the limit", strings.Repeat("å", 201), 200, strings.Repeat("å", 200), true},
		{"T-03 emoji", strings.Repeat("🚨", 300), 200, strings.Repeat("🚨", 200), true},
		{"T-03 limit 0", "a", 0, "", true},
		{"T-03 empty", "", 0, "", false},
		{"control characters", "a\x00b\x1b[31mc\r\nd\te\u0085\x7f", 200, "ab[31mc\nd\te", false},
		{"control characters do not count", "abc\x00\x00", 3, "abc", false},
		{"invalid UTF-8", "a\xff\xfeb", 200, "a\uFFFDb", false},
	}
	tpl := mustParse(t, "{{ incident.name }}")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := tpl.Render(map[string]any{"incident.name": tt.text}, tt.max)
			if err != nil || got != tt.want || cut != tt.wantCut {
				t.Errorf("Render = %q, %v, %v; want %q, %v", got, cut, err, tt.want, tt.wantCut)
			}
		})
	}
}

func TestTemplateThatFails(t *testing.T) {
	tests := []struct {
		name, src string
		want      template.Error
		wantErr   string
	}{
		{"T-04 zone from a variable", "\n{{ incident.started_at | tz: vars.customer }}",
			template.Error{Code: template.BadArgument, Line: 2, Name: "tz"}, `Line 2: The filter "tz" can’t use the value it was given.`},
		{"T-04 format from a variable", "{{ incident.started_at | date: incident.description }}",
			template.Error{Code: template.BadArgument, Line: 1, Name: "date"}, `Line 1: The filter "date" can’t use the value it was given.`},
		{"T-04 inside a block", "{% if true %}\n\n{{ incident.key }}{{ incident.started_at | tz: vars.customer }}{% endif %}",
			template.Error{Code: template.BadArgument, Line: 3, Name: "tz"}, `Line 3: The filter "tz" can’t use the value it was given.`},
	}
	d := data("incident.description", "100%")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := mustParse(t, tt.src).Render(d, 200)
			if diff := cmp.Diff(error(template.Errors{tt.want}), err); diff != "" || got != "" || cut {
				t.Errorf("Render = %q, %v, (-want +got)\n%s", got, cut, diff)
			}
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
		})
	}
	t.Run("T-04 a missing variable is empty", func(t *testing.T) {
		got, _, err := mustParse(t, "[{{ vars.customer }}{{ incident.started_at }}]").Render(nil, 200)
		if err != nil || got != "[]" {
			t.Errorf("Render = %q, %v; want []", got, err)
		}
	})
	t.Run("T-04 wrong types", func(t *testing.T) {
		const src = `{% if incident.number > "a" or incident.name contains 3 or incident.number contains "4" or nil < 1 %}x{% endif %}{{ true | append: nil | plus: false | truncate: "x" }}`
		if _, _, err := mustParse(t, src).Render(data(), 200); err != nil {
			t.Errorf("Render: %v", err)
		}
	})
}

func TestTemplateDataStaysData(t *testing.T) {
	const hostile = `{{ secrets }}{% include "/etc/passwd" %}{{ incident.key | upcase }}`
	d := data("incident.name", hostile, "vars.customer", hostile)
	t.Run("T-05", func(t *testing.T) {
		got, _, err := mustParse(t, `{{ incident.name }}|{{ vars.customer | append: "" }}`).Render(d, 2000)
		if want := hostile + "|" + hostile; err != nil || got != want {
			t.Errorf("Render = %q, %v; want %q", got, err, want)
		}
	})
	t.Run("T-07 not escaped", func(t *testing.T) {
		const name = `<b>&"`
		got, _, err := mustParse(t, "{{ incident.name }}").Render(data("incident.name", name), 2000)
		if err != nil || got != name {
			t.Errorf("Render = %q, %v; want %q", got, err, name)
		}
	})
}

// dearTemplates are accepted templates that try to be as expensive as possible.
var dearTemplates = []string{
	"{{ incident.description" + strings.Repeat(" | append: incident.description", 20) + " }}",
	"{{ incident.description" + strings.Repeat(` | replace: "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, 20) + " }}",
	"{{ incident.description" + strings.Repeat(` | split: "" | join: incident.description`, 10) + " }}",
	"{{ incident.description" + strings.Repeat(" | upcase", 20) + " }}",
	strings.Repeat("{{incident.description}}", 170),
	strings.Repeat("{%if true%}", 5) + strings.Repeat("{{incident.description}}", 160) + strings.Repeat("{%endif%}", 5),
	"{% if " + strings.Repeat("incident.name contains incident.description or ", 80) + "false %}{% endif %}",
	"{{ " + strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000) + " }}",
	`{{ incident.started_at | date: "` + strings.Repeat("%A", 1900) + `" }}`,
}

func TestTemplateCostIsBounded(t *testing.T) {
	long := strings.Repeat("aé", 1<<20)
	d := data("incident.description", long, "incident.name", long)
	for _, src := range dearTemplates {
		t.Run("T-08 "+src[:20], func(t *testing.T) {
			tpl := mustParse(t, src)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, _, err := tpl.Render(d, 2000); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Errorf("one render allocated %d bytes", used)
			}
		})
	}
}

func BenchmarkTemplate(b *testing.B) {
	long := strings.Repeat("aé", 1<<20)
	d := data("incident.description", long, "incident.name", long)
	for _, src := range append([]string{"{{ incident.severity }} {{ incident.name | truncate: 60 }} ({{ vars.customer }})"}, dearTemplates...) {
		b.Run(src[:20], func(b *testing.B) {
			tpl := mustParse(b, src)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := tpl.Render(d, 2000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestTemplateRendersConcurrently(t *testing.T) {
	tpl := mustParse(t, `{% if incident.number > 3 %}{{ incident.name | upcase }}{% endif %}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, _, err := tpl.Render(data(), 200); err != nil || got != "CHECKOUT IS SLOW" {
					t.Errorf("Render = %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
