package db

import (
	"context"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// recentEvents is how many events are enough to judge how quickly Zoom
// delivers. A day can have millions.
const recentEvents = 500

// DeliveryFacts returns what is stored about Zoom's deliveries. It leaves out
// recovered events, because Zoom did not deliver those.
func (s *Store) DeliveryFacts(ctx context.Context, now time.Time) (f incident.DeliveryFacts, err error) {
	f.LastEventAt, _, err = first(ctx, s.r, instant, `SELECT received_at FROM events WHERE origin = 'webhook' ORDER BY id DESC LIMIT 1`)
	if err != nil {
		return f, err
	}
	if f.Recent, err = s.RecentEvents(ctx, now.Add(-24*time.Hour)); err != nil {
		return f, err
	}
	f.LastDay, err = list(ctx, s.r, func(c *incident.EventCount) []any {
		return []any{&c.Event, &c.Count}
	}, `
		SELECT event, CAST(SUM(count) AS BIGINT) AS total FROM event_counts
		WHERE width = $1 AND start > $2 GROUP BY event ORDER BY total DESC, event LIMIT 50`, hourWidth, now.Add(-24*time.Hour))
	if err != nil {
		return f, err
	}
	if f.Looks, err = s.GapLooks(ctx, now.Add(-7*24*time.Hour)); err != nil {
		return f, err
	}
	f.Live, err = list(ctx, s.r, func(c *incident.LiveCall) []any {
		return []any{&c.IncidentNumber, timeOf(&c.LastEventAt)}
	}, `
		SELECT b.incident_number, COALESCE(
			(SELECT e.received_at FROM events e WHERE e.bridge_id = b.id AND e.bridge_id <> '' AND e.origin = 'webhook' ORDER BY e.id DESC LIMIT 1),
			b.started_at, b.created_at)
		FROM bridges b WHERE b.state = 'live' ORDER BY b.created_at DESC LIMIT 50`)
	if err != nil {
		return f, err
	}
	f.Started, err = list(ctx, s.r, func(c *incident.StartedCall) []any {
		return []any{&c.IncidentNumber, timeOf(&c.At), &c.Told}
	}, `
		SELECT b.incident_number, b.started_at, EXISTS (
			SELECT 1 FROM events e WHERE e.bridge_id = b.id AND e.bridge_id <> '' AND e.origin = 'webhook' AND e.event IN ('meeting.started', 'meeting.participant_joined'))
		FROM bridges b WHERE b.created_at > $1 AND b.started_at IS NOT NULL ORDER BY b.created_at DESC LIMIT 5`, now.Add(-24*time.Hour))
	return f, err
}

// RecentEvents returns the times of the newest events that Zoom delivered since
// a time, newest first, limited in number.
func (s *Store) RecentEvents(ctx context.Context, since time.Time) ([]incident.EventTimes, error) {
	return list(ctx, s.r, func(t *incident.EventTimes) []any {
		return []any{timeOf(&t.ReceivedAt), timeOf(&t.SignedAt), timeOf(&t.EventAt), &t.Stale}
	}, `SELECT received_at, signed_at, event_at, stale FROM events
		WHERE id >= $1 AND origin = 'webhook' ORDER BY id DESC LIMIT `+strconv.Itoa(recentEvents), FirstEventID(since))
}
