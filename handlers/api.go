package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/incident/severity"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The JSON objects of the API. Times are RFC 3339 in UTC with milliseconds, or null if
// unknown. IDs are strings.

type apiList[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// apiBrief is what a token without the scope read sees of an incident.
type apiBrief struct {
	Number    int64            `json:"number"`
	Key       string           `json:"key"`
	Status    string           `json:"status"`
	CreatedAt apiTime          `json:"created_at"`
	JoinPage  string           `json:"join_page"`
	Warnings  []string         `json:"warnings"` // what Drawbridge changed in the request that opened it
	Steps     []apiStepRun     `json:"steps"`
	Bridges   []apiBriefBridge `json:"bridges"`
}

type apiStepRun struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"`
}

type apiIncident struct {
	apiBrief
	Runbook        string            `json:"runbook"`
	RunbookVersion int64             `json:"runbook_version"` // 0: not known
	Name           string            `json:"name"`
	Severity       string            `json:"severity"`
	Type           string            `json:"type"`
	Description    string            `json:"description"`
	OpenerEmail    string            `json:"opener_email"`
	DedupKey       string            `json:"dedup_key"`
	Vars           map[string]string `json:"vars"`
	ResolvedAt     apiTime           `json:"resolved_at"`
	Bridges        []apiBridge       `json:"bridges"`
}

// apiBriefBridge is what a token without the scope read sees of a bridge.
type apiBriefBridge struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Kind    string `json:"kind"`
	JoinURL string `json:"join_url"`
	Reason  string `json:"reason"`
	Verdict string `json:"verdict"` // can people get in? ok, warning, bad or unknown
}

type apiBridge struct {
	apiBriefBridge
	MeetingID      string  `json:"meeting_id"`
	Passcode       string  `json:"passcode"`
	HostEmail      string  `json:"host_email"`
	UsedBackupUser bool    `json:"used_backup_user"`
	Topic          string  `json:"topic"`
	Agenda         string  `json:"agenda"`
	Recording      string  `json:"recording"`
	CreatedAt      apiTime `json:"created_at"`
	StartedAt      apiTime `json:"started_at"`
	EndedAt        apiTime `json:"ended_at"`
	Participants   int     `json:"participants"` // inside now
	Waiting        int     `json:"waiting"`      // people who wait to get in now
	Alarm          string  `json:"alarm"`        // what is wrong with the call now: stuck, empty, over, nobody or long
	AlarmSince     apiTime `json:"alarm_since"`
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
	Default      bool                `json:"default"` // takes incidents whose runbook doesn't exist
	Disabled     bool                `json:"disabled"`
	Variables    []incident.Variable `json:"variables"`
	Steps        []apiStep           `json:"steps"`
}

type apiStep struct {
	Kind                 string `json:"kind"`
	Name                 string `json:"name"` // "": it has none
	ExecuteAutomatically bool   `json:"execute_automatically"`
	Topic                string `json:"topic"`
	Agenda               string `json:"agenda"`
	Recording            string `json:"recording"`
	Text                 string `json:"text,omitempty"` // of a line of a checklist
	WithPeople           bool   `json:"with_people,omitempty"`
	incident.Schedule
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
	fields, adjusted, err := readAlert(c, "runbook", "dedup_key")
	if err != nil {
		return err
	}
	req := incident.OpenRequest{
		RunbookName: fields["runbook"], Name: fields["name"], Severity: fields["severity"], Type: fields["type"], Description: fields["description"],
		OpenerEmail: fields["opener_email"], DedupKey: fields["dedup_key"], Source: incident.SourceAPI, Vars: map[string]string{}, Adjusted: adjusted,
	}
	for field, value := range fields {
		if name, ok := strings.CutPrefix(field, "vars."); ok {
			req.Vars[name] = value
		}
	}

	ctx, cancel := context.WithTimeout(c.Request().Context(), answerTime)
	defer cancel()
	opened, err := s.Service.Open(ctx, Actor(c), req)
	if err != nil {
		return err
	}

	status := http.StatusOK
	if opened.Created {
		status = http.StatusCreated
	}
	if opened.Pending != nil {
		return s.sendPending(c, status, *opened.Pending)
	}
	if opened.Created {
		c.Response().Header().Set(echo.HeaderLocation, "/api/v1/incidents/"+strconv.FormatInt(opened.Incident.Number, 10))
	}
	out, err := s.apiIncident(ctx, opened.Incident, opened.Bridges)
	if incident.CodeOf(err) == incident.Unavailable { // the incident has its link, and nobody must wait for the rest
		out.Warnings, err = append(out.Warnings, words.Incomplete), nil
	}
	return sendAPI(c, status, out, err)
}

// answerTime is how long a program that opens an incident waits at most, if it comes to
// the worst with what it doesn't need to join.
const answerTime = 2950 * time.Millisecond

// maxAlert is the largest request that opens an incident. Monitoring tools put
// whole logs into descriptions.
const maxAlert = 4 << 20

// unescaped are control characters that scripts forget to escape in strings. Any other
// becomes a space. No byte grows to more than two, so that memory stays bounded.
var unescaped = map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`}

// mendJSON mends what a log in a script's body breaks: bytes that are not UTF-8, and
// control characters in strings that nobody escaped.
func mendJSON(body []byte) []byte {
	body = bytes.TrimPrefix(bytes.ToValidUTF8(body, []byte("\uFFFD")), []byte("\uFEFF"))
	if json.Valid(body) {
		return body
	}
	var mended []byte
	inString, escaped := false, false
	for _, b := range body {
		switch {
		case inString && b < ' ':
			if escaped { // a backslash before a real line break
				mended = append(mended, '\\')
			}
			mended, escaped = append(mended, cmp.Or(unescaped[b], " ")...), false
			continue
		case escaped:
			escaped = false
		case b == '\\':
			escaped = inString
		case b == '"':
			inString = !inString
		}
		mended = append(mended, b)
	}
	return mended
}

// readAlert reads the fields of a request that opens or edits an incident: those of
// vars are "vars.customer", and null is left out. more are fields that not both have. A
// program can't correct itself at night, so fields that can't be used are dropped, and the
// incident says so.
func readAlert(c echo.Context, more ...string) (fields map[string]string, dropped []incident.Adjustment, err error) {
	body, err := readJSON(c, maxAlert)
	if err != nil {
		return nil, nil, err
	}
	object, err := readObject(mendJSON(body))
	if err != nil {
		return nil, nil, err
	}
	drop := func(code incident.AdjustmentCode, field string, raw []byte) {
		dropped = append(dropped, incident.Adjustment{Code: code, Field: clipped(field, 100), Text: clipped(string(raw), 4000)})
	}
	fields = map[string]string{}
	keep := func(field string, raw json.RawMessage) {
		if text, ok := scalar(raw); !ok {
			drop(incident.AdjustedType, field, raw)
		} else if string(raw) != "null" {
			fields[field] = text
		}
	}
	for _, name := range sortedNames(object) {
		raw := object[name]
		switch {
		case name == "vars" && raw[0] == '{':
			vars, err := readObject(raw)
			if err != nil {
				return nil, nil, err
			}
			for _, v := range sortedNames(vars) {
				keep("vars."+v, vars[v])
			}
		case name == "vars" && string(raw) != "null":
			drop(incident.AdjustedType, name, raw)
		case name != "vars" && !slices.Contains(alertFields, name) && !slices.Contains(more, name):
			drop(incident.AdjustedUnknown, name, raw)
		default:
			keep(name, raw)
		}
	}
	if name := strings.Join(strings.Fields(fields["severity"]), " "); name != "" && severity.Level(name) == 0 {
		drop(incident.AdjustedSeverity, "severity", []byte(name))
	}
	return fields, dropped, nil
}

var alertFields = []string{"name", "severity", "type", "description", "opener_email"}

// clipped is s without what can't be stored, and at most n characters of it.
func clipped(s string, n int) string {
	r := []rune(strings.ReplaceAll(s, "\x00", ""))
	return string(r[:min(len(r), n)])
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

// EditIncident is POST /api/v1/incidents/{number}. Its warnings are those of this request.
func (s *Site) EditIncident(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	fields, adjusted, err := readAlert(c, "note", "runbook", "dedup_key")
	if err != nil {
		return err
	}
	edit := incident.IncidentEdit{Source: incident.SourceAPI, Fields: fields, Note: fields["note"], Adjusted: adjusted}
	delete(fields, "note")

	edited, err := s.Service.EditIncident(c.Request().Context(), Actor(c), number, edit)
	if err != nil {
		return err
	}

	return s.sendIncident(c, http.StatusOK, number, func(out *apiIncident) {
		out.Warnings = adjustmentsWords(edited.Adjusted)
	})
}

// RunStep is POST /api/v1/incidents/{number}/steps/{id}/run.
func (s *Site) RunStep(c echo.Context) error {
	run, err := s.stepOf(c)
	if err != nil {
		return err
	}
	if err := s.Service.RunStep(c.Request().Context(), Actor(c), run.ID); err != nil {
		return err
	}
	return s.sendIncident(c, http.StatusOK, run.IncidentNumber)
}

// TickStep is POST /api/v1/incidents/{number}/steps/{id}/tick. Without a body it ticks.
func (s *Site) TickStep(c echo.Context) error {
	run, err := s.stepOf(c)
	if err != nil {
		return err
	}
	done := true
	if c.Request().ContentLength != 0 {
		object, err := readJSONObject(c, maxNote)
		if err != nil {
			return err
		}
		for name, raw := range object {
			if name != "done" || json.Unmarshal(raw, &done) != nil {
				return BadRequest("Send {\"done\": true} or {\"done\": false}.")
			}
		}
	}
	if err := s.Service.TickStep(c.Request().Context(), Actor(c), run.ID, done); err != nil {
		return err
	}
	return s.sendIncident(c, http.StatusOK, run.IncidentNumber)
}

// maxNote is the largest request that adds a note: 4000 characters, each as an escape.
const maxNote = 64 << 10

// AddNote is POST /api/v1/incidents/{number}/notes. A repeated request with the same
// dedup_key adds nothing. Unlike an alert, a note can wait until the script is
// corrected, so what can't be used is refused.
func (s *Site) AddNote(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	object, err := readJSONObject(c, maxNote)
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for _, name := range sortedNames(object) {
		text, ok := scalar(object[name])
		switch {
		case name != "note" && name != "dedup_key":
			return BadRequest("There is no field %s here.", quote(name))
		case !ok:
			return BadRequest("The field %s must be text.", quote(name))
		}
		texts[name] = text
	}
	if err := s.Service.AddNote(c.Request().Context(), Actor(c), number, texts["note"], texts["dedup_key"]); err != nil {
		return err
	}
	if slices.Contains(tokenOf(c).Scopes, incident.ScopeRead) {
		return s.sendIncident(c, http.StatusOK, number)
	}
	// A token that only writes must not read links of incidents that others opened.
	return c.JSON(http.StatusOK, map[string]any{"number": number, "key": incident.Key(number)})
}

func (s *Site) sendIncident(c echo.Context, status int, number int64, change ...func(*apiIncident)) error {
	ctx := c.Request().Context()
	i, err := s.Store.Incident(ctx, number)
	if err != nil {
		return err
	}
	bridges, err := s.Store.Bridges(ctx, number)
	if err != nil {
		return err
	}
	out, err := s.apiIncident(ctx, i, bridges)
	for _, f := range change {
		f(&out)
	}
	return sendAPI(c, status, out, err)
}

// sendAPI answers with what the token may see of an incident.
func sendAPI(c echo.Context, status int, out apiIncident, err error) error {
	if err != nil {
		return err
	}
	if !slices.Contains(tokenOf(c).Scopes, incident.ScopeRead) {
		return c.JSON(status, out.apiBrief)
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
	out.Items, err = s.apiIncidents(c.Request().Context(), page.Items)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// ListBridges is GET /api/v1/bridges.
func (s *Site) ListBridges(c echo.Context) error {
	q, limit, after, before, err := readList(c, "state", "host", "incident")
	if err != nil {
		return err
	}
	filter := db.BridgeFilter{State: q.Get("state"), Waited: s.Now().Add(-incident.NobodyCameAfter), Host: q.Get("host"), After: after, Before: before}
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
	if _, id, _ := zoom.FindMeetingID(f.MeetingID); f.MeetingID != "" && id == "" {
		return f, BadRequest("The field \"meeting_id\" must be the 9 to 11 digits of a meeting ID, or a link to the meeting.")
	}
	f.After, f.Before, err = q.Span()
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
			ID: r.ID, Name: r.Name, IncidentType: r.IncidentType, Default: r.Default, Disabled: !r.DisabledAt.IsZero(),
			Variables: append([]incident.Variable{}, r.Variables...), Steps: []apiStep{},
		}
		for _, step := range r.Steps {
			runbook.Steps = append(runbook.Steps, apiStep{
				Kind: string(step.Kind), Name: step.Name, ExecuteAutomatically: step.ExecuteAutomatically,
				Topic: step.Meeting.Topic, Agenda: step.Meeting.Agenda, Recording: cmp.Or(string(step.Meeting.Recording), string(incident.RecordingNone)),
				Text: step.Text, WithPeople: step.WithPeople, Schedule: step.Schedule,
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
	after, before, err = q.Span()
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

// apiIncident is apiIncidents for one.
func (s *Site) apiIncident(ctx context.Context, i incident.Incident, bridges []incident.Bridge) (apiIncident, error) {
	list, err := s.apiIncidents(ctx, []db.IncidentRow{{Incident: i, Bridges: bridges}})
	return list[0], err
}

// apiIncidents reads the steps of incidents and their warnings. If that fails, the rest is
// in what it returns.
func (s *Site) apiIncidents(ctx context.Context, rows []db.IncidentRow) ([]apiIncident, error) {
	list, at, numbers := make([]apiIncident, len(rows)), map[int64]int{}, make([]int64, len(rows))
	for n, row := range rows {
		i := row.Incident
		out := apiIncident{
			apiBrief: apiBrief{
				Number: i.Number, Key: i.Key(), Status: string(i.Status), CreatedAt: apiTime(i.CreatedAt), JoinPage: s.Service.JoinPage(i),
				Warnings: []string{}, Steps: []apiStepRun{}, Bridges: []apiBriefBridge{},
			},
			Runbook: i.RunbookName, RunbookVersion: i.RunbookVersion, Name: i.Name, Severity: i.Severity, Type: i.Type, Description: i.Description, OpenerEmail: i.OpenerEmail,
			DedupKey: i.DedupKey, Vars: i.Vars, ResolvedAt: apiTime(i.ResolvedAt), Bridges: []apiBridge{},
		}
		if out.Vars == nil {
			out.Vars = map[string]string{}
		}
		for _, b := range row.Bridges {
			bridge := s.apiBridge(s.Service.Shown(b))
			out.Bridges = append(out.Bridges, bridge)
			out.apiBrief.Bridges = append(out.apiBrief.Bridges, bridge.apiBriefBridge)
		}
		list[n], numbers[n], at[i.Number] = out, i.Number, n
	}
	if len(rows) == 0 {
		return list, nil
	}
	steps, err := s.Store.StepRuns(ctx, numbers...)
	if err != nil {
		return list, err
	}
	for _, r := range steps {
		out := &list[at[r.IncidentNumber]]
		out.Steps = append(out.Steps, apiStepRun{ID: r.ID, Kind: string(r.Step.Kind), Name: stepWords(r.Step), State: string(r.State)})
	}
	adjusted, err := s.Store.Adjustments(ctx, numbers...)
	for number, of := range adjusted {
		list[at[number]].Warnings = adjustmentsWords(of)
	}
	return list, err
}

func (s *Site) apiBridge(b incident.Bridge) apiBridge {
	return apiBridge{
		apiBriefBridge: apiBriefBridge{ID: b.ID, State: string(b.State), Kind: string(b.Kind), JoinURL: b.JoinURL, Reason: why(b, s.Now()).Cause, Verdict: string(b.Verdict().Level)},
		MeetingID:      b.LinkedID(), HostEmail: b.HostEmail, UsedBackupUser: b.UsedBackupUser, Topic: b.Topic, Agenda: b.Agenda,
		Recording: string(b.Recording), CreatedAt: apiTime(b.CreatedAt), StartedAt: apiTime(b.StartedAt), EndedAt: apiTime(b.EndedAt),
		Participants: b.Inside, Waiting: b.Waiting, Passcode: b.Passcode,
		Alarm: string(b.Alarm), AlarmSince: apiTime(b.AlarmSince),
	}
}
