package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// openMeetings are the bridges whose meetings take up room of their hosts: those with
// people in them, and those of open incidents that changed after the parameter since and are
// being made or that people may still join.
func openMeetings(since string) string {
	return `
	SELECT id, host_email, 1 AS runs FROM bridges WHERE state = 'live' AND kind <> 'static' AND host_email <> ''
	UNION ALL
	SELECT id, host_email, 0 FROM bridges WHERE state IN ('creating', 'unknown', 'ready') AND kind <> 'static' AND host_email <> ''
		AND updated_at >= ` + since + ` AND incident_number IN (SELECT number FROM incidents WHERE status = 'open')`
}

// HostLoads implements incident.Incidents.
func (s *Store) HostLoads(ctx context.Context, at incident.HostLoads) (map[string]incident.HostLoad, error) {
	loads := map[string]incident.HostLoad{}
	in, hosts := s.oneOf("$1", at.Hosts)
	type count struct {
		host string
		n    int
	}
	counts := func(set func(l *incident.HostLoad, n int), query string, args ...any) error {
		found, err := list(ctx, s.r, func(c *count) []any { return []any{&c.host, &c.n} }, query, append([]any{hosts}, args...)...)
		for _, c := range found {
			l := loads[c.host]
			set(&l, c.n)
			loads[c.host] = l
		}
		return err
	}
	type open struct {
		host    string
		n, runs int
	}
	meetings, err := list(ctx, s.r, func(o *open) []any { return []any{&o.host, &o.n, &o.runs} },
		`SELECT host_email, COUNT(*), SUM(runs) FROM (`+openMeetings("$2")+`) b WHERE host_email`+in+` GROUP BY host_email`, hosts, at.Ready)
	if err != nil {
		return nil, err
	}
	for _, o := range meetings {
		loads[o.host] = incident.HostLoad{Open: o.n, Runs: o.runs}
	}
	if err := counts(func(l *incident.HostLoad, n int) { l.AtOnce = n }, `SELECT email, at_once FROM host_checks WHERE at_once > 0 AND email`+in); err != nil {
		return nil, err
	}
	// A call that Zoom refused created nothing, unless the meeting was set aside. A standby
	// meeting that a bridge gets is changed once more.
	if err := counts(func(l *incident.HostLoad, n int) { l.Creates = n }, `
		SELECT host_email, COUNT(*) FROM (
			SELECT host_email FROM bridge_attempts WHERE host_email`+in+` AND started_at >= $2 AND (state <> 'refused' OR meeting_id <> '')
			UNION ALL SELECT host_email FROM standby_meetings WHERE host_email`+in+` AND created_at >= $2 AND state <> 'refused'
			UNION ALL SELECT host_email FROM standby_meetings WHERE host_email`+in+` AND claimed_at >= $2
		) m GROUP BY host_email`, at.Day); err != nil {
		return nil, err
	}
	last, err := list(ctx, s.r, attemptFields, `
		SELECT `+attemptColumns+` FROM (
			SELECT bridge_attempts.*, ROW_NUMBER() OVER (PARTITION BY host_email ORDER BY started_at DESC, id DESC) AS place
			FROM bridge_attempts WHERE host_email`+in+` AND started_at >= $2 AND state NOT IN ('calling', 'unknown')
		) a WHERE place = 1`, hosts, at.Since)
	for _, a := range last {
		l := loads[a.HostEmail]
		l.Last = a
		loads[a.HostEmail] = l
	}
	return loads, err
}

// CountStorm implements incident.Incidents.
func (s *Store) CountStorm(ctx context.Context, m incident.Storm) (int, error) {
	return countStorm(ctx, s.r, m, "")
}

// countStorm returns for how many bridges of a source, other than one, a meeting was made
// or may have been made.
func countStorm(ctx context.Context, q queryer, m incident.Storm, except string) (int, error) {
	attempts, err := list(ctx, q, attemptFields, `
		SELECT `+attemptColumns+` FROM bridge_attempts
		WHERE started_at >= $1 AND (state <> 'refused' OR meeting_id <> '') AND bridge_id <> $4 AND EXISTS (
			SELECT 1 FROM bridges b JOIN incidents i ON i.number = b.incident_number WHERE b.id = bridge_id AND i.source = $2 AND i.created_by = $3)`,
		m.Since, m.Source, m.CreatedBy, except)
	bridges := map[string]bool{}
	for _, a := range attempts {
		if a.MayHaveMeeting() {
			bridges[a.BridgeID] = true
		}
	}
	return len(bridges), err
}

// takeRoom returns incident.ErrStorm if the source of the change's bridge has had its
// share of meetings, and incident.ErrNoRoom if the host of the change's attempt has as many
// open meetings as it may have. The account's row is the lock that lets two servers
// count one after the other.
func takeRoom(ctx context.Context, tx *sql.Tx, c incident.BridgeChange) error {
	if c.Attempt == nil || c.Room.AtOnce == 0 && c.Storm.Limit == 0 {
		return nil
	}
	if err := exec(ctx, tx, `UPDATE accounts SET version = version WHERE id = $1`, accountID); err != nil {
		return err
	}
	if c.Storm.Limit > 0 {
		had, err := countStorm(ctx, tx, c.Storm, c.Bridge.ID)
		if err == nil && had >= c.Storm.Limit {
			err = incident.ErrStorm
		}
		if err != nil || c.Room.AtOnce == 0 {
			return err
		}
	}
	open, err := one(ctx, tx, "bridge", scalar[int], `SELECT COUNT(*) FROM (`+openMeetings("$1")+`) b WHERE host_email = $2 AND id <> $3`,
		c.Room.Ready, c.Attempt.HostEmail, c.Bridge.ID)
	if err == nil && open >= c.Room.AtOnce {
		return incident.ErrNoRoom
	}
	return err
}
