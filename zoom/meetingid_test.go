package zoom_test

import (
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestFindMeetingID(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"digits", "87685621847", "||"},
		{"as shown", "876 8562 1847", "||"},
		{"ten digits", "123 456 7890", "||1234567890"},
		{"nine digits", "123 456 789", "||123456789"},
		{"in wide digits", "８７６　８５６２　１８４７", "||"},
		{"in an invitation", "Meeting ID: 876 8562 1847", "||"},
		{"digits in an invitation", "meeting id 87685621847", "||"},
		{"a label alone", "Meeting ID: ", "Meeting ID: ||-"},
		{"wide digits that are no id", "２号", "２号||-"},
		{"with hyphens", "876-8562-1847", "||"},
		{"with other spaces and dashes", "876\u00a08562\u20131847", "||"},
		{"a link", "https://us05web.zoom.us/j/87685621847?pwd=abc.1#success", "||"},
		{"a link in the web client", "https://app.zoom.us/wc/87685621847/join?x=1", "||"},
		{"a link to join in the web client", "https://zoom.us/wc/join/87685621847", "||"},
		{"within words", "call 876 8562 1847 now", "call | now|"},
		{"a link within words", "join https://zoom.us/j/87685621847 now", "join | now|"},
		{"words", "db down", "db down||-"},
		{"a phone number", "+1 555 123 4567", "+1 |" + "|5551234567"},
		{"too many digits", "876856218471234", "876856218471234||-"},
		{"a link without an id", "https://zoom.us/my/ana", "https://zoom.us/my/ana||-"},
		{"nothing", "", "||-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.Split(tt.want, "|")
			wantID := want[2]
			switch wantID {
			case "":
				wantID = "87685621847"
			case "-":
				wantID = ""
			}
			before, id, after := zoom.FindMeetingID(tt.text)
			if before != want[0] || id != wantID || after != want[1] {
				t.Errorf("found %q, %q, %q; want %q, %q, %q", before, id, after, want[0], wantID, want[1])
			}
		})
	}
}
