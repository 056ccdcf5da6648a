package words

import "strings"

// Pending says that an incident is not in the database yet, and whether it is on the disk.
func Pending(saved bool) []string {
	warnings := []string{"Send people this link. The incident has no number yet, because Drawbridge can’t write to its database right now. It gets one automatically."}
	if !saved {
		warnings = append(warnings, "It isn’t saved on the disk either. If Drawbridge stops before that, the incident is lost.")
	}
	return warnings
}

// Incomplete says that an answer about a stored incident has only what people need to join.
const Incomplete = "The incident is stored, but the database doesn’t answer at the moment. The steps and other warnings may be missing here."

// StuckRunbook is Stuck for an incident whose runbook was refused.
const StuckRunbook = "Its runbook is archived, disabled or deleted. Restore or enable it, or mark another runbook as the default one. Drawbridge then stores the incident automatically."

// Stuck says why an incident that people opened while the database didn't answer can't be
// stored. fields are those that were refused.
func Stuck(code string, fields []string) string {
	switch code {
	case "invalid":
		why := "Drawbridge refuses it as it is."
		if len(fields) > 0 {
			why = "Drawbridge refuses these fields: " + strings.Join(fields, ", ") + "."
		}
		return why
	case "not_found":
		return "What it belongs to has been deleted."
	case "forbidden":
		return "The person or token that opened it no longer has permission."
	case "conflict":
		return "It conflicts with a stored incident."
	}
	return "Storing it fails. This server’s log says why."
}
