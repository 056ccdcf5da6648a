package handlers

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// The JSON objects of the API. Times are RFC 3339 in UTC with milliseconds, or null if
// unknown. IDs are strings.

type apiList[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

type apiIncident struct {
	Number      int64             `json:"number"`
	Key         string            `json:"key"`
	Name        string            `json:"name"`
	Severity    string            `json:"severity"`
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Status      string            `json:"status"`
	OpenerEmail string            `json:"opener_email"`
	DedupKey    string            `json:"dedup_key"`
	Vars        map[string]string `json:"vars"`
	CreatedAt   apiTime           `json:"created_at"`
	ResolvedAt  apiTime           `json:"resolved_at"`
	JoinPage    string            `json:"join_page"`
	Bridges     []apiBridge       `json:"bridges"`
}

type apiBridge struct {
	ID             string  `json:"id"`
	State          string  `json:"state"`
	Kind           string  `json:"kind"`
	MeetingID      string  `json:"meeting_id"`
	JoinURL        string  `json:"join_url"`
	Passcode       string  `json:"passcode"`
	HostEmail      string  `json:"host_email"`
	UsedBackupUser bool    `json:"used_backup_user"`
	Reason         string  `json:"reason"`
	Topic          string  `json:"topic"`
	Agenda         string  `json:"agenda"`
	Recording      string  `json:"recording"`
	CreatedAt      apiTime `json:"created_at"`
	StartedAt      apiTime `json:"started_at"`
	EndedAt        apiTime `json:"ended_at"`
	Participants   int     `json:"participants"` // inside now
	Verdict        string  `json:"verdict"`      // can people get in? ok, warning, bad or unknown
	Waiting        int     `json:"waiting"`      // people who wait to get in now
}

type apiEvent struct {
	ID          string  `json:"id"`
	Event       string  `json:"event"`
	EventTS     apiTime `json:"event_ts"`
	ReceivedAt  apiTime `json:"received_at"`
	AccountID   string  `json:"account_id"`
	MeetingID   string  `json:"meeting_id"`
	MeetingUUID string  `json:"meeting_uuid"`
	Topic       string  `json:"topic"`
	BridgeID    string  `json:"bridge_id"`
	Read        bool    `json:"read"`
	Stale       bool    `json:"stale"`
}

type apiRunbook struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	IncidentType string              `json:"incident_type"`
	Disabled     bool                `json:"disabled"`
	Variables    []incident.Variable `json:"variables"`
	Steps        []apiStep           `json:"steps"`
}

type apiStep struct {
	Kind                 string `json:"kind"`
	ExecuteAutomatically bool   `json:"execute_automatically"`
	Topic                string `json:"topic"`
	Agenda               string `json:"agenda"`
	Recording            string `json:"recording"`
}

type apiTime time.Time

func (t apiTime) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z"))
}

// OpenIncident is POST /api/v1/incidents. It answers 201, or 200 with the existing
// incident if an open one has the dedup_key.
func (s *Site) OpenIncident(c echo.Context) error {
	req := incident.OpenRequest{Source: incident.SourceAPI}
	var vars texts
	err := ReadJSON(c, map[string]any{
		"runbook": &req.RunbookName, "name": &req.Name, "severity": &req.Severity, "type": &req.Type,
		"description": &req.Description, "opener_email": &req.OpenerEmail, "dedup_key": &req.DedupKey, "vars": &vars,
	})
	if err != nil {
		return err
	}
	req.Vars = vars

	opened, created, err := s.Service.OpenIncident(c.Request().Context(), Actor(c), req)
	if err != nil {
		return err
	}

	status := http.StatusOK
	if created {
		status = http.StatusCreated
		c.Response().Header().Set(echo.HeaderLocation, "/api/v1/incidents/"+strconv.FormatInt(opened.Number, 10))
	}
	return s.sendIncident(c, status, opened.Number)
}

// GetIncident is GET /api/v1/incidents/{number}; the number may be written INC-42.
func (s *Site) GetIncident(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	return s.sendIncident(c, http.StatusOK, number)
}

// ResolveIncident is POST /api/v1/incidents/{number}/resolve.
func (s *Site) ResolveIncident(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	err = s.Service.ResolveIncident(c.Request().Context(), Actor(c), number)
	if err != nil && incident.CodeOf(err) != incident.Conflict { // it is already resolved: a script may repeat the request
		return err
	}
	return s.sendIncident(c, http.StatusOK, number)
}

func (s *Site) sendIncident(c echo.Context, status int, number int64) error {
	i, err := s.Store.Incident(c.Request().Context(), number)
	if err != nil {
		return err
	}
	out, err := s.apiIncident(c, i)
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

// ListIncidents is GET /api/v1/incidents.
func (s *Site) ListIncidents(c echo.Context) error {
	q, limit, after, before, err := readList(c, "status", "severity", "q")
	if err != nil {
		return err
	}
	page, err := s.Store.Incidents(c.Request().Context(), db.IncidentFilter{
		Status: incident.Status(q.Get("status")), Severity: q.Get("severity"), Text: q.Get("q"), After: after, Before: before,
	}, q.Raw("cursor"), limit)
	if err != nil {
		return err
	}
	out := newList[apiIncident](page.Next)
	for _, row := range page.Items {
		i, err := s.apiIncident(c, row.Incident)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, i)
	}
	return c.JSON(http.StatusOK, out)
}

// ListBridges is GET /api/v1/bridges.
func (s *Site) ListBridges(c echo.Context) error {
	q, limit, after, before, err := readList(c, "state", "host", "incident")
	if err != nil {
		return err
	}
	filter := db.BridgeFilter{State: q.Get("state"), Host: q.Get("host"), After: after, Before: before}
	if key := q.Get("incident"); key != "" {
		var ok bool
		if filter.IncidentNumber, ok = incident.ParseKey(key); !ok {
			return BadRequest("The field \"incident\" must be the key of an incident, such as INC-42.")
		}
	}
	page, err := s.Store.BridgeRows(c.Request().Context(), filter, q.Raw("cursor"), limit)
	if err != nil {
		return err
	}
	out := newList[apiBridge](page.Next)
	for _, row := range page.Items {
		out.Items = append(out.Items, s.apiBridge(row.Bridge))
	}
	return c.JSON(http.StatusOK, out)
}

// apiEventFilters are the filters of a list of events. event takes several types,
// separated by commas, and "meeting.*" for a family; stale, unread, recovered and twin
// are on with any value.
var apiEventFilters = []string{"event", "meeting_id", "q", "stale", "unread", "recovered", "twin", "after", "before"}

func apiEventFilter(q Form) (f db.EventFilter, err error) {
	f = db.EventFilter{
		Events: eventNames(q.Get("event")), MeetingID: q.Get("meeting_id"), Text: q.Get("q"),
		Stale: q.Get("stale") != "", Unread: q.Get("unread") != "", Recovered: q.Get("recovered") != "", Twin: q.Get("twin") != "",
	}
	if f.After, err = q.Time("after"); err == nil {
		f.Before, err = q.Time("before")
	}
	return f, err
}

// ListEvents is GET /api/v1/events.
func (s *Site) ListEvents(c echo.Context) error {
	q, limit, _, _, err := readList(c, apiEventFilters...)
	if err != nil {
		return err
	}
	filter, err := apiEventFilter(q)
	if err != nil {
		return err
	}
	page, err := s.Store.EventRows(c.Request().Context(), filter, q.Raw("cursor"), limit)
	if err != nil {
		return err
	}
	out := newList[apiEvent](page.Next)
	for _, e := range page.Items {
		out.Items = append(out.Items, apiEvent{
			ID: strconv.FormatInt(e.ID, 10), Event: e.Event, EventTS: apiTime(e.EventAt), ReceivedAt: apiTime(e.ReceivedAt),
			AccountID: e.AccountID, MeetingID: e.MeetingID, MeetingUUID: e.MeetingUUID, Topic: e.Topic,
			BridgeID: e.BridgeID, Read: e.State == incident.EventRead, Stale: e.Stale,
		})
	}
	return c.JSON(http.StatusOK, out)
}

// RawEvent is GET /api/v1/events/{id}/raw and GET /events/:id/raw: the bytes as Zoom sent them. The content
// type is octet-stream and not JSON, because even signed bytes are untrusted.
func (s *Site) RawEvent(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	event, err := s.Store.Event(c.Request().Context(), id)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="event-`+strconv.FormatInt(id, 10)+`.json"`)
	return c.Blob(http.StatusOK, echo.MIMEOctetStream, event.Body)
}

// ListRunbooks is GET /api/v1/runbooks: all runbooks that aren't archived, on one page.
func (s *Site) ListRunbooks(c echo.Context) error {
	if _, err := ReadQuery(c); err != nil {
		return err
	}
	rows, err := s.Store.Runbooks(c.Request().Context(), false)
	if err != nil {
		return err
	}
	out := newList[apiRunbook]("")
	for _, r := range rows {
		runbook := apiRunbook{
			ID: r.ID, Name: r.Name, IncidentType: r.IncidentType, Disabled: !r.DisabledAt.IsZero(),
			Variables: slices.Concat([]incident.Variable{}, r.Variables), Steps: []apiStep{},
		}
		for _, step := range r.Steps {
			runbook.Steps = append(runbook.Steps, apiStep{
				Kind: string(step.Kind), ExecuteAutomatically: step.ExecuteAutomatically,
				Topic: step.Meeting.Topic, Agenda: step.Meeting.Agenda, Recording: string(step.Meeting.Recording),
			})
		}
		out.Items = append(out.Items, runbook)
	}
	return c.JSON(http.StatusOK, out)
}

// readList reads the query of a list: its filters, and the fields that
// every list has.
func readList(c echo.Context, filters ...string) (q Form, limit int, after, before time.Time, err error) {
	if q, err = ReadQuery(c, append(filters, "after", "before", "cursor", "limit")...); err != nil {
		return
	}
	if limit, err = q.Limit(); err != nil {
		return
	}
	if after, err = q.Time("after"); err != nil {
		return
	}
	before, err = q.Time("before")
	return
}

func newList[T any](next string) apiList[T] {
	out := apiList[T]{Items: []T{}}
	if next != "" {
		out.NextCursor = &next
	}
	return out
}

func incidentNumber(c echo.Context) (int64, error) {
	number, ok := incident.ParseKey(c.Param("number"))
	if !ok {
		return 0, echo.NewHTTPError(http.StatusNotFound)
	}
	return number, nil
}

func (s *Site) apiIncident(c echo.Context, i incident.Incident) (apiIncident, error) {
	bridges, err := s.Store.Bridges(c.Request().Context(), i.Number)
	if err != nil {
		return apiIncident{}, err
	}
	out := apiIncident{
		Number: i.Number, Key: i.Key(), Name: i.Name, Severity: i.Severity, Type: i.Type, Description: i.Description,
		Status: string(i.Status), OpenerEmail: i.OpenerEmail, DedupKey: i.DedupKey, Vars: i.Vars,
		CreatedAt: apiTime(i.CreatedAt), ResolvedAt: apiTime(i.ResolvedAt),
		JoinPage: s.Service.JoinPage(i), Bridges: []apiBridge{},
	}
	if out.Vars == nil {
		out.Vars = map[string]string{}
	}
	for _, b := range bridges {
		out.Bridges = append(out.Bridges, s.apiBridge(b))
	}
	return out, nil
}

func (s *Site) apiBridge(b incident.Bridge) apiBridge {
	return apiBridge{
		ID: b.ID, State: string(b.State), Kind: string(b.Kind), MeetingID: b.MeetingID, JoinURL: b.JoinURL,
		HostEmail: b.HostEmail, UsedBackupUser: b.UsedBackupUser, Reason: why(b, s.Now()).Cause, Topic: b.Topic, Agenda: b.Agenda,
		Recording: string(b.Recording), CreatedAt: apiTime(b.CreatedAt), StartedAt: apiTime(b.StartedAt), EndedAt: apiTime(b.EndedAt),
		Participants: b.Inside, Verdict: string(b.Verdict().Level), Waiting: b.Waiting, Passcode: b.Passcode,
	}
}
