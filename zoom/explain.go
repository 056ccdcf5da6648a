package zoom

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Explanation is an error in words for people who have an incident.
type Explanation struct {
	Cause string // one or two sentences: what happened
	Fix   string // what to do about it, and who can
	// TryBackup: it is about this host; the same call for another host may succeed.
	TryBackup bool
	// AccountWide: every call of this Zoom app fails in the same way.
	AccountWide bool
}

const marketplace = "the Zoom App Marketplace, under Manage, your app"

// byCode explains the codes of Zoom's error catalogue that mean one thing only.
var byCode = map[int]Explanation{
	124: {
		Cause:       "Zoom does not accept the access of the app.",
		Fix:         "Check in " + marketplace + ", that the app is activated and that its credentials are the ones entered here. Zoom switched JWT apps off in September 2023: those need a Server-to-Server OAuth app now.",
		AccountWide: true,
	},
	300: {
		Cause: "Zoom did not accept a value of the meeting.",
		Fix:   "Change the value in the runbook. If it is not from a runbook, report this as a fault of Drawbridge.",
	},
	201: {
		Cause: "Zoom does not let the app see this.",
		Fix:   "Check in " + marketplace + ", Scopes, and that the role of the person who made the app may view what it asks for.",
	},
	1001: {
		Cause:     "The host is not a user of the connected Zoom account.",
		Fix:       "Add the person to the Zoom account with this e-mail address, or have bridges hosted by the backup user.",
		TryBackup: true,
	},
	1010: {
		Cause:     "The host belongs to another Zoom account.",
		Fix:       "Move the person into the connected Zoom account, or have bridges hosted by the backup user.",
		TryBackup: true,
	},
	1114: {
		Cause: "One of the alternative hosts cannot be one. They have to be licensed users of the same Zoom account.",
		Fix:   "Remove the alternative host from the runbook, or give them a licence in Zoom.",
	},
	1120: {
		Cause:     "The host was invited to the Zoom account, but the invitation was not accepted or has expired.",
		Fix:       "Send the invitation again from Zoom's user management.",
		TryBackup: true,
	},
	1401: {
		Cause: "Zoom knows no app with this App ID.",
		Fix:   "Open the app in the Zoom App Marketplace and copy the App ID out of the page's address, marketplace.zoom.us/develop/apps/<App ID>/…. It is not the client ID.",
	},
	2300: {
		Cause:       "Zoom does not know the address that was called.",
		Fix:         "Check the address of Zoom's API in the configuration. It ends in /v2.",
		AccountWide: true,
	},
	3001: {
		Cause: "The meeting does not exist in Zoom any more.",
		Fix:   "Open a new bridge. Somebody may have deleted the meeting in Zoom, or it has expired.",
	},
	3002: {
		Cause: "The meeting is in progress and cannot be deleted.",
		Fix:   "End the meeting in Zoom first.",
	},
	3003: {
		Cause: "Only the host may do this with the meeting.",
		Fix:   "Do it in Zoom as the host of the meeting.",
	},
	3007: {
		Cause: "The meeting has ended and cannot be deleted.",
		Fix:   "Nothing needs to be done.",
	},
	3018: {
		Cause: "This is the host's personal meeting, which cannot be deleted.",
		Fix:   "Switch off the personal meeting ID for scheduled meetings in the host's Zoom settings.",
	},
	3037: {
		Cause: "This is the host's personal audio conference, which cannot be deleted.",
		Fix:   "Nothing needs to be done.",
	},
	3063: {
		Cause: "The meeting runs on the company's own Zoom servers and cannot be ended from here.",
		Fix:   "End the meeting in Zoom.",
	},
	3161: {
		Cause:     "The host is not allowed to host or schedule meetings.",
		Fix:       "Give the person a licence and the right to host meetings in Zoom's user management.",
		TryBackup: true,
	},
}

// byOAuth explains errors of the token endpoint.
var byOAuth = map[string]Explanation{
	"invalid_client": {
		Cause: "Zoom does not know the client ID, or the client secret is wrong.",
		Fix:   "Copy both again from " + marketplace + ".",
	},
	"invalid_request": {
		Cause: "Zoom does not know the account ID, or the app is not an activated Server-to-Server OAuth app.",
		Fix:   "Copy the account ID again from " + marketplace + ", and check that the app is activated.",
	},
	"unsupported_grant_type": {
		Cause: "The app is not a Server-to-Server OAuth app.",
		Fix:   "Create a Server-to-Server OAuth app in the Zoom App Marketplace and enter its credentials here.",
	},
}

// Explain puts an error of a Client into words. It never fails: what it does
// not know is shown as Zoom said it.
func Explain(err error) Explanation {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Err: err, Outcome: Unknown}
	}
	x := e.explain()
	// A token or a connection that fails, fails for every host.
	local := errors.Is(e.Err, errNoHost) || errors.Is(e.Err, errNoMeeting)
	x.AccountWide = x.AccountWide || e.OAuth != "" || e.Outcome == NotSent && !local && !e.outOfTime()
	if x.AccountWide {
		x.TryBackup = false
	}
	return x
}

func (e *Error) explain() Explanation {
	if x, ok := byOAuth[e.OAuth]; ok {
		return x
	}
	switch {
	case len(e.Scopes) > 0, e.Code == 4711, e.Code == 104:
		return e.explainScopes()
	case e.Code == http.StatusTooManyRequests, e.Status == http.StatusTooManyRequests:
		return e.explainLimit()
	case e.Code == 3000:
		return Explanation{
			Cause:     "Zoom does not allow this for the host: " + e.said(),
			Fix:       "Check the host's licence and settings in Zoom's user management.",
			TryBackup: true,
		}
	case e.Code == 300 && len(e.Fields) > 0:
		x := byCode[300]
		names := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			names[i] = fmt.Sprintf("%s (%s)", f.Field, strings.TrimRight(f.Message, "."))
		}
		x.Cause = "Zoom did not accept: " + strings.Join(names, ", ") + "."
		return x
	case e.Code == 200 && strings.Contains(strings.ToLower(e.Message), "api key"):
		return Explanation{
			Cause:       "Zoom does not know the API key, or the API secret is wrong.",
			Fix:         "Copy both again from " + marketplace + ". Zoom switched JWT apps off in September 2023: use a Server-to-Server OAuth app.",
			AccountWide: true,
		}
	case e.tokenRefused(), e.Code > 4700 && e.Code < 4800:
		return byCode[124]
	case e.Status == http.StatusForbidden && e.Code == 0:
		return Explanation{
			Cause:       "Zoom denies this account the use of its API: " + e.said(),
			Fix:         "Ask Zoom's support.",
			AccountWide: true,
		}
	case e.Status >= 500:
		return Explanation{
			Cause: fmt.Sprintf("Zoom has a problem of its own (HTTP %d).%s", e.Status, e.maybeCreated()),
			Fix:   "Look at status.zoom.us and try again in a minute.",
		}
	case e.Status >= 300 && e.Status < 400:
		return Explanation{
			Cause:       "The address of Zoom's API leads somewhere else.",
			Fix:         "Check the address of Zoom's API in the configuration, and whether a proxy stands between.",
			AccountWide: true,
		}
	}
	if x, ok := byCode[e.Code]; ok {
		return x
	}
	if e.Status == 0 || e.Code == 0 {
		return e.explainSilence()
	}
	return Explanation{
		Cause: "Zoom said no: " + e.said(),
		Fix:   fmt.Sprintf("Search Zoom's documentation for error code %d.", e.Code),
	}
}

// explainSilence is about errors that are not Zoom's words.
func (e *Error) explainSilence() Explanation {
	switch {
	case errors.Is(e.Err, errNoHost):
		return Explanation{
			Cause:     "There is no host to ask Zoom for.",
			Fix:       "Give the person who opens the incident an e-mail address, or set a backup user.",
			TryBackup: true,
		}
	case errors.Is(e.Err, errNoMeeting):
		return Explanation{
			Cause: "This is not the id of a Zoom meeting.",
			Fix:   "Open a new bridge.",
		}
	case errors.Is(e.Err, errNoApp):
		return Explanation{
			Cause: "The App ID of the Zoom app is not set, or is not one.",
			Fix:   "Enter it on the page Zoom account.",
		}
	case errors.Is(e.Err, errIncomplete):
		return Explanation{
			Cause: "The credentials of the Zoom app are incomplete.",
			Fix:   "Enter all of them on the page Zoom account.",
		}
	case e.distrusted():
		return Explanation{
			Cause: "The other side could not prove that it is Zoom.",
			Fix:   "Check the clock of this server, its certificates, and whether a proxy stands between.",
		}
	case e.outOfTime():
		return Explanation{
			Cause: "Zoom did not answer in time." + e.maybeCreated(),
			Fix:   "Look at status.zoom.us and try again in a minute.",
		}
	case e.Outcome == NotSent && e.Status == 0:
		return Explanation{
			Cause: "Zoom cannot be reached from this server.",
			Fix:   "Check the network, the name service and the firewall of this server.",
		}
	case e.Status >= 400:
		return Explanation{
			Cause: "Zoom said no: " + e.said(),
			Fix:   "Check the addresses of Zoom in the configuration, and whether a proxy stands between.",
		}
	}
	return Explanation{
		Cause: "Zoom's answer could not be read." + e.maybeCreated(),
		Fix:   "Look at status.zoom.us and try again in a minute.",
	}
}

func (e *Error) explainScopes() Explanation {
	x := Explanation{
		Cause:       "The Zoom app lacks a permission.",
		Fix:         "Add the missing scope to the app in " + marketplace + ", Scopes.",
		AccountWide: true,
	}
	if len(e.Scopes) > 0 {
		x.Fix = "Add one of these scopes to the app in " + marketplace + ", Scopes: " + strings.Join(e.Scopes, ", ") + "."
		if len(e.Scopes) == 1 {
			x.Fix = "Add this scope to the app in " + marketplace + ", Scopes: " + e.Scopes[0] + "."
		}
	}
	return x
}

func (e *Error) explainLimit() Explanation {
	switch e.RateLimit {
	case "user_day":
		return Explanation{
			Cause:     "Zoom allows each host 100 new or changed meetings a day, and this host has used them up.",
			Fix:       "The host can create meetings again after midnight UTC. Another host can now.",
			TryBackup: true,
		}
	case "day":
		x := Explanation{
			Cause:       "The Zoom account has used up its calls of the API for today.",
			Fix:         "Wait until midnight UTC, and find out which other app of the account makes so many calls.",
			AccountWide: true,
		}
		if e.RetryAfter > 0 {
			x.Fix = fmt.Sprintf("Zoom accepts calls again in %s. Find out which other app of the account makes so many.", roughly(e.RetryAfter))
		}
		return x
	}
	return Explanation{
		Cause:       "Zoom gets too many calls from this account at the moment.",
		Fix:         "Try again in a few seconds.",
		AccountWide: true,
	}
}

// maybeCreated is the sentence that keeps people from making a second meeting.
func (e *Error) maybeCreated() string {
	if e.Outcome == Unknown && e.Op == "create meeting" {
		return " The meeting may exist all the same."
	}
	return ""
}

func (e *Error) said() string {
	s := first(e.Message, http.StatusText(e.Status), "no reason given")
	if !strings.ContainsRune(".!?…", []rune(s)[len([]rune(s))-1]) {
		s += "."
	}
	return s
}

func roughly(d time.Duration) string {
	if d > 2*time.Hour {
		return fmt.Sprintf("%d hours", int((d+time.Hour-1)/time.Hour))
	}
	return fmt.Sprintf("%d minutes", int((d+time.Minute-1)/time.Minute))
}
