package words

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Finding is one thing that was checked; see incident.Finding.
type Finding struct {
	Code, Email, Value, Asked, Feature string
	Fine                               bool // its level is ok
	Unsaid                             bool // its level is unknown
	Locked                             bool // Zoom kept the setting when Drawbridge changed it
	Settings                           []string
	Topic                              string
	Scopes, Classic                    []string
	Until                              time.Time
	Span                               time.Duration
	Count                              int
	Incident                           int64
	Zoom                               *Problem
	Reason                             *Reason
	Subject, Text, Fix                 string // of "note": the words of an older version
}

// Line is a finding in words: what it is about, what was found, and what to do; Fix is
// "" when nothing is to be done.
type Line struct{ Subject, Reason, Fix string }

const (
	eventSubscription = "In the Zoom App Marketplace, open your app, then Feature → Access → Event Subscription"
	startWithKey      = "Start the server with the key it was stored with, or enter the secret again."
	activateUser      = "In Zoom: User Management → Users. Activate the user."
	licenseUser       = "In Zoom: User Management → Users. Give {host} a license."
	keptSetting       = "Zoom kept the setting. An administrator of the Zoom account may have locked it."
	lockedSetting     = "Zoom kept it when Drawbridge changed it: the account or a group locks it. A Zoom admin can unlock it under Account Management → Account Settings, or in the settings of the group."
	scheduleSettings  = "In Zoom: Settings → Meeting → Schedule Meeting. "
	findCause         = "Look for the cause in the rejected requests on the Events page and in the server’s log."
)

// Says words the finding.
func (f Finding) Says() Line {
	if s, ok := settingTexts[f.Code]; ok {
		if f.Fine {
			return Line{s.subject, s.good, ""}
		}
		if f.Unsaid {
			return Line{s.subject, "Zoom didn’t say.", ""}
		}
		if f.Locked {
			return Line{s.subject, s.bad, lockedSetting}
		}
		return Line{s.subject, s.bad, s.fix}
	}
	switch f.Code {
	case "scopes":
		return f.scopes()
	case "note":
		return Line{f.Subject, f.Text, f.Fix}
	}
	l, ok := findingTexts[f.Code]
	if f.Code == "at_once" && f.Count == 0 {
		l.Reason = "Zoom didn’t say how many. Drawbridge assumes 1."
	}
	if !ok {
		return Line{"", sentence(code(f.Code)), ""}
	}
	why, user := Text{}, f.Email
	switch {
	case f.Zoom != nil:
		why = f.Zoom.says(f.Email, true)
	case f.Reason != nil:
		why = f.Reason.Says()
	}
	if f.Topic == "backup_user" {
		user = "Backup user " + f.Email
	}
	fill := strings.NewReplacer("{user}", user, "{email}", f.Email, "{host}", cmp.Or(f.Email, "the host"), "{value}", f.Value,
		"{until}", f.Until.UTC().Format("15:04")+" UTC", "{span}", span(f.Span), "{count}", strconv.Itoa(f.Count),
		"{events}", plural(f.Count, "event", "events"), "{them}", them(f.Count), "{incident}", Key(f.Incident), "{recording}", f.recording(),
		"{audio}", cmp.Or(audio[f.Value], "“"+f.Value+"”"), "{people}", waitingPeople(f.Count), "{settings}", unsaid(f.Settings),
		"{cause}", why.Cause, "{fix}", why.Fix, "{calls}", f.calls(), "{others}", plural(f.Count, "other meeting", "other meetings"))
	reason := strings.TrimSpace(fill.Replace(l.Reason))
	if f.Locked {
		reason = join(reason, keptSetting)
	}
	return Line{fill.Replace(l.Subject), reason, fill.Replace(l.Fix)}
}

// Fact words the finding in one line, with whom it is about.
func (f Finding) Fact() string {
	l := f.Says()
	text := l.Subject + ": " + l.Reason
	if f.Email != "" && !strings.Contains(text, f.Email) { // many name the user
		text = f.Email + ": " + text
	}
	return text
}

// findingTexts has the words of the other findings.
var findingTexts = map[string]Line{
	"no_token":          {"Access token", "{cause}", "{fix}"},
	"token":             {"Access token", "Zoom issued a token, valid until {until}.", ""},
	"user_unknown":      {"{user}", "{cause}", "{fix}"},
	"user_inactive":     {"{user}", "This Zoom user is {value} and can’t host.", activateUser},
	"host_changed":      {"{user}", "Changed in Zoom since the last check. Drawbridge is checking again.", "If this stays, press “Check connection”."},
	"user_basic":        {"{user}", "This Zoom user has no license: meetings end after 40 minutes.", licenseUser},
	"at_once":           {"Meetings at once", "Up to {count} at a time.", ""},
	"user_may_not_host": {"{user}", "This Zoom user isn’t allowed to host meetings.", licenseUser},
	"user":              {"{user}", "Active and licensed.", ""},
	"user_unsaid":       {"{user}", "Exists, but Zoom didn’t say whether this user is active and licensed.", "In Zoom: User Management → Users. Check whether the user is active and has a license."},
	"scopes_unsaid":     {"Scopes", "Zoom didn’t say which scopes the app has.", "In the Zoom App Marketplace, open your app, then Scopes. Compare them with the guide on this page."},
	"no_settings":       {"Meeting settings of {email}", "They can’t be read. {cause}", "{fix}"},
	"clock":             {"Clock", "This server’s clock is {span} off Zoom’s.", "Let the server set its clock with NTP."},
	"validations_ended": {"Webhook", "Zoom last validated the webhook address {span} ago; it should every three days. After six failures in a row Zoom turns the subscription off, and no more events arrive.",
		eventSubscription + ": turn the subscription on again and press Validate."},
	"validations_failed": {"Webhook", "Zoom last validated the webhook address {span} ago; it should every three days. That makes {count} failures in a row; after six Zoom turns the subscription off.",
		eventSubscription + ": press Validate. If that fails, check that the address is reachable from the internet and that the secret token is the app’s."},
	"silence": {"Silence", "Zoom has sent nothing for {span}, although the call of {incident} is running.",
		eventSubscription + ": check that the subscription is on. Then check for missing events on the Zoom account page."},
	"silence_of_meeting": {"Silence", "The call of {incident} is running, but Zoom has sent nothing about its meeting for {span}. Either nobody came or left, or the event that ended it is missing.",
		"Check whether people are still in the call. If not, check for missing events on the Zoom account page."},
	"untold": {"Silence", "The call of {incident} started {span} ago, but Zoom sent no event. Drawbridge found out by asking Zoom.",
		eventSubscription + ": check that the subscription is on and has the events that start and end a meeting. Then check for missing events on the Zoom account page."},
	"recovered":       {"Deliveries", "In the last day, {events} didn’t arrive. Drawbridge recovered {them} from Zoom’s delivery log.", findCause},
	"lost":            {"Deliveries", "In the last day, {events} didn’t arrive and can’t be recovered: Zoom didn’t keep what it sent.", findCause},
	"look_unfinished": {"Deliveries", "The last missing-event check didn’t finish. {cause}", "{fix}"},
	"late": {"Delay", "One event in twenty arrives more than {span} after it happened: Zoom needs a second attempt.",
		"Check the rejected requests on the Events page, and whether this server or a proxy in front of it is slow: Zoom waits three seconds for an answer."},
	"personal_meeting": {"Personal meeting ID", "Zoom used the personal meeting ID of {host}, which other calls use too.",
		"In Zoom, as {host}: Settings → Meeting. Turn off “Use Personal Meeting ID (PMI) when scheduling a meeting”."},
	"meeting_id_taken": {"Meeting ID", "Zoom returned a meeting ID that another incident’s bridge already has.", "In Zoom, as {host}: Settings → Meeting. Turn off personal meeting IDs."},
	"personal_link": {"Join link", "Zoom returned the link of a personal room, not of this meeting. People who use it may end up in another call.",
		"In Zoom, as {host}: Settings → Meeting. Turn off personal meeting IDs."},
	"other_meeting_link": {"Join link", "Zoom returned a link to another meeting: {value}. People who use it may end up in another call.", "Retry, or use another link."},
	"other_recording": {"Recording", "{recording}",
		"In Zoom, as {host}: Settings → Recording. Check “Automatic recording” and “Cloud recording”. Cloud recording needs a paid plan."},
	"standby_recording": {"Recording", "Zoom doesn’t record this meeting: it was kept ready without recording. Drawbridge asks Zoom to record it.",
		"If Zoom doesn’t record the call, start the recording in it."},
	"standby_room": {"Waiting room", "The waiting room is off, although the runbook asks for one: the meeting was kept ready without it.",
		"In the call, as the host: Security → Enable waiting room."},
	"standby_host": {"Alternative host", "{email} isn’t an alternative host: the meeting was kept ready without any.", "Make them a co-host in the call."},
	"registration": {"Registration", "People must register before they get in.", "Use another link, or turn off registration for this meeting in Zoom."},
	"audio":        {"Audio", "Zoom limits how people hear and speak: {audio}.", "As a Zoom account admin: Account Settings → Audio Conferencing. Allow both telephone and computer audio."},
	"end_to_end": {"End-to-end encryption", "It’s on: nobody can join by phone or browser, and nothing is recorded to the cloud.",
		"As a Zoom account admin: Account Settings → Security → “Allow use of end-to-end encryption”. Turn it off or unlock it."},
	"short":       {"Length", "Zoom ends this meeting after {count} minutes: the host has no license.", licenseUser},
	"not_said":    {"Not confirmed", "Zoom didn’t say {settings}.", ""},
	"people_wait": {"Waiting outside", "{people} for a host to let them in.", "Start the meeting as host, then admit them in Zoom under Participants."},
	"host_full": {"Host", "{host} runs {calls} and can’t run another at the same time. This one can start when one ends.",
		"Use another link, or move to a new Zoom meeting."},
	"host_may_be_full": {"Host", "{host} runs {calls}. Zoom didn’t say whether this host can run another at the same time. Most hosts can’t.",
		"Use another link, or move to a new Zoom meeting."},
	"host_shared": {"Host", "{host} also hosts {others} of open incidents. Only {value} can run at the same time.", "An admin can add backup users, who host the next ones."},
	"static_link": {"Static link", "Drawbridge can’t check whether people can get in: the static link leads to {value}.", ""},
	"other_host":  {"External link", "Drawbridge can’t check whether people can get in: the link leads to {value}.", ""},

	"no_alternative_host": {"Alternative host", "{email} isn’t an alternative host.", "Alternative hosts must be licensed users of the same Zoom account."},

	"not_connected":    {"Zoom account", "No Zoom app is connected.", "Connect one on the Zoom account page."},
	"only_events":      {"Zoom’s API", "This account only receives events. Drawbridge can’t create meetings with it, so there is nothing to check there.", "To create meetings, choose Server-to-Server OAuth on this page."},
	"never_checked":    {"Connection", "The connection hasn’t been checked with these settings.", "Press “Check connection”."},
	"secret_locked":    {"Connection", "This server’s master key can’t decrypt a secret of the Zoom app.", startWithKey},
	"jwt_token":        {"Access token", "Drawbridge made a JWT token. Zoom ended JWT apps on 2023-09-08 and may reject it.", "Move to Server-to-Server OAuth on this page."},
	"zoom_app":         {"Zoom", "Drawbridge can’t use Zoom right now.", "An admin can fix it."},
	"events_rejected":  {"Webhook", "Drawbridge can’t verify Zoom’s events right now, so it rejects them.", "An admin can fix it."},
	"no_backup_user":   {"Backup user", "No backup user is set. An opener who isn’t a Zoom user gets no bridge.", "Set the email address of a licensed Zoom user above."},
	"webhook_locked":   {"Webhook", "This server’s master key can’t decrypt the secret token.", startWithKey},
	"no_webhook_token": {"Webhook", "No webhook secret token is set, so Zoom’s events are rejected; Zoom retries for about 85 minutes.", "Copy the Secret Token from your app, under Feature → Access."},
	"not_validated":    {"Webhook", "Zoom hasn’t validated this server’s webhook address yet.", eventSubscription + ": enter the address and press Validate."},
	"validated":        {"Webhook", "Zoom has validated this server’s webhook address.", ""},
	"waiting_room_on": {"Waiting room", "Zoom turned it on: people wait until a host lets them in.",
		"As a Zoom account admin: Account Management → Account Settings → Security → Waiting Room. Turn it off or unlock it, and keep “Require a passcode”."},
	"waiting_room_off": {"Waiting room", "The waiting room is off, although the runbook asks for one.", "In Zoom, as {host}: Settings → Security. Turn on the waiting room."},
	"no_join_before_host": {"Join before host", "Nobody gets in before the host.",
		"As a Zoom account admin: Settings → Meeting → Schedule Meeting → “Allow participants to join before host”. Turn it on or unlock it. The waiting room must be off."},
	"sign_in_needed": {"Sign-in", "Only people who are signed in to Zoom get in.",
		"As a Zoom account admin: Settings → Security → “Only authenticated users can join meetings”. Turn it off or unlock it."},
}

// settingTexts has what Check connection finds about a host's settings.
var settingTexts = map[string]struct{ subject, good, bad, fix string }{
	"pmi_scheduled": {"Personal meeting ID, scheduled meetings", "Off, as it should be.",
		"On. Bridges could get the personal meeting ID, which other calls use too (use_pmi_for_scheduled_meetings).",
		scheduleSettings + "Turn off “Use Personal Meeting ID (PMI) when scheduling a meeting”."},
	"pmi_instant": {"Personal meeting ID, instant meetings", "Off, as it should be.",
		"On. Drawbridge makes no instant meetings, but people who start one by hand share one ID (use_pmi_for_instant_meetings).",
		scheduleSettings + "Turn off “Use Personal Meeting ID (PMI) when starting an instant meeting”."},
	"waiting_room": {"Waiting room", "Off.", "On. If it is locked, people wait until a host lets them in.",
		"In Zoom: Settings → Meeting → Security → Waiting Room. Turn it off, or unlock it so that a bridge can turn it off."},
	"authentication": {"Sign-in", "Not required.", "Required. If it is locked, only people who are signed in to Zoom get in.",
		"In Zoom: Settings → Security → “Only authenticated users can join meetings”. Turn it off, or unlock it so that a bridge can turn it off."},
	"join_before_host": {"Join before host", "On.", "Off. If it is locked, nobody gets in before the host.",
		scheduleSettings + "Turn on “Allow participants to join before host”."},
	"cloud_recording": {"Cloud recording", "On.", "Off. Runbooks that record to the cloud get no recording.",
		"In Zoom: Settings → Recording. Turn on Cloud recording. It needs a paid plan."},
}

func (f Finding) scopes() Line {
	l := Line{Subject: Feature(f.Feature), Reason: "The app has the scopes."}
	if len(f.Scopes) == 0 {
		return l
	}
	if f.Feature == "find_gaps" {
		l.Reason = "Bridges work without this. With " + strings.Join(f.Scopes, ", ") + ", Drawbridge can recover missing events from Zoom’s delivery log."
	} else {
		l.Reason = "The app lacks " + strings.Join(f.Scopes, ", ") + " (classic: " + strings.Join(f.Classic, ", ") + ")."
	}
	l.Fix = "In the Zoom App Marketplace, open your app, then Scopes → Add Scopes. Then check again."
	return l
}

// healthTitles are the titles of the health panel for findings that need attention, the
// most serious first.
var healthTitles = []struct{ code, title string }{
	{"silence", "Zoom has sent nothing for a while, although a call is running."},
	{"untold", "A call started, but Zoom sent no event."},
	{"lost", "Events arrive, but {count} can’t be recovered."},
	{"recovered", "Events arrive, but {count} had to be recovered."},
	{"late", "Events arrive, but some are late."},
	{"silence_of_meeting", "Events arrive, but none lately about a call that is running."},
	{"validations_failed", "Events arrive, but Zoom hasn’t validated the address again."},
	{"not_validated", "Events arrive, but Zoom hasn’t validated the address yet."},
	{"look_unfinished", "Events arrive, but the last missing-event check didn’t finish."},
}

// HealthTitle names the most serious finding, given the Count of each finding by code.
func HealthTitle(counts map[string]int) string {
	for _, t := range healthTitles {
		if n, found := counts[t.code]; found {
			return strings.ReplaceAll(t.title, "{count}", strconv.Itoa(n))
		}
	}
	return "Events arrive, but something needs attention."
}

var audio = map[string]string{"telephony": "by telephone only", "voip": "by computer only", "thirdParty": "with another audio provider"}

var settingNames = map[string]string{
	"waiting_room": "the waiting room is on", "join_before_host": "people get in before the host", "meeting_authentication": "people must be signed in",
	"use_pmi": "the meeting uses a personal meeting ID", "approval_type": "people must register", "auto_recording": "the meeting is recorded",
	"join_url": "the link leads to the meeting",
}

// unsaid words settings as what follows “Zoom didn’t say”.
func unsaid(settings []string) string {
	if len(settings) > 3 {
		return "how the meeting is set up"
	}
	all := make([]string, len(settings))
	for i, s := range settings {
		all[i] = "whether " + cmp.Or(settingNames[s], code(s))
	}
	return strings.Join(all, ", or ")
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func (f Finding) recording() string {
	switch {
	case f.Value == "none":
		return "Zoom doesn’t record this meeting automatically. Start the recording in the call."
	case f.Asked == "none":
		return "Zoom records this meeting, although nobody asked it to."
	}
	return "Zoom records to “" + f.Value + "”, not to “" + f.Asked + "” as asked."
}

var features = map[string]string{
	"open_bridge":        "Create bridges",
	"check_people":       "Check people and their settings",
	"reconcile":          "Find a meeting again when Zoom didn’t answer",
	"delete_twin":        "Delete a duplicate meeting",
	"past_meetings":      "Read when a call ended and who was in it",
	"delete_leftovers":   "Delete left-over meetings that nobody joined",
	"end_meetings":       "End a meeting",
	"host_start_link":    "Give the host the start link",
	"meeting_events":     "See when a bridge starts and ends",
	"participant_events": "See who is inside",
	"recording_events":   "Get the recording",
	"fix_settings":       "Fix people’s settings that don’t suit bridges",
	"change_meetings":    "Rename standby meetings, and fix settings that keep people out",
	"find_gaps":          "Find events that weren’t delivered",
}

// Feature names what the Zoom app needs scopes for.
func Feature(name string) string { return cmp.Or(features[name], code(name)) }

// Features names several features in one text.
func Features(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = Feature(n)
		if i > 0 {
			all[i] = strings.ToLower(all[i][:1]) + all[i][1:]
		}
	}
	return strings.Join(all, "; ")
}

// Clock words what is wrong with this server's clock, "" for nothing. ahead is how far
// it is ahead of Zoom's, negative when it is behind. Of the last events, stale were
// signed outside the time window.
func Clock(ahead time.Duration, stale, events int) string {
	const fix = " Let the server set its clock with NTP: “timedatectl set-ntp true”, or “chronyc makestep” if chrony runs."
	switch {
	case ahead > 0:
		return "This server’s clock is " + span(ahead) + " ahead of Zoom’s. Zoom may reject our tokens, and times here are wrong." + fix
	case ahead < 0:
		return "This server’s clock is " + span(-ahead) + " behind Zoom’s. Zoom may reject our tokens, and times here are wrong." + fix
	case stale > 0:
		return fmt.Sprintf("%d of the last %d events were signed long before they arrived, or in the future. They are kept but change nothing until an admin accepts them. Is this server’s clock right?", stale, events)
	}
	return ""
}
