package incident

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/drawbridge-hq/drawbridge/incident/severity"
)

// Conditions hold if all of All hold, or one of Any. No condition always holds. Only one
// of the two lists is used.
type Conditions struct {
	All []Condition `json:"all,omitempty" yaml:"all,omitempty"`
	Any []Condition `json:"any,omitempty" yaml:"any,omitempty"`
}

// Condition compares a field of an incident with values, in a time zone if the field is
// about the time of the day or the week.
type Condition struct {
	Field string     `json:"field" yaml:"field"` // a ConditionField, or vars.NAME
	Is    Comparison `json:"is" yaml:"is"`
	Value Values     `json:"value,omitempty" yaml:"value,omitempty"`
	Zone  string     `json:"zone,omitempty" yaml:"zone,omitempty"` // such as Europe/Oslo
}

// Values are what a field is compared with. A file may write one without a list.
type Values []string

// UnmarshalYAML implements yaml.NodeUnmarshaler. It takes values as they are written: 1.10 may be
// a version, and 007 a name.
func (v *Values) UnmarshalYAML(node ast.Node) error {
	nodes := []ast.Node{node}
	if list, ok := node.(*ast.SequenceNode); ok {
		nodes = list.Values
	}
	*v = nil
	for _, one := range nodes {
		switch one := one.(type) {
		case *ast.NullNode:
		case *ast.StringNode:
			*v = append(*v, one.Value)
		case *ast.LiteralNode:
			*v = append(*v, one.Value.Value)
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			*v = append(*v, one.GetToken().Value)
		default:
			return &yaml.SyntaxError{Message: `this must be a text, a number or a list of them; put what has a colon in quotes, such as "09:00"`, Token: one.GetToken()}
		}
	}
	return nil
}

// MarshalYAML implements yaml.InterfaceMarshaler.
func (v Values) MarshalYAML() (any, error) {
	if len(v) == 1 {
		return v[0], nil
	}
	return []string(v), nil
}

// Comparison says how a field is compared. The codes are stored.
type Comparison string

const (
	IsEqual      Comparison = "equals"
	IsNot        Comparison = "not_equals"
	IsOneOf      Comparison = "one_of"
	IsNoneOf     Comparison = "none_of"
	Contains     Comparison = "contains"
	ContainsNot  Comparison = "not_contains"
	IsEmpty      Comparison = "empty"
	IsNotEmpty   Comparison = "not_empty"
	AtLeast      Comparison = "at_least" // of severities: as severe, or more
	AtMost       Comparison = "at_most"
	IsMore       Comparison = "greater_than"
	IsLess       Comparison = "less_than"
	IsBefore     Comparison = "before"
	IsAfter      Comparison = "after"
	WentUp       Comparison = "went_up" // the last change made it more severe
	WentDown     Comparison = "went_down"
	IsBetween    Comparison = "between" // from the first value to the second, over midnight if that is earlier
	IsNotBetween Comparison = "not_between"
)

// comparisonAliases are other ways in which a file may write a comparison.
var comparisonAliases = map[Comparison]Comparison{"is": IsEqual, "is_not": IsNot, "in": IsOneOf, "not_in": IsNoneOf, "is_empty": IsEmpty, "is_not_empty": IsNotEmpty}

// values returns how many values the comparison takes: from min to max.
func (c Comparison) values() (least, most int) {
	switch c {
	case IsEmpty, IsNotEmpty, WentUp, WentDown:
		return 0, 0
	case IsOneOf, IsNoneOf:
		return 1, maxConditionValues
	case IsBetween, IsNotBetween:
		return 2, 2
	default:
		return 1, 1
	}
}

// TakesValues reports whether the comparison needs a value.
func (c Comparison) TakesValues() bool {
	_, most := c.values()
	return most > 0
}

// TakesMany reports whether the comparison takes more than one value.
func (c Comparison) TakesMany() bool {
	_, most := c.values()
	return most > 1
}

// The limits of conditions.
const (
	maxConditions      = 20
	maxConditionValues = 50
)

// ConditionField is something that conditions can be about.
type ConditionField struct {
	Name        string
	Comparisons []Comparison
	Values      []string // the only values; nil: any
	Zoned       bool     // the condition needs a zone
	Clock       bool     // it changes by itself, as time passes

	is    func(f StepFacts, zone *time.Location) string // what is so now
	check func(value string) (canonical, problem string)
	holds func(c Comparison, is string, values []string) bool
}

var (
	textComparisons   = []Comparison{IsEqual, IsNot, IsOneOf, IsNoneOf, Contains, ContainsNot, IsEmpty, IsNotEmpty}
	choiceComparisons = []Comparison{IsEqual, IsNot, IsOneOf, IsNoneOf}
	numberComparisons = []Comparison{IsEqual, IsNot, IsMore, IsLess, AtLeast, AtMost}
)

// The states of bridges as conditions name them.
const (
	BridgeNone   = "none"   // the incident has no bridge
	BridgeMaking = "making" // it is being made
)

// ConditionFields are the fields that conditions can be about, beside the variables of the
// runbook, in the order in which forms offer them.
var ConditionFields = []ConditionField{
	{
		Name: "severity", Comparisons: []Comparison{IsEqual, IsNot, IsOneOf, IsNoneOf, AtLeast, AtMost, WentUp, WentDown, IsEmpty, IsNotEmpty},
		is: func(f StepFacts, _ *time.Location) string { return f.Incident.Severity },
	},
	{Name: "type", Comparisons: textComparisons, is: func(f StepFacts, _ *time.Location) string { return f.Incident.Type }},
	{
		Name: "source", Comparisons: choiceComparisons, Values: []string{string(SourceForm), string(SourceAPI)},
		is: func(f StepFacts, _ *time.Location) string { return string(f.Incident.Source) },
	},
	{Name: "opener", Comparisons: textComparisons, is: func(f StepFacts, _ *time.Location) string { return f.Incident.OpenerEmail }},
	{
		Name: "opened_for", Comparisons: []Comparison{AtLeast, IsLess}, Clock: true,
		is: func(f StepFacts, _ *time.Location) string {
			return Minutes(f.At.Sub(f.Incident.CreatedAt) / time.Minute).String()
		},
		check: checkMinutes, holds: ordered(minutesOf),
	},
	{
		Name: "bridge_state", Comparisons: choiceComparisons,
		Values: []string{BridgeNone, BridgeMaking, string(BridgeReady), string(BridgeLive), string(BridgeEnded), string(BridgeUnknown), string(BridgeFailed)},
		is: func(f StepFacts, _ *time.Location) string {
			switch {
			case len(f.Bridges) == 0:
				return BridgeNone
			case f.Bridges[0].isBeingMade():
				return BridgeMaking
			}
			return string(f.Bridges[0].State)
		},
	},
	{
		Name: "bridge_kind", Comparisons: choiceComparisons, Values: []string{BridgeNone, string(KindMeeting), string(KindStandby), string(KindStatic)},
		is: func(f StepFacts, _ *time.Location) string {
			if len(f.Bridges) == 0 || f.Bridges[0].JoinURL == "" {
				return BridgeNone
			}
			return string(f.Bridges[0].Kind)
		},
	},
	{
		Name: "people_inside", Comparisons: numberComparisons,
		is: func(f StepFacts, _ *time.Location) string { return strconv.Itoa(f.inside()) }, check: checkNumber, holds: ordered(numberOf),
	},
	{
		Name: "weekday", Comparisons: []Comparison{IsOneOf, IsNoneOf}, Values: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, Zoned: true, Clock: true,
		is: func(f StepFacts, zone *time.Location) string {
			return strings.ToLower(f.At.In(zone).Weekday().String()[:3])
		},
		check: func(value string) (string, string) { return cutRunes(strings.ToLower(value), 3), "" },
	},
	{
		Name: "time_of_day", Comparisons: []Comparison{IsBetween, IsNotBetween}, Zoned: true, Clock: true,
		is: func(f StepFacts, zone *time.Location) string { return f.At.In(zone).Format("15:04") }, check: checkClock, holds: between,
	},
}

// variableField returns the field for conditions about a variable.
func variableField(v Variable) ConditionField {
	field := ConditionField{
		Name: varPrefix + v.Name, Comparisons: textComparisons,
		is: func(f StepFacts, _ *time.Location) string { return f.Incident.Vars[v.Name] },
	}
	switch v.Type {
	case "number":
		field.Comparisons = append(slices.Clone(numberComparisons), IsEmpty, IsNotEmpty)
		field.check, field.holds = checkNumber, ordered(numberOf)
	case "date":
		field.Comparisons = []Comparison{IsEqual, IsNot, IsBefore, IsAfter, IsEmpty, IsNotEmpty}
		field.check, field.holds = checkDate, ordered(dateOf)
	case "choice":
		field.Comparisons = append(slices.Clone(choiceComparisons), IsEmpty, IsNotEmpty)
		field.Values = v.Choices
	}
	return field
}

// FieldsOf returns the fields that the conditions of a runbook can be about.
func FieldsOf(vars []Variable) []ConditionField {
	fields := slices.Clone(ConditionFields)
	for _, v := range vars {
		fields = append(fields, variableField(v))
	}
	return fields
}

// list returns the conditions, whether all must hold or one, and their name in a file.
func (c Conditions) list() (list []Condition, all bool, name string) {
	if len(c.Any) > 0 {
		return c.Any, false, "any"
	}
	return c.All, true, "all"
}

// subjects returns the fields that conditions are about and that do not change as time passes.
func (c Conditions) subjects() (names []string) {
	list, _, _ := c.list()
	for _, one := range list {
		i := slices.IndexFunc(ConditionFields, func(f ConditionField) bool { return f.Name == one.Field })
		if i < 0 || !ConditionFields[i].Clock {
			names = append(names, one.Field)
		}
	}
	return names
}

// normalise trims the values and rejects conditions that cannot work.
func (c *Conditions) normalise(p string, vars []Variable, fields map[string]string) {
	if len(c.All) > 0 && len(c.Any) > 0 {
		fields[p+"any"] = "Use either “all of” or “any of” for the conditions of a step."
	}
	list, _, name := c.list()
	if len(list) > maxConditions {
		fields[p+name] = fmt.Sprintf("Use at most %d conditions.", maxConditions)
	}
	for i := range list {
		list[i].normalise(fmt.Sprintf("%s%s.%d.", p, name, i), vars, fields)
	}
}

func (c *Condition) normalise(p string, vars []Variable, fields map[string]string) {
	c.Field = strings.TrimSpace(c.Field)
	all := FieldsOf(vars)
	at := slices.IndexFunc(all, func(f ConditionField) bool { return f.Name == c.Field })
	if at < 0 {
		fields[p+"field"] = "Choose what the condition is about."
		if name, isVar := strings.CutPrefix(c.Field, varPrefix); isVar {
			fields[p+"field"] = "The runbook has no variable “" + cutRunes(name, 40) + "”. Add it, or delete this condition."
		}
		return
	}
	field := all[at]
	if alias, known := comparisonAliases[c.Is]; known {
		c.Is = alias
	}
	if !slices.Contains(field.Comparisons, c.Is) {
		fields[p+"is"] = "Choose how to compare."
		return
	}
	var values Values
	for _, value := range c.Value {
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		if problem := shortProblem(value, maxVar); problem != "" {
			fields[p+"value"] = problem
		} else if field.check != nil {
			if value, problem = field.check(value); problem != "" {
				fields[p+"value"] = problem
			}
		}
		if field.Values != nil && !slices.Contains(field.Values, value) {
			fields[p+"value"] = "Choose one of: " + strings.Join(field.Values, ", ") + "."
		}
		values = append(values, value)
	}
	least, most := c.Is.values()
	switch c.Value = values; {
	case len(values) < least && least == 2:
		fields[p+"value"] = "Enter two times, such as 09:00 and 17:00."
	case len(values) < least:
		fields[p+"value"] = "Enter a value."
	case most == 0:
		c.Value = nil
	case len(values) > most:
		fields[p+"value"] = fmt.Sprintf("Enter at most %d values.", most)
	}
	if c.Field == "severity" && (c.Is == AtLeast || c.Is == AtMost) && len(values) == 1 && severity.Level(values[0]) == 0 {
		fields[p+"value"] = "Drawbridge can’t tell how severe this is. Use a severity such as SEV1, P2, critical or minor."
	}
	if c.Zone = strings.TrimSpace(c.Zone); !field.Zoned {
		c.Zone = ""
		return
	}
	c.Zone = cmp.Or(c.Zone, "UTC")
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		fields[p+"zone"] = "Enter a time zone such as Europe/Oslo or UTC."
	}
}

// Checked is a condition with whether it holds.
type Checked struct {
	Condition
	Holds  bool   `json:"holds,omitempty"`
	Broken bool   `json:"broken,omitempty"` // it can't be checked: it is about something that does not exist, or has no value
	Now    string `json:"now,omitempty"`    // what is so now; see ConditionField
	Before string `json:"before,omitempty"` // of went_up and went_down: what was so before
}

// check says of each condition whether it holds, and whether they hold together.
func (c Conditions) check(f StepFacts) (checked []Checked, hold bool) {
	list, all, _ := c.list()
	for _, one := range list {
		checked = append(checked, one.check(f))
	}
	failing := func(c Checked) bool { return !c.Holds }
	if all {
		return checked, !slices.ContainsFunc(checked, failing)
	}
	return checked, slices.ContainsFunc(checked, func(c Checked) bool { return c.Holds })
}

func (c Condition) check(f StepFacts) Checked {
	checked := Checked{Condition: c}
	field, zone, known := c.field(f)
	if checked.Broken = !known; !known {
		return checked
	}
	checked.Now = field.is(f, zone)
	switch is := checked.Now; {
	case c.Is == IsEmpty || c.Is == IsNotEmpty:
		checked.Holds = (is == "") == (c.Is == IsEmpty)
	case c.Is == WentUp || c.Is == WentDown:
		checked.Before = f.Incident.SeverityBefore
		was, now := severity.Level(checked.Before), severity.Level(is)
		checked.Holds = was > 0 && now > 0 && (c.Is == WentUp && now < was || c.Is == WentDown && now > was)
	case c.Field == "severity" && (c.Is == AtLeast || c.Is == AtMost):
		level, now := severity.Level(c.Value[0]), severity.Level(is)
		checked.Holds = now > 0 && (c.Is == AtLeast && now <= level || c.Is == AtMost && now >= level)
	case field.holds != nil:
		checked.Holds = field.holds(c.Is, is, c.Value)
	default:
		checked.Holds = sameText(c.Is, is, c.Value)
	}
	return checked
}

// field returns the field of a stored condition. Its variable need not exist any more.
func (c Condition) field(f StepFacts) (field ConditionField, zone *time.Location, known bool) {
	if name, isVar := strings.CutPrefix(c.Field, varPrefix); isVar {
		if _, known = f.Incident.Vars[name]; known {
			field = variableField(Variable{Name: name, Type: c.varType()})
		}
	} else if i := slices.IndexFunc(ConditionFields, func(f ConditionField) bool { return f.Name == c.Field }); i >= 0 {
		field, known = ConditionFields[i], true
	}
	zone, err := time.LoadLocation(c.Zone)
	least, most := c.Is.values()
	return field, zone, known && err == nil && len(c.Value) >= least && len(c.Value) <= most
}

// varType returns the type of the variable that the condition is about, as far as its
// comparison and its values tell.
func (c Condition) varType() string {
	all := func(check func(string) (string, string)) bool {
		return len(c.Value) > 0 && !slices.ContainsFunc(c.Value, func(v string) bool { _, problem := check(v); return problem != "" })
	}
	switch c.Is {
	case IsMore, IsLess, AtLeast, AtMost:
		return "number"
	case IsBefore, IsAfter:
		return "date"
	case IsEqual, IsNot:
		if all(checkNumber) {
			return "number"
		}
	default:
	}
	return "text"
}

// sameText compares texts without regard to case, as people type severities and addresses.
func sameText(c Comparison, is string, values []string) bool {
	same := func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), strings.TrimSpace(is)) }
	switch c {
	case IsEqual, IsOneOf:
		return slices.ContainsFunc(values, same)
	case IsNot, IsNoneOf:
		return !slices.ContainsFunc(values, same)
	case Contains, ContainsNot:
		return strings.Contains(strings.ToLower(is), strings.ToLower(values[0])) == (c == Contains)
	default:
		return false
	}
}

// ordered compares what parse makes of two texts. What can't be parsed is only not equal.
func ordered(parse func(string) (float64, bool)) func(c Comparison, is string, values []string) bool {
	return func(c Comparison, is string, values []string) bool {
		a, okA := parse(is)
		b, okB := parse(values[0])
		if !okA || !okB {
			return (c == IsEqual || c == IsNot) && sameText(c, is, values)
		}
		switch c {
		case IsEqual:
			return a == b
		case IsNot:
			return a != b
		case IsMore, IsAfter:
			return a > b
		case IsLess, IsBefore:
			return a < b
		case AtLeast:
			return a >= b
		case AtMost:
			return a <= b
		default:
			return false
		}
	}
}

func numberOf(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

func dateOf(s string) (float64, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return float64(t.Unix()), err == nil
}

func minutesOf(s string) (float64, bool) {
	m, err := ParseMinutes(s)
	return float64(m), err == nil
}

func checkNumber(value string) (string, string) {
	return value, Variable{Type: "number"}.check(value)
}

func checkDate(value string) (string, string) {
	return value, Variable{Type: "date"}.check(value)
}

func checkMinutes(value string) (string, string) {
	m, err := ParseMinutes(value)
	if err != nil || m < 0 || m > maxWait {
		return value, "Enter a length such as 5m or 1h30m."
	}
	return m.String(), ""
}

func checkClock(value string) (string, string) {
	t, err := time.Parse("15:04", value)
	if err != nil {
		return value, "Enter times such as 09:00."
	}
	return t.Format("15:04"), ""
}

// between compares times of the day: from the first one until just before the second.
func between(c Comparison, is string, values []string) bool {
	from, to := values[0], values[1]
	in := from <= is && is < to
	if to <= from { // over midnight
		in = is >= from || is < to
	}
	return in == (c == IsBetween)
}
