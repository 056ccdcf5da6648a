package views

import (
	"net/url"
	"strconv"
)

// IncidentsPage is GET /incidents?status=&severity=&runbook=&q=&cursor=.
type IncidentsPage struct {
	Frame    Frame
	CanOpen  bool   // responder: Open incident
	RunURL   string // where Open incident leads: the only runbook's form, or /runbooks
	Status   string // "", "open", "resolved"
	Severity string
	Runbook  string // id
	Query    string
	Runbooks []Choice
	Rows     []IncidentRow
	Open     int // open incidents in all, whatever the filter
	Pager    Pager
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
	Lasted      string // "14 min": open so far, or until it was resolved
	BridgeState string // "" when it has no bridge
	Inside      int
	JoinPath    string // "/j/INC-42" while there is something to join
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

// href is the list with status in place of the one it is filtered by, and every other filter kept.
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
	open := Chip{Label: "Open", Href: p.href("open"), On: p.Status == "open"}
	if p.Open > 0 {
		open.Count = Count(p.Open)
	}
	return []Chip{
		{Label: "All", Href: p.href(""), On: p.Status == ""},
		open,
		{Label: "Resolved", Href: p.href("resolved"), On: p.Status == "resolved"},
	}
}

func (p IncidentsPage) severityChoices() []Choice {
	all := []Choice{{Value: "", Label: "Any"}}
	for _, s := range []string{"SEV1", "SEV2", "SEV3", "SEV4"} {
		all = append(all, Choice{Value: s, Label: s, Selected: s == p.Severity})
	}
	return all
}

func (p IncidentsPage) runbookChoices() []Choice {
	all := []Choice{{Value: "", Label: "Any"}}
	for _, r := range p.Runbooks {
		r.Selected = r.Value == p.Runbook
		all = append(all, r)
	}
	return all
}
