package incident

import (
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// RetryBridge retries a bridge that failed.
func (s *Service) RetryBridge(ctx context.Context, actor Actor, bridgeID string) error {
	bridge, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return err
	}
	return s.RunStep(ctx, actor, bridge.StepRunID)
}

// Replaceable reports whether another link may take the bridge's place: it has no
// link, the link came from a person and may be wrong, or people cannot get in.
func (b Bridge) Replaceable() bool {
	switch b.State {
	case BridgeFailed, BridgeUnknown:
		return true
	case BridgeReady:
		return b.Kind == KindStatic || b.Verdict().Level.Compare(LevelWarning) >= 0
	case BridgeLive:
		return b.Inside == 0 && b.Verdict().Level.Compare(LevelWarning) >= 0
	default:
		return false
	}
}

// UseLink uses a person's own link as the bridge, if the bridge is Replaceable. The
// link must be https. If it is a static link of the account, people also get the phone
// number and PIN of that. It returns Conflict if the bridge gets another link meanwhile.
func (s *Service) UseLink(ctx context.Context, actor Actor, bridgeID, link, passcode string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	link, passcode = strings.TrimSpace(link), strings.TrimSpace(passcode)
	fields := map[string]string{}
	if link == "" {
		fields["url"] = "Paste the link that people should use."
	} else if problem := linkProblem(link); problem != "" {
		fields["url"] = problem
	}
	if notShort(fields, "passcode", passcode, maxPIN); len(fields) > 0 {
		return invalid("The link can’t be used.", fields)
	}

	bridge, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return err
	}
	run, err := s.store.StepRun(ctx, bridge.StepRunID)
	if err != nil {
		return err
	}
	from, before := bridge.State, bridge.JoinURL
	switch {
	case bridge.Replaceable():
	case bridge.isBeingMade():
		return refuse(Conflict, "The bridge is still being created. Wait a few seconds, then try again.")
	default:
		return refuse(Conflict, "The bridge has a link that people can use. Check it before you use another one.")
	}
	given := StaticLink{URL: link, PIN: passcode}
	account, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	if n := slices.IndexFunc(account.StaticLinks, func(l StaticLink) bool { return l.URL == link }); n >= 0 && passcode == "" {
		given = account.StaticLinks[n] // with its phone and PIN
	}
	now := s.now()
	bridge.leadTo(given, now)
	bridge.Reasons = []Reason{{Code: ReasonLinkGiven, By: actor.Email}}
	run.State, run.Reason, run.FinishedAt = StepDone, bridge.Reasons[0], now
	err = s.store.ChangeBridge(ctx, BridgeChange{
		Bridge: bridge, From: []BridgeState{from}, FromLink: before,
		StepRun: &run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed, StepDone},
		Timeline: []TimelineEntry{{ID: newID(), IncidentNumber: bridge.IncidentNumber, BridgeID: bridge.ID, At: now,
			Kind: EntryLinkGiven, Data: TimelineData{Link: given.Host()}, Actor: actor.Email}},
		Audit: s.audit(actor, AuditBridgeUseLink, Key(bridge.IncidentNumber), hostChange(before, link)...),
	})
	if CodeOf(err) != Conflict {
		return err
	}
	if bridge, err = s.store.Bridge(ctx, bridgeID); err != nil {
		return err
	}
	return notUsed(bridge, given)
}

// notUsed says what became of a bridge while a person gave it a link.
func notUsed(b Bridge, given StaticLink) error {
	if b.JoinURL == given.URL && b.Passcode == given.PIN {
		return nil // somebody gave it the same
	}
	e := &Error{Code: Conflict, Message: "The bridge has just changed, so your link wasn’t used. Check it again."}
	if b.JoinURL != "" {
		e.Message = "The bridge has just got another link, to " + LinkHost(b.JoinURL) + ". Yours wasn’t used. Use it only if that one is wrong."
	}
	if b.Replaceable() {
		e.Fields = map[string]string{"url": e.Message}
	}
	return e
}

// hostChange says in the audit trail where a bridge led before and after, without the
// links themselves, which let people in.
func hostChange(before, after string) []Change {
	if before == after {
		return nil
	}
	return []Change{{Field: "host", Before: LinkHost(before), After: LinkHost(after)}}
}

// StartURL asks Zoom for the link that makes whoever opens it host of the
// bridge's meeting. The link is a secret and valid for two hours (Zoom, "Get a
// meeting"). It is requested only when a host asks for it, shown to nobody else
// and not stored. See MayHost for who may have it.
func (s *Service) StartURL(ctx context.Context, actor Actor, bridgeID string) (Secret, error) {
	bridge, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return Secret{}, err
	}
	i, err := s.store.Incident(ctx, bridge.IncidentNumber)
	if err != nil {
		return Secret{}, err
	}
	if !MayHost(actor, i, bridge) {
		return Secret{}, refuse(Forbidden, "Only an admin or the host of the bridge can start it as host. The opener of the incident can if a backup user hosts it.")
	}
	if bridge.MeetingID == "" || bridge.Kind == KindStatic {
		return Secret{}, refuse(Conflict, "This bridge has no Zoom meeting to start.")
	}
	zctx, cancel := context.WithTimeout(ctx, humanBudget)
	defer cancel()
	meeting, err := s.meetingOf(zctx, bridge)
	if err == nil && meeting.StartHost != "" {
		why := Reason{Code: ReasonZoom, Host: bridge.HostEmail, Zoom: &zoom.Problem{Code: zoom.ProblemForeignStart, LinkHost: meeting.StartHost}}
		return Secret{}, &Error{Code: Unavailable, Message: "Use the join link instead.", Reason: &why}
	}
	if err != nil || meeting.StartURL.IsZero() {
		why := reasonOf(err, bridge.HostEmail)
		return Secret{}, &Error{Code: Unavailable, Message: "Zoom didn’t return a link to start the meeting. Use the join link instead.", Reason: &why, Err: err}
	}
	if err := s.store.AddAudit(ctx, s.audit(actor, AuditBridgeStart, Key(bridge.IncidentNumber))); err != nil {
		return Secret{}, err // no link without an audit entry
	}
	return meeting.StartURL, nil
}

// MayHost reports whether the actor may start the bridge's meeting as its host. Whoever
// starts it is that person in Zoom, and responders choose the opener: an opener may be a
// backup user so, and nobody else.
func MayHost(actor Actor, i Incident, b Bridge) bool {
	if actor.Kind != "user" || !actor.Role.Includes(Responder) {
		return false
	}
	return actor.Role.Includes(Admin) || actor.Email == b.HostEmail || actor.Email == i.OpenerEmail && b.UsedBackupUser
}
