package db

import (
	"context"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// CountOpenIncidents is how many incidents are open.
func (s *Store) CountOpenIncidents(ctx context.Context) (int, error) {
	return one(ctx, s.r, "incident", scalar[int], `SELECT COUNT(*) FROM incidents WHERE status = 'open'`)
}

// BridgeHosts are the hosts that bridges had, by e-mail; at most 200.
func (s *Store) BridgeHosts(ctx context.Context) ([]string, error) {
	return list(ctx, s.r, scalar[string], `
		SELECT host_email FROM bridges WHERE host_email <> '' GROUP BY host_email ORDER BY host_email LIMIT 200`)
}

// Inside are the people in a bridge now, each once, by the time they came in.
func (s *Store) Inside(ctx context.Context, bridgeID string) ([]incident.Presence, error) {
	all, err := presences(ctx, s.r, bridgeID)
	if err != nil {
		return nil, err
	}
	running, err := instances(ctx, s.r, bridgeID)
	if err != nil {
		return nil, err
	}
	return incident.Inside(running, all), nil
}

// EventTypes are the types of event that were ever read, at most 200. It steps
// through the index from type to type.
func (s *Store) EventTypes(ctx context.Context) ([]string, error) {
	return list(ctx, s.r, scalar[string], `
		WITH RECURSIVE types (event) AS (
			SELECT MIN(event) FROM events WHERE event <> ''
			UNION ALL
			SELECT (SELECT MIN(e.event) FROM events e WHERE e.event > types.event AND e.event <> '') FROM types WHERE types.event IS NOT NULL
		)
		SELECT event FROM types WHERE event IS NOT NULL ORDER BY event LIMIT 200`)
}
