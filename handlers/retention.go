package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// retentionPresets are rules for all events to start from, in days; 0 means never.
var retentionPresets = []struct {
	name, label string
	keep, blank int
}{
	{"forever", "Keep everything", 0, 0},
	{"year", "Keep a year, erase personal data after 90 days", 365, 90},
	{"quarter", "Keep 90 days, erase personal data after 30 days", 90, 30},
}

// RetentionPage is GET /settings/retention. ?preset= fills the form with rules of a
// preset and previews them.
func (s *Site) RetentionPage(c echo.Context) error {
	q, err := ReadQuery(c, "preset")
	if err != nil {
		return err
	}
	for _, p := range retentionPresets {
		if p.name == q.Get("preset") {
			others := incident.RetentionName("")
			f := retentionForm{
				typed: map[string]string{"keep_" + others: strconv.Itoa(p.keep), "blank_" + others: strconv.Itoa(p.blank)},
			}
			if f.rules, err = incident.CheckRetention([]incident.RetentionRule{{Family: others, KeepDays: p.keep, BlankDays: p.blank}}); err != nil {
				return err
			}
			return s.showRetention(c, f, http.StatusOK, "")
		}
	}
	if q.Get("preset") != "" {
		return BadRequest("There is no such preset.")
	}
	rules, err := s.Store.Retention(c.Request().Context())
	if err != nil {
		return err
	}
	typed := map[string]string{}
	for _, r := range rules {
		name := incident.RetentionName(r.Family)
		typed["keep_"+name], typed["blank_"+name] = strconv.Itoa(r.KeepDays), strconv.Itoa(r.BlankDays)
	}
	page, err := s.retentionPage(c, typed, nil)
	if err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.SettingsRetention(page))
}

// PreviewRetention is POST /settings/retention/preview.
func (s *Site) PreviewRetention(c echo.Context) error {
	f, err := readRetention(c)
	if err != nil {
		return err
	}
	return s.showRetention(c, f, http.StatusOK, "")
}

// SaveRetention is POST /settings/retention. It saves only rules that were
// previewed.
func (s *Site) SaveRetention(c echo.Context) error {
	f, err := readRetention(c)
	if err != nil {
		return err
	}
	if len(f.problems) > 0 {
		return s.showRetention(c, f, http.StatusUnprocessableEntity, "")
	}
	if f.shown != shownRules(f.rules) {
		return s.showRetention(c, f, http.StatusUnprocessableEntity, "These rules differ from the previewed ones. Check what they do, then save.")
	}

	changed, err := s.Service.SaveRetention(c.Request().Context(), Actor(c), f.rules)

	if err != nil {
		return err
	}
	said := "Saved. Drawbridge is applying the rules now."
	if len(changed) == 0 {
		said = "Nothing was changed."
	}
	return s.done(c, "/settings/retention", said)
}

// retentionForm is the rules as typed and as parsed.
type retentionForm struct {
	typed    map[string]string
	rules    []incident.RetentionRule
	problems map[string]string // by field
	shown    string            // the previewed rules, as shownRules writes them
}

func readRetention(c echo.Context) (f retentionForm, err error) {
	form, err := ReadForm(c, "keep_*", "blank_*", "shown")
	if err != nil {
		return f, err
	}
	f = retentionForm{typed: map[string]string{}, problems: map[string]string{}, shown: form.Raw("shown")}
	others := incident.RetentionName("")
	for _, name := range form.Names("keep_") {
		family := strings.TrimPrefix(name, "keep_")
		number := func(field string) int {
			text := form.Get(field)
			f.typed[field] = text
			n, err := strconv.Atoi(text)
			if text != "" && (err != nil || len(text) > 6) {
				f.problems[field] = "Enter a number of days."
			}
			return n
		}
		keep, blank := "keep_"+family, "blank_"+family
		rule := incident.RetentionRule{Family: family, KeepDays: number(keep), BlankDays: number(blank)}
		for _, field := range []string{keep, blank} {
			if family != others && f.typed[field] == "" && f.typed[keep]+f.typed[blank] != "" {
				f.problems[field] = "Fill in both, or leave both empty."
			}
		}
		if f.typed[keep]+f.typed[blank] != "" {
			f.rules = append(f.rules, rule)
		}
	}
	if len(f.problems) > 0 {
		return f, nil
	}
	rules, err := incident.CheckRetention(f.rules)
	if _, fields, ok := Refusal(err); ok {
		for field, problem := range fields {
			family, column, _ := strings.Cut(field, ".")
			f.problems[strings.TrimSuffix(column, "_days")+"_"+family] = problem
		}
		return f, nil
	}
	f.rules = rules
	return f, err
}

// shownRules writes rules as the form's field shown, to tell whether they were previewed.
func shownRules(rules []incident.RetentionRule) string {
	var lines []string
	for _, r := range rules {
		lines = append(lines, fmt.Sprintf("%s %d %d", r.Family, r.KeepDays, r.BlankDays))
	}
	return strings.Join(lines, "; ")
}

// showRetention renders the form as it was typed, with what its rules would do
// or what is wrong with them.
func (s *Site) showRetention(c echo.Context, f retentionForm, status int, message string) error {
	page, err := s.retentionPage(c, f.typed, f.problems)
	if err != nil {
		return err
	}
	if len(f.problems) > 0 {
		return Render(c, http.StatusUnprocessableEntity, views.SettingsRetention(page))
	}
	effects, people, err := s.retentionEffects(c, f.rules)
	if err != nil {
		return err
	}
	page.Message, page.Previewed, page.Shown, page.Preview, page.People = message, true, shownRules(f.rules), effects, people
	return Render(c, status, views.SettingsRetention(page))
}

// retentionFamilies have a row even if no event of them has arrived.
var retentionFamilies = []string{"meeting", "participant", "recording", "user"}

func (s *Site) retentionPage(c echo.Context, typed, problems map[string]string) (views.SettingsRetentionPage, error) {
	ctx := c.Request().Context()
	page := views.SettingsRetentionPage{Frame: s.Frame(c, "Retention", "settings"), MinKeep: incident.MinKeepDays, Errors: problems}
	for _, p := range retentionPresets {
		page.Presets = append(page.Presets, views.Link{Text: p.label, Href: "/settings/retention?preset=" + p.name})
	}
	types, err := s.Store.EventTypes(ctx)
	if err != nil {
		return page, err
	}
	families := slices.Clone(retentionFamilies)
	for _, t := range types {
		families = append(families, incident.EventFamily(t))
	}
	for field := range typed {
		_, family, _ := strings.Cut(field, "_")
		families = append(families, family)
	}
	slices.Sort(families)
	families = slices.DeleteFunc(slices.Compact(families), func(f string) bool { return f == "" || f == incident.RetentionName("") })
	for _, family := range append([]string{incident.RetentionName("")}, families...) {
		page.Rows = append(page.Rows, views.RetentionRow{
			Family: family, Label: words.EventFamily(family), Others: family == incident.RetentionName(""), Keep: typed["keep_"+family], Blank: typed["blank_"+family],
		})
	}

	rules, err := s.Store.Retention(ctx)
	if err != nil || len(rules) == 0 {
		return page, err
	}
	page.Saved = true
	effects, _, err := s.retentionEffects(c, rules)
	if err != nil {
		return page, err
	}
	done, err := s.Store.RetentionProgress(ctx)
	page.Removed, page.Blanked = done.Removed, done.Blanked
	for _, e := range effects {
		page.ToRemove += e.Remove
		page.ToBlank += e.Blank
	}
	return page, err
}

// retentionEffects are what rules would do now. people is the number of bridges whose
// people would be blanked.
func (s *Site) retentionEffects(c echo.Context, rules []incident.RetentionRule) (rows []views.RetentionEffect, people int64, err error) {
	ctx := c.Request().Context()
	types, err := s.Store.EventTypes(ctx)
	if err != nil {
		return nil, 0, err
	}
	cuts := incident.RetentionCuts(rules, types, s.Now())
	effects, err := s.Store.RetentionEffects(ctx, cuts)
	if err != nil {
		return nil, 0, err
	}
	named := map[string]bool{}
	for _, r := range rules {
		named[r.Family] = true
	}
	byRule := map[string]*views.RetentionEffect{}
	oldest := map[string]time.Time{}
	for i, cut := range cuts {
		family := incident.EventFamily(cut.Event)
		if !named[family] {
			family = ""
		}
		row := byRule[family]
		if row == nil {
			row = &views.RetentionEffect{Family: incident.RetentionName(family), Others: family == ""}
			byRule[family] = row
		}
		row.Remove += effects[i].Remove
		row.Held += effects[i].Held
		row.Blank += effects[i].Blank
		if at := effects[i].Oldest; !at.IsZero() && (oldest[family].IsZero() || at.Before(oldest[family])) {
			oldest[family] = at
		}
	}
	for family, row := range byRule {
		row.Oldest = s.When(c, oldest[family])
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b views.RetentionEffect) int {
		switch {
		case a.Others:
			return -1
		case b.Others:
			return 1
		}
		return strings.Compare(a.Family, b.Family)
	})
	if before := incident.RetentionPeople(rules, s.Now()); !before.IsZero() {
		people, err = s.Store.BridgesToBlank(ctx, before)
	}
	return rows, people, err
}
