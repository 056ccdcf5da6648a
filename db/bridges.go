package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const bridgeColumns = `b.id, b.incident_number, b.step_run_id, b.kind, b.state, b.rung, b.asked,
	b.meeting_id, b.meeting_uuid, b.pmi, b.topic, b.agenda, b.recording, b.join_url, b.passcode,
	b.host_email, b.used_backup_user, b.dial_in, b.findings, b.reasons,
	b.created_at, b.ready_at, b.started_at, b.ended_at, b.updated_at, b.inside, b.inside_most, b.waiting, b.recordings, b.later, b.link_name, b.link_changed_at,
	b.told_at, b.told_by, b.ask_at, b.watch, b.alarm, b.alarm_since, b.alarm_at, b.again_at, b.phone_passcode,
	CASE WHEN b.state = 'ready' THEN ` + hostRuns + ` ELSE 0 END,
	CASE WHEN b.state = 'ready' THEN (SELECT MIN(o.incident_number)` + otherCalls + `) END,
	CASE WHEN b.state = 'ready' THEN ` + hostMay + ` ELSE 0 END`

// The other calls that the host of a bridge b runs, and how many it may run; see
// incident.Bridge.HostFull.
const (
	otherCalls = ` FROM bridges o WHERE o.state = 'live' AND o.kind <> 'static' AND o.host_email = b.host_email AND o.host_email <> '' AND o.id <> b.id`
	hostRuns   = `(SELECT COUNT(*)` + otherCalls + `)`
	hostMay    = `COALESCE((SELECT h.at_once FROM host_checks h WHERE h.email = b.host_email), 0)`
)

func bridgeFields(b *incident.Bridge) []any {
	return []any{&b.ID, &b.IncidentNumber, &b.StepRunID, &b.Kind, &b.State, &b.Rung, jsonOf(&b.Asked),
		textOf(&b.MeetingID), textOf(&b.MeetingUUID), textOf(&b.PMI), &b.Topic, &b.Agenda, &b.Recording, &b.JoinURL, &b.Passcode,
		&b.HostEmail, &b.UsedBackupUser, jsonOf(&b.DialIn), jsonOf(&b.Findings), jsonOf(&b.Reasons),
		timeOf(&b.CreatedAt), timeOf(&b.ReadyAt), timeOf(&b.StartedAt), timeOf(&b.EndedAt), timeOf(&b.UpdatedAt),
		&b.Inside, &b.InsideMost, &b.Waiting, jsonOf(&b.Recordings), jsonOf(&b.Later), &b.LinkName, timeOf(&b.LinkChangedAt),
		timeOf(&b.ToldAt), &b.ToldBy, timeOf(&b.AskAt), jsonOf(&b.Watch), &b.Alarm, timeOf(&b.AlarmSince), timeOf(&b.AlarmAt), timeOf(&b.AgainAt), &b.PhonePasscode,
		&b.HostRuns, numberOf(&b.HostRunsOf), &b.HostMay}
}

func insertBridge(ctx context.Context, tx *sql.Tx, b incident.Bridge) error {
	return exec(ctx, tx, `
		INSERT INTO bridges (id, incident_number, step_run_id, kind, state, rung, asked,
			meeting_id, meeting_uuid, pmi, topic, agenda, recording, join_url, passcode,
			host_email, used_backup_user, dial_in, findings, worst_finding, reasons,
			created_at, ready_at, started_at, ended_at, updated_at, inside, inside_most, recordings, link_name)
		VALUES (`+placeholders(1, 30)+`)`,
		b.ID, b.IncidentNumber, b.StepRunID, b.Kind, b.State, b.Rung, asJSON(b.Asked),
		nullable(b.MeetingID), nullable(b.MeetingUUID), nullable(b.PMI), b.Topic, b.Agenda, b.Recording, b.JoinURL, b.Passcode,
		b.HostEmail, b.UsedBackupUser, asJSON(b.DialIn), asJSON(b.Findings), b.Attention(), asJSON(b.Reasons),
		b.CreatedAt, b.ReadyAt, b.StartedAt, b.EndedAt, b.UpdatedAt, b.Inside, b.InsideMost, asJSON(b.Recordings), b.LinkName)
}

// reasonJSON returns a reason as it is stored; the zero Reason is "".
func reasonJSON(r incident.Reason) string {
	if r.Code == "" {
		return ""
	}
	return asJSON(r)
}

// Bridge returns the bridge with this id.
func (s *Store) Bridge(ctx context.Context, id string) (incident.Bridge, error) {
	return one(ctx, s.r, "bridge", bridgeFields, `SELECT `+bridgeColumns+` FROM bridges b WHERE b.id = $1`, id)
}

// BridgeOfStepRun returns the bridge of a step run.
func (s *Store) BridgeOfStepRun(ctx context.Context, stepRunID string) (incident.Bridge, error) {
	return one(ctx, s.r, "bridge", bridgeFields, `SELECT `+bridgeColumns+` FROM bridges b WHERE b.step_run_id = $1`, stepRunID)
}

// Bridges returns the bridges of an incident, oldest first.
func (s *Store) Bridges(ctx context.Context, number int64) ([]incident.Bridge, error) {
	return list(ctx, s.r, bridgeFields,
		`SELECT `+bridgeColumns+` FROM bridges b WHERE b.incident_number = $1 ORDER BY b.created_at, b.id`, number)
}

// ChangeBridge implements incident.Incidents. It does not write what events say
// about a bridge (people inside and waiting, recordings), which ApplyReadings does,
// except that nobody is known to be or to wait in a meeting that the bridge leaves, and it
// never clears a known start time.
func (s *Store) ChangeBridge(ctx context.Context, c incident.BridgeChange) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		topics := []string{TopicBridges, TopicIncidents, TopicIncident(c.Bridge.IncidentNumber)}
		if c.EndsCall() {
			waits, err := waitsForHost(ctx, tx, c.Bridge.ID)
			if err != nil {
				return err
			}
			topics = append(topics, waits...)
		}
		if c.FromLink != "" {
			if err := leaveMeeting(ctx, tx, c.Bridge); err != nil {
				return err
			}
		}
		if len(c.StepRunFrom) == 0 && c.StepRun != nil {
			return errMoved() // no state is expected
		}
		if err := takeRoom(ctx, tx, c); err != nil {
			return err
		}
		if err := claimStandby(ctx, tx, c); err != nil {
			return err
		}
		if len(c.From) > 0 || c.Insert {
			if err := writeBridge(ctx, tx, c); err != nil {
				return err
			}
		}
		if err := writeAttempt(ctx, tx, c); err != nil {
			return err
		}
		if c.ReadAgain != nil {
			if err := readAgain(ctx, tx, *c.ReadAgain); err != nil {
				return err
			}
		}
		if c.StepRun != nil {
			if err := writeStepRun(ctx, tx, *c.StepRun, c.StepRunFrom); err != nil {
				return err
			}
			if c.EndsJob {
				if err := finishStep(ctx, tx, c.StepRun.ID); err != nil {
					return err
				}
			}
		}
		for _, e := range c.Timeline {
			if err := insertTimeline(ctx, tx, e); err != nil {
				return err
			}
		}
		if err := insertJobs(ctx, tx, c.Jobs); err != nil {
			return err
		}
		if err := insertAudit(ctx, tx, c.Audit); err != nil {
			return err
		}
		return bump(ctx, tx, topics...)
	})
}

// waitsForHost returns the topics of the open incidents with a bridge that nobody has
// joined and that has the same host as this one: whether it can start depends on whether
// this one runs.
func waitsForHost(ctx context.Context, tx *sql.Tx, bridgeID string) (topics []string, err error) {
	// Few incidents are open, and one host may have had many bridges. COALESCE keeps the
	// databases from beginning with those.
	numbers, err := list(ctx, tx, scalar[int64], `
		SELECT DISTINCT o.incident_number FROM incidents i JOIN bridges o ON o.incident_number = i.number
		WHERE i.status = 'open' AND o.state = 'ready' AND o.kind <> 'static' AND o.id <> $1
			AND COALESCE(o.host_email, '') = (SELECT host_email FROM bridges WHERE id = $1 AND kind <> 'static' AND host_email <> '')`, bridgeID)
	for _, n := range numbers {
		topics = append(topics, TopicIncident(n))
	}
	return topics, err
}

func errMoved() error {
	return conflict("This bridge has just changed. Reload the page to see its current state.")
}

// leaveMeeting notes that nothing that happens in the meeting of the stored bridge is about
// the bridge any more, if it gets another one or a link that is none.
func leaveMeeting(ctx context.Context, tx *sql.Tx, b incident.Bridge) error {
	const leaves = ` AND EXISTS (SELECT 1 FROM bridges WHERE id = $1 AND COALESCE(meeting_id, '') <> $3)`
	err := exec(ctx, tx, `UPDATE bridge_instances SET left_at = $2 WHERE bridge_id = $1 AND left_at IS NULL`+leaves, b.ID, b.UpdatedAt, b.MeetingID)
	if err != nil {
		return err
	}
	return exec(ctx, tx, `
		UPDATE waits SET until = CASE WHEN since > $2 THEN since ELSE $2 END
		WHERE bridge_id = $1 AND (until IS NULL OR until < since)`+leaves, b.ID, b.UpdatedAt, b.MeetingID)
}

func writeBridge(ctx context.Context, tx *sql.Tx, c incident.BridgeChange) error {
	b := c.Bridge
	if c.Insert {
		return insertBridge(ctx, tx, b)
	}
	const left = `$2 = 'static' OR COALESCE(meeting_id, '') <> COALESCE($6, '')`
	args := []any{b.ID, b.Kind, b.State, b.Rung, asJSON(b.Asked),
		nullable(b.MeetingID), nullable(b.MeetingUUID), nullable(b.PMI), b.Topic, b.Agenda, b.Recording, b.JoinURL, b.Passcode,
		b.HostEmail, b.UsedBackupUser, asJSON(b.DialIn), asJSON(b.Findings), b.Attention(), asJSON(b.Reasons),
		b.ReadyAt, b.StartedAt, b.EndedAt, b.UpdatedAt, b.LinkName, b.LinkChangedAt, b.FirstAsk(), c.FromLink, b.AgainAt, b.PhonePasscode, b.FirstAlarm()}
	return execOne(ctx, tx, errMoved(), `
		UPDATE bridges SET kind = $2, state = $3, rung = $4, asked = $5,
			meeting_id = $6, meeting_uuid = $7, pmi = $8, topic = $9, agenda = $10, recording = $11, join_url = $12, passcode = $13,
			host_email = $14, used_backup_user = $15, dial_in = $16, findings = $17, worst_finding = $18, reasons = $19,
			waiting = CASE WHEN `+left+` THEN 0 ELSE waiting END, inside = CASE WHEN `+left+` THEN 0 ELSE inside END, alarm = CASE WHEN `+left+` THEN '' ELSE alarm END,
			ready_at = $20, started_at = COALESCE($21, started_at), ended_at = $22, updated_at = $23,
			link_name = $24, link_changed_at = $25, ask_at = $26, again_at = $28,
			phone_passcode = CASE WHEN $2 = 'static' THEN '' ELSE $29 END, alarm_at = COALESCE($30, alarm_at)
		WHERE id = $1 AND ($27 = '' OR join_url = $27) AND state IN (`+placeholders(31, len(c.From))+`)`, append(args, anys(c.From)...)...)
}

func writeStepRun(ctx context.Context, tx *sql.Tx, run incident.StepRun, from []incident.StepState) error {
	args := []any{run.ID, run.State, reasonJSON(run.Reason), run.StartedAt, run.FinishedAt, run.RunBy}
	return execOne(ctx, tx, errMoved(), `
		UPDATE step_runs SET state = $2, reason = $3, started_at = $4, finished_at = $5, run_by = $6
		WHERE id = $1 AND state IN (`+placeholders(7, len(from))+`)`, append(args, anys(from)...)...)
}

const attemptColumns = `id, bridge_id, rung, host_email, state, meeting_id, code, reason, looks, started_at, finished_at`

func attemptFields(a *incident.Attempt) []any {
	return []any{&a.ID, &a.BridgeID, &a.Rung, &a.HostEmail, &a.State, &a.MeetingID, &a.Code, jsonOf(&a.Reason), &a.Looks, timeOf(&a.StartedAt), timeOf(&a.FinishedAt)}
}

func writeAttempt(ctx context.Context, tx *sql.Tx, c incident.BridgeChange) error {
	a := c.Attempt
	if a == nil {
		return nil
	}
	if c.AttemptFrom == "" {
		if c.Alone != "" {
			_, busy, err := first(ctx, tx, scalar[string], `SELECT id FROM bridge_attempts WHERE bridge_id = $1 AND state = $2 LIMIT 1`, a.BridgeID, c.Alone)
			if err != nil || busy {
				return cmp.Or(err, errMoved())
			}
		}
		return exec(ctx, tx, `INSERT INTO bridge_attempts (`+attemptColumns+`) VALUES (`+placeholders(1, 11)+`)`,
			a.ID, a.BridgeID, a.Rung, a.HostEmail, a.State, a.MeetingID, a.Code, reasonJSON(a.Reason), a.Looks, a.StartedAt, a.FinishedAt)
	}
	return execOne(ctx, tx, errMoved(), `
		UPDATE bridge_attempts SET state = $3, meeting_id = $4, code = $5, reason = $6, looks = $7, finished_at = $8
		WHERE id = $1 AND state = $2`, a.ID, c.AttemptFrom, a.State, a.MeetingID, a.Code, reasonJSON(a.Reason), a.Looks, a.FinishedAt)
}

// Attempt returns the attempt with this id.
func (s *Store) Attempt(ctx context.Context, id string) (incident.Attempt, error) {
	return one(ctx, s.r, "attempt", attemptFields, `SELECT `+attemptColumns+` FROM bridge_attempts WHERE id = $1`, id)
}

// Attempts returns the attempts of a bridge, oldest first.
func (s *Store) Attempts(ctx context.Context, bridgeID string) ([]incident.Attempt, error) {
	return list(ctx, s.r, attemptFields,
		`SELECT `+attemptColumns+` FROM bridge_attempts WHERE bridge_id = $1 ORDER BY started_at, id`, bridgeID)
}

// OpenBridgeWithMeeting returns the id of the newest other bridge that has this
// meeting and has not ended or failed, or "".
func (s *Store) OpenBridgeWithMeeting(ctx context.Context, meetingID, exceptBridgeID string) (string, error) {
	id, _, err := first(ctx, s.r, scalar[string], `
		SELECT id FROM bridges
		WHERE meeting_id = $1 AND id <> $2 AND state NOT IN ('ended', 'failed')
		ORDER BY created_at DESC, id DESC LIMIT 1`, meetingID, exceptBridgeID)
	return id, err
}

// StaticUses implements incident.Incidents.
func (s *Store) StaticUses(ctx context.Context) ([]incident.StaticUse, error) {
	return list(ctx, s.r, func(u *incident.StaticUse) []any { return []any{&u.URL, &u.BridgeID, &u.IncidentNumber} }, `
		SELECT join_url, id, incident_number FROM bridges
		WHERE kind = 'static' AND state IN ('ready', 'live') AND incident_number IN (SELECT number FROM incidents WHERE status = 'open')
		ORDER BY ready_at, id`)
}

// Presences returns all sessions of people in a bridge, in the order in which
// they joined.
func (s *Store) Presences(ctx context.Context, bridgeID string) ([]incident.Presence, error) {
	return presences(ctx, s.r, bridgeID)
}

func presences(ctx context.Context, q queryer, bridgeID string) ([]incident.Presence, error) {
	return list(ctx, q, func(p *incident.Presence) []any {
		return []any{&p.UUID, &p.SessionID, &p.Person, &p.Name, &p.Email, timeOf(&p.JoinedAt), timeOf(&p.LeftAt)}
	}, `SELECT uuid, session_id, person, name, email, joined_at, left_at
		FROM presences WHERE bridge_id = $1 ORDER BY joined_at, uuid, session_id`, bridgeID)
}

func instances(ctx context.Context, q queryer, bridgeID string) ([]incident.Instance, error) {
	return list(ctx, q, func(i *incident.Instance) []any {
		return []any{&i.UUID, timeOf(&i.StartedAt), timeOf(&i.EndedAt), timeOf(&i.SeenAt), timeOf(&i.RunsAt), timeOf(&i.OverAt), timeOf(&i.AskedAt), timeOf(&i.LeftAt)}
	}, `SELECT uuid, started_at, ended_at, seen_at, runs_at, over_at, asked_at, left_at
		FROM bridge_instances WHERE bridge_id = $1 ORDER BY started_at, uuid`, bridgeID)
}

// BridgeFilter narrows the bridge log. A zero field does not narrow it.
type BridgeFilter struct {
	// "live", "attention" (of open incidents, see incident.AttentionStates), "backup" (hosted by the backup user),
	// "static" (a link that isn't of a meeting) or "nobody" (was ready and nobody came; of open incidents only those created before Waited)
	State          string
	Waited         time.Time
	Host           string // part of the email address
	IncidentNumber int64
	After, Before  time.Time // created at After ≤ t < Before
	NoDrills       bool
	HasPeople      bool // see incident.Bridge
}

// where returns the conditions of the filter for bridges b and their incidents i.
func (f BridgeFilter) where() (where, error) {
	var w where
	switch f.State {
	case "":
	case "live":
		w.conditions = append(w.conditions, `b.state = 'live'`)
	case "attention":
		states := placeholders(len(w.args)+1, len(incident.AttentionStates))
		w.args = append(w.args, anys(incident.AttentionStates)...)
		levels := placeholders(len(w.args)+1, len(incident.AttentionLevels))
		w.args = append(w.args, anys(incident.AttentionLevels)...)
		// Few incidents are open, so the database should begin with them.
		w.conditions = append(w.conditions, `b.incident_number IN (SELECT number FROM incidents WHERE status = 'open') AND (b.state IN (`+states+`) OR b.worst_finding IN (`+levels+`)
			OR b.state = 'ready' AND b.kind <> 'static' AND `+hostRuns+` >= CASE WHEN `+hostMay+` > 0 THEN `+hostMay+` ELSE 1 END)`)
	case "backup":
		w.conditions = append(w.conditions, `b.used_backup_user`)
	case "static":
		w.conditions = append(w.conditions, `b.kind = 'static'`)
	case "nobody":
		w.conditions = append(w.conditions, `b.ready_at IS NOT NULL AND b.started_at IS NULL AND b.inside_most = 0 AND b.kind <> 'static'`)
		w.add(`(i.status <> 'open' OR b.created_at < $?)`, f.Waited)
	default:
		return w, &incident.Error{Code: incident.Invalid, Message: "This bridge filter doesn’t exist. Use live, attention, backup, static or nobody.",
			Fields: map[string]string{"state": "Use live, attention, backup, static or nobody."}}
	}
	if f.HasPeople {
		w.conditions = append(w.conditions, hasPeople)
	}
	w.addIf(f.Host != "", `b.host_email LIKE $? ESCAPE '\'`, likeText(f.Host))
	w.addIf(f.IncidentNumber != 0, `b.incident_number = $?`, f.IncidentNumber)
	w.addIf(!f.After.IsZero(), `b.created_at >= $?`, f.After)
	w.addIf(!f.Before.IsZero(), `b.created_at < $?`, f.Before)
	w.addIf(f.NoDrills, `i.source <> $?`, incident.SourceDrill)
	return w, nil
}

// BridgeRow is one bridge in the bridge log.
type BridgeRow struct {
	incident.Bridge
	IncidentName, Severity string
	IncidentStatus         incident.Status
	Drill                  bool
}

const bridgesOfIncidents = ` FROM bridges b JOIN incidents i ON i.number = b.incident_number`

// BridgeRows returns the bridge log, newest first.
func (s *Store) BridgeRows(ctx context.Context, f BridgeFilter, cursor string, limit int) (page Page[BridgeRow], err error) {
	w, err := f.where()
	if err != nil {
		return page, err
	}
	if err := w.beforeCursor(cursor, "b.created_at", "b.id"); err != nil {
		return page, err
	}
	limit = pageLimit(limit)
	items, err := list(ctx, s.r, func(b *BridgeRow) []any {
		return append(bridgeFields(&b.Bridge), &b.IncidentName, &b.IncidentStatus, &b.Severity, &b.Drill)
	}, `SELECT `+bridgeColumns+`, i.name, i.status, i.severity, i.source = 'drill'`+bridgesOfIncidents+w.String()+`
		ORDER BY b.created_at DESC, b.id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	return pageOf(items, limit, func(b BridgeRow) string { return timeCursor(b.CreatedAt, b.ID) }), err
}

// BridgeTime is what totals of the bridge log count of a bridge.
type BridgeTime struct {
	CreatedAt, ReadyAt time.Time // ReadyAt is zero without a meeting, and if people had another link before it
	UsedBackupUser     bool
}

// BridgeTimes returns the newest limit bridges of the log, newest first, and whether there are more.
func (s *Store) BridgeTimes(ctx context.Context, f BridgeFilter, limit int) (times []BridgeTime, more bool, err error) {
	w, err := f.where()
	if err != nil {
		return nil, false, err
	}
	from := ` FROM bridges b`
	if f.State == "nobody" || f.NoDrills { // only these filters ask about the incident
		from = bridgesOfIncidents
	}
	times, err = list(ctx, s.r, func(b *BridgeTime) []any {
		return []any{timeOf(&b.CreatedAt), timeOf(&b.ReadyAt), &b.UsedBackupUser}
	}, `SELECT b.created_at, CASE WHEN b.kind = 'static' OR b.link_changed_at IS NOT NULL THEN NULL ELSE b.ready_at END, b.used_backup_user`+from+w.String()+`
		ORDER BY b.created_at DESC, b.id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	if len(times) > limit {
		times, more = times[:limit], true
	}
	return times, more, err
}

// hasPeople is incident.Bridge.HasPeople for bridges b.
const hasPeople = `b.state = 'live' AND b.inside > 0`

// CountCalls returns how many bridges have people inside now.
func (s *Store) CountCalls(ctx context.Context) (int, error) {
	return one(ctx, s.r, "bridge", scalar[int], `SELECT COUNT(*) FROM bridges b WHERE `+hasPeople)
}

// MeetingsOfBridges implements incident.Events. A personal meeting id counts
// too.
func (s *Store) MeetingsOfBridges(ctx context.Context, ids []string) (map[string]bool, error) {
	return s.meetingsOfBridges(ctx, s.r, ids)
}

func (s *Store) meetingsOfBridges(ctx context.Context, q queryer, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(ids) == 0 {
		return known, nil
	}
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i] = cleanText(id)
	}
	in, given := s.oneOf("$1", ids)
	found, err := list(ctx, q, scalar[string], `
		SELECT meeting_uuid FROM bridges WHERE meeting_uuid`+in+`
		UNION SELECT uuid FROM bridge_instances WHERE uuid`+in+`
		UNION SELECT meeting_id FROM bridges WHERE meeting_id`+in+`
		UNION SELECT pmi FROM bridges WHERE pmi`+in, given)
	for _, id := range found {
		known[id] = id != ""
	}
	return known, err
}

// BridgeForMeeting finds the bridge that an event belongs to, with the number
// of its incident: the newest bridge with this uuid (of an instance or of the
// created meeting), or else the newest one with the meeting id or personal
// meeting id that was created by a minute after at. A zero at is no limit. The limit
// also holds for the uuid of a standby meeting, in which there may have been a call
// before it became the bridge's. It returns "" if there is none.
func (s *Store) BridgeForMeeting(ctx context.Context, uuid, meetingID string, at time.Time) (string, int64, error) {
	return bridgeForMeeting(ctx, s.r, uuid, meetingID, at)
}

func bridgeForMeeting(ctx context.Context, q queryer, uuid, meetingID string, at time.Time) (string, int64, error) {
	type bridge struct {
		id     string
		number int64
	}
	fields := func(b *bridge) []any { return []any{&b.id, &b.number} }
	var b bridge
	var ok bool
	var err error
	if uuid != "" {
		args, before := []any{uuid}, ""
		if !at.IsZero() {
			args, before = append(args, at.Add(time.Minute)), ` AND (kind <> 'standby' OR created_at <= $2)`
		}
		b, ok, err = first(ctx, q, fields, `
			SELECT id, incident_number FROM bridges
			WHERE meeting_uuid = $1`+before+` OR id IN (SELECT bridge_id FROM bridge_instances WHERE uuid = $1)
			ORDER BY created_at DESC, id DESC LIMIT 1`, args...)
	}
	if err == nil && !ok && meetingID != "" {
		var w where
		w.add(`(meeting_id = $? OR pmi = $?)`, meetingID)
		w.addIf(!at.IsZero(), `created_at <= $?`, at.Add(time.Minute))
		b, _, err = first(ctx, q, fields,
			`SELECT id, incident_number FROM bridges`+w.String()+` ORDER BY created_at DESC, id DESC LIMIT 1`, w.args...)
	}
	return b.id, b.number, err
}

// BridgeHosts returns the email addresses of up to 200 hosts of bridges,
// sorted.
func (s *Store) BridgeHosts(ctx context.Context) ([]string, error) {
	// Each step finds the next address in the index, so that not every bridge is read.
	return list(ctx, s.r, scalar[string], `
		WITH RECURSIVE hosts (email) AS (
			SELECT MIN(host_email) FROM bridges WHERE host_email > ''
			UNION ALL
			SELECT (SELECT MIN(host_email) FROM bridges WHERE host_email > hosts.email) FROM hosts WHERE hosts.email IS NOT NULL)
		SELECT email FROM hosts WHERE email IS NOT NULL LIMIT 200`)
}

func waits(ctx context.Context, q queryer, bridgeID string) ([]incident.Wait, error) {
	return list(ctx, q, func(w *incident.Wait) []any {
		return []any{&w.UUID, &w.Place, &w.Person, &w.Name, &w.Email, timeOf(&w.Since), timeOf(&w.Until)}
	}, `SELECT uuid, place, person, name, email, since, until FROM waits WHERE bridge_id = $1 ORDER BY since, uuid, person`, bridgeID)
}

// People returns who is in a bridge now and who waits to get in, each once, in
// the order in which they came.
func (s *Store) People(ctx context.Context, bridgeID string) (inside []incident.Presence, waiting []incident.Wait, err error) {
	f, err := s.Call(ctx, bridgeID)
	if err != nil {
		return nil, nil, err
	}
	waiting = incident.Waiting(f)
	return incident.Inside(f.Instances, f.Presences, waiting), waiting, nil
}

// Call returns a bridge with what events and Zoom's answers say about its calls.
func (s *Store) Call(ctx context.Context, bridgeID string) (incident.BridgeFacts, error) {
	f, _, err := first(ctx, s.r, func(f *incident.BridgeFacts) []any {
		return bridgeFields(&f.Bridge)
	}, `SELECT `+bridgeColumns+` FROM bridges b WHERE b.id = $1`, bridgeID)
	if err == nil {
		err = readFacts(ctx, s.r, &f)
	}
	return f, err
}

// readPeople fills in what events say about the people of a bridge.
func readPeople(ctx context.Context, q queryer, f *incident.BridgeFacts) (err error) {
	if f.Instances, err = instances(ctx, q, f.Bridge.ID); err != nil {
		return err
	}
	if f.Presences, err = presences(ctx, q, f.Bridge.ID); err != nil {
		return err
	}
	f.Waits, err = waits(ctx, q, f.Bridge.ID)
	return err
}
