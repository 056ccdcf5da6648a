package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// ApplyReadings implements incident.Events in one transaction. It skips an
// event that is no longer new, with all its effects. It may call the rule more
// than once.
func (s *Store) ApplyReadings(ctx context.Context, readings []incident.Reading, at time.Time, rule incident.BridgeRule) error {
	ids := make([]int64, len(readings))
	for i, r := range readings {
		ids[i] = r.EventID
	}
	s.warmMeetings(ctx, readings)
	err := s.write(ctx, func(tx *sql.Tx) error {
		ctx := s.unwatched(ctx)
		bridges, err := s.lockBridges(ctx, tx, readings)
		if err != nil {
			return err
		}
		readings := slices.Clone(readings)
		for i, r := range readings {
			if b := bridges[r.BridgeID]; b != nil && b.Blanked {
				readings[i] = r.Blanked()
			}
		}
		q := &repeated{tx, map[string]*sql.Stmt{}}
		twins, err := s.twinsOf(ctx, q, readings)
		if err != nil {
			return err
		}
		applied, err := s.updateRead(ctx, q, readings, twins)
		if err != nil {
			return err
		}
		texts := make([]eventText, len(applied))
		for i, r := range applied {
			texts[i] = eventText{r.EventID, r.Event, r.Text, r.Again}
		}
		if err := s.indexWords(ctx, q, texts); err != nil {
			return err
		}
		topics := []string{TopicEvents}
		var counts eventCounts
		for _, r := range applied {
			if !r.Again {
				counts.add(r.EventID, r.Event)
			}
			for _, e := range r.Timeline {
				if twin := twins[r.EventID]; twin != 0 && e.ID == incident.EventEntryID(r.EventID) { // the timeline has its entry under the id of the earlier event
					e.ID = incident.EventEntryID(twin)
				}
				if err := insertTimeline(ctx, tx, e); err != nil {
					return err
				}
				topics = append(topics, TopicIncident(e.IncidentNumber))
			}
			for id := range bridgesOf(r) {
				if b := bridges[id]; b != nil {
					b.Readings = append(b.Readings, r)
				}
			}
			if bridges[r.BridgeID] != nil {
				if err := applyToBridge(ctx, tx, r); err != nil {
					return err
				}
				if err := s.keepPasscodes(ctx, tx, r); err != nil {
					return err
				}
			}
		}
		rechecks, err := applyRechecks(ctx, tx, applied)
		if err != nil {
			return err
		}
		topics = append(topics, rechecks...)
		if err := s.readAwaiting(ctx, tx, applied); err != nil {
			return err
		}
		if err := counts.write(ctx, tx); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(bridges)) {
			b := bridges[id]
			b.At = at
			_, others, err := followRule(ctx, tx, *b, rule)
			if err != nil {
				return err
			}
			topics = append(append(topics, others...), TopicBridges, TopicIncidents, TopicIncident(b.Bridge.IncidentNumber))
		}
		return bump(ctx, tx, topics...)
	})
	if err == nil {
		s.mergeWords(ctx, ids)
	}
	return err
}

// warmMeetings reads the places in SQLite's index by meeting where the events
// will be inserted. In a large log each place is on a page of its own. Reading
// these pages from disk before the transaction means that arriving events do
// not wait for that.
func (s *Store) warmMeetings(ctx context.Context, readings []incident.Reading) {
	if s.postgres {
		return
	}
	type place struct {
		Meeting string
		ID      int64
	}
	for some := range slices.Chunk(readings, 10) { // small chunks, because pages read from the database too
		places := make([]place, len(some))
		for i, r := range some {
			places[i] = place{cleanText(r.MeetingID), r.EventID}
		}
		_, err := list(ctx, s.r, scalar[int64], `
			SELECT COUNT((
				SELECT e.id FROM events e INDEXED BY events_meeting
				WHERE e.meeting_id = p.value ->> 'Meeting' AND e.meeting_id <> '' AND e.id >= p.value ->> 'ID' ORDER BY e.id LIMIT 1
			)) FROM json_each($1) p`, asJSON(places))
		if err != nil {
			s.log.WarnContext(ctx, "could not read the index of meetings", "error", err)
			return
		}
	}
}

// twinsOf returns, for each event that is a variant of an earlier event, the id
// of that event.
func (s *Store) twinsOf(ctx context.Context, q queryer, readings []incident.Reading) (map[int64]int64, error) {
	twins := map[int64]int64{}
	keys := make(map[int64]eventKey, len(readings))
	var args []any
	for _, r := range readings {
		if r.Meaning == "" || r.EventAt.IsZero() {
			continue
		}
		k := newEventKey(keyOfMeaning, r.EventAt.UnixMilli(), []byte(r.Meaning))
		keys[r.EventID] = k
		args = append(args, k.at, k.hash[:], r.EventID)
	}
	n, err := s.takeKeys(ctx, q, args)
	if err != nil || n == int64(len(keys)) {
		return twins, err
	}
	for id, k := range keys {
		twin, ok, err := first(ctx, q, scalar[int64], `SELECT event_id FROM event_keys WHERE at = $1 AND key = $2 AND event_id <> $3`, k.at, k.hash[:], id)
		if err != nil {
			return nil, err
		}
		if ok {
			twins[id] = twin
		}
	}
	return twins, nil
}

var readingTypes = []string{"BIGINT", "TEXT", "TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT"}

// updateRead stores the readings and returns those that it stored. It skips an
// event that was read meanwhile, even if it is new again, and one that was
// blanked meanwhile. Both are then read again.
func (s *Store) updateRead(ctx context.Context, q queryer, readings []incident.Reading, twins map[int64]int64) ([]incident.Reading, error) {
	args := make([]any, 0, len(readings)*len(readingTypes))
	var low, high int64
	for i, r := range readings {
		if low = min(low, r.EventID); i == 0 {
			low = r.EventID
		}
		high = max(high, r.EventID)
		args = append(args, r.EventID, r.State, r.Problem, r.Event, millis(r.EventAt), r.AccountID, // 0 stands for no time and for no twin
			r.MeetingID, r.MeetingUUID, r.Topic, r.Who, r.BridgeID, twins[r.EventID], oneIf(r.Nameless), oneIf(r.Again))
	}
	written := map[int64]bool{}
	if s.postgres {
		// The range lets the planner skip other months.
		ids, err := list(ctx, q, scalar[int64], `
			UPDATE events e SET state = v.state, read_error = v.read_error, event = v.event, event_at = NULLIF(v.event_at, 0), account_id = v.account_id,
				meeting_id = v.meeting_id, meeting_uuid = v.meeting_uuid, topic = v.topic, who = v.who, bridge_id = v.bridge_id, twin_of = NULLIF(v.twin_of, 0)
			FROM `+unnest(1, readingTypes)+` AS v (id, state, read_error, event, event_at, account_id, meeting_id, meeting_uuid, topic, who, bridge_id, twin_of, nameless, again)
			WHERE e.id = v.id AND e.id >= $15 AND e.id <= $16 AND (e.event <> '' OR e.read_error <> '') = (v.again = 1) AND e.state = 'new' AND (e.blanked_at IS NULL OR v.nameless = 1)
			RETURNING e.id`, append(arrays(readingTypes, args), low, high)...)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			written[id] = true
		}
	} else {
		for row := range slices.Chunk(args, len(readingTypes)) {
			n, err := execRows(ctx, q, `
				UPDATE events SET state = $2, read_error = $3, event = $4, event_at = NULLIF($5, 0), account_id = $6,
					meeting_id = $7, meeting_uuid = $8, topic = $9, who = $10, bridge_id = $11, twin_of = NULLIF($12, 0)
				WHERE id = $1 AND state = 'new' AND (blanked_at IS NULL OR $13 = 1) AND (event <> '' OR read_error <> '') = $14`, row...)
			if err != nil {
				return nil, err
			}
			written[row[0].(int64)] = n > 0
		}
	}
	return slices.DeleteFunc(slices.Clone(readings), func(r incident.Reading) bool { return !written[r.EventID] }), nil
}

// applyToBridge stores what one event says about its bridge's meeting and its
// people, inside and waiting.
func applyToBridge(ctx context.Context, tx *sql.Tx, r incident.Reading) error {
	if in := r.Instance; in != nil {
		err := exec(ctx, tx, `
			INSERT INTO bridge_instances (bridge_id, uuid, started_at, ended_at, seen_at, runs_at, over_at, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (bridge_id, uuid) DO UPDATE SET
				started_at = `+earlier("bridge_instances", "started_at")+`,
				ended_at = `+later("bridge_instances", "ended_at")+`,
				seen_at = `+earlier("bridge_instances", "seen_at")+`,
				runs_at = `+later("bridge_instances", "runs_at")+`,
				over_at = `+later("bridge_instances", "over_at")+`,
				asked_at = `+later("bridge_instances", "asked_at"),
			r.BridgeID, in.UUID, in.StartedAt, in.EndedAt, in.SeenAt, in.RunsAt, in.OverAt, in.AskedAt)
		if err != nil {
			return err
		}
	}
	if w := r.Wait; w != nil {
		err := exec(ctx, tx, `
			INSERT INTO waits (bridge_id, uuid, place, person, name, email, since, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (bridge_id, uuid, place, person) DO UPDATE SET
				name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE waits.name END,
				email = CASE WHEN excluded.email <> '' THEN excluded.email ELSE waits.email END,
				since = `+later("waits", "since")+`,
				until = `+later("waits", "until"),
			r.BridgeID, w.UUID, w.Place, w.Person, w.Name, w.Email, w.Since, w.Until)
		if err != nil {
			return err
		}
	}
	if p := r.Presence; p != nil {
		return exec(ctx, tx, `
			INSERT INTO presences (bridge_id, uuid, session_id, person, name, email, joined_at, left_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (bridge_id, uuid, session_id) DO UPDATE SET
				person = CASE WHEN excluded.person <> '' THEN excluded.person ELSE presences.person END,
				name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE presences.name END,
				email = CASE WHEN excluded.email <> '' THEN excluded.email ELSE presences.email END,
				joined_at = `+later("presences", "joined_at")+`,
				left_at = `+later("presences", "left_at"),
			r.BridgeID, p.UUID, p.SessionID, p.Person, p.Name, p.Email, p.JoinedAt, p.LeftAt)
	}
	return nil
}

// earlier and later choose between a stored and an offered time, either of
// which may be NULL. SQLite and PostgreSQL have different functions for this.
func earlier(table, column string) string { return chooseTime(table, column, "<") }
func later(table, column string) string   { return chooseTime(table, column, ">") }

func chooseTime(table, column, sign string) string {
	stored := table + "." + column
	return `CASE WHEN ` + stored + ` IS NULL OR excluded.` + column + ` ` + sign + ` ` + stored +
		` THEN excluded.` + column + ` ELSE ` + stored + ` END`
}

// applyRechecks stores that the check of the account is out of date, with one
// job that repeats it, and returns the topics that changed.
func applyRechecks(ctx context.Context, tx *sql.Tx, readings []incident.Reading) (topics []string, err error) {
	for _, r := range readings {
		if r.ChangedHost != nil {
			if err := markHost(ctx, tx, *r.ChangedHost); err != nil {
				return nil, err
			}
		}
		if r.Recheck == nil {
			continue
		}
		err := exec(ctx, tx, `UPDATE accounts SET hosts_changed_at = $2 WHERE id = $1 AND (hosts_changed_at IS NULL OR hosts_changed_at < $2)`,
			accountID, r.Recheck.At)
		if err != nil {
			return nil, err
		}
		if err := queueJob(ctx, tx, r.Recheck.Job); err != nil {
			return nil, err
		}
		topics = []string{TopicAccount}
	}
	return topics, nil
}

// bridgesOf returns the ids of the bridges that a reading changes; one may be "".
func bridgesOf(r incident.Reading) map[string]bool {
	ids := map[string]bool{r.BridgeID: true}
	for _, f := range r.Files {
		ids[f.BridgeID] = true
	}
	for _, id := range r.Changed {
		ids[id] = true
	}
	return ids
}

// lockBridges returns the bridges of the readings. Other servers that want to
// apply readings to them wait, so it must be the first statement of a
// transaction. It locks the bridges in a fixed order.
func (s *Store) lockBridges(ctx context.Context, tx *sql.Tx, readings []incident.Reading) (map[string]*incident.BridgeFacts, error) {
	bridges := map[string]*incident.BridgeFacts{}
	var w where
	for _, r := range readings {
		for id := range bridgesOf(r) {
			if id != "" && !slices.Contains(w.args, any(id)) {
				w.args = append(w.args, id)
			}
		}
	}
	if len(w.args) == 0 {
		return bridges, nil
	}
	lock := ""
	if s.postgres {
		lock = " FOR NO KEY UPDATE"
	}
	found, err := list(ctx, tx, func(f *incident.BridgeFacts) []any {
		return append(bridgeFields(&f.Bridge), &f.Blanked)
	}, `SELECT `+bridgeColumns+`, b.blanked_at IS NOT NULL FROM bridges b WHERE b.id IN (`+placeholders(1, len(w.args))+`) ORDER BY b.id`+lock, w.args...)
	for i := range found {
		bridges[found[i].Bridge.ID] = &found[i]
	}
	return bridges, err
}

// followRule stores what the rule returns for a bridge, and returns the bridge with the
// topics of other incidents for which that makes a difference.
func followRule(ctx context.Context, tx *sql.Tx, f incident.BridgeFacts, rule incident.BridgeRule) (b incident.Bridge, topics []string, err error) {
	if err := readFacts(ctx, tx, &f); err != nil {
		return b, nil, err
	}
	if f.StepRun, err = one(ctx, tx, "step", stepRunFields, `SELECT `+stepRunColumns+` FROM step_runs WHERE id = $1`, f.Bridge.StepRunID); err != nil {
		return b, nil, err
	}
	then := rule(f)
	b = then.Bridge
	for _, e := range then.Timeline {
		if err := insertTimeline(ctx, tx, e); err != nil {
			return b, nil, err
		}
	}
	for _, j := range then.Jobs {
		if err := exec(ctx, tx, `INSERT INTO jobs (`+jobColumns+`) VALUES (`+placeholders(1, 9)+`) ON CONFLICT (id) DO NOTHING`, jobValues(j)...); err != nil {
			return b, nil, err
		}
	}
	err = exec(ctx, tx, `
		UPDATE bridges SET state = $2, join_url = $3, reasons = $4, started_at = $5, ended_at = $6,
			inside = $7, inside_most = $8, recordings = $9, updated_at = $10, waiting = $11, later = $12,
			told_at = $13, told_by = $14, ask_at = $15, watch = $16, worst_finding = $17,
			alarm = $18, alarm_since = $19, alarm_at = $20
		WHERE id = $1`, b.ID, b.State, b.JoinURL, asJSON(b.Reasons), b.StartedAt, b.EndedAt,
		b.Inside, b.InsideMost, asJSON(b.Recordings), b.UpdatedAt, b.Waiting, asJSON(b.Later),
		b.ToldAt, b.ToldBy, b.AskAt, asJSON(b.Watch), b.Attention(),
		b.Alarm, b.AlarmSince, b.AlarmAt)
	if err == nil && f.Answer != nil && f.Answer.Meeting != nil {
		err = exec(ctx, tx, `
			UPDATE bridges SET topic = $2, recording = $3, passcode = $4, phone_passcode = $5, dial_in = $6, findings = $7, link_changed_at = $8
			WHERE id = $1`, b.ID, b.Topic, b.Recording, b.Passcode, b.PhonePasscode, asJSON(b.DialIn), asJSON(b.Findings), b.LinkChangedAt)
	}
	if err == nil && b.State != f.Bridge.State {
		topics, err = waitsForHost(ctx, tx, b.ID)
	}
	if err != nil || then.StepRun == nil {
		return b, topics, err
	}
	return b, topics, writeStepRun(ctx, tx, *then.StepRun, []incident.StepState{f.StepRun.State})
}

// readAwaiting makes events new again if a bridge got their meeting while they
// were read. ChangeBridge could not find them yet.
func (s *Store) readAwaiting(ctx context.Context, tx *sql.Tx, readings []incident.Reading) error {
	var ids []string
	for _, r := range readings {
		if r.Awaits && r.MeetingID != "" {
			ids = append(ids, r.MeetingID)
		}
	}
	known, err := s.meetingsOfBridges(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, r := range readings {
		if !r.Awaits || !known[r.MeetingID] {
			continue
		}
		bridgeID, _, err := bridgeForMeeting(ctx, tx, "", r.MeetingID, r.EventAt)
		if err == nil && bridgeID != "" {
			err = exec(ctx, tx, `UPDATE events SET state = 'new' WHERE id = $1`, r.EventID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAgain makes events of a meeting new again if they were read before their
// bridge had the meeting.
func readAgain(ctx context.Context, tx *sql.Tx, e incident.UnlinkedEvents) error {
	return exec(ctx, tx, `
		UPDATE events SET state = 'new'
		WHERE meeting_id = $1 AND meeting_id <> '' AND id >= $2 AND bridge_id = '' AND state = 'read' AND NOT stale
			AND origin IN (`+placeholders(3, len(e.Origins))+`)`, append([]any{e.MeetingID, FirstEventID(e.Since)}, anys(e.Origins)...)...)
}

// ReprocessEvent makes a stored event new again, and no longer stale.
func (s *Store) ReprocessEvent(ctx context.Context, id int64, audit incident.AuditEntry) error {
	return s.change(ctx, audit, []string{TopicEvents}, func(tx *sql.Tx) error {
		return execOne(ctx, tx, notFound("event"), `UPDATE events SET state = 'new', stale = $2 WHERE id = $1`, id, false)
	})
}
