package words

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// stepKinds names each kind of step, and says in one line what it does.
var stepKinds = map[string]struct{ name, does string }{
	"create_meeting": {"Create Zoom meeting", "Gives the incident a bridge: a Zoom meeting, a standby meeting or a static link."},
	"checklist":      {"Checklist line", "A line that somebody ticks once it is done."},
	"end_meeting":    {"End the meeting", "Ends the running calls of the incident for everyone."},
	"resolve":        {"Resolve the incident", "Resolves the incident, as its button does."},
}

// StepKind names a kind of step.
func StepKind(kind string) string { return cmp.Or(stepKinds[kind].name, code(kind)) }

// StepDoes says in one line what a kind of step does.
func StepDoes(kind string) string { return stepKinds[kind].does }

// Step is the name of a step, or what its kind does if it has none.
func Step(kind, name string) string { return cmp.Or(name, StepKind(kind)) }

// triggerTexts say when a step runs: by itself, with a wait before it, and what it waits for.
var triggerTexts = map[string]struct{ choice, at, later, waits string }{
	"":              {"The incident opens", "when the incident opens", "after the incident opens", "the incident to open"},
	"after_step":    {"An earlier step has ended", "when {step}", "after {step}", "“{name}” to end"},
	"bridge_ready":  {"The bridge is ready", "when the bridge is ready", "after the bridge is ready", "the bridge to be ready"},
	"first_joined":  {"The first person joins", "when the first person joins", "after the first person joins", "the first person to join"},
	"nobody_joined": {"Nobody has joined", "when nobody has joined", "when nobody has joined for {wait}", "a bridge that nobody joins"},
	"people_stuck":  {"People are stuck", "when people wait to get in and nobody lets them in", "after people are stuck", "people who can’t get in"},
	"changed":       {"Severity or status changes", "when the severity or the status changes", "after the severity or the status changed", "a change of the severity or the status"},
	"resolved":      {"The incident is resolved", "when the incident is resolved", "after the incident is resolved", "the incident to be resolved"},
}

// Trigger names a trigger, for choosing it.
func Trigger(c string) string { return cmp.Or(triggerTexts[c].choice, code(c)) }

// outcomeTexts say how a step ended.
var outcomeTexts = map[string]string{"": "is done", "failed": "has failed", "either": "is done or has failed"}

// Outcome says how an earlier step must end; see incident.Outcome.
func Outcome(c string) string { return cmp.Or(outcomeTexts[c], code(c)) }

// fieldTexts names what conditions can be about.
var fieldTexts = map[string]string{
	"severity": "severity", "type": "type", "source": "source", "opener": "opener", "opened_for": "time since opening", "bridge_state": "bridge",
	"bridge_kind": "kind of bridge", "people_inside": "people inside", "weekday": "weekday", "time_of_day": "time",
}

// ConditionField names what a condition is about. A variable has its own name.
func ConditionField(c string) string {
	if name, isVar := strings.CutPrefix(c, "vars."); isVar {
		return name
	}
	return cmp.Or(fieldTexts[c], code(c))
}

// ConditionFieldChoice names a field, for choosing it.
func ConditionFieldChoice(c string) string {
	if name, isVar := strings.CutPrefix(c, "vars."); isVar {
		return "Variable " + name
	}
	return capital(ConditionField(c))
}

// valueTexts names the values of fields that have codes.
var valueTexts = map[string]map[string]string{
	"source":       {"form": "the form", "api": "the API", "drill": "a drill"},
	"bridge_state": {"none": "missing", "making": "being made", "ready": "ready", "live": "live", "ended": "ended", "unknown": "unknown", "failed": "failed"},
	"bridge_kind":  {"none": "none", "meeting": "a Zoom meeting", "standby": "a standby meeting", "static": "a static link"},
	"weekday":      {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday"},
}

// ConditionValue names a value of a field.
func ConditionValue(field, value string) string { return cmp.Or(valueTexts[field][value], value) }

// ConditionValueChoice names a value of a field, for choosing it.
func ConditionValueChoice(field, value string) string {
	if name := valueTexts[field][value]; name != "" {
		return capital(name)
	}
	return value
}

// comparisonTexts has for each comparison its choice, what it says with {values}, and what
// is so instead with {now}.
var comparisonTexts = map[string]struct{ choice, says, unmet string }{
	"equals":       {"is", "is {or}", "is {now}, not {or}"},
	"not_equals":   {"is not", "is not {or}", "is {now}"},
	"one_of":       {"is one of", "is {or}", "is {now}, not {or}"},
	"none_of":      {"is none of", "is not {or}", "is {now}"},
	"contains":     {"contains", "contains “{or}”", "is {now}, without “{or}”"},
	"not_contains": {"doesn’t contain", "doesn’t contain “{or}”", "is {now}"},
	"empty":        {"is empty", "is empty", "is {now}, not empty"},
	"not_empty":    {"isn’t empty", "isn’t empty", "is empty"},
	"at_least":     {"is at least", "is at least {or}", "is {now}, not at least {or}"},
	"at_most":      {"is at most", "is at most {or}", "is {now}, not at most {or}"},
	"greater_than": {"is more than", "is more than {or}", "is {now}, not more than {or}"},
	"less_than":    {"is less than", "is less than {or}", "is {now}, not less than {or}"},
	"before":       {"is before", "is before {or}", "is {now}, not before {or}"},
	"after":        {"is after", "is after {or}", "is {now}, not after {or}"},
	"went_up":      {"went up", "went up", "is {now} and didn’t go up"},
	"went_down":    {"went down", "went down", "is {now} and didn’t go down"},
	"between":      {"is between", "is between {and}", "is {now}, not between {and}"},
	"not_between":  {"is not between", "is not between {and}", "is {now}"},
}

// Comparison names a comparison, for choosing it.
func Comparison(c string) string { return cmp.Or(comparisonTexts[c].choice, code(c)) }

// Condition is one condition of a step, with what is so now; see incident.Checked.
type Condition struct {
	Field, Is     string
	Values        []string
	Zone          string
	Now           string
	Holds, Broken bool
}

// Says words the condition: "severity is SEV1 or SEV2".
func (c Condition) Says() string { return c.words(cmp.Or(comparisonTexts[c.Is].says, code(c.Is))) }

// IsNow says how it is now: "severity is SEV3, not SEV1 or SEV2".
func (c Condition) IsNow() string {
	switch {
	case c.Broken && (!strings.HasPrefix(c.Field, "vars.") || len(c.Values) == 0 && strings.Contains(comparisonTexts[c.Is].says, "{")):
		return "the condition on " + ConditionField(c.Field) + " isn’t complete"
	case c.Broken:
		return ConditionField(c.Field) + " doesn’t exist any more"
	case c.Holds:
		return c.Says()
	}
	return c.words(cmp.Or(comparisonTexts[c.Is].unmet, code(c.Is)))
}

func (c Condition) words(form string) string {
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = ConditionValue(c.Field, v)
	}
	form = strings.NewReplacer(
		"{or}", listed(values, "or"), "{and}", listed(values, "and"), "{now}", cmp.Or(ConditionValue(c.Field, c.Now), "empty"),
	).Replace(form)
	if c.Zone != "" {
		form += " (" + c.Zone + ")"
	}
	return ConditionField(c.Field) + " " + form
}

// listed lists texts: "a, b or c".
func listed(texts []string, last string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " " + last + " " + texts[len(texts)-1]
}

// Schedule says when a step runs; see incident.Schedule.
type Schedule struct {
	Manual     bool // somebody runs it
	When       string
	After      string // the name of the step before
	Outcome    string
	Wait       int // minutes
	All        bool
	Conditions []Condition
	Every      int // minutes
	Times      int
	OnChange   bool
}

// Says words the schedule in one sentence.
func (s Schedule) Says() string {
	if s.Manual {
		return "Runs when somebody presses Run."
	}
	trigger := triggerTexts[s.When]
	when := trigger.at
	if s.Wait > 0 {
		when = trigger.later
		if !s.forNobody() {
			when = minutes(s.Wait) + " " + when
		}
	}
	when = strings.NewReplacer("{step}", "“"+s.After+"” "+Outcome(s.Outcome), "{name}", s.After, "{wait}", minutes(s.Wait)).Replace(when)
	says := "Runs " + when
	if len(s.Conditions) > 0 {
		says += ", if " + s.conditions()
	}
	switch {
	case s.OnChange:
		says += "; again at every change of that"
	case s.Every > 0:
		says += "; again every " + minutes(s.Every)
	}
	switch {
	case !s.OnChange && s.Every == 0:
	case s.Times > 0:
		says += ", " + plural(s.Times, "time", "times") + " in all"
	default:
		says += " until the incident is resolved"
	}
	return says + "."
}

// forNobody reports whether the wait is part of what the step waits for.
func (s Schedule) forNobody() bool { return s.When == "nobody_joined" }

func (s Schedule) conditions() string {
	list := make([]string, len(s.Conditions))
	for i, c := range s.Conditions {
		list[i] = c.Says()
	}
	if s.All {
		return listed(list, "and")
	}
	return listed(list, "or")
}

// minutes words a length: "1 minute", "5 minutes", "2 hours", "1 h 30 min".
func minutes(n int) string {
	switch {
	case n < 60:
		return plural(n, "minute", "minutes")
	case n%60 == 0:
		return plural(n/60, "hour", "hours")
	}
	return fmt.Sprintf("%d h %d min", n/60, n%60)
}

// StepOutlook says what happens next to a step; see incident.StepOutlook.
type StepOutlook struct {
	Code     string
	Left     int
	Schedule Schedule // with what its conditions are about now
}

// Says words what the step waits for; "" if there is nothing to say. The time of a step
// that runs at a time comes after it.
func (o StepOutlook) Says() string {
	switch o.Code {
	case "person":
		return "Waits for somebody to run it."
	case "trigger":
		return "Waits for " + o.waits() + "."
	case "time":
		if o.Schedule.forNobody() {
			return "If nobody joins, runs"
		}
		return "Runs"
	case "now":
		return "Starts."
	case "conditions":
		if len(o.Schedule.Conditions) > 1 && !o.Schedule.All {
			return "Waits until one of these holds:"
		}
		return "Waits until this holds:"
	case "repeat":
		if o.Left > 0 {
			return "Runs again, " + plural(o.Left, "more time", "more times") + ", next"
		}
		return "Runs again"
	case "change":
		return "Runs again when this changes: " + o.Schedule.subjects() + "."
	case "loop":
		return "It ran 20 times because something changed, which is the limit. It doesn’t run again by itself."
	}
	return ""
}

// Preview says when the step would run, for an incident that is opened now.
func (o StepOutlook) Preview() string {
	if o.Code == "now" {
		return "Runs at once."
	}
	return o.Says()
}

func (o StepOutlook) waits() string {
	return strings.ReplaceAll(triggerTexts[o.Schedule.When].waits, "{name}", o.Schedule.After)
}

func (s Schedule) subjects() string {
	var names []string
	for _, c := range s.Conditions {
		if name := ConditionField(c.Field); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return listed(names, "or")
}

// Missed says what a step waited for that never came.
func (o StepOutlook) Missed() string {
	switch o.Code {
	case "trigger":
		return "It waited for " + o.waits() + "."
	case "time":
		return "Its time had not come."
	case "conditions":
		var list []string
		for _, c := range o.Schedule.Conditions {
			if !c.Holds {
				list = append(list, c.IsNow())
			}
		}
		says := listed(list, "and") + "."
		return capital(says)
	}
	return ""
}
