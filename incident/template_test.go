package incident_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the filter tz is tested on machines without zone files too
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

var templateVars = []string{"customer", "zone", "customer_tier"}

func templateData() incident.TemplateData {
	d := incident.SampleTemplateData()
	d.Vars = map[string]string{"customer": "Acme", "zone": "Europe/Oslo", "customer_tier": "gold"}
	return d
}

func mustParse(t testing.TB, src string) *incident.Template {
	t.Helper()
	tpl, err := incident.ParseTemplate(src, templateVars)
	if err != nil {
		t.Fatalf("ParseTemplate(%q): %v", src, err)
	}
	return tpl
}

func TestTemplateRefused(t *testing.T) {
	wide := strings.Repeat("{% if true %}", 6) + strings.Repeat("{% endif %}", 6)
	tests := []struct {
		name, src              string
		wantLine, wantColumn   int
		wantMessage, wantMeant string // parts of them; "" wants no suggestion
	}{
		{"T-01 for", "{% for i in (1..1000000000) %}{% endfor %}", 1, 4, `"for" is not allowed`, ""},
		{"T-01 tablerow", "{% tablerow i in (1..9) %}{% endtablerow %}", 1, 4, "not allowed", ""},
		{"T-01 cycle", "a\n {% cycle 'a', 'b' %}", 2, 5, "not allowed", ""},
		{"T-01 capture", "{%- capture x -%}{%- endcapture -%}", 1, 5, "not allowed", ""},
		{"T-01 assign", "{% assign x = incident.name %}", 1, 4, "not allowed", ""},
		{"T-01 include", "{% include '/etc/passwd' %}", 1, 4, "not allowed", ""},
		{"T-01 render", "{% render 'x' %}", 1, 4, "not allowed", ""},
		{"T-01 increment", "{% increment x %}", 1, 4, "not allowed", ""},
		{"T-01 comment", "{% comment %}{% endcomment %}", 1, 4, "not allowed", ""},
		{"T-01 raw", "{% raw %}{{ x }}{% endraw %}", 1, 4, "not allowed", ""},
		{"T-01 range", "{% if (1..9000000) contains 3 %}{% endif %}", 1, 9, "Ranges", ""},
		{"T-01 assign inside an expression", "{{ %assign x = 1 }}", 1, 1, "{{ is not closed", ""},
		{"T-01 loop inside an expression", "{{ %loop x in y }}", 1, 1, "{{ is not closed", ""},
		{"T-02 long source", strings.Repeat("x", 4097), 1, 1, "4097 bytes", ""},
		{"T-02 5,000 filters", "{{ incident.name" + strings.Repeat(" | upcase", 5000) + " }}", 1, 1, "at most 4096", ""},
		{"T-02 21 filters", "{{ incident.name" + strings.Repeat("|upcase", 21) + " }}", 1, 158, "at most 20 filters", ""},
		{"T-02 depth", wide, 1, 66, "at most 5 deep", ""},
		{"T-02 unclosed output", "æøå {{ incident.name", 1, 5, "{{ is not closed", ""},
		{"T-02 output closed by half", "{{ incident.name } {{ incident.key }}", 1, 1, "{{ is not closed", ""},
		{"T-02 output runs into a tag", "{{ incident.name {% if true %}{% endif %}", 1, 1, "{{ is not closed", ""},
		{"T-02 unclosed tag", "ok\n\n  {% if true", 3, 3, "{% is not closed", ""},
		{"T-02 tag closed by half", "{% if true }x{% endif %}", 1, 1, "{% is not closed", ""},
		{"T-02 unclosed block", "x{% if true %}y", 1, 2, `"if" is not closed: add {% endif %}`, ""},
		{"T-02 invalid UTF-8", "\xff", 1, 1, "UTF-8", ""},
		{"output on two lines", "{{ incident.name\n| upcase }}", 1, 1, "on one line", ""},
		{"empty output", "a {{ }}", 1, 3, "Nothing stands", ""},
		{"empty output before another", "{{}} {{ incident.name }}", 1, 1, "{{ is not closed", ""},
		{"empty tag", "{%  %}", 1, 1, "Nothing stands", ""},
		{"odd tag", "{% if: true %}", 1, 1, "cannot be read", ""},
		{"misspelt variable", "A {{ incident.nmae }}", 1, 6, `no variable "incident.nmae"`, "incident.name"},
		{"misspelt variable after wide text", "🚨🚨 {{ incident.severty }}", 1, 7, "incident.severty", "incident.severity"},
		{"second line", "x\n{{ incident.descripton | upcase }}", 2, 4, "no variable", "incident.description"},
		{"variable of the runbook without vars", "{{ customer }}", 1, 4, "no variable", "vars.customer"},
		{"incident's variable without incident", "{{ severity }}", 1, 4, "no variable", "incident.severity"},
		{"misspelt variable of the runbook", "{{ vars.custmoer }}", 1, 4, "no variable", "vars.customer"},
		{"slug of another form", "{{ incident.custom_fields.cusomer.value }}", 1, 4, "no variable", "incident.custom_fields.customer.value"},
		{"group", "{{ incident.opener }}", 1, 4, "no variable", "incident.opener.name"},
		{"whole incident", "{{ incident }}", 1, 4, "no variable", "incident.name"},
		{"word of the hosted tool without a counterpart", "{{ incident.priority }}", 1, 4, "no variable", "incident.severity"},
		{"far from everything", "{{ incident.retro_exports }}", 1, 4, "no variable", ""},
		{"T-06 env", "{{ env.HOME }}", 1, 4, "no variable", ""},
		{"T-06 method", "{{ incident.name.String }}", 1, 4, "no variable", ""},
		{"T-06 field of a filter's result", `{{ (incident.started_at | tz: "Europe/Oslo").Unix }}`, 1, 45, "cannot stand here", ""},
		{"T-06 index", `{{ incident["name"] }}`, 1, 12, "cannot stand here", ""},
		{"size as a property", "{{ incident.name.size }}", 1, 4, "no variable", ""},
		{"misspelt filter", "{{ incident.name | upcas }}", 1, 20, `no filter "upcas"`, "upcase"},
		{"filter that is not allowed", "{{ incident.name | json }}", 1, 20, "no filter", ""},
		{"filter without its bar", "{{ incident.name upcase }}", 1, 18, "no variable", "| upcase"},
		{"missing argument", "{{ incident.name | default }}", 1, 20, "needs an argument", ""},
		{"too many arguments", `{{ incident.name | replace: "a" }}`, 1, 20, "takes 2 arguments, not 1", ""},
		{"needless argument", `{{ incident.name | upcase: 1 }}`, 1, 20, "takes no argument", ""},
		{"named argument", `{{ incident.name | default: "x", allow_false: true }}`, 1, 34, "arguments with a name", ""},
		{"unknown zone", `{{ incident.started_at | tz: "Oslo" }}`, 1, 30, `no time zone "Oslo"`, `"Europe/Oslo"`},
		{"zone in small letters", `{{ incident.started_at | tz: 'america/new york' }}`, 1, 30, "no time zone", `"America/New_York"`},
		{"zone that is a path", `{{ incident.started_at | tz: "../../etc/passwd" }}`, 1, 30, "no time zone", ""},
		{"zone of the machine", `{{ incident.started_at | tz: "Local" }}`, 1, 30, "no time zone", ""},
		{"date width", `{{ incident.started_at | date: "%9999999Y" }}`, 1, 32, "unknown part", `"%Y-%m-%d %H:%M"`},
		{"date ends early", `{{ incident.started_at | date: "%H:%" }}`, 1, 32, "unknown part", `"%Y-%m-%d %H:%M"`},
		{"single equals sign", `{% if incident.severity = "SEV1" %}{% endif %}`, 1, 25, "cannot stand here", "=="},
		{"ampersands", `{% if true && true %}{% endif %}`, 1, 12, "cannot stand here", "and"},
		{"two bars", `{% if true || false %}{% endif %}`, 1, 12, "cannot stand here", "or"},
		{"typographic quotes", "{{ incident.name | default: “none” }}", 1, 29, "cannot stand here", `"`},
		{"open quote", `{{ incident.name | default: "none }}`, 1, 29, "no closing quotation mark", ""},
		{"closing braces in a text", `{{ incident.name | default: "}}" }}`, 1, 29, "no closing quotation mark", ""},
		{"filter inside a comparison", `{% if incident.name | size > 3 %}{% endif %}`, 1, 7, "comparison", ""},
		{"nothing after the bar", "{{ incident.name | }}", 1, 4, "cannot be read", ""},
		{"two values", "{{ incident.name incident.key }}", 1, 4, "cannot be read", ""},
		{"number too long", "{{ 99999999999999999999 }}", 1, 4, "too long", ""},
		{"elseif", "{% if true %}{% elseif false %}{% endif %}", 1, 17, "not allowed", "elsif"},
		{"else if", "{% if true %}{% else if false %}{% endif %}", 1, 22, `after "else"`, "elsif"},
		{"two elses", "{% if true %}{% else %}{% else %}{% endif %}", 1, 27, "after the else", ""},
		{"elsif in unless", "{% unless true %}{% elsif true %}{% endunless %}", 1, 21, "does not belong", ""},
		{"when in if", "{% if true %}{% when 1 %}{% endif %}", 1, 17, "does not belong", ""},
		{"else outside", "{% else %}", 1, 1, "no open block", ""},
		{"end outside", "{% endif %}", 1, 1, "no open block", ""},
		{"wrong end", "{% if true %}{% endunless %}", 1, 17, "does not end", "endif"},
		{"misspelt end", "{% if true %}{% edif %}{% endif %}", 1, 17, "not allowed", "endif"},
		{"if without a condition", "{% if %}{% endif %}", 1, 4, "needs a condition", ""},
		{"when without a value", "{% case incident.type %}{% when %}{% endcase %}", 1, 28, "needs a condition", ""},
		{"empty", "{% if incident.name == empty %}{% endif %}", 1, 24, "not known", `""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := incident.ParseTemplate(tt.src, templateVars)
			if err == nil || tpl != nil {
				t.Fatalf("ParseTemplate accepted %q", tt.src)
			}
			var errs incident.TemplateErrors
			if !errors.As(err, &errs) {
				t.Fatalf("error is a %T", err)
			}
			got := errs[0]
			if got.Line != tt.wantLine || got.Column != tt.wantColumn || got.Suggestion != tt.wantMeant || !strings.Contains(got.Message, tt.wantMessage) {
				t.Errorf("got %+v, want line %d, column %d, %q, suggestion %q", got, tt.wantLine, tt.wantColumn, tt.wantMessage, tt.wantMeant)
			}
		})
	}
}

func TestTemplateReportsEverythingInOrder(t *testing.T) {
	_, err := incident.ParseTemplate("{% if true %}\n{{ incident.nam }} {{ incident.key | upcas }}", nil)
	want := "Line 1, column 1: The block \"if\" is not closed: add {% endif %}.\n" +
		"Line 2, column 4: There is no variable \"incident.nam\". Did you mean incident.name?\n" +
		"Line 2, column 38: There is no filter \"upcas\". Did you mean upcase?"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestTemplateRender(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"plain text", "War room", "War room"},
		{"the runbook of the README", "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})", "SEV2 Checkout is slow (Acme)"},
		{"every name", "{{incident.number}} {{incident.key}} {{incident.type}} {{incident.opener.name}} {{incident.opener.email}} {{incident.url}} {{incident.join_page}} {{runbook.name}}",
			"42 INC-42 outage Ada Berg ada@example.com https://bridge.example.com/incidents/42 https://bridge.example.com/j/INC-42 Production outage"},
		{"names of the hosted tool", "{{incident.id}} {{incident.created_by.name}} {{incident.created_by.email}} {{incident.incident_url}} {{incident.custom_fields.customer.value}} {{incident.custom_fields.customer-tier.value}} {{incident.created_at}}",
			"INC-42 Ada Berg ada@example.com https://bridge.example.com/incidents/42 Acme gold 2026-03-14 09:26:53 UTC"},
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
		{"every part of a date", `{{ "2026-03-04T05:06:07+02:00" | date: "%Y %y %m %-m %B %b %h %d %-d %e %j %A %a %H %-H %I %-I %M %-M %S %p %P %z %F %T %R %D %s" }}`,
			"2026 26 03 3 March Mar Mar 04 4  4 063 Wednesday Wed 05 5 05 5 06 6 07 AM am +0200 2026-03-04 05:06:07 05:06 03/04/26 1772593567"},
		{"hours taken off by hand", `{{ incident.created_at | date: "%s" | minus: 28800 | date: "%H:%M" }}`, "01:26"},
		{"date of a day", `{{ "2026-12-24" | date: "%d.%m.%Y" }}`, "24.12.2026"},
		{"date of what is none", `{{ vars.customer | date: "%Y" }}{{ vars.customer | tz: "UTC" }}`, "AcmeAcme"},
		{"one name in brackets", `{% if (incident.key == "INC-42") %}a{% endif %}`, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := mustParse(t, tt.src).Render(templateData(), 2000)
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
		{"T-03 one too many", strings.Repeat("å", 201), 200, strings.Repeat("å", 200), true},
		{"T-03 emoji", strings.Repeat("🚨", 300), 200, strings.Repeat("🚨", 200), true},
		{"T-03 nothing allowed", "a", 0, "", true},
		{"T-03 nothing there", "", 0, "", false},
		{"control characters", "a\x00b\x1b[31mc\r\nd\te\u0085\x7f", 200, "ab[31mc\nd\te", false},
		{"control characters do not count", "abc\x00\x00", 3, "abc", false},
		{"invalid UTF-8", "a\xff\xfeb", 200, "a\uFFFDb", false},
	}
	tpl := mustParse(t, "{{ incident.name }}")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := tpl.Render(incident.TemplateData{Name: tt.text}, tt.max)
			if err != nil || got != tt.want || cut != tt.wantCut {
				t.Errorf("Render = %q, %v, %v; want %q, %v", got, cut, err, tt.want, tt.wantCut)
			}
		})
	}
}

func TestTemplateThatFails(t *testing.T) {
	tests := []struct{ name, src, wantErr string }{
		{"T-04 zone of a variable", "\n{{ incident.started_at | tz: vars.customer }}", "line 2 of the template: the filter tz got the name of no time zone"},
		{"T-04 format of a variable", "{{ incident.started_at | date: incident.description }}", "line 1 of the template: the filter date got a format that it does not know"},
	}
	d := templateData()
	d.Description = "100%"
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, cut, err := mustParse(t, tt.src).Render(d, 200)
			if err == nil || err.Error() != tt.wantErr || got != "" || cut {
				t.Errorf("Render = %q, %v, %v; want the error %q", got, cut, err, tt.wantErr)
			}
		})
	}
	t.Run("T-04 a missing variable is empty", func(t *testing.T) {
		got, _, err := mustParse(t, "[{{ vars.customer }}{{ incident.started_at }}]").Render(incident.TemplateData{}, 200)
		if err != nil || got != "[]" {
			t.Errorf("Render = %q, %v; want []", got, err)
		}
	})
	t.Run("T-04 types that do not fit", func(t *testing.T) {
		const src = `{% if incident.number > "a" or incident.name contains 3 or incident.number contains "4" or nil < 1 %}x{% endif %}{{ true | append: nil | plus: false | truncate: "x" }}`
		if _, _, err := mustParse(t, src).Render(templateData(), 200); err != nil {
			t.Errorf("Render: %v", err)
		}
	})
}

func TestTemplateDataStaysData(t *testing.T) {
	const hostile = `{{ secrets }}{% include "/etc/passwd" %}{{ incident.key | upcase }}`
	d := templateData()
	d.Name, d.Vars["customer"] = hostile, hostile
	t.Run("T-05", func(t *testing.T) {
		got, _, err := mustParse(t, `{{ incident.name }}|{{ vars.customer | append: "" }}`).Render(d, 2000)
		if want := hostile + "|" + hostile; err != nil || got != want {
			t.Errorf("Render = %q, %v; want %q", got, err, want)
		}
	})
	t.Run("T-07 not escaped for any one place", func(t *testing.T) {
		d.Name = `<b>&"`
		got, _, err := mustParse(t, "{{ incident.name }}").Render(d, 2000)
		if err != nil || got != d.Name {
			t.Errorf("Render = %q, %v; want %q", got, err, d.Name)
		}
	})
}

// dearTemplates are accepted templates that try to cost as much as they can.
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
	d := templateData()
	d.Description = strings.Repeat("aé", 1<<20)
	d.Name = d.Description
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
	d := templateData()
	d.Description = strings.Repeat("aé", 1<<20)
	d.Name = d.Description
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
				if got, _, err := tpl.Render(templateData(), 200); err != nil || got != "CHECKOUT IS SLOW" {
					t.Errorf("Render = %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestTemplateVariablesAllRender(t *testing.T) {
	d := templateData()
	for _, v := range incident.TemplateVariables(templateVars) {
		got, _, err := mustParse(t, "{{ "+v.Name+" }}").Render(d, 2000)
		if err != nil || got == "" || v.Label == "" || v.Example != "" && v.Example != got {
			t.Errorf("%s renders %q, %v; its example is %q", v.Name, got, err, v.Example)
		}
	}
	if d := incident.SampleTemplateData(); d.StartedAt.Location() != time.UTC || !utf8.ValidString(d.Description) {
		t.Error("the sample's time is not in UTC")
	}
}
