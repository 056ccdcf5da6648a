package views_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/drawbridge-hq/drawbridge/views"
)

// together renders components one after the other.
func together(all ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for _, c := range all {
			if err := c.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func page(f views.Frame, all ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return views.Page(f).Render(templ.WithChildren(ctx, together(all...)), w)
	})
}

func TestFrame(t *testing.T) {
	t.Parallel()
	busy := in("Bridges", "bridges")
	busy.LiveBridges, busy.RefusedLastHour, busy.Demo, busy.Theme = 2, 1204, true, ""
	busy.Banner = &views.Banner{Level: "warning", Text: "Zoom stopped calling the webhook.", LinkText: "Events", Href: "/events"}
	busy.Flash = &views.Flash{Level: "ok", Text: "INC-42 is resolved."}
	evil := in(hostile, hostile)
	evil.User = &views.Person{Name: hostile, Email: hostile, Role: hostile}
	evil.Banner = &views.Banner{Level: hostile, Text: hostile, LinkText: hostile, Href: "javascript:alert(1)"}
	evil.Flash = &views.Flash{Level: hostile, Text: hostile}
	evil.Version, evil.Theme = hostile, hostile
	testGolden(t, []golden{
		{"frame-plain", page(in("Bridges", "bridges"))},
		{"frame-busy", page(busy)},
		{"frame-hostile", page(evil)},
		{"frame-bare", views.Login(views.LoginPage{Frame: views.Frame{Title: "Log in", Version: "v0.1.0", Theme: "dark"}})},
		{"frame-join", views.Join(views.JoinPage{Key: "INC-42", Name: "db down", State: "creating", Theme: "light", Demo: true})},
	})
}

func TestKit(t *testing.T) {
	t.Parallel()
	kit := func(s, href string) templ.Component {
		f := views.Field{Label: s, Name: "n", Value: s, Help: s, Error: s, Placeholder: s}
		named := func(name string) views.Field { f := f; f.Name = name; return f }
		choices := []views.Choice{{Value: s, Label: s, Help: s, Selected: true}, {Value: "b", Label: "B"}}
		return page(in(s, "overview"),
			views.PageHeader(s, s), views.StateMark(s), views.Shape("live"), views.Severity(s), views.Time(when(2*time.Minute)), views.Clock(when(0)),
			views.Exact(when(time.Hour)), views.CopyButton(s, "Copy link"), views.Copyable(s), views.Card(s),
			views.EmptyState(views.IconVideo, s, s, s, href), views.Alert("danger", s, s), views.Tabs(s, []views.Tab{{Label: s, Href: href, Note: s, Current: true}}),
			views.Chips(s, []views.Chip{{Label: s, Href: href, On: true, Count: s}}), views.CursorPager(views.Pager{Newer: href, Older: href}),
			views.KeyValues([]views.KeyValue{{Key: s, Value: s, Copy: true, Mono: true}, {Key: s, Value: s, Href: href}, {Key: s, When: when(0)}, {Key: s}}),
			views.ConfirmLink("sure", s, "btn"),
			views.ConfirmDialog(views.ConfirmForm{ID: "sure", Title: s, Text: s, Action: href, Button: s, Hidden: []views.Hidden{{Name: s, Value: s}}}),
			views.Input(named("input")), views.Textarea(named("area"), 3), views.Select(named("select"), choices), views.Segments(named("segments"), choices),
			views.RadioCards(named("cards"), choices), views.Checkbox(named("check"), true),
			views.SecretField(named("secret"), views.StoredSecret{Set: true, EndsIn: s, SetAgo: s, By: s}),
			views.SecretField(views.Field{Label: s, Name: "secret2", Insert: true}, views.StoredSecret{}),
			views.BarChart(views.Chart{Title: s, Unit: s, Series: []views.Series{{Name: s, Total: 3}}, Bars: []views.Bar{{Label: s, Tick: s, Parts: []int{3}, Href: href}, {Label: s, Parts: []int{0}}}}),
			views.Live("events"), views.LiveMark(),
		)
	}
	testGolden(t, []golden{
		{"kit-plain", kit("plain", "/x")},
		{"kit-hostile", kit(hostile, "javascript:alert(1)")},
	})
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	if err := views.Text(hostile).Render(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(buf.String(), "<img") || strings.Contains(buf.String(), "\u202e") {
		t.Errorf("Text(hostile) = %q", buf.String())
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "db down", "db down"},
		{"F-13 right to left override", "a\u202eb", `a\u202eb`},
		{"F-13 zero width", "a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"F-13 emoji with joiner", "👩‍🚒 ok", "👩‍🚒 ok"},
		{"F-13 object replacement", "\ufffc", `\ufffc`},
		{"F-13 thousand marks", "a" + strings.Repeat("\u0301", 1000), "a" + strings.Repeat("\u0301", 4)},
		{"control", "a\x00\x1b[31m", `a\u0000\u001b[31m`},
		{"tag character", "\U000e0041", `\U000e0041`},
		{"line feed and tab stay", "a\n\tb", "a\n\tb"},
		{"arabic and hebrew", "שלום مرحبا", "שלום مرحبا"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := views.Visible(tc.in); got != tc.want {
				t.Errorf("Visible(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, got, want string }{
		{"just now", views.Ago(59 * time.Second), "just now"},
		{"a minute", views.Ago(60 * time.Second), "1 min ago"},
		{"minutes", views.Ago(14*time.Minute + 40*time.Second), "14 min ago"},
		{"hours", views.Ago(119 * time.Minute), "1 h ago"},
		{"a day", views.Ago(36 * time.Hour), "1 day ago"},
		{"days", views.Ago(72 * time.Hour), "3 days ago"},
		{"ahead", views.Ago(-42*time.Minute + 20*time.Second), "in 42 min"},
		{"so far, in seconds", when(36 * time.Second).For, "36 s"},
		{"so far, in minutes", when(100 * time.Second).For, "1 min"},
		{"length of a moment", views.Length(20 * time.Millisecond), "under 0.1 s"},
		{"length below ten seconds", views.Length(820 * time.Millisecond), "0.8 s"},
		{"length in minutes", views.Length(14*time.Minute + 40*time.Second), "14 min"},
		{"length in hours", views.Length(125 * time.Minute), "2 h 05 min"},
		{"thousands", views.Count(1234567), "1,234,567"},
		{"below a thousand", views.Count(999), "999"},
		{"one", views.Plural(1, "bridge", "bridges"), "1 bridge"},
		{"many", views.Plural(1204, "bridge", "bridges"), "1,204 bridges"},
		{"viewer's zone", when(0).Exact, "22 Nov 2026, 03:14:07 CET"},
		{"UTC", when(0).UTC, "22 Nov 2026, 02:14:07 UTC"},
		{"no time", views.NewWhen(time.Time{}, now, cet).Ago, ""},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

// While an alarm says what is wrong, the card below it doesn't say that nothing is.
func TestNeedsBelowAlarm(t *testing.T) {
	t.Parallel()
	p := overview()
	p.Needs, p.Alarms = nil, []views.CallAlarm{{Title: "2 people are waiting to get in"}}
	var page strings.Builder
	if err := views.Overview(p).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "Nothing else.") || strings.Contains(page.String(), "Nothing. Problems") {
		t.Error("the card doesn’t say that nothing else needs attention")
	}
}
