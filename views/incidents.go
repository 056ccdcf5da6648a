package views

import (
	"net/url"
	"strconv"
)

// IncidentsPage is GET /incidents?status=&severity=&runbook=&q=&cursor=.
type IncidentsPage struct {
	Frame         Frame
	CanOpen       bool   // responders: Open incident
	RunURL        string // where Open incident leads: the form of the only runbook, or /runbooks
	Status        string // "", "open", "resolved"
	Severity      string
	Runbook       string // id
	Query         string
	Runbooks      []Choice
	Rows          []IncidentRow
	Open          int // number of all open incidents, regardless of the filter
	OpenFound     int // number of open incidents that the rest of the filter finds
	ResolvedFound int // the same of resolved ones
	Pager         Pager
}

// IncidentRow is one incident of the list.
type IncidentRow struct {
	Number      int64
	Key         string
	Name        string
	Severity    string // "" for none
	Resolved    bool
	OpenedAt    When
	Opener      string
	RunbookName string
	Lasted      string  // "14 min": how long it has been open, or was
	Verdict     Verdict // of its bridge; State is "" if it has none
	Inside      int
	Told        Told   // shown on Overview, while the call runs
	JoinPath    string // "/j/INC-42" while people can join
	Drill       bool
}

func (r IncidentRow) href() string { return "/incidents/" + strconv.FormatInt(r.Number, 10) }

func (r IncidentRow) status() string {
	if r.Resolved {
		return "resolved"
	}
	return "open"
}

func (p IncidentsPage) filtered() bool {
	return p.Status != "" || p.Severity != "" || p.Runbook != "" || p.Query != ""
}

func (p IncidentsPage) says() string {
	if p.Open == 0 {
		return "None open"
	}
	return Plural(p.Open, "open", "open")
}

// href is the list with another status and the same other filters.
func (p IncidentsPage) href(status string) string {
	q := url.Values{}
	for name, value := range map[string]string{"status": status, "severity": p.Severity, "runbook": p.Runbook, "q": p.Query} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/incidents"
	}
	return "/incidents?" + q.Encode()
}

func (p IncidentsPage) statusChips() []Chip {
	return []Chip{
		{Label: "All", Count: Count(p.OpenFound + p.ResolvedFound), Href: p.href(""), On: p.Status == ""},
		{Label: "Open", Count: Count(p.OpenFound), Href: p.href("open"), On: p.Status == "open"},
		{Label: "Resolved", Count: Count(p.ResolvedFound), Href: p.href("resolved"), On: p.Status == "resolved"},
	}
}

func (p IncidentsPage) severityChoices() []Choice {
	var all []Choice
	for _, s := range []string{"SEV1", "SEV2", "SEV3", "SEV4"} {
		all = append(all, Choice{Value: s, Label: s})
	}
	return anyOr(p.Severity, all)
}

// anyOr is the choice Any and the given choices, of which value is selected.
func anyOr(value string, choices []Choice) []Choice {
	all := append([]Choice{{Label: "Any"}}, choices...)
	for i := range all {
		all[i].Selected = i > 0 && all[i].Value == value
	}
	return all
}
