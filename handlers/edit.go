package handlers

import (
	"maps"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// EditPage is GET /incidents/:number/edit.
func (s *Site) EditPage(c echo.Context) error {
	i, runbook, err := s.toEdit(c)
	if err != nil {
		return err
	}
	if i.Status != incident.StatusOpen {
		s.Flash(c, views.LevelWarning, i.Key()+" is resolved. Reopen it to edit it.")
		return c.Redirect(http.StatusSeeOther, incidentPath(i.Number))
	}
	return Render(c, http.StatusOK, views.IncidentEdit(s.editPage(c, i, runbook, incident.IncidentEdit{NoteKey: uuid.NewString()})))
}

// EditIncidentForm is POST /incidents/:number/edit. It changes the fields that differ from
// what the form showed.
func (s *Site) EditIncidentForm(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "name", "severity", "type", "description", "opener_email", "vars.*", "seen.*", "note", "idempotency_key")
	if err != nil {
		return err
	}
	edit := incident.IncidentEdit{
		Source: incident.SourceForm, Note: form.Get("note"), NoteKey: form.Get("idempotency_key"), Fields: map[string]string{}, Seen: map[string]string{},
	}
	for _, name := range form.Names("") {
		if seen, ok := strings.CutPrefix(name, "seen."); ok {
			edit.Seen[seen] = form.Get(name)
		} else if name != "note" && name != "idempotency_key" {
			edit.Fields[name] = form.Get(name)
		}
	}
	if len(edit.Seen) == 0 {
		edit.Seen = nil
	}

	edited, err := s.Service.EditIncident(c.Request().Context(), Actor(c), number, edit)

	message, fields, refused := Refusal(err)
	status := http.StatusUnprocessableEntity
	if incident.CodeOf(err) == incident.Unavailable { // what was typed stays, if the database can still be read
		s.Log.Error("could not store an edit", "incident", incident.Key(number), "error", err)
		status, message, refused = http.StatusServiceUnavailable, "Drawbridge couldn’t store this. Save again in a moment.", true
	}
	if refused {
		i, runbook, err := s.toEdit(c)
		if err != nil {
			return err
		}
		page := s.editPage(c, i, runbook, edit)
		page.Changed, page.Errors = true, fields
		if len(fields) == 0 {
			page.Problem = message
		}
		if overtaken := edit.Overtaken(i); len(overtaken) > 0 {
			page.Conflict = s.lastChange(c, i.Key(), incident.AuditIncidentEdit)
			page.Errors, page.Theirs = map[string]string{}, map[string]string{}
			maps.Copy(page.Errors, fields)
			maps.Copy(page.Errors, overtaken)
			for field := range overtaken {
				page.Theirs[field] = i.Field(field)
			}
		}
		return Render(c, status, views.IncidentEdit(page))
	}
	if err != nil {
		return err
	}

	var said []string
	if len(edited.Changes) > 0 {
		said = append(said, "Saved: "+someOf(changedFields(edited.Changes))+".")
	}
	if edit.Note != "" {
		said = append(said, "The note was added.")
	}
	if said == nil {
		said = append(said, "Nothing was changed.")
	}
	return s.done(c, incidentPath(number), strings.Join(said, " "))
}

// toEdit is the incident of the path with its runbook, which is zero if it was deleted.
func (s *Site) toEdit(c echo.Context) (i incident.Incident, r incident.Runbook, err error) {
	number, err := incidentNumber(c)
	if err != nil {
		return i, r, err
	}
	if i, err = s.Store.Incident(c.Request().Context(), number); err != nil {
		return i, r, err
	}
	if r, err = s.Store.Runbook(c.Request().Context(), i.RunbookID); incident.CodeOf(err) == incident.NotFound {
		err = nil
	}
	return i, r, err
}

// editPage is the form of an incident with what was typed. What the person left alone is as
// it is now.
func (s *Site) editPage(c echo.Context, i incident.Incident, r incident.Runbook, typed incident.IncidentEdit) views.IncidentEditPage {
	page := views.IncidentEditPage{
		Frame: s.Frame(c, "Edit "+i.Key()+" · "+i.Name, "incidents"), Number: i.Number, Key: i.Key(), Note: typed.Note, NoteKey: typed.NoteKey,
	}
	value := func(field string) string {
		now := i.Field(field)
		page.Seen = append(page.Seen, views.Hidden{Name: field, Value: now})
		if text, ok := typed.Fields[field]; ok && text != typed.Seen[field] {
			return text
		}
		return now
	}
	page.Name, page.Severity, page.Text = value("name"), value("severity"), value("description")
	page.OpenerEmail, page.Type = value("opener_email"), value("type")
	page.Variables = runVariables(r.VariablesOf(i))
	for n, v := range page.Variables {
		page.Variables[n].Value = value("vars." + v.Name)
	}
	return page
}
