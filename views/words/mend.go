package words

// Mend is what Fix changes about the meeting of a bridge.
type Mend struct {
	Setting, Before, After string
	Effect                 string // what it means for people
}

// mends has what Fix changes for each finding that it can mend.
var mends = map[string]Mend{
	"waiting_room_on":     {"Waiting room", "On", "Off", "People get in with the link alone. People already waiting may have to be let in, or join again."},
	"no_join_before_host": {"Join before host", "Off", "On", "People can join before the host."},
	"sign_in_needed":      {"Sign-in", "Required", "Not required", "Everyone with the link gets in, whether signed in to Zoom or not."},
	"registration":        {"Registration", "Required", "Not required", "Everyone with the link gets in without registering."},
}

// MendOf returns what Fix changes for a finding.
func MendOf(code string) Mend { return mends[code] }

// KeptBefore says what happened when Drawbridge last tried a change that Zoom didn't make.
func KeptBefore(kept bool) string {
	if !kept {
		return ""
	}
	return "Last time Zoom kept the setting. It changes only if a Zoom admin has unlocked it since."
}

// Mended says what became of a Fix.
func Mended(code string, fixed bool) string {
	if fixed {
		return "Zoom changed the meeting. " + mends[code].Setting + ": " + mends[code].After + "."
	}
	return "Zoom accepted the change, but didn’t confirm it. See the bridge below."
}
