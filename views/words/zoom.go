package words

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Problem is why a call to Zoom failed; see zoom.Problem.
type Problem struct {
	Code, Said       string
	ZoomCode, Status int
	Scopes           []string
	Fields           []FieldProblem
	RetrySeconds     int
	LinkHost         string
	MaybeCreated     bool
	AccountWide      bool
}

// FieldProblem is a field that Zoom rejected, and why.
type FieldProblem struct{ Field, Message string }

const (
	inMarketplace = "In the Zoom App Marketplace, open Manage and your app"
	statusPage    = "Check status.zoom.us."
	proxyBetween  = "Check the address of Zoom’s API in the configuration, and whether a proxy sits in between."
	noneNeeded    = "Nothing to do."
	allowHost     = "If that host belongs to your Zoom account, add its domain to DRAWBRIDGE_ZOOM_DOMAINS"
)

// problemTexts has the words of each problem. {host} is the Zoom user that the call
// was for, {said} is what Zoom answered.
var problemTexts = map[string]Text{
	"server_error":         {"Zoom returned an error (HTTP {status}).", statusPage},
	"host_refused":         {"Zoom doesn’t allow this for {host}: {said}", "Check this host’s license and settings in Zoom’s user management."},
	"account_denied":       {"Zoom doesn’t let this account use its API: {said}", "Ask Zoom support."},
	"refused":              {"Zoom rejected the request: {said}", "Search Zoom’s documentation for these words."},
	"refused_without_code": {"Zoom or a proxy rejected the request: {said}", proxyBetween},
	"access_refused":       {"Zoom rejected the app’s access token.", inMarketplace + ": the app must be activated, and its credentials must match the ones entered here. Zoom turned JWT apps off in September 2023; they need a Server-to-Server OAuth app now."},
	"wrong_api_key":        {"Zoom doesn’t know the API key, or the API secret is wrong.", inMarketplace + ": copy the API key and API secret again. Zoom turned JWT apps off in September 2023; use a Server-to-Server OAuth app."},
	"wrong_client":         {"Zoom doesn’t know the client ID, or the client secret is wrong.", inMarketplace + ": copy the client ID and client secret again."},
	"wrong_account":        {"Zoom doesn’t know the account ID, or the app isn’t an activated Server-to-Server OAuth app.", inMarketplace + ": copy the account ID again, and check that the app is activated."},
	"not_server_to_server": {"The app isn’t a Server-to-Server OAuth app.", "Create a Server-to-Server OAuth app in the Zoom App Marketplace and enter its credentials here."},
	"credentials_missing":  {"The credentials of the Zoom app are incomplete.", "Enter all of them on the Zoom account page."},
	"may_not_see":          {"Zoom doesn’t let the app see this.", inMarketplace + ", then Scopes: check them. The role of the person who made the app must be allowed to view what the app asks for."},
	"no_such_user":         {"{host} isn’t a user of the connected Zoom account.", "Add {host} to the Zoom account, or set a backup user who belongs to it."},
	"other_account":        {"{host} belongs to another Zoom account.", "Move {host} to the connected Zoom account, or set a backup user who belongs to it."},
	"invitation_pending":   {"{host} hasn’t accepted the invitation to the Zoom account, or it has expired.", "Send the invitation again in Zoom’s user management."},
	"may_not_host":         {"{host} isn’t allowed to host or schedule meetings.", "In Zoom’s user management, give {host} a license and the right to host meetings."},
	"host_day_limit":       {"{host} has reached Zoom’s limit of 100 new or changed meetings a day.", "This host can create meetings again after midnight UTC. Another host can now."},
	"alternative_host":     {"One of the alternative hosts isn’t allowed. They must be licensed users of the same Zoom account.", "Remove the alternative host from the runbook, or give them a license in Zoom."},
	"no_host":              {"There is no host to create a meeting for.", "Give the person who opens the incident an email address, or set a backup user."},
	"rate_limit":           {"Zoom is rate-limiting this account.", ""},
	"meeting_gone":         {"The meeting no longer exists in Zoom.", "Someone may have deleted it in Zoom, or it has expired. Create a new bridge."},
	"meeting_in_progress":  {"The meeting is in progress and can’t be deleted.", "End the meeting in Zoom first."},
	"meeting_over":         {"The meeting has ended and can’t be deleted.", noneNeeded},
	"only_host":            {"Only the host can do this with the meeting.", "Do it in Zoom as the host of the meeting."},
	"personal_meeting":     {"This is the host’s personal meeting, which can’t be deleted.", "Turn off personal meeting IDs for scheduled meetings in the host’s Zoom settings."},
	"personal_audio":       {"This is the host’s personal audio conference, which can’t be deleted.", noneNeeded},
	"on_premise":           {"The meeting runs on the company’s own Zoom servers and can’t be ended from here.", "End the meeting in Zoom."},
	"not_a_meeting":        {"This isn’t the ID of a Zoom meeting.", "Create a new bridge."},
	"no_app_id":            {"The App ID of the Zoom app isn’t set, or isn’t valid.", "Enter it on the Zoom account page."},
	"no_such_app":          {"Zoom knows no app with this App ID.", "Open the app in the Zoom App Marketplace and copy the App ID from the page’s address, marketplace.zoom.us/develop/apps/<App ID>/…. It isn’t the client ID."},
	"wrong_address":        {"Zoom doesn’t know the address that was called.", "Check the address of Zoom’s API in the configuration. It ends in /v2."},
	"redirected":           {"The address of Zoom’s API redirects somewhere else.", proxyBetween},
	"not_zoom":             {"The server that answered couldn’t prove that it is Zoom.", "Check this server’s clock and certificates, and whether a proxy sits in between."},
	"unreachable":          {"This server can’t reach Zoom.", "Check this server’s network, DNS and firewall."},
	"timed_out":            {"Zoom didn’t answer in time.", statusPage},
	"unreadable":           {"Zoom sent an answer that can’t be read.", statusPage},
	"foreign_link": {"Zoom created the meeting, but its link leads to {link}, which isn’t one of Zoom’s domains. Drawbridge doesn’t show it.",
		allowHost + ", restart Drawbridge and retry. Retrying doesn’t create a second meeting."},
	"foreign_start": {"Zoom’s link to start the meeting leads to {link}, which isn’t one of Zoom’s domains. Drawbridge doesn’t show it.",
		allowHost + ", restart Drawbridge and try again."},
	"bad_value":      {"Zoom rejected a value of the meeting.", "Change the value in the runbook. If it doesn’t come from a runbook, report it as a bug in Drawbridge."},
	"missing_scopes": {"The Zoom app lacks a permission.", inMarketplace + ", then Scopes → Add Scopes: add the missing scope."},
	"day_limit":      {"This Zoom account has used up its API calls for today.", "Wait until midnight UTC, and find out which other app of the account makes so many calls."},
}

// tryAgain has what people do about problems that pass, unless Drawbridge retries.
var tryAgain = map[string]string{
	"server_error": "Try again in a minute.",
	"timed_out":    "Try again in a minute.",
	"unreadable":   "Try again in a minute.",
	"rate_limit":   "Try again in a few seconds.",
}

// says words the problem of a call for a host; host is "" for other calls. byHand adds
// that people should try again, if that helps.
func (p Problem) says(host string, byHand bool) Text {
	t, known := problemTexts[p.Code]
	switch p.Code {
	case "bad_value":
		if len(p.Fields) > 0 {
			t.Cause = "Zoom rejected: " + fieldNames(p.Fields) + "."
		}
	case "missing_scopes":
		if len(p.Scopes) == 1 {
			t.Fix = inMarketplace + ", then Scopes → Add Scopes: add " + p.Scopes[0] + "."
		} else if len(p.Scopes) > 1 {
			t.Fix = inMarketplace + ", then Scopes → Add Scopes: add one of " + strings.Join(p.Scopes, ", ") + "."
		}
	case "day_limit":
		if p.RetrySeconds > 0 {
			t.Fix = "Zoom accepts calls again in " + span(time.Duration(p.RetrySeconds)*time.Second) + ". Find out which other app of the account makes so many."
		}
	case "refused":
		if p.ZoomCode != 0 { // an older version did not keep it
			t.Fix = fmt.Sprintf("Search Zoom’s documentation for error code %d.", p.ZoomCode)
		}
	default:
		if !known {
			t.Cause = sentence(code(p.Code))
		}
	}
	if byHand {
		t.Fix = join(t.Fix, tryAgain[p.Code])
	}
	t.Fix = strings.ReplaceAll(t.Fix, "{host}", cmp.Or(host, "the host"))
	switch {
	case host == "" && strings.HasPrefix(t.Cause, "{host}"):
		host = "The host"
	case host == "":
		host = "the host"
	}
	t.Cause = strings.NewReplacer("{host}", host, "{link}", cmp.Or(p.LinkHost, "another host"), "{status}", strconv.Itoa(p.Status), "{said}", sentence(cmp.Or(p.Said, "no reason given"))).Replace(t.Cause)
	if p.MaybeCreated {
		t.Cause += " The meeting may have been created anyway."
	}
	return t
}

func fieldNames(fields []FieldProblem) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = fmt.Sprintf("%s (%s)", f.Field, strings.TrimRight(f.Message, "."))
	}
	return strings.Join(names, ", ")
}
