package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestEventHistogram(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		for n := range 30 {
			addRead(t, s, n*120, incident.Reading{Event: []string{"meeting.started", "meeting.participant_joined", "user.created"}[n%3], MeetingID: fmt.Sprint(n % 2)})
		}
		// Reading an event again does not count it again.
		id := addRead(t, s, 3590, incident.Reading{Event: "meeting.started"})
		check(t, s.ReprocessEvent(ctx, id, incident.AuditEntry{}))
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: id, State: incident.EventRead, Event: "meeting.started", EventAt: now, Again: true}}, now, incident.FollowEvents))

		hour := now.Add(time.Hour)
		for _, tt := range []struct {
			name   string
			filter db.EventFilter
			to     time.Time
			width  time.Duration
			want   []int64 // sums of the buckets
			first  map[string]int64
		}{
			{"all", db.EventFilter{}, hour, 10 * time.Minute, []int64{5, 5, 5, 5, 5, 6}, map[string]int64{"meeting": 2, "participant": 2, "user": 1}},
			{"one type", db.EventFilter{Events: []string{"user.created"}}, hour, 10 * time.Minute, []int64{1, 2, 2, 1, 2, 2}, map[string]int64{"user": 1}},
			{"an unknown family", db.EventFilter{Events: []string{"phone.*"}}, hour, 10 * time.Minute, nil, nil},
			{"a meeting, counted event by event", db.EventFilter{MeetingID: "1"}, hour, 10 * time.Minute, []int64{2, 3, 2, 3, 2, 3}, map[string]int64{"meeting": 1, "participant": 1}},
			{"days", db.EventFilter{}, now.Add(6 * 24 * time.Hour), 24 * time.Hour, []int64{31}, map[string]int64{"meeting": 11, "participant": 10, "user": 10}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				h, err := s.EventHistogram(ctx, tt.filter, now, tt.to, 7)
				check(t, err)
				if h.Width != tt.width || !h.From.Equal(now.Truncate(tt.width)) || !h.CountedFrom.IsZero() {
					t.Errorf("buckets of %v from %v, counted from %v", h.Width, h.From, h.CountedFrom)
				}
				var sums []int64
				for _, b := range h.Buckets {
					sum := int64(0)
					for _, n := range b.ByFamily {
						sum += n
					}
					sums = append(sums, sum)
				}
				same(t, sums, tt.want)
				if tt.want != nil {
					same(t, h.Buckets[0].ByFamily, tt.first)
				}
			})
		}
		meeting, both := db.EventFilter{MeetingID: "1"}, db.EventFilter{MeetingID: "1", Events: []string{"user.created", "meeting.started"}}
		for _, tt := range []struct {
			filter   db.EventFilter
			most     int
			want     int
			wantMore bool
		}{
			{meeting, 10, 10, true},
			{meeting, 15, 15, false},
			{meeting, 20, 15, false},
			{both, 20, 10, false}, // no index has it all
			{both, 2, 2, true},
			{db.EventFilter{Events: []string{"user.created", "phone.*"}}, 20, 10, false},
			{db.EventFilter{Events: []string{"phone.*"}}, 20, 0, false},
		} {
			n, more, err := s.CountMatches(ctx, tt.filter, tt.most)
			check(t, err)
			if n != tt.want || more != tt.wantMore {
				t.Errorf("%+v: %d matches of at most %d, more %v", tt.filter, n, tt.most, more)
			}
		}
		total, err := s.EventTotal(ctx)
		check(t, err)
		if total != 31 {
			t.Errorf("%d events in all", total)
		}
	})
}
