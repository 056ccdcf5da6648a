package template_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/incident/template"
)

// FuzzTemplate is F12 and Q14. For any source and any data, parsing and rendering
// end quickly and without a panic, and the result keeps what Render promises.
func FuzzTemplate(f *testing.F) {
	for _, src := range append([]string{
		"{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})",
		`{% if incident.severity == "SEV1" %}{{ incident.name | upcase }}{% elsif true %}b{% else %}c{% endif %}`,
		`{% case incident.type %}{% when "a", 'b' or "c" %}x{% else %}y{% endcase %}`,
		`{{ incident.started_at | tz: "Europe/Oslo" | date: "%d %B %Y" }}`,
		`{{- vars.customer | default: "none" | truncate: 10, "…" -}}`,
		"{% for i in (1..1000000000) %}{% endfor %}", "{{ %assign x = 1 }}", "{{ %loop x in y }}", "{{ {%when 1 }}",
		"{{", "{%", "{{}}", "{{-}}", "{{--1}}", "{% if -%}", "{{ 99999999999999999999 }}", "{{ 'a }}", `{{ "\" }}`,
		"{{ incident[0] }}", "{{ (1..3) | size }}", "{{ a.b.c | d: e, f: g }}", "{% endif %}{% else %}", "\xff{{ \xff }}", "{{ æ̊ }}",
	}, dearTemplates...) {
		f.Add(src, "Acme", 200)
	}
	f.Add("{{ vars.customer | date: vars.customer | tz: vars.customer }}", "%", 3)
	f.Add("{{ vars.customer | replace: 'a', vars.customer }}", "{{ incident.name }}\x00\xff", -1)
	f.Fuzz(func(t *testing.T, src, data string, limit int) {
		tpl, err := template.Parse(src, names)
		if err != nil {
			found, ours := errors.AsType[template.Errors](err)
			if !ours {
				t.Errorf("Parse(%q): %v, a %[2]T", src, err)
			}
			for _, e := range found {
				if e.Line < 1 || e.Line > strings.Count(src, "\n")+1 || e.Column < 1 || e.Message() == "" || !utf8.ValidString(e.Error()) {
					t.Errorf("Parse(%q): %+v", src, e)
				}
			}
			return
		}
		d := map[string]any{
			"incident.name": data, "incident.key": "INC-7", "incident.number": 7, "incident.severity": data, "incident.description": data,
			"incident.opener.name": data, "incident.started_at": time.Unix(int64(len(data)), 0), "vars.customer": data,
		}
		out, cut, err := tpl.Render(d, limit)
		if _, ours := errors.AsType[template.Errors](err); err != nil && (out != "" || cut || !ours) {
			t.Errorf("Render returned %q with %v, a %[2]T", out, err)
		}
		if !utf8.ValidString(out) || utf8.RuneCountInString(out) > max(limit, 0) {
			t.Errorf("Render(%q, %d) = %q", src, limit, out)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Errorf("control character at byte %d of %q", i, out)
		}
		if again, _, _ := tpl.Render(d, limit); again != out {
			t.Errorf("second Render = %q, first %q", again, out)
		}
	})
}
