package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

const (
	drillDays   = 90
	drillsMost  = 500 // in the chart
	drillsShown = 30  // in the list
)

// DrillsPage is GET /drills.
func (s *Site) DrillsPage(c echo.Context) error {
	page, err := s.drillsPage(c, nil)
	if err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.Drills(page))
}

// RunDrill is POST /drills. The page it leads to shows the drill while it runs.
func (s *Site) RunDrill(c echo.Context) error {
	form, err := ReadForm(c, "key", "runbook")
	if err != nil {
		return err
	}
	key := form.Get("key")
	if uuid.Validate(key) != nil {
		return BadRequest("The form is incomplete. Open the Drills page again.")
	}
	err = s.Service.RunDrill(c.Request().Context(), Actor(c), key, form.Get("runbook"))
	return s.drillsDone(c, err, "The drill has started.", nil)
}

// SaveDrillPlan is POST /drills/schedule.
func (s *Site) SaveDrillPlan(c echo.Context) error {
	form, err := ReadForm(c, "schedule", "hour", "runbook", "op")
	if err != nil {
		return err
	}
	hour, err := strconv.Atoi(form.Get("hour"))
	if err != nil {
		hour = -1
	}
	plan := incident.DrillPlan{Schedule: incident.DrillSchedule(form.Get("schedule")), Hour: hour, Runbook: form.Get("runbook")}
	changed, err := s.Service.SaveDrillPlan(c.Request().Context(), Actor(c), plan)
	said := "The schedule was saved."
	if len(changed) == 0 {
		said = "Nothing was changed."
	}
	if _, fields, ok := Refusal(err); ok && fields["runbook"] != "" { // the other form has such a field too
		fields["planned"] = fields["runbook"]
		delete(fields, "runbook")
	}
	return s.drillsDone(c, err, said, &plan)
}

// drillsDone answers a form; plan is what was entered for the schedule, nil for nothing.
func (s *Site) drillsDone(c echo.Context, err error, said string, plan *incident.DrillPlan) error {
	message, fields, ok := Refusal(err)
	if !ok || len(fields) == 0 {
		return s.finish(c, err, "/drills", said)
	}
	page, err := s.drillsPage(c, plan)
	if err != nil {
		return err
	}
	page.Problem, page.Errors = message, fields
	return Render(c, http.StatusUnprocessableEntity, views.Drills(page))
}

// drillsPage is the page with the plan in its form; nil: the stored one.
func (s *Site) drillsPage(c echo.Context, entered *incident.DrillPlan) (views.DrillsPage, error) {
	ctx, now := c.Request().Context(), s.Now()
	page := views.DrillsPage{Frame: s.Frame(c, "Drills", "account"), CanRun: Actor(c).Role.Includes(incident.Admin), Key: uuid.NewString()}
	runbooks, err := s.Store.ActiveRunbooks(ctx)
	if err != nil {
		return page, err
	}
	for _, r := range runbooks {
		if r.Drillable() {
			page.Runbooks = append(page.Runbooks, views.Choice{Value: r.ID, Label: r.Name, Selected: r.Default})
		}
	}
	plan, err := s.Store.DrillPlan(ctx)
	if err != nil {
		return page, err
	}
	shown := plan
	if entered != nil {
		shown = *entered
	}
	page.Planned = []views.Choice{{Label: "Choose a runbook", Selected: shown.Runbook == ""}}
	if slices.ContainsFunc(runbooks, incident.Runbook.DefaultOfDrills) {
		page.Planned[0].Label = "The default runbook"
	}
	known := shown.Runbook == ""
	for _, r := range page.Runbooks {
		known = known || r.Label == shown.Runbook
		page.Planned = append(page.Planned, views.Choice{Value: r.Label, Label: r.Label, Selected: r.Label == shown.Runbook})
	}
	if !known {
		page.Planned = append(page.Planned, views.Choice{Value: shown.Runbook, Label: shown.Runbook + " (can’t be used)", Selected: true})
	}
	for _, each := range incident.DrillSchedules {
		page.Schedules = append(page.Schedules, views.Choice{Value: string(each), Label: words.DrillSchedule(string(each)), Selected: each == shown.Schedule})
	}
	for hour := range 24 {
		page.Hours = append(page.Hours, views.Choice{Value: strconv.Itoa(hour), Label: fmt.Sprintf("%02d:00 UTC", hour), Selected: hour == shown.Hour})
	}
	page.Schedule = words.DrillSchedule(string(plan.Schedule))
	if next := plan.Next(now); !next.IsZero() {
		page.Schedule += fmt.Sprintf(" at %02d:00 UTC", plan.Hour)
		page.Next = s.When(c, next)
	}
	from := now.AddDate(0, 0, -drillDays)
	drills, err := s.Store.Drills(ctx, from, drillsMost)
	if err != nil {
		return page, err
	}
	for _, d := range drills[:min(len(drills), drillsShown)] {
		page.Rows = append(page.Rows, s.drillRow(c, d))
	}
	page.More = len(drills) - len(page.Rows)
	page.Chart, page.Says = s.drillChart(c, drills, from)
	return page, nil
}

func (s *Site) drillRow(c echo.Context, d incident.Drill) views.DrillRow {
	row := views.DrillRow{
		At: s.When(c, d.StartedAt), By: d.StartedBy, RunbookName: d.RunbookName,
		Result: words.DrillResult(string(d.Result)), Level: views.Level(d.Result),
	}
	if d.StartedBy == "" {
		row.By = "the schedule"
	}
	if d.IncidentNumber > 0 {
		row.Key, row.Href = incident.Key(d.IncidentNumber), incidentPath(d.IncidentNumber)
	}
	for _, stage := range d.Stages {
		said := s.drillSays(c, stage)
		row.Stages = append(row.Stages, views.DrillStage{Level: views.Level(stage.Level), Subject: words.DrillSubject(string(stage.Code)), Text: said.Cause, Fix: said.Fix})
	}
	if d.FinishedAt.IsZero() {
		next := slices.IndexFunc(incident.DrillStages, func(code incident.DrillStageCode) bool { _, over := d.Stage(code); return !over })
		row.Now = words.DrillNow(string(incident.DrillStages[max(next, 0)]))
	}
	return row
}

// drillSays words a stage for a person; see told.
func (s *Site) drillSays(c echo.Context, stage incident.DrillStage) words.Text {
	stage.Reasons = told(c, stage.Reasons...)
	said := drillWords(stage, s.Now()).Says()
	if !Actor(c).Role.Includes(incident.Admin) {
		said.Fix = ""
	}
	return said
}

// drillChart draws the drills that are over, and sums them up.
func (s *Site) drillChart(c echo.Context, drills []incident.Drill, from time.Time) (chart views.DrillChart, says string) {
	now := s.Now()
	chart = views.DrillChart{
		Title: fmt.Sprintf("Time from incident to link of each drill, last %d days", drillDays),
		From:  from.In(Zone(c)).Format("2 Jan"), To: now.In(Zone(c)).Format("2 Jan"), Limit: incident.DrillLinkLimit.Seconds(),
	}
	var times []time.Duration
	for _, d := range slices.Backward(drills) {
		if d.FinishedAt.IsZero() {
			continue
		}
		p := views.DrillPoint{
			Label: s.When(c, d.StartedAt).Exact, At: d.StartedAt.Sub(from).Seconds() / now.Sub(from).Seconds(),
			Level: views.Level(d.Result), Result: words.DrillResult(string(d.Result)), Took: "no link",
		}
		if link, _ := d.Stage(incident.DrillLink); link.Rung != "" {
			p.Linked, p.Seconds, p.Took = true, link.Took.Seconds(), words.Seconds(link.Took)
			times = append(times, link.Took)
		}
		chart.Points = append(chart.Points, p)
	}
	if len(chart.Points) == 0 {
		return chart, "The first drill is running."
	}
	failed := 0
	for _, p := range chart.Points {
		if p.Level == views.LevelBad {
			failed++
		}
	}
	says = views.Plural(len(chart.Points), "drill", "drills") + ", none failed."
	if failed > 0 {
		says = fmt.Sprintf("%s, %d failed.", views.Plural(len(chart.Points), "drill", "drills"), failed)
	}
	if len(times) > 0 {
		slices.Sort(times)
		says += fmt.Sprintf(" The median time to the link was %s, the longest %s.", words.Seconds(times[(len(times)-1)/2]), words.Seconds(times[len(times)-1]))
	}
	return chart, says
}

// drillNeed is what a failed last drill says on Overview; nil if none failed.
func (s *Site) drillNeed(c echo.Context) (*views.Need, error) {
	d, found, err := s.Store.LastDrill(c.Request().Context())
	if err != nil || !found || d.Result != incident.LevelBad {
		return nil, err
	}
	need := &views.Need{Level: views.LevelBad, Text: "The last drill failed.", LinkText: "View", Href: "/drills"}
	if i := slices.IndexFunc(d.Stages, func(stage incident.DrillStage) bool { return stage.Level == incident.LevelBad }); i >= 0 {
		need.Text += " " + s.drillSays(c, d.Stages[i]).Cause
	}
	return need, nil
}
