package incident

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// mendable has the findings about a meeting that a call to Zoom can mend, with what the
// call changes. Before and After are for the audit trail.
var mendable = map[FindingCode]struct {
	setting Setting
	change  func(asked MeetingTemplate, to *zoom.MeetingSettings)
}{
	// While the waiting room is on, join before host is off.
	FoundWaitingRoomOn: {SettingWaitingRoom, func(asked MeetingTemplate, to *zoom.MeetingSettings) {
		to.WaitingRoom, to.JoinBeforeHost = new(false), new(asked.JoinBeforeHost)
	}},
	FoundNoJoinBeforeHost: {SettingJoinBeforeHost, func(_ MeetingTemplate, to *zoom.MeetingSettings) { to.JoinBeforeHost = new(true) }},
	FoundSignInNeeded:     {SettingAuthentication, func(_ MeetingTemplate, to *zoom.MeetingSettings) { to.MeetingAuthentication = new(false) }},
	FoundRegistration:     {SettingRegistration, func(_ MeetingTemplate, to *zoom.MeetingSettings) { to.Registration = new(false) }},
}

// Mendable returns the findings about the bridge's meeting that FixBridge can mend, also
// those that Zoom kept before: somebody may have unlocked them. A person's own room is never
// changed.
func (b Bridge) Mendable() (codes []FindingCode) {
	if b.State != BridgeReady && b.State != BridgeLive || b.Kind == KindStatic || b.MeetingID == "" || b.PMI != "" {
		return nil
	}
	waitingRoom := slices.ContainsFunc(b.Findings, func(f Finding) bool { return f.Code == FoundWaitingRoomOn })
	for _, f := range b.Findings {
		if f.Code == FoundNoJoinBeforeHost && waitingRoom {
			continue // it follows from the waiting room
		}
		if _, ok := mendable[f.Code]; ok {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// FixBridge changes a setting of the bridge's meeting in Zoom, so that a finding no longer
// holds, and reads the meeting back. It returns false if Zoom kept the setting: the account
// or a group locks it.
func (s *Service) FixBridge(ctx context.Context, actor Actor, bridgeID string, code FindingCode) (fixed bool, err error) {
	if err := need(actor, Responder); err != nil {
		return false, err
	}
	ctx, cancel := attached(ctx, jobLimit)
	defer cancel()
	b, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return false, err
	}
	if !slices.Contains(b.Mendable(), code) {
		return false, refuse(Conflict, "There is nothing left to fix, or Drawbridge can’t fix it.")
	}
	client, err := s.accountClient(ctx)
	if err != nil {
		return false, err
	}
	id, mend := cmp.Or(b.PMI, b.MeetingID), mendable[code]
	var to zoom.MeetingSettings
	mend.change(b.Asked, &to)
	if err := client.UpdateMeetingSettings(ctx, id, to); err != nil {
		why := reasonOf(err, b.HostEmail)
		return false, &Error{Code: Unavailable, Message: "Zoom didn’t change the meeting.", Reason: &why, Err: err}
	}
	// Zoom may keep a setting without saying so. Only reading it shows what it is now.
	m, err := client.GetMeeting(ctx, id)
	if err != nil {
		why := reasonOf(err, b.HostEmail)
		return false, &Error{Code: Unavailable, Message: "Zoom accepted the change, but Drawbridge couldn’t read the meeting again. Press Fix once more.", Reason: &why, Err: err}
	}
	err = s.storeReadBack(ctx, b, m, func(b *Bridge) (entry TimelineEntry, audit AuditEntry) {
		if b.Kind == KindStandby {
			m.Topic = b.Topic // it may not be renamed yet
		}
		link := b.JoinURL
		b.readBack(m)
		still := slices.IndexFunc(b.Findings, func(f Finding) bool { return f.Code == code })
		unsaid := slices.ContainsFunc(b.Findings, func(f Finding) bool {
			return f.Code == FoundNotSaid && slices.Contains(f.Settings, mend.setting)
		})
		entry = s.bridgeEntry(*b, EntryFixed, TimelineData{Field: string(code)})
		entry.Actor = actor.Email
		fixed = still < 0 && !unsaid
		switch {
		case still >= 0:
			b.Findings[still].Locked = true
			entry.Kind = EntryFixKept
		case unsaid:
			entry.Kind = EntryFixUnsaid
		default:
			after := code == FoundNoJoinBeforeHost
			changes := append([]Change{{Field: string(mend.setting), Before: strconv.FormatBool(!after), After: strconv.FormatBool(after)}}, hostChange(link, b.JoinURL)...)
			audit = s.audit(actor, AuditBridgeFix, Key(b.IncidentNumber), changes...)
		}
		return entry, audit
	})
	return fixed && err == nil, err
}

// storeReadBack stores what a function makes of a bridge after Zoom was asked to change its
// meeting, which is now m. Events may change the bridge meanwhile, so it tries three times.
// It returns Conflict if the bridge is over or has another meeting by then.
func (s *Service) storeReadBack(ctx context.Context, b Bridge, m zoom.Meeting, take func(*Bridge) (TimelineEntry, AuditEntry)) error {
	for tries := 3; tries > 0 && b.MeetingID == m.ID && (b.State == BridgeReady || b.State == BridgeLive); tries-- {
		change := BridgeChange{From: []BridgeState{b.State}, FromLink: b.JoinURL}
		b.UpdatedAt = s.now()
		entry, audit := take(&b)
		change.Bridge, change.Timeline, change.Audit = b, []TimelineEntry{entry}, audit
		write, done := attached(ctx, stateWrite)
		err := s.store.ChangeBridge(write, change)
		done()
		if CodeOf(err) != Conflict {
			return err
		}
		if b, err = s.store.Bridge(ctx, b.ID); err != nil {
			return err
		}
	}
	return refuse(Conflict, "The bridge has just changed. Check it again.")
}

// readBack takes what Zoom now says about the bridge's meeting. What Zoom has refused to
// change stays locked as long as it is found.
func (b *Bridge) readBack(m zoom.Meeting) {
	kind, before := b.Kind, b.Findings
	b.changeLink(m.JoinURL, b.UpdatedAt)
	b.take(m)
	b.Kind, b.Findings = kind, compare(b.Asked, m)
	if kind == KindStandby {
		b.Findings = compareStandby(b.Asked, m, !slices.ContainsFunc(before, func(f Finding) bool { return f.Code == FoundStandbyRecording }))
	}
	for i, f := range b.Findings {
		b.Findings[i].Locked = slices.ContainsFunc(before, func(o Finding) bool { return o.Code == f.Code && o.Locked })
	}
	for _, f := range before { // not about settings, see shared
		if f.Code == FoundPersonalMeeting || f.Code == FoundMeetingIDTaken {
			b.Findings = append([]Finding{f}, b.Findings...)
		}
	}
}
