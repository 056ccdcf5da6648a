package incident

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// IncidentEdit is what to change in an open incident.
type IncidentEdit struct {
	Source   Source            // SourceAPI: values are made usable, as in OpenIncident; else wrong ones are refused
	Fields   map[string]string // new values by field: "severity", "vars.customer"; the others stay
	Seen     map[string]string // the values that the person saw, who changed only those that differ; nil: they meant all of Fields
	Note     string            // added to the timeline; "": none
	NoteKey  string            // see AddNote
	Adjusted []Adjustment      // what the caller already changed to make the edit usable
}

// Edited is an incident after an edit.
type Edited struct {
	Incident
	Changes  []Change     // none: the values were so already
	Adjusted []Adjustment // what was changed to make the edit usable
}

// EditRule says what becomes of an incident.
type EditRule func(Incident) (IncidentChange, error)

// IncidentChange is an incident with what a change adds to its timeline and to the audit
// trail. Without Records, nothing is written. A record whose entry exists is left out.
type IncidentChange struct {
	Incident Incident
	Records  []Record
}

// Record is an entry of the timeline with its entry in the audit trail.
type Record struct {
	Entry TimelineEntry
	Audit AuditEntry
}

// EditIncident changes fields of an open incident and adds a note. Values that are so
// already change nothing. It returns Conflict if the incident is resolved, or if somebody
// changed a field since the person saw it; Fields then names those fields, and nothing is
// changed. The meetings of the incident keep their topics.
func (s *Service) EditIncident(ctx context.Context, actor Actor, number int64, e IncidentEdit) (Edited, error) {
	if err := need(actor, Responder); err != nil {
		return Edited{}, err
	}
	i, err := s.store.Incident(ctx, number)
	if err != nil {
		return Edited{}, err
	}
	runbook, err := s.store.Runbook(ctx, i.RunbookID)
	if err != nil && CodeOf(err) != NotFound {
		return Edited{}, err
	}
	fit := fitter{made: e.Adjusted}
	if e.Source == SourceAPI {
		e = fit.edit(i, runbook, e)
	}
	opener := ""
	if email := CanonicalEmail(e.Fields["opener_email"]); email != "" {
		if u, err := s.store.UserByEmail(ctx, email); err == nil {
			opener = u.Name
		} else if CodeOf(err) != NotFound {
			return Edited{}, err
		}
	}
	edited := Edited{Adjusted: fit.kept()}
	edited.Incident, err = s.store.EditIncident(ctx, number, func(i Incident) (c IncidentChange, err error) {
		if i.Status != StatusOpen {
			return c, refuse(Conflict, "The incident is resolved. Reopen it to edit it.")
		}
		if edited.Changes, err = e.changes(i, runbook); err != nil {
			return c, err
		}
		c.Incident = i
		if len(edited.Changes) > 0 {
			c.Incident = i.with(edited.Changes, opener, s.now())
			c.Records = append(c.Records, Record{
				TimelineEntry{ID: newID(), IncidentNumber: number, At: s.now(), Kind: EntryEdited, Data: TimelineData{Changes: edited.Changes, Adjusted: edited.Adjusted}, Actor: actor.Email},
				s.audit(actor, AuditIncidentEdit, Key(number), edited.Changes...),
			})
		}
		if e.Note = cleanNote(e.Note); e.Note != "" {
			n := s.note(actor, number, e.Note, e.NoteKey)
			if len(edited.Changes) == 0 {
				n.Entry.Data.Adjusted = edited.Adjusted
			}
			c.Records = append(c.Records, n)
		}
		return c, nil
	})
	if err != nil {
		return Edited{}, err
	}
	nudge(s.wakeSteps)
	s.calls.change(Key(number), func(c *Call) {
		c.Incident = edited.Incident
		c.Incident.Description = ""
	})
	return edited, nil
}

// edit makes an edit of a program usable. What can't be used stays as it is.
func (f *fitter) edit(i Incident, r Runbook, e IncidentEdit) IncidentEdit {
	fields := map[string]string{}
	fixed := map[string]string{"runbook": i.RunbookName, "dedup_key": i.DedupKey}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		given, made := e.Fields[field], len(f.made)
		now, isFixed := fixed[field]
		switch {
		case isFixed && (given == now || storedKey(given) == now):
			continue
		case isFixed:
			f.adjust(AdjustedFixed, field, f.quiet(given), 0)
			continue
		case !slices.Contains(r.editable(i), field):
			f.adjust(AdjustedVariable, f.quiet(cutRunes(field, 100)), f.quiet(given), 0)
			continue
		}
		value := f.field(r, field, given)
		if value == "" && (field == "name" || strings.TrimSpace(given) != "") {
			f.made = append(f.made[:made], Adjustment{Code: AdjustedValue, Field: field, Text: f.quiet(given)})
			continue
		}
		if value == "" && fieldProblem(r, field, value) != "" {
			f.adjust(AdjustedMissing, field, "", 0)
		}
		fields[field] = value
	}
	e.Fields, e.Note = fields, f.text("note", e.Note, maxNote, false)
	return e
}

// VariablesOf returns the variables that an incident of the runbook may have: those of the
// runbook, and those that it lost since.
func (r Runbook) VariablesOf(i Incident) []Variable {
	all := slices.Clone(r.Variables)
	for _, name := range slices.Sorted(maps.Keys(i.Vars)) {
		if !slices.ContainsFunc(r.Variables, func(v Variable) bool { return v.Name == name }) {
			all = append(all, Variable{Name: name})
		}
	}
	return all
}

// editable returns the fields of an incident that may be changed.
func (r Runbook) editable(i Incident) []string {
	all := slices.Clone(incidentFields)
	for _, v := range r.VariablesOf(i) {
		all = append(all, varPrefix+v.Name)
	}
	return all
}

// changes returns what the edit changes in an incident as it is now.
func (e IncidentEdit) changes(i Incident, r Runbook) (changes []Change, err error) {
	wrong := map[string]string{}
	may := r.editable(i)
	for _, field := range may {
		value, wanted, _ := e.wants(i, field)
		if !wanted {
			continue
		}
		changes = append(changes, Change{Field: field, Before: i.Field(field), After: value})
		if problem := fieldProblem(r, field, value); problem != "" && e.Source != SourceAPI {
			wrong[field] = problem
		}
	}
	for field := range e.Fields {
		if !slices.Contains(may, field) {
			wrong[field] = "The runbook has no variable with this name."
		}
	}
	if e.Source != SourceAPI {
		tooLong(wrong, "note", cleanNote(e.Note), maxNote)
		tooLong(wrong, "dedup_key", e.NoteKey, maxKey)
	}
	code := Invalid
	if overtaken := e.Overtaken(i); len(overtaken) > 0 {
		code = Conflict
		maps.Copy(wrong, overtaken)
	}
	if len(wrong) > 0 {
		return nil, &Error{Code: code, Message: "Some fields need another look. Nothing was changed.", Fields: wrong}
	}
	return changes, nil
}

// Overtaken returns what to say about the fields that the edit changes and that somebody
// changed to another value since they were Seen.
func (e IncidentEdit) Overtaken(i Incident) map[string]string {
	fields := map[string]string{}
	for field := range e.Fields {
		if _, _, overtaken := e.wants(i, field); overtaken {
			fields[field] = "Someone else changed this after you opened the page. Saving again replaces it with yours."
		}
	}
	return fields
}

// wants returns the new value of a field, and whether the edit changes it. overtaken is
// whether somebody changed it since it was Seen.
func (e IncidentEdit) wants(i Incident, field string) (value string, wanted, overtaken bool) {
	given, ok := e.Fields[field]
	value = cleanField(field, given)
	now, seen := cleanField(field, i.Field(field)), cleanField(field, e.Seen[field])
	if !ok || value == now || e.Seen != nil && value == seen {
		return value, false, false
	}
	return value, true, e.Seen != nil && seen != now
}

// with returns the incident after the changes. opener is the name of a new opener.
func (i Incident) with(changes []Change, opener string, now time.Time) Incident {
	i.Vars = maps.Clone(i.Vars)
	if i.Vars == nil {
		i.Vars = map[string]string{}
	}
	for _, c := range changes {
		if at := i.field(c.Field); at != nil {
			*at = c.After
		} else {
			i.Vars[strings.TrimPrefix(c.Field, varPrefix)] = c.After
		}
		switch c.Field {
		case "severity":
			i.SeverityBefore, i.ChangedAt = c.Before, now
		case "opener_email":
			i.OpenerName = opener
		}
	}
	i.UpdatedAt = now
	return i
}
