package incident

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// standbys returns the standby meetings that a bridge can have now, the best first. Those
// from full on can't start, because their hosts run as many calls as they may. They are left
// out if there is a static link, which people can use.
func (s *Service) standbys(ctx context.Context, a Account) (rows []Standby, full int, err error) {
	rows, err = s.store.Standbys(ctx, s.now())
	if err != nil {
		return nil, 0, err
	}
	rows = slices.DeleteFunc(rows, func(m Standby) bool {
		return m.State != StandbyReady || !slices.Contains(a.BackupUsers, m.HostEmail)
	})
	if len(rows) == 0 {
		return nil, 0, nil
	}
	loads, err := s.hostLoads(ctx, a.BackupUsers)
	if err != nil { // any of them is better than none
		s.log.Warn("could not read the loads of hosts", "error", err)
	}
	// Those with room come first, and those whose host is full last.
	place := func(m Standby) int {
		switch h := a.Host(m.HostEmail, loads[m.HostEmail], s.now()); {
		case h.RunsAll():
			return placeRuns
		case h.Room() < 1:
			return placeFull
		default:
			return placeFree
		}
	}
	slices.SortStableFunc(rows, func(m, n Standby) int {
		return cmp.Or(cmp.Compare(place(m), place(n)), n.CheckedAt.Compare(m.CheckedAt))
	})
	if full = slices.IndexFunc(rows, func(m Standby) bool { return place(m) == placeRuns }); full < 0 {
		full = len(rows)
	}
	if len(a.StaticLinks) > 0 {
		rows = rows[:full]
	}
	return rows, full, nil
}

// useStandby gives the bridge a standby meeting, because no host gave one. c.why says
// why. It returns false if there is none. A meeting that may exist is still looked for,
// and deleted.
func (c *climber) useStandby(ctx context.Context) (done bool, err error) {
	if c.incident.Status != StatusOpen || c.leaves != "" || c.account.StandbyMeetings == 0 {
		return false, nil
	}
	look, cancel := attached(ctx, stateWrite)
	defer cancel()
	rows, _, err := c.s.standbys(look, c.account)
	if err != nil {
		c.s.log.Warn("could not read the standby meetings", "error", err)
		return false, nil
	}
	before, run := c.bridge, c.run
	for _, m := range rows {
		now := c.s.now()
		c.bridge.changeLink(m.Meeting.JoinURL, now)
		c.bridge.take(m.Meeting)
		c.bridge.Topic, c.bridge.Kind, c.bridge.Rung = before.Topic, KindStandby, RungStandby
		c.bridge.HostEmail, c.bridge.UsedBackupUser = m.HostEmail, true
		c.bridge.Findings = compareStandby(c.bridge.Asked, m.Meeting, false)
		c.bridge.State, c.bridge.ReadyAt = BridgeReady, now
		c.bridge.Reasons = append(slices.Clone(c.why), Reason{Code: ReasonStandby})
		c.run.Reason = Reason{}
		err := c.helpOut(ctx, before.State, BridgeChange{
			Standby:   m.ID,
			ReadAgain: &UnlinkedEvents{MeetingID: m.Meeting.ID, Since: c.bridge.CreatedAt, Origins: countingOrigins},
			Timeline:  []TimelineEntry{c.s.bridgeEntry(c.bridge, EntryBridgeReady, TimelineData{Host: m.HostEmail, Reasons: c.bridge.Reasons})},
			Jobs:      append(c.recheckIf(c.news), c.s.newJob(JobRename, c.bridge.ID, now)),
		})
		if errors.Is(err, ErrStandbyTaken) {
			c.bridge, c.run = before, run
			continue
		}
		return true, moved(err)
	}
	return false, nil
}

// compareStandby is compare for a meeting that was made before the step was known. What
// nobody asked Zoom for is no setting that Zoom changed. renamed says that it has been asked
// to record the meeting as the step says.
func compareStandby(asked MeetingTemplate, m zoom.Meeting, renamed bool) []Finding {
	list := compare(asked, m)
	for i, f := range list {
		switch {
		case f.Code == FoundOtherRecording && !renamed && f.Value == string(RecordingNone):
			list[i] = Finding{Code: FoundStandbyRecording, Topic: f.Topic, Level: f.Level}
		case f.Code == FoundWaitingRoomOff:
			list[i].Code = FoundStandbyRoom
		case f.Code == FoundNoAlternative:
			list[i].Code = FoundStandbyHost
		}
	}
	return list
}

// renaming is what changes in the standby meeting of a bridge.
func (s *Service) renaming(b Bridge) zoom.MeetingChange {
	return zoom.MeetingChange{Topic: b.Topic, Agenda: s.markAgenda(b.Agenda, b.ID), AutoRecording: string(b.Asked.Recording)}
}

// rename gives the meeting of a standby bridge the topic, agenda and recording that the
// step asks for, and reads back what Zoom made of it.
func (s *Service) rename(ctx context.Context, job Job) (again time.Time, err error) {
	bridge, err := s.store.Bridge(ctx, job.Subject)
	if err != nil || bridge.Kind != KindStandby || bridge.State != BridgeReady && bridge.State != BridgeLive {
		return time.Time{}, err
	}
	again = s.now().Add(backoff(job.Attempt))
	client, err := s.accountClient(ctx)
	if err != nil {
		return again, nil
	}
	err = client.UpdateMeeting(ctx, bridge.MeetingID, s.renaming(bridge))
	var m zoom.Meeting
	if err == nil {
		m, err = client.GetMeeting(ctx, bridge.MeetingID)
	}
	if err == nil {
		err = s.storeReadBack(ctx, bridge, m, func(b *Bridge) (TimelineEntry, AuditEntry) {
			b.Findings = slices.DeleteFunc(slices.Clone(b.Findings), func(f Finding) bool { return f.Code == FoundStandbyRecording })
			b.readBack(m)
			return s.bridgeEntry(*b, EntryRenamed, TimelineData{Topic: b.Topic}), AuditEntry{}
		})
	}
	if err == nil || gone(err) || s.now().Sub(bridge.ReadyAt) > giveUpLook {
		return time.Time{}, nil
	}
	s.log.Warn("could not rename a standby meeting", "incident", Key(bridge.IncidentNumber), "error", err)
	return again, nil
}

// lookAtHand sets whether a link is there if Zoom gives none in time.
func (c *climber) lookAtHand(ctx context.Context) error {
	c.opens = len(c.account.StaticLinks) > 0
	if c.atHand = c.opens; c.atHand || c.account.StandbyMeetings == 0 {
		return nil
	}
	rows, full, err := c.s.standbys(ctx, c.account)
	c.atHand, c.opens = len(rows) > 0, full > 0
	return err
}
