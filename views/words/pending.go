package words

// Pending says that an incident is not in the database yet, and whether it is on the disk.
func Pending(saved bool) []string {
	warnings := []string{"Drawbridge can’t write to its database right now, so this incident has no number yet. It gets one as soon as the database accepts it."}
	if !saved {
		warnings = append(warnings, "It isn’t saved on the disk either. If Drawbridge stops before that, the incident is lost.")
	}
	return warnings
}
