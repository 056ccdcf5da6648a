package zoom

import (
	"regexp"
	"strings"
)

// A meeting id has 9 to 11 digits. Zoom writes it in groups, such as 876 8562
// 1847, and people also separate the groups with hyphens. Its invitations write "Meeting
// ID:" in front.
var (
	idLabel = regexp.MustCompile(`(?i)^\s*meeting id:?\s*`)
	wide    = strings.NewReplacer("　", " ", "０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9")

	groupedID = regexp.MustCompile(`(?:^|[^\d+])(\d{3}[\s\x{a0}\x{2007}\x{202f}\x{2010}-\x{2015}\-]+\d{3,4}[\s\x{a0}\x{2007}\x{202f}\x{2010}-\x{2015}\-]+\d{3,4})(?:$|\D)`)
	plainID   = regexp.MustCompile(`^\d{9,11}$`)
	linkedID  = regexp.MustCompile(`(?i)/(?:j|s|w|wc|wc/join|meeting|join)/(\d{9,11})(?:$|\D)`)
)

// FindMeetingID finds a meeting id as people copy it: its digits, in groups or
// not, in the digits of East Asian keyboards, or a link that contains it. before
// and after are the text around it, and id is "" if there is none. Of a link
// nothing else remains.
func FindMeetingID(text string) (before, id, after string) {
	if before, id, after = findMeetingID(wide.Replace(idLabel.ReplaceAllString(text, ""))); id == "" {
		return text, "", ""
	}
	return before, id, after
}

func findMeetingID(text string) (before, id, after string) {
	if m := linkedID.FindStringSubmatchIndex(text); m != nil {
		id = text[m[2]:m[3]]
		start := strings.LastIndexAny(text[:m[0]], " \t\r\n") + 1
		if end := strings.IndexAny(text[m[3]:], " \t\r\n"); end >= 0 {
			after = text[m[3]+end:]
		}
		return text[:start], id, after
	}
	if m := groupedID.FindStringSubmatchIndex(text); m != nil {
		id = strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text[m[2]:m[3]])
		return text[:m[2]], id, text[m[3]:]
	}
	if trimmed := strings.TrimSpace(text); plainID.MatchString(trimmed) {
		return "", trimmed, ""
	}
	return text, "", ""
}
