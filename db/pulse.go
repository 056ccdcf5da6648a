package db

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

// Topics of Pulse. An incident's own topic is TopicIncident(number).
const (
	TopicEvents    = "events"
	TopicBridges   = "bridges"
	TopicIncidents = "incidents"
	TopicRunbooks  = "runbooks"
	TopicAccount   = "account"
	TopicRetention = "retention"
	TopicDrills    = "drills"
	TopicLeftovers = "leftovers"
)

// TopicIncident returns the topic of one incident, such as "incident:42".
func TopicIncident(number int64) string { return incidentTopic + strconv.FormatInt(number, 10) }

const incidentTopic = "incident:"

// Pulse returns the version of each topic; 0 for a topic that never changed.
// The content of a page has changed if one of its versions has changed.
func (s *Store) Pulse(ctx context.Context, topics []string) (map[string]int64, error) {
	versions := make(map[string]int64, len(topics))
	if len(topics) == 0 {
		return versions, nil
	}
	for _, topic := range topics {
		versions[topic] = 0
	}
	err := each(ctx, s.r, func(r row) error {
		var topic string
		var version int64
		err := r.Scan(&topic, &version)
		versions[topic] = version
		return err
	}, `SELECT topic, version FROM topics WHERE topic IN (`+placeholders(1, len(topics))+`)`, anys(topics)...)
	return versions, err
}

// bump gives topics a new version, because what they name has changed. The steps of a
// changed incident are looked at again; see FollowSteps. It is
// the last step of a transaction and uses a fixed order, so that two
// transactions on PostgreSQL wait only briefly for each other and cannot
// deadlock.
func bump(ctx context.Context, tx *sql.Tx, topics ...string) error {
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		err := exec(ctx, tx, `
			INSERT INTO topics (topic, version) VALUES ($1, 1)
			ON CONFLICT (topic) DO UPDATE SET version = topics.version + 1`, topic)
		if number, bad := strconv.ParseInt(strings.TrimPrefix(topic, incidentTopic), 10, 64); err == nil && bad == nil {
			err = exec(ctx, tx, `UPDATE step_looks SET look_at = 0, changes = changes + 1 WHERE incident_number = $1`, number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
