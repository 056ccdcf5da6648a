package words

import "time"

// RecordingDeletes says on which day Zoom deletes a recording.
func RecordingDeletes(day, now time.Time) string {
	at := day.Format("2 Jan 2006")
	if now.Before(day.AddDate(0, 0, 1)) {
		return "Zoom deletes it on " + at + "."
	}
	return "Zoom planned to delete it on " + at + "."
}
