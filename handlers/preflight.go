package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

const preflightPath = "/preflight"

// preflightChecks are the columns of the pre-flight board: their names, and the findings
// that each of them shows.
var preflightChecks = []struct {
	name  string
	codes []incident.FindingCode
}{
	{"Zoom user", []incident.FindingCode{incident.FoundUser, incident.FoundUserUnknown, incident.FoundUserInactive, incident.FoundUserBasic, incident.FoundUserUnsaid, incident.FoundUserMayNotHost}},
	{"At once", []incident.FindingCode{incident.FoundAtOnce}},
	{"PMI, scheduled", []incident.FindingCode{incident.FoundPMIScheduled, incident.FoundNoSettings}},
	{"PMI, instant", []incident.FindingCode{incident.FoundPMIInstant}},
	{"Waiting room", []incident.FindingCode{incident.FoundWaitingRoom}},
	{"Join before host", []incident.FindingCode{incident.FoundJoinBeforeHost}},
	{"Cloud recording", []incident.FindingCode{incident.FoundCloudRecording}},
	{"Sign-in", []incident.FindingCode{incident.FoundAuthentication}},
	{createsLeft, nil},
}

const createsLeft = "Left today"

// PreflightPage is GET /preflight: the pre-flight board.
func (s *Site) PreflightPage(c echo.Context) error {
	page, err := s.preflightPage(c)
	if err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.Preflight(page))
}

func (s *Site) preflightPage(c echo.Context) (views.PreflightPage, error) {
	account, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return views.PreflightPage{}, err
	}
	hosts, err := s.possibleHosts(c, account)
	if err != nil {
		return views.PreflightPage{}, err
	}
	page := views.PreflightPage{
		Frame: s.Frame(c, "Pre-flight", "preflight"), CanChange: Actor(c).Role.Includes(incident.Admin),
		OnCall: strings.Join(account.OnCallUsers, "\n"), Level: views.LevelOK,
		Empty: "People appear here when a backup user is set, or when somebody opens an incident.",
	}
	if !account.Connected() {
		page.Empty = "Connect a Zoom app that can create meetings first."
		return page, nil
	}
	for _, check := range preflightChecks {
		page.Checks = append(page.Checks, check.name)
	}
	emails := make([]string, len(hosts))
	for n, h := range hosts {
		emails[n] = h.Email
	}
	loads, err := s.Store.HostLoads(c.Request().Context(), incident.LoadsAt(s.Now(), emails))
	if err != nil {
		return page, err
	}
	fixable := false
	for _, h := range hosts {
		row := s.preflightRow(c, h, page.CanChange)
		if !stranger(h) {
			row.Cells[len(row.Cells)-1] = leftToday(loads[h.Email])
		}
		fixable = fixable || slices.ContainsFunc(h.Fixable(), func(code incident.FindingCode) bool { return !h.Locked(code) })
		page.Rows = append(page.Rows, row)
	}
	if fixable && page.CanChange {
		page.FixAll = preflightPath + "/fix"
	}
	level, title, unchecked := preflightSummary(hosts)
	page.Level, page.Title, page.Waiting = level, title, unchecked
	return page, nil
}

func (s *Site) possibleHosts(c echo.Context, a incident.Account) ([]incident.PossibleHost, error) {
	openers, err := s.Store.Openers(c.Request().Context(), s.Now().Add(-incident.OpenersSince))
	if err != nil {
		return nil, err
	}
	checks, err := s.Store.HostChecks(c.Request().Context())
	return incident.PossibleHosts(a, openers, checks), err
}

// preflightSummary says how all of them fare, in one line.
func preflightSummary(hosts []incident.PossibleHost) (level views.Level, title string, unchecked int) {
	var bad, warned, strangers int
	for _, h := range hosts {
		switch level := h.Level(); {
		case level == incident.LevelBad:
			bad++
		case level == incident.LevelWarning && stranger(h):
			strangers++
		case level == incident.LevelWarning:
			warned++
		default: // fine, or not said
		}
		if h.Outdated() {
			unchecked++
		}
	}
	level = views.LevelOK
	switch {
	case bad > 0:
		level = views.LevelBad
	case warned+strangers > 0:
		level = views.LevelWarning
	case unchecked > 0:
		level = views.LevelUnknown
	}
	return level, words.Preflight(len(hosts), unchecked, bad, warned, strangers), unchecked
}

// stranger reports whether Zoom said that somebody is no user of the account.
func stranger(h incident.PossibleHost) bool {
	return slices.ContainsFunc(h.Lines, func(f incident.Finding) bool {
		return f.Code == incident.FoundUserUnknown && f.Zoom != nil && (f.Zoom.Code == zoom.ProblemNoSuchUser || f.Zoom.Code == zoom.ProblemOtherAccount)
	})
}

func (s *Site) preflightRow(c echo.Context, h incident.PossibleHost, canChange bool) views.PreflightRow {
	row := views.PreflightRow{Email: h.Email, Roles: words.HostRoles(plain(h.Roles)), Level: views.Level(h.Level()), Checked: s.When(c, h.At)}
	if h.At.IsZero() {
		row.Level = views.LevelUnknown
	}
	lines := toldFindings(c, h.Lines)
	fixable := h.Fixable()
	for _, check := range preflightChecks {
		cell := views.PreflightCell{}
		if i := slices.IndexFunc(lines, func(f incident.Finding) bool { return slices.Contains(check.codes, f.Code) }); i >= 0 {
			said := findingWords(lines[i], s.Now())
			line := said.Says()
			cell = views.PreflightCell{Level: views.Level(lines[i].Level), Text: said.Cell(), Title: line.Subject + ": " + line.Reason}
			if canChange {
				cell.Fix = line.Fix
				if slices.Contains(fixable, lines[i].Code) {
					cell.Href = preflightPath + "/fix?" + url.Values{"email": {h.Email}, "code": {string(lines[i].Code)}}.Encode()
				}
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// leftToday is how many meetings Zoom still lets somebody create or change today.
func leftToday(load incident.HostLoad) views.PreflightCell {
	left := max(0, incident.HostDayLimit-load.Creates)
	cell := views.PreflightCell{Level: views.LevelOK, Text: views.Count(left), Title: words.LeftToday(left, incident.HostDayLimit)}
	switch {
	case left == 0:
		cell.Level = views.LevelBad
	case left <= 10:
		cell.Level = views.LevelWarning
	}
	return cell
}

// addPreflight adds what the pre-flight check found about people to Overview. What it
// found about the host pool is there already, from the account's check. Somebody who can't
// host keeps Overview from being green.
func addPreflight(people []incident.PossibleHost, page *views.OverviewPage) {
	level, title, _ := preflightSummary(people)
	if level != views.LevelBad && level != views.LevelWarning {
		return
	}
	page.Needs = append(page.Needs, views.Need{Level: level, Text: "Pre-flight: " + title + ".", LinkText: "View", Href: preflightPath})
	if level == views.LevelBad && page.Ready.Level == views.LevelOK {
		page.Ready.Level, page.Ready.Title = views.LevelWarning, words.ReadyForMost
	}
}

// preflightPeople are those whom only the pre-flight check looks at.
func (s *Site) preflightPeople(c echo.Context, a incident.Account) ([]incident.PossibleHost, error) {
	if !a.Connected() {
		return nil, nil
	}
	hosts, err := s.possibleHosts(c, a)
	return slices.DeleteFunc(hosts, func(h incident.PossibleHost) bool { return slices.Contains(h.Roles, incident.MayHostInPool) }), err
}

// CheckPreflight is POST /preflight/check: everybody is checked, in the background.
func (s *Site) CheckPreflight(c echo.Context) error {
	return s.finish(c, s.Service.StartPreflight(c.Request().Context(), Actor(c)), preflightPath, "The check of everyone has started. Its result appears here.")
}

// SaveOnCall is POST /preflight/on-call.
func (s *Site) SaveOnCall(c echo.Context) error {
	form, err := ReadForm(c, "on_call_emails")
	if err != nil {
		return err
	}
	err = s.Service.SaveOnCall(c.Request().Context(), Actor(c), strings.FieldsFunc(form.Get("on_call_emails"), func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ';' }))
	if _, fields, ok := Refusal(err); ok && fields != nil {
		page, err := s.preflightPage(c)
		if err != nil {
			return err
		}
		page.OnCall, page.OnCallBad = form.Get("on_call_emails"), fields["on_call_emails"]
		return Render(c, http.StatusUnprocessableEntity, views.Preflight(page))
	}
	return s.finish(c, err, preflightPath, "The list of people on call was saved.")
}

// PreflightFixPage is GET /preflight/fix: what would change in Zoom, for everybody, or for
// one setting of one person.
func (s *Site) PreflightFixPage(c echo.Context) error {
	q, err := ReadQuery(c, "email", "code")
	if err != nil {
		return err
	}
	account, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return err
	}
	hosts, err := s.possibleHosts(c, account)
	if err != nil {
		return err
	}
	page := views.PreflightFixPage{Frame: s.Frame(c, "Fix settings", "preflight")}
	for _, h := range hosts {
		for _, code := range h.Fixable() {
			if email := q.Get("email"); email != "" && (email != h.Email || q.Get("code") != string(code)) {
				continue
			} else if email == "" && h.Locked(code) {
				continue // only who looks at that setting tries it again
			}
			change := views.PreflightChange{Kept: words.KeptBefore(h.Locked(code)), Email: h.Email, Value: h.Email + " " + string(code)}
			change.Setting, change.Before, change.After = words.SettingFix(string(code))
			page.Changes = append(page.Changes, change)
		}
	}
	return Render(c, http.StatusOK, views.PreflightFix(page))
}

// FixPreflight is POST /preflight/fix.
func (s *Site) FixPreflight(c echo.Context) error {
	form, err := ReadForm(c, "fix.*")
	if err != nil {
		return err
	}
	fixes := map[string][]incident.FindingCode{}
	for n := range maxFixes {
		email, code, ok := strings.Cut(form.Get("fix."+strconv.Itoa(n)), " ")
		if !ok {
			break
		}
		fixes[email] = append(fixes[email], incident.FindingCode(code))
	}
	done, err := s.Service.FixHosts(c.Request().Context(), Actor(c), fixes)
	fixed, kept := 0, 0
	var refused []words.Reason
	for _, d := range done {
		fixed, kept = fixed+len(d.Fixed), kept+len(d.Kept)
		if d.Zoom != nil {
			refused = append(refused, reasonWords(incident.Reason{Code: incident.ReasonZoom, Host: d.Email, Zoom: d.Zoom}, s.Now()))
		}
	}
	said := words.HostFixes(fixed, kept, refused)
	if left := len(fixes) - len(done); left > 0 {
		said += " " + words.FixesLeft(left)
	}
	if err == nil && (kept > 0 || len(refused) > 0) {
		s.Flash(c, views.LevelWarning, said)
		return c.Redirect(http.StatusSeeOther, preflightPath)
	}
	return s.finish(c, err, preflightPath, said)
}

// maxFixes is how many changes one form can have: five settings of everybody.
const maxFixes = 5000
