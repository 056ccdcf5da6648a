package words

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Reason explains a bridge, an attempt, a step or a check for missing events; see incident.Reason.
type Reason struct {
	Code, Host, By, Text string
	Doubt                string // why people may be inside of whom Drawbridge doesn't know
	Count                int
	Retries              bool          // Drawbridge retries automatically
	RetryIn              time.Duration // until the retry
	Zoom                 *Problem
	Waited               *StepOutlook // what a step waited for
}

const (
	orAnotherLink = "Retry, or use another link."
	cantWait      = "Can’t wait? Use another link."
)

// reasonTexts has the words of each reason that is not a problem of Zoom's.
var reasonTexts = map[string]Text{
	"not_connected":    {"No Zoom app is connected.", "An admin can connect one on the Zoom account page."},
	"only_events":      {"Drawbridge only receives events from Zoom here, so it can’t create meetings.", "Use another link."},
	"nobody_hosts":     {"Nobody can host: the opener isn’t known, and no backup user is set.", "An admin can set the backup user on the Zoom account page."},
	"resolved":         {"The incident was resolved before the bridge was ready.", "Reopen the incident to get a bridge."},
	"personal_meeting": {Cause: "Zoom used the personal meeting ID of {host}, which other calls use too."},
	"meeting_id_taken": {Cause: "Zoom returned a meeting ID that another incident’s bridge already has."},
	"no_alternatives":  {Cause: "Zoom rejected the alternative hosts. Asking again without them."},
	"restarted":        {"Drawbridge restarted while it was creating the meeting.", cantWait},
	"found_late":       {Cause: "Zoom’s answer was lost, but the meeting exists."},
	"not_created":      {Cause: "Zoom didn’t create the meeting."},
	"no_answer":        {Cause: "Zoom didn’t answer for an hour."},
	"tried_often":      {"Drawbridge asked Zoom {times}.", cantWait},
	"no_opener":        {Cause: "The opener isn’t known, so the backup user hosts."},
	"runbook":          {Cause: "The runbook wants the backup user to host."},
	"ran_step":         {Cause: "{host} ran the step, so they host."},
	"link_given":       {Cause: "{by} provided this link."},
	"static_link":      {Cause: "{static}"},
	"from_memory":      {Cause: "Drawbridge couldn’t store anything when the incident was opened."},
	"out_of_time":      {Cause: "There was no time left to ask Zoom."},
	"overdue":          {Cause: "Drawbridge’s first try took too long."},
	"zoom_silent":      {Cause: "Zoom hasn’t answered lately, so Drawbridge didn’t wait for it."},
	"meeting_deleted":  {"Someone deleted the meeting in Zoom.", orAnotherLink},
	"no_runbook":       {"No enabled runbook creates a meeting automatically.", "Enable one, or let one of its steps run automatically."},
	"not_made":         {Cause: "The meeting isn’t the drill’s alone, or someone changed it in Zoom, so Drawbridge left it alone."},
	"people_inside":    {Cause: "{people} inside, so Drawbridge left the meeting alone."},
	"missed":           {Cause: "The incident was resolved before it could run."},
	"no_call":          {Cause: "No call was running."},
	"may_hold":         {"Drawbridge saw nobody inside, but {unsure}. The call goes on.", "Ask who is inside, then end the call on its bridge."},
	"waits_empty":      {Cause: "Waits until the last of {inside} inside has left."},
	"gave_up":          {"Drawbridge couldn’t finish this step. Its log says why.", orAnotherLink},
	"zoom_app":         {"Drawbridge can’t use Zoom right now.", "An admin can fix it. " + cantWait},
	"reserved":         {Cause: "The last {count} meetings that {host} can make today are kept for incidents that people open."},
	"storm":            {Cause: "The source of this incident got {count} new Zoom meetings in ten minutes, and gets no more for now."},
	"standby":          {Cause: "This is a standby meeting."},
	"host_busy":        {Cause: "{host} {busy}, so somebody else hosts this one."},
	"host_runs":        {Cause: "{host} {busy}, so somebody else hosts this one."},
	"host_spent":       {Cause: "{host} has made the {count} meetings that Zoom allows a user each day.", Fix: "This host can create meetings again after midnight UTC."},
	"log_too_long":     {"Zoom’s delivery log was too long to read at once.", "The next check continues where this one stopped."},
	"not_stored":       {"Events that Zoom still has couldn’t be stored here.", "Check the disk and the server’s log. The next check continues where this one stopped."},
}

// staticLink says that a bridge uses a static link.
func staticLink(name string) string {
	if name == "" {
		return "The bridge uses a static link instead"
	}
	return "The bridge uses the static link “" + name + "” instead"
}

func (r Reason) busy() bool { return r.Code == "host_busy" || r.Code == "host_runs" }

// busyWith says what takes up the room of a host.
func (r Reason) busyWith() string {
	switch {
	case r.Code == "host_runs" && r.Count == 1:
		return "already runs a call"
	case r.Code == "host_runs":
		return "already runs " + strconv.Itoa(r.Count) + " calls"
	case r.Count < 2:
		return "already has the meeting of another incident"
	}
	return "already has the meetings of " + strconv.Itoa(r.Count) + " other incidents"
}

// peopleAre begins a sentence about people of whom Zoom may not say how many they are.
func peopleAre(n int) string {
	switch n {
	case 0:
		return "Somebody may still be"
	case 1:
		return "1 person was still"
	}
	return strconv.Itoa(n) + " people were still"
}

// Says words one reason.
func (r Reason) Says() Text { return r.says(!r.Retries) }

// says is Says. byHand is false if people can't or needn't try again.
func (r Reason) says(byHand bool) Text {
	t, ok := reasonTexts[r.Code]
	switch {
	case r.Code == "host_rests" && r.Zoom != nil:
		t = r.Zoom.says(r.Host, byHand)
		t.Cause = join(t.Cause, "Drawbridge doesn’t ask this host again for a while.")
		return t
	case ok:
		t.Cause = strings.NewReplacer("{host}", cmp.Or(r.Host, "the host"), "{by}", r.By, "{times}", plural(r.Count, "time", "times"),
			"{count}", strconv.Itoa(r.Count), "{static}", staticLink(r.Text)+".", "{people}", peopleAre(r.Count), "{busy}", r.busyWith(),
			"{inside}", plural(r.Count, "person", "people"), "{unsure}", cmp.Or(notEnded[r.Doubt], code(r.Doubt))).Replace(t.Cause)
		if r.Waited != nil {
			t.Cause = join(t.Cause, r.Waited.Missed())
		}
		return t
	case r.Code == "zoom" && r.Zoom != nil:
		return r.Zoom.says(r.Host, byHand)
	case r.Code == "zoom":
		return Text{Cause: "A call to Zoom failed."}
	case r.Code == "note":
		return Text{Cause: sentence(r.Text)}
	}
	return Text{Cause: sentence(code(r.Code))}
}

// ofAttempt reports whether an attempt to get a meeting of a host failed for this reason.
func (r Reason) ofAttempt() bool { return r.Code == "zoom" && r.Host != "" }

// attempt says what became of an attempt that failed for this reason, "" if Zoom just
// created no meeting.
func (r Reason) attempt() string {
	switch {
	case r.Zoom != nil && r.Zoom.MaybeCreated:
		return "No clear answer for a meeting hosted by {host}."
	case r.Code == "personal_meeting", r.Code == "meeting_id_taken", r.Zoom != nil && r.Zoom.LinkHost != "":
		return "Drawbridge set aside the meeting hosted by {host}."
	}
	return ""
}

// Reasons words all causes of a list, and what to do about the last.
func Reasons(list []Reason) Text { return reasons(list, true) }

// reasons is Reasons. byHand is false if people can't try again.
func reasons(list []Reason, byHand bool) (t Text) {
	last := ""
	for _, r := range list {
		said := r.says(byHand && !r.Retries)
		if said.Cause != last { // two hosts may have failed in the same way
			t.Cause = join(t.Cause, said.Cause)
		}
		t.Fix, last = join(r.retry(), said.Fix), said.Cause
	}
	return t
}

// Retry says when Drawbridge retries by itself, "" if it doesn't.
func Retry(list []Reason) (says string) {
	for _, r := range list {
		says = r.retry()
	}
	return says
}

// ForViewers says what becomes of a bridge without a link, to people who can't change it.
func ForViewers(list []Reason) string { return join(Retry(list), "A responder can use another link.") }

func (r Reason) retry() string {
	switch {
	case !r.Retries:
		return ""
	case r.RetryIn > 0:
		return "Drawbridge retries in " + span(r.RetryIn) + "."
	}
	return "Drawbridge is retrying."
}

// Looks says how often Drawbridge has looked for a meeting, and in how long it looks
// again.
func Looks(times int, in time.Duration) string {
	next := "It checks again in " + span(in) + "."
	if in < time.Second {
		next = "It is checking now."
	}
	switch times {
	case 0:
		return "No check has been answered yet. " + next
	case 1:
		return "Drawbridge checked once and didn’t find the meeting. " + next
	}
	return "Drawbridge checked " + strconv.Itoa(times) + " times and didn’t find the meeting. " + next
}

// Unknown words the reasons of a bridge when Drawbridge doesn't know whether Zoom
// created its meeting. Looks says that it checks again.
func Unknown(list []Reason) Text {
	t := reasons(list, false)
	if n := len(list); n == 0 || list[n-1].Zoom == nil || !list[n-1].Zoom.AccountWide {
		t.Fix = ""
	}
	t.Fix = join(t.Fix, cantWait)
	return t
}
