package words

import (
	"strconv"
	"time"
)

// PreviewHost is somebody who may host the meeting of a preview; see incident.PreviewHost.
type PreviewHost struct {
	Rung      string
	Asked     bool
	Chosen    bool
	Unchecked bool          // the pre-flight check has not looked, or something changed since
	Finding   *Finding      // why they can't host
	Why       *Reason       // why others come first
	RestsFor  time.Duration // 0: no such time is known
	Room      int           // calls that they may still start at the same time
	Left      int           // meetings that Zoom still lets them create today
}

// Role names why somebody may host.
func (h PreviewHost) Role() string { return previewRoles[h.Rung] }

var previewRoles = map[string]string{"runner": "Runs the step", "opener": "Opener", "backup_user": "Backup user"}

// Says words whether somebody would host, and why not.
func (h PreviewHost) Says() string {
	first := ""
	switch {
	case h.Finding != nil:
		first = h.Finding.Says().Reason
		if h.Asked {
			first = join("Drawbridge asks Zoom, which refuses.", first)
		}
	case h.Chosen && h.Unchecked:
		first = "Would host, if Zoom lets them. Not checked yet."
	case h.Chosen:
		first = "Would host."
	case h.Why == nil:
		first = "Not needed."
	}
	if h.Why != nil && h.Why.busy() {
		return join(first, capital(h.Why.busyWith())+".")
	}
	if h.Why != nil {
		first = join(first, h.Why.says(false).Cause)
		if h.RestsFor > 0 {
			first = join(first, "Asked again in "+span(h.RestsFor)+".")
		}
		return first
	}
	if h.Finding != nil {
		return first
	}
	return join(first, "Room for "+plural(max(0, h.Room), "call", "calls")+", "+strconv.Itoa(max(0, h.Left))+" meetings left today.")
}

// PreviewLink says how an incident would get its link: by the rung, from the host, or with
// the static link of this name. checked says that Zoom has said that the host can.
func PreviewLink(rung, host, link string, checked bool) string {
	switch rung {
	case "standby":
		return "People would get the standby meeting of " + host + "."
	case "static":
		if link == "" {
			return "People would get a static link."
		}
		return "People would get the static link “" + link + "”."
	case "":
		return "The incident would get no link."
	}
	if !checked {
		return "Drawbridge would ask for a meeting hosted by " + host + ". It hasn’t checked yet whether they can host."
	}
	return "People would get a Zoom meeting hosted by " + host + "."
}

// PreviewNoHost says why an incident would get no link although Zoom would be asked.
const PreviewNoHost = "Zoom would refuse every possible host, and there is no standby meeting or static link."

// PreviewStorm says what the storm brake would do.
func PreviewStorm(had, limit int) string {
	switch {
	case limit == 0:
		return "Storm brake: off for this incident. It holds back programs and people that open many incidents while another link is at hand."
	case had >= limit:
		return "Storm brake: on. This source has had " + strconv.Itoa(had) + " of " + strconv.Itoa(limit) + " new Zoom meetings within ten minutes."
	}
	return "Storm brake: off. This source has had " + strconv.Itoa(had) + " of " + strconv.Itoa(limit) + " new Zoom meetings within ten minutes."
}

// PreviewCalls says what stands in the calls of a preview instead of what is not known yet.
const PreviewCalls = "Exactly what Drawbridge would send now. A real call has its own time, and the ID of its attempt instead of the zeros."

// NoSuchIncident says that somebody typed the number of an incident that doesn’t exist.
const NoSuchIncident = "There is no incident with this number. The preview is for a made-up one."
