package words

import "strings"

// StepInstead is what a step that creates a Zoom meeting does where that can't be done.
// links are the names of the static links.
func StepInstead(name, links string) string {
	says := "No Zoom meeting: people use their own link as the bridge"
	if links != "" {
		says = "The incident gets a static link as its bridge (" + links + ")"
	}
	if name != "" {
		return name + ": " + strings.ToLower(says[:1]) + says[1:]
	}
	return says
}

// PlainTopic and NoAgenda say what an incident's meeting gets if a template fails or
// comes out empty.
func PlainTopic(topic string) string {
	return "If this template fails or gives no text in an incident, the meeting is called “" + topic + "”."
}

const NoAgenda = "If this template fails or gives no text in an incident, the meeting has no agenda."

// PlainLine says what a line of a checklist is if its template fails.
const PlainLine = "If this template fails in an incident, the line stands there as it is written here."

// Meeting is what a step asks Zoom for; see incident.MeetingTemplate.
type Meeting struct {
	BackupHosts, WaitingRoom, JoinBeforeHost bool
	Recording                                string
	AlternativeHosts                         []string
	Minutes                                  int // its length
}

// Asks says what Drawbridge asks Zoom for, one line each.
func (m Meeting) Asks() []string {
	var list []string
	add := func(yes bool, text string) {
		if yes {
			list = append(list, text)
		}
	}
	add(!m.BackupHosts, "A meeting hosted by the opener, or by a backup user if the opener can’t")
	add(m.BackupHosts, "A meeting hosted by a backup user")
	add(m.Minutes > 0, "A length of "+plural(m.Minutes, "minute", "minutes"))
	add(true, "Its own meeting ID, never a personal one")
	add(true, "A passcode")
	add(m.JoinBeforeHost && !m.WaitingRoom, "Anyone with the link can join before the host")
	add(!m.JoinBeforeHost && !m.WaitingRoom, "People wait for the host")
	add(m.WaitingRoom, "People wait in the waiting room until a host lets them in")
	add(m.Recording == "cloud", "Recording to the cloud, from the start")
	add(m.Recording == "local", "Recording on the host’s computer, from the start")
	add(m.Recording == "none" || m.Recording == "", "No automatic recording")
	add(len(m.AlternativeHosts) > 0, "Alternative hosts: "+strings.Join(m.AlternativeHosts, ", "))
	return list
}
