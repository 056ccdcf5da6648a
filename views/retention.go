package views

import "strconv"

// SettingsRetentionPage is GET /settings/retention. Live topic: retention.
//
// POST /settings/retention/preview and POST /settings/retention take keep_{family} and blank_{family}, numbers of days,
// for each row. The second also takes shown, the rules that were previewed.
type SettingsRetentionPage struct {
	Frame   Frame
	Rows    []RetentionRow
	MinKeep int
	Presets []Link            // rules to start from
	Errors  map[string]string // by field
	Message string            // why nothing was saved, besides the errors of fields

	Previewed bool // the page shows what the rules in the form would do, and they can be saved
	Shown     string
	Preview   []RetentionEffect
	People    int64 // number of bridges whose people would be blanked

	Saved             bool  // rules are saved
	Removed, Blanked  int64 // number of events since they were saved
	ToRemove, ToBlank int64
}

// RetentionRow is what was typed for one family of events.
type RetentionRow struct {
	Family      string
	Label       string // what its events are about
	Others      bool   // the row for all families without rules
	Keep, Blank string
}

// RetentionEffect is what a rule would do now, in numbers of events.
type RetentionEffect struct {
	Family string
	Others bool
	Remove int64
	Held   int64 // kept because their incident is open
	Blank  int64
	Oldest When // of the events that are kept; zero for none
}

// retentionField is the field of a row for kind "keep" or "blank".
func retentionField(p SettingsRetentionPage, row int, kind string) Field {
	r := p.Rows[row]
	name := kind + "_" + r.Family
	f := Field{Name: name, ID: "f-" + kind + "-" + strconv.Itoa(row), Value: r.Keep, Error: p.Errors[name], Label: "Days to keep: ", Placeholder: "same as others", LabelHidden: true, InputMode: "numeric", MaxLength: 6}
	if kind == "blank" {
		f.Value, f.Label = r.Blank, "Days until personal data is erased: "
	}
	if f.Label += r.Family; r.Others {
		f.Placeholder = "0"
	}
	return f
}

// retentionDoes reports whether the previewed rules would change anything now.
func retentionDoes(p SettingsRetentionPage) bool {
	n := p.People
	for _, e := range p.Preview {
		n += e.Remove + e.Blank
	}
	return n > 0
}

func eventsText(n int64) string {
	return Plural(int(n), "event", "events")
}

// retentionProgress is a line such as "12,400 events removed, 3,100 to go".
func retentionProgress(done, left int64, verb string) string {
	text := eventsText(done) + " " + verb
	if left > 0 {
		text += ", about " + Count(int(left)) + " to go"
	}
	return text
}
