package db

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// ClaimAsk implements incident.Incidents. If the caller stops before it calls
// ApplyAnswer, the bridge is due again at until.
func (s *Store) ClaimAsk(ctx context.Context, now, until time.Time) (f incident.BridgeFacts, found bool, err error) {
	_, due, err := first(ctx, s.r, scalar[string], `SELECT id FROM bridges WHERE ask_at <= $1 LIMIT 1`, now)
	if err != nil || !due {
		return f, false, err
	}
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		f = incident.BridgeFacts{}
		skipLocked := ""
		if s.postgres {
			skipLocked = " FOR UPDATE SKIP LOCKED"
		}
		f, found, err = first(ctx, tx, func(f *incident.BridgeFacts) []any {
			return append(bridgeFields(&f.Bridge), &f.Blanked)
		}, `SELECT `+bridgeColumns+`, b.blanked_at IS NOT NULL FROM bridges b WHERE b.ask_at <= $1 ORDER BY b.ask_at, b.id LIMIT 1`+skipLocked, now)
		if err != nil || !found {
			return err
		}
		if err := exec(ctx, tx, `UPDATE bridges SET ask_at = $2 WHERE id = $1`, f.Bridge.ID, until); err != nil {
			return err
		}
		return readFacts(ctx, tx, &f)
	})
	return f, found, err
}

// BridgesOfHost implements incident.Events.
func (s *Store) BridgesOfHost(ctx context.Context, emails []string, zoomID string) ([]string, error) {
	in := `''`
	if len(emails) > 0 {
		in = placeholders(2, len(emails))
	}
	return list(ctx, s.r, scalar[string], `
		SELECT id FROM bridges WHERE state IN ('ready', 'live') AND kind <> 'static' AND (host_email IN (`+in+`)
			OR host_email IN (SELECT email FROM host_checks WHERE LOWER(zoom_id) = $1 AND zoom_id <> '')) ORDER BY id`,
		append([]any{strings.ToLower(zoomID)}, anys(emails)...)...)
}

// readFacts fills in what is stored beside a bridge about its call.
func readFacts(ctx context.Context, q queryer, f *incident.BridgeFacts) (err error) {
	if f.Open, _, err = first(ctx, q, scalar[bool], `SELECT status = 'open' FROM incidents WHERE number = $1`, f.Bridge.IncidentNumber); err != nil {
		return err
	}
	return readPeople(ctx, q, f)
}

// FollowDue implements incident.Incidents.
func (s *Store) FollowDue(ctx context.Context, now time.Time, rule incident.BridgeRule) (n int, err error) {
	id, due, err := first(ctx, s.r, scalar[string], `SELECT id FROM bridges WHERE alarm_at <= $1 ORDER BY alarm_at, id LIMIT 1`, now)
	if err != nil || !due {
		return 0, err
	}
	return 1, s.write(ctx, func(tx *sql.Tx) error {
		bridges, err := s.lockBridges(ctx, tx, []incident.Reading{{BridgeID: id}})
		if err != nil || bridges[id] == nil {
			return err
		}
		f := bridges[id]
		f.At = now
		_, topics, err := followRule(ctx, tx, *f, rule)
		if err != nil {
			return err
		}
		return bump(ctx, tx, append(topics, TopicBridges, TopicIncidents, TopicIncident(f.Bridge.IncidentNumber))...)
	})
}

// ApplyAnswer implements incident.Incidents in one transaction.
func (s *Store) ApplyAnswer(ctx context.Context, a incident.Answer, at time.Time, rule incident.BridgeRule) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		bridges, err := s.lockBridges(ctx, tx, []incident.Reading{{BridgeID: a.BridgeID}})
		f := bridges[a.BridgeID]
		if err != nil || f == nil || f.Bridge.MeetingID != a.MeetingID {
			return err
		}
		before := f.Bridge
		for _, in := range a.Instances {
			if err := applyToBridge(ctx, tx, incident.Reading{BridgeID: a.BridgeID, Instance: &in}); err != nil {
				return err
			}
		}
		for _, p := range a.Presences {
			r := incident.Reading{BridgeID: a.BridgeID, Presence: &p}
			if f.Blanked {
				r = r.Blanked()
			}
			if r.Presence == nil {
				continue
			}
			if err := applyToBridge(ctx, tx, r); err != nil {
				return err
			}
		}
		f.At, f.Answer = at, &a
		after, topics, err := followRule(ctx, tx, *f, rule)
		if err != nil {
			return err
		}
		topics = append(topics, TopicIncident(before.IncidentNumber)) // each answer has a new time
		if after.State != before.State || after.Inside != before.Inside || after.Waiting != before.Waiting || after.Alarm != before.Alarm || after.JoinURL != before.JoinURL || after.Passcode != before.Passcode || after.Attention() != before.Attention() {
			topics = append(topics, TopicBridges, TopicIncidents)
		}
		return bump(ctx, tx, slices.Clone(topics)...)
	})
}
