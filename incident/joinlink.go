package incident

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// foreignLink reports whether a meeting exists but its link leads to a host that
// is not Zoom's.
func foreignLink(err error) bool {
	return err != nil && zoom.ProblemOf(err).Code == zoom.ProblemForeignLink
}

// takeForeign asks Zoom again for a meeting whose link was foreign. The link may
// be good by now, because an admin added its domain to the configuration, and
// Zoom must not create a second meeting. done means that there is nothing left to
// do: the bridge has the meeting, or the reason is stored.
func (c *climber) takeForeign(ctx context.Context, attempts []Attempt) (done bool, err error) {
	for _, a := range attempts {
		if a.State != AttemptRefused || a.Reason.Zoom == nil || a.Reason.Zoom.Code != zoom.ProblemForeignLink {
			continue
		}
		zctx, cancel := context.WithTimeout(ctx, shortestRung)
		m, err := c.client.GetMeeting(zctx, a.MeetingID)
		cancel()
		if gone(err) {
			continue
		}
		if err == nil {
			return true, c.found(ctx, a, AttemptRefused, m)
		}
		return true, c.fail(ctx, reasonOf(err, a.HostEmail))
	}
	return false, nil
}

// LinkedID returns the meeting ID to which the bridge's link leads: what people dial and
// what Zoom's events carry. It is the host's personal meeting ID instead of MeetingID if
// the meeting takes place in the personal room.
func (b Bridge) LinkedID() string {
	if u, err := url.Parse(b.JoinURL); err == nil && b.PMI != "" && strings.HasSuffix(u.Path, "/j/"+b.PMI) {
		return b.PMI
	}
	return b.MeetingID
}

// linkedMeeting matches the paths of Zoom's links that lead into a meeting: in the app, of
// a webinar, and in the browser. A simulator or gateway may have them below a path.
var linkedMeeting = regexp.MustCompile(`/(?:j|w|wc|wc/join)/([0-9]+)(?:/join)?/?$`)

// compareLink returns what is wrong with where the join link leads within Zoom. said is
// false if the link doesn't show that it leads to a meeting.
func compareLink(m zoom.Meeting) (list []Finding, said bool) {
	u, err := url.Parse(m.JoinURL)
	if err != nil {
		return nil, false
	}
	if strings.HasPrefix(u.Path, "/my/") {
		return []Finding{{Code: FoundPersonalLink, Topic: TopicMeeting, Level: LevelBad, Email: m.HostEmail}}, true
	}
	id := linkedMeeting.FindStringSubmatch(u.Path)
	if id != nil && id[1] != m.ID && id[1] != m.PMI {
		list = []Finding{{Code: FoundOtherMeetingLink, Topic: TopicMeeting, Level: LevelBad, Value: id[1]}}
	}
	return list, id != nil
}
