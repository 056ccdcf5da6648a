package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const incidentColumns = `i.number, i.runbook_id, i.runbook_name, i.runbook_version, i.name, i.severity, i.type, i.description, i.status,
	i.opener_email, i.opener_name, i.dedup_key, i.form_key, i.vars, i.source, i.created_by, i.join_key,
	i.created_at, i.resolved_at, i.updated_at, i.severity_before, i.changed_at`

func incidentFields(i *incident.Incident) []any {
	return []any{&i.Number, &i.RunbookID, &i.RunbookName, &i.RunbookVersion, &i.Name, &i.Severity, &i.Type, &i.Description, &i.Status,
		&i.OpenerEmail, &i.OpenerName, textOf(&i.DedupKey), textOf(&i.FormKey), jsonOf(&i.Vars), &i.Source, &i.CreatedBy, &i.JoinKey,
		timeOf(&i.CreatedAt), timeOf(&i.ResolvedAt), timeOf(&i.UpdatedAt), &i.SeverityBefore, timeOf(&i.ChangedAt)}
}

// errKnown rolls back the transaction if the incident or the note exists, so that it
// uses up no number and leaves no trace.
var errKnown = errors.New("it exists")

// OpenIncident implements incident.Incidents in one transaction.
func (s *Store) OpenIncident(ctx context.Context, n incident.NewIncident) (incident.Incident, bool, error) {
	for try := 0; ; try++ {
		var opened incident.Incident
		err := s.change(ctx, n.Audit, []string{TopicIncidents, TopicBridges, TopicRunbooks}, func(tx *sql.Tx) (err error) {
			opened, err = openIncident(ctx, tx, n)
			return err
		})
		switch {
		case errors.Is(err, errKnown):
			return opened, false, nil
		case isUnique(err) && try < 3: // a resolved incident was reopened meanwhile
			continue
		case err != nil:
			return incident.Incident{}, false, err
		}
		return opened, true, nil
	}
}

func openIncident(ctx context.Context, tx *sql.Tx, n incident.NewIncident) (incident.Incident, error) {
	// The row of the counter stays locked until the end, so only one incident
	// is opened at a time, and the next call sees what this one wrote.
	number, err := one(ctx, tx, "counter", scalar[int64], `
		INSERT INTO counters (name, value) VALUES ('incident', 1)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
		RETURNING value`)
	if err != nil {
		return incident.Incident{}, err
	}
	existing, known, err := first(ctx, tx, incidentFields, `
		SELECT `+incidentColumns+` FROM incidents i
		WHERE i.form_key = $1 OR (i.dedup_key = $2 AND i.status = 'open')
		ORDER BY i.number LIMIT 1`, nullable(n.Incident.FormKey), nullable(n.Incident.DedupKey))
	if err != nil {
		return incident.Incident{}, err
	}
	if known {
		return existing, errKnown
	}

	i := n.Incident
	i.Number = number
	err = exec(ctx, tx, `
		INSERT INTO incidents (number, runbook_id, runbook_name, runbook_version, name, severity, type, description, status,
			opener_email, opener_name, dedup_key, form_key, vars, source, created_by, join_key, created_at, resolved_at, updated_at, search)
		VALUES (`+placeholders(1, 21)+`)`,
		i.Number, i.RunbookID, i.RunbookName, i.RunbookVersion, i.Name, i.Severity, i.Type, i.Description, i.Status,
		i.OpenerEmail, i.OpenerName, nullable(i.DedupKey), nullable(i.FormKey), asJSON(i.Vars), i.Source, i.CreatedBy, i.JoinKey,
		i.CreatedAt, i.ResolvedAt, i.UpdatedAt, searchedText(i.Name, i.Description, i.OpenerEmail))
	if err != nil {
		return i, err
	}
	for _, run := range n.StepRuns {
		run.IncidentNumber = i.Number
		if err := insertStepRun(ctx, tx, run); err != nil {
			return i, err
		}
	}
	for _, b := range n.Bridges {
		b.IncidentNumber = i.Number
		if err := insertBridge(ctx, tx, b); err != nil {
			return i, err
		}
	}
	if err := insertJobs(ctx, tx, n.Jobs); err != nil {
		return i, err
	}
	if err := watchSteps(ctx, tx, i.Number, n.StepRuns, n.Next); err != nil {
		return i, err
	}
	for _, entry := range n.Timeline {
		entry.IncidentNumber = i.Number
		if err := insertTimeline(ctx, tx, entry); err != nil {
			return i, err
		}
	}
	return i, nil
}

// Incident returns the incident with this number.
func (s *Store) Incident(ctx context.Context, number int64) (incident.Incident, error) {
	return one(ctx, s.r, "incident", incidentFields, `SELECT `+incidentColumns+` FROM incidents i WHERE i.number = $1`, number)
}

// IncidentByDedupKey returns the open incident with this key.
func (s *Store) IncidentByDedupKey(ctx context.Context, key string) (incident.Incident, error) {
	return one(ctx, s.r, "incident", incidentFields, `SELECT `+incidentColumns+` FROM incidents i WHERE i.dedup_key = $1 AND i.status = 'open'`, key)
}

// IncidentByFormKey implements incident.Incidents.
func (s *Store) IncidentByFormKey(ctx context.Context, key string) (incident.Incident, error) {
	return one(ctx, s.r, "incident", incidentFields, `SELECT `+incidentColumns+` FROM incidents i WHERE i.form_key = $1`, key)
}

// SetIncidentStatus implements incident.Incidents. It also returns Conflict if
// another open incident has the same DedupKey.
func (s *Store) SetIncidentStatus(ctx context.Context, number int64, from, to incident.Status, at time.Time, entry incident.TimelineEntry, audit incident.AuditEntry) error {
	var resolved time.Time
	if to == incident.StatusResolved {
		resolved = at
	}
	return s.change(ctx, audit, []string{TopicIncidents, TopicIncident(number), TopicBridges}, func(tx *sql.Tx) error {
		n, err := execRows(ctx, tx, `
			UPDATE incidents SET status = $3, resolved_at = $4, updated_at = $5, changed_at = $5
			WHERE number = $1 AND status = $2`, number, from, to, resolved, at)
		if isUnique(err) {
			return &incident.Error{Code: incident.Conflict, Message: "Another open incident has the same deduplication key. Resolve that one first.", Err: err}
		}
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := one(ctx, tx, "incident", scalar[int64], `SELECT number FROM incidents WHERE number = $1`, number); err != nil {
				return err
			}
			return conflict("The incident is no longer " + string(from) + ". Reload the page.")
		}
		if to == incident.StatusOpen { // a call may have begun meanwhile
			err := exec(ctx, tx, `UPDATE bridges SET ask_at = $2, alarm_at = $2 WHERE incident_number = $1 AND kind <> 'static' AND meeting_id IS NOT NULL AND state IN ('ready', 'live', 'ended')`, number, at)
			if err != nil {
				return err
			}
		}
		if to == incident.StatusResolved { // most alarms end with the incident
			if err := exec(ctx, tx, `UPDATE bridges SET alarm_at = $2 WHERE incident_number = $1 AND alarm <> ''`, number, at); err != nil {
				return err
			}
		}
		entry.IncidentNumber = number
		return insertTimeline(ctx, tx, entry)
	})
}

// IncidentFilter narrows the list of incidents. A zero field does not narrow
// it.
type IncidentFilter struct {
	Status              incident.Status
	Severity, RunbookID string
	Text                string    // words, or parts of them, of the name, the description, the opener or notes; or the key: INC-42
	After, Before       time.Time // opened at After ≤ t < Before
	NoDrills            bool
	NeedPerson          bool // one of their bridges does; see incident.Bridge
}

// IncidentRow is one incident in the list of incidents.
type IncidentRow struct {
	incident.Incident
	Bridges []incident.Bridge // oldest first
	Bridge  *incident.Bridge  // the newest bridge that needs a person, else the newest; nil: none
	Link    bool              // people can join one of its bridges
}

// needsPerson is incident.Bridge.NeedsPerson for bridges b.
const needsPerson = `(b.state IN ('failed', 'unknown') OR b.waiting > 0 OR b.worst_finding = 'bad')`

// where returns the conditions of the filter for incidents i.
func (f IncidentFilter) where() (where, error) {
	var w where
	switch f.Status {
	case "", incident.StatusOpen, incident.StatusResolved:
	default:
		return w, &incident.Error{Code: incident.Invalid, Message: "This status of incidents doesn’t exist. Use open or resolved.",
			Fields: map[string]string{"status": "Use open or resolved."}}
	}
	w.addIf(f.Status != "", `i.status = $?`, f.Status)
	w.addIf(f.Severity != "", `i.severity = $?`, f.Severity)
	w.addIf(f.RunbookID != "", `i.runbook_id = $?`, f.RunbookID)
	w.searched(f.Text)
	w.addIf(!f.After.IsZero(), `i.created_at >= $?`, f.After)
	w.addIf(!f.Before.IsZero(), `i.created_at < $?`, f.Before)
	if f.NeedPerson {
		w.conditions = append(w.conditions, `EXISTS (SELECT 1 FROM bridges b WHERE b.incident_number = i.number AND `+needsPerson+`)`)
	}
	w.addIf(f.NoDrills, `i.source <> $?`, incident.SourceDrill)
	return w, nil
}

// Incidents returns the incidents, newest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter, cursor string, limit int) (page Page[IncidentRow], err error) {
	w, err := f.where()
	if err != nil {
		return page, err
	}
	if cursor != "" {
		number, err := numberCursor(cursor)
		if err != nil {
			return page, err
		}
		w.add(`i.number < $?`, number)
	}
	limit = pageLimit(limit)
	found, err := list(ctx, s.r, func(i *IncidentRow) []any { return incidentFields(&i.Incident) },
		`SELECT `+incidentColumns+` FROM incidents i`+w.String()+` ORDER BY i.number DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	if err != nil || len(found) == 0 {
		return page, err
	}
	page = pageOf(found, limit, func(i IncidentRow) string { return strconv.FormatInt(i.Number, 10) })
	numbers := make([]any, len(page.Items))
	at := make(map[int64]*IncidentRow, len(page.Items))
	for i := range page.Items {
		numbers[i] = page.Items[i].Number
		at[page.Items[i].Number] = &page.Items[i]
	}
	bridges, err := list(ctx, s.r, bridgeFields,
		`SELECT `+bridgeColumns+` FROM bridges b WHERE b.incident_number IN (`+placeholders(1, len(numbers))+`) ORDER BY b.created_at, b.id`, numbers...)
	for i := range bridges {
		row := at[bridges[i].IncidentNumber]
		row.Bridges = append(row.Bridges, bridges[i])
		if row.Bridge == nil || !row.Bridge.NeedsPerson() || bridges[i].NeedsPerson() {
			row.Bridge = &bridges[i]
		}
		row.Link = row.Link || bridges[i].Joinable()
	}
	return page, err
}

// Openers implements incident.Incidents.
func (s *Store) Openers(ctx context.Context, since time.Time) ([]string, error) {
	// Numbers grow with time, so the newest incidents are read and not all of them.
	return list(ctx, s.r, scalar[string], `
		SELECT opener_email FROM incidents WHERE created_at >= $1 AND opener_email <> ''
		GROUP BY opener_email ORDER BY MAX(number) DESC LIMIT 500`, since)
}

const timelineColumns = `id, incident_number, bridge_id, at, kind, data, actor`

// insertTimeline stores an entry, unless an entry with this id exists.
func insertTimeline(ctx context.Context, tx *sql.Tx, e incident.TimelineEntry) error {
	return exec(ctx, tx, `INSERT INTO timeline_entries (`+timelineColumns+`) VALUES (`+placeholders(1, 7)+`)
		ON CONFLICT (id) DO NOTHING`,
		e.ID, e.IncidentNumber, e.BridgeID, e.At, e.Kind, asJSON(e.Data), e.Actor)
}

// AddTimeline adds entries to timelines. It skips entries whose id exists.
func (s *Store) AddTimeline(ctx context.Context, entries ...incident.TimelineEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		var topics []string
		for _, e := range entries {
			if err := insertTimeline(ctx, tx, e); err != nil {
				return err
			}
			topics = append(topics, TopicIncident(e.IncidentNumber))
		}
		return bump(ctx, tx, topics...)
	})
}

// AddNote implements incident.Incidents.
func (s *Store) AddNote(ctx context.Context, e incident.TimelineEntry, audit incident.AuditEntry) error {
	err := s.change(ctx, audit, []string{TopicIncident(e.IncidentNumber)}, func(tx *sql.Tx) error {
		// The row is locked, so that the same note, sent twice at once, is added once.
		_, err := one(ctx, tx, "incident", scalar[int64], `SELECT number FROM incidents WHERE number = $1`+s.forUpdate(), e.IncidentNumber)
		if err != nil {
			return err
		}
		_, known, err := first(ctx, tx, scalar[string], `SELECT id FROM timeline_entries WHERE id = $1`, e.ID)
		if err != nil {
			return err
		}
		if known {
			return errKnown
		}
		if err := addSearched(ctx, tx, e.IncidentNumber, e.Data.Text); err != nil {
			return err
		}
		return insertTimeline(ctx, tx, e)
	})
	if errors.Is(err, errKnown) {
		return nil
	}
	return err
}

// EditIncident implements incident.Incidents.
func (s *Store) EditIncident(ctx context.Context, number int64, rule incident.EditRule) (i incident.Incident, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		i, err = one(ctx, tx, "incident", incidentFields, `SELECT `+incidentColumns+` FROM incidents i WHERE i.number = $1`+s.forUpdate(), number)
		if err != nil {
			return err
		}
		c, err := rule(i)
		if err != nil {
			return err
		}
		written := false
		for _, r := range c.Records {
			_, known, err := first(ctx, tx, scalar[string], `SELECT id FROM timeline_entries WHERE id = $1`, r.Entry.ID)
			if err != nil {
				return err
			}
			if known {
				continue
			}
			if err := insertTimeline(ctx, tx, r.Entry); err != nil {
				return err
			}
			if err := insertAudit(ctx, tx, r.Audit); err != nil {
				return err
			}
			written = true
		}
		if !written {
			return nil
		}
		i = c.Incident
		err = exec(ctx, tx, `
			UPDATE incidents SET name = $2, severity = $3, type = $4, description = $5, opener_email = $6, opener_name = $7, vars = $8,
				updated_at = $9, severity_before = $10, changed_at = $11
			WHERE number = $1`,
			number, i.Name, i.Severity, i.Type, i.Description, i.OpenerEmail, i.OpenerName, asJSON(i.Vars), i.UpdatedAt, i.SeverityBefore, i.ChangedAt)
		if err != nil {
			return err
		}
		if err := setSearched(ctx, tx, number, i.Name, i.Description, i.OpenerEmail); err != nil {
			return err
		}
		return bump(ctx, tx, TopicIncidents, TopicIncident(number), TopicBridges)
	})
	return i, err
}

// Timeline returns what happened to an incident, newest first.
func (s *Store) Timeline(ctx context.Context, number int64, limit int) ([]incident.TimelineEntry, error) {
	return list(ctx, s.r, timelineFields, `SELECT `+timelineColumns+` FROM timeline_entries WHERE incident_number = $1
		ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(max(limit, 1)), number)
}

// Adjustments returns what Drawbridge changed in the requests that opened incidents, by
// number.
func (s *Store) Adjustments(ctx context.Context, numbers ...int64) (map[int64][]incident.Adjustment, error) {
	entries, err := list(ctx, s.r, timelineFields, `SELECT `+timelineColumns+` FROM timeline_entries
		WHERE incident_number IN (`+placeholders(2, len(numbers))+`) AND kind = $1 ORDER BY at DESC, id DESC`, append([]any{string(incident.EntryAdjusted)}, anys(numbers)...)...)
	of := map[int64][]incident.Adjustment{}
	for _, e := range entries {
		of[e.IncidentNumber] = e.Data.Adjusted // the first is what counts
	}
	return of, err
}

func timelineFields(e *incident.TimelineEntry) []any {
	return []any{&e.ID, &e.IncidentNumber, &e.BridgeID, timeOf(&e.At), &e.Kind, jsonOf(&e.Data), &e.Actor}
}

// EventEntries returns the timeline entries that a read event caused.
func (s *Store) EventEntries(ctx context.Context, e incident.Event) ([]incident.TimelineEntry, error) {
	id := e.ID
	if e.TwinOf != 0 { // its entries have the id of the earlier event
		id = e.TwinOf
	}
	return list(ctx, s.r, timelineFields, `SELECT `+timelineColumns+` FROM timeline_entries
		WHERE id = $1`, incident.EventEntryID(id))
}

// CountIncidents returns how many incidents match the filter.
func (s *Store) CountIncidents(ctx context.Context, f IncidentFilter) (int, error) {
	w, err := f.where()
	if err != nil {
		return 0, err
	}
	return one(ctx, s.r, "incident", scalar[int], `SELECT COUNT(*) FROM incidents i`+w.String(), w.args...)
}
