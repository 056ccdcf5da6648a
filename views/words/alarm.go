package words

import "strings"

// Alarm is what is wrong with a call at the moment; see incident.Alarm.
type Alarm struct {
	Code     string
	Count    int    // people
	Place    string // where people wait
	Host     string // email address of the host
	HostFull bool   // the host runs other calls, so this one may not start
	Runs     bool   // somebody is inside
	Help     string // what gets people in, if something may keep them out; see incident.Help
	MayStart bool   // the reader may start the meeting as host
	Outside  bool   // the reader is on the join page
	Length   int    // the minutes or hours after which it is an alarm
}

// AlarmText is an alarm in words.
type AlarmText struct{ Title, Text string }

var alarmTexts = map[string]AlarmText{
	"stuck":  {"{people} to get in, and nobody has let them in", "{where} {help}"},
	"empty":  {"Everybody left, and the call is still running", "End the meeting, or resolve the incident."},
	"over":   {"The call is over, and the incident is still open", "Start the call again, or resolve the incident."},
	"nobody": {"Nobody has joined for {minutes}", "{help}"},
	"long":   {"The call has been running for more than {hours}", "If the work is done, end the meeting and resolve the incident."},
}

var stuckIn = map[string]string{
	"host": "The meeting hasn’t started: they wait for its host.",
	"room": "They are in Zoom’s waiting room.",
}

// Says words the alarm.
func (a Alarm) Says() AlarmText {
	t, ok := alarmTexts[a.Code]
	if !ok {
		return AlarmText{Title: code(a.Code)}
	}
	help := "Ask {host} or an admin to start it as host, or use another link."
	admit := "Ask the host in the call to admit them. If there is none, "
	switch {
	case a.Outside:
		help = "The people handling the incident see this."
	case a.HostFull:
		help = "Its host runs another call, and most hosts can run only one. Use another link, or end the other call."
	case a.Code == "nobody" && a.Help == "":
		help = "Send the link to the people who should be there, or resolve the incident."
	case a.Code == "nobody" && a.Help == "use_another_link":
		help = "People may not get in. Use another link, then send it to the people who should be there."
	case a.Code == "nobody" && a.MayStart:
		help = "People may not get in before a host. Start the meeting as host, or use another link."
	case a.Runs && a.MayStart:
		help = admit + "start the meeting as host."
	case a.Runs && a.Host != "":
		help = admit + "ask {host} or an admin to start it as host."
	case a.Runs:
		help = admit + "ask an admin to start it as host."
	case a.MayStart:
		help = "Start the meeting as host and admit them, or use another link."
	case a.Host == "":
		help = "Ask an admin to start it as host, or use another link."
	}
	r := strings.NewReplacer("{people}", waitingPeople(a.Count), "{where}", stuckIn[a.Place], "{help}", strings.ReplaceAll(help, "{host}", a.Host),
		"{minutes}", plural(a.Length, "minute", "minutes"), "{hours}", plural(a.Length, "hour", "hours"))
	return AlarmText{Title: r.Replace(t.Title), Text: strings.TrimSpace(r.Replace(t.Text))}
}

func waitingPeople(n int) string { return plural(n, "person is waiting", "people are waiting") }
