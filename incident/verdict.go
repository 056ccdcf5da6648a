package incident

import (
	"slices"
	"strconv"
	"time"
)

// Verdict says whether people can get into a bridge.
type Verdict struct {
	Level  Level     // ok, unknown, warning or bad
	Causes []Finding // why it is not ok, the most serious first
	Help   Help      // what gets people in, if the level is warning or bad
}

// Help is what gets people into a bridge.
type Help string

const (
	HelpStart       Help = "start_as_host"
	HelpAnotherLink Help = "use_another_link"
)

// keepsOut has the findings about a meeting that are about getting in, with what
// helps.
var keepsOut = map[FindingCode]Help{
	FoundPeopleWait:       HelpStart,
	FoundWaitingRoomOn:    HelpStart,
	FoundNoJoinBeforeHost: HelpStart,
	FoundSignInNeeded:     HelpAnotherLink,
	FoundRegistration:     HelpAnotherLink,
	FoundPersonalMeeting:  HelpAnotherLink,
	FoundMeetingIDTaken:   HelpAnotherLink,
	FoundPersonalLink:     HelpAnotherLink,
	FoundOtherMeetingLink: HelpAnotherLink,
	FoundEndToEnd:         HelpAnotherLink,
	FoundNotSaid:          HelpAnotherLink,
	FoundHostFull:         HelpAnotherLink,
	FoundHostMayBeFull:    HelpAnotherLink,
}

// KeepingOut returns the findings that say that people cannot get in, or that Zoom
// did not say whether they can.
func KeepingOut(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		_, matters := keepsOut[f.Code]
		return !matters || f.Code == FoundNotSaid && slices.Equal(f.Settings, []Setting{SettingRecording})
	})
}

// Attention is the worst level of what should make somebody look at the bridge: what
// keeps people out, also if the runbook asks for it, and what Zoom set otherwise. The
// level is stored, so what else the host runs is not part of it.
func (b Bridge) Attention() Level {
	worst := WorstLevel(b.Findings)
	if b.State == BridgeReady || b.State == BridgeLive {
		b.HostRuns = 0 // it ends without a change of this bridge, so the storage looks for itself
		if level := b.Verdict().Level; level.Compare(worst) > 0 {
			worst = level
		}
	}
	if level := b.Alarm.Level(); !level.Fine() && level.Compare(worst) > 0 {
		worst = level
	}
	return worst
}

// HostFull reports whether the host runs as many other calls as Zoom lets it, so that
// this one can't start.
func (b Bridge) HostFull() (Finding, bool) {
	if b.State != BridgeReady || b.Kind == KindStatic || b.HostRuns < max(1, b.HostMay) {
		return Finding{}, false
	}
	f := Finding{Code: FoundHostFull, Topic: TopicMeeting, Level: LevelBad, Email: b.HostEmail, Count: b.HostRuns, Incident: b.HostRunsOf}
	if b.HostMay == 0 {
		f.Code, f.Level = FoundHostMayBeFull, LevelWarning
	}
	return f, true
}

// HostShared reports whether more meetings of ours are made for the host of a bridge than can
// run at once. People get in now, but whoever joins another one first keeps them out.
func (a Account) HostShared(b Bridge, load HostLoad, now time.Time) (Finding, bool) {
	h := a.Host(b.HostEmail, load, now)
	if _, full := b.HostFull(); full || b.State != BridgeReady || b.Kind == KindStatic || h.Room() >= 0 {
		return Finding{}, false
	}
	return Finding{Code: FoundHostShared, Topic: TopicMeeting, Level: LevelNote, Email: b.HostEmail, Count: h.Open - 1, Value: strconv.Itoa(h.AtOnce)}, true
}

// Verdict returns whether people can get in now, from stored facts. It is unknown
// before there is a link, after the call, and for links that a person gave.
func (b Bridge) Verdict() Verdict {
	switch {
	case b.State == BridgeFailed:
		return Verdict{Level: LevelBad, Help: HelpAnotherLink}
	case b.State != BridgeReady && b.State != BridgeLive:
		return Verdict{Level: LevelUnknown}
	case b.Kind == KindStatic:
		f := Finding{Code: FoundOtherHost, Topic: TopicMeeting, Level: LevelUnknown, Value: LinkHost(b.JoinURL)}
		if b.Rung == RungStatic {
			f.Code, f.Asked = FoundStaticLink, b.LinkName
		}
		return Verdict{Level: LevelUnknown, Causes: []Finding{f}}
	}
	causes := KeepingOut(b.Findings)
	asked := Finding{Topic: TopicMeeting, Level: LevelWarning, Asked: "runbook"}
	switch {
	case b.Asked.WaitingRoom:
		asked.Code = FoundWaitingRoomOn
	case !b.Asked.JoinBeforeHost:
		asked.Code = FoundNoJoinBeforeHost
	}
	if changed := slices.ContainsFunc(causes, func(f Finding) bool { return f.Code == asked.Code }); asked.Code != "" && !changed {
		causes = append(causes, asked)
	}
	if b.State == BridgeLive { // the host is there
		causes = slices.DeleteFunc(causes, func(f Finding) bool { return f.Code == FoundNoJoinBeforeHost })
	}
	if b.Waiting > 0 {
		f := Finding{Code: FoundPeopleWait, Topic: TopicMeeting, Level: LevelWarning, Count: b.Waiting}
		if b.Inside == 0 || b.Alarm == AlarmStuck { // nobody can let them in, or nobody does
			f.Level = LevelBad
		}
		causes = append([]Finding{f}, causes...)
	}
	f, full := b.HostFull()
	if full {
		causes = append([]Finding{f}, causes...)
	}
	if len(causes) == 0 {
		return Verdict{Level: LevelOK}
	}
	slices.SortStableFunc(causes, func(a, b Finding) int { return b.Level.Compare(a.Level) })
	v := Verdict{Level: causes[0].Level, Causes: causes}
	switch {
	case full: // nobody can start it, whatever else keeps people out
		v.Help = HelpAnotherLink
	case v.Level != LevelUnknown:
		v.Help = keepsOut[causes[0].Code]
	}
	return v
}
