package incident

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The limits of static links. The texts are in characters.
const (
	maxStaticLinks = 10
	maxLink        = 2000
	maxLinkName    = 80
	maxPhone       = 40
	maxPIN         = 50
)

// staticMargin is the time that is kept to give an incident its static link, once
// Zoom has had its chance.
const staticMargin = 200 * time.Millisecond

// overdueMargin is the time that is kept to give an incident its static link, if its
// climb should have done so.
const overdueMargin = staticMargin * 3 / 4

// StaticLink is a permanent way to meet that does not need Zoom, such as a room of
// another vendor. An incident gets it if Zoom gives no meeting.
type StaticLink struct {
	Name  string `json:"name,omitempty" yaml:"name,omitempty"` // "": people see its host
	URL   string `json:"url" yaml:"url" audit:"link"`
	Phone string `json:"phone,omitempty" yaml:"phone,omitempty"`
	PIN   string `json:"pin,omitempty" yaml:"pin,omitempty" audit:"secret"`
}

// Host returns the host of the link.
func (l StaticLink) Host() string { return LinkHost(l.URL) }

// LinkHost returns the host of a link, or "".
func LinkHost(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Host
}

// staticHost matches host names, also of an intranet and in any script. A name whose last
// label is a number is no name, but an IP address or nothing.
var staticHost = regexp.MustCompile(`^([\pL\pN][\pL\pM\pN-]*\.)*\pN*\pL[\pL\pM\pN-]*$`)

// linkProblem returns why people cannot be sent to a link, or "".
func linkProblem(link string) string {
	if strings.ContainsFunc(link, func(r rune) bool {
		return r <= ' ' || r == '\\' || r > '~' && !unicode.In(r, unicode.L, unicode.M, unicode.N)
	}) {
		return "The link contains a space or another character that isn’t allowed."
	}
	if len(link) > maxLink {
		return "The link is too long. Use at most 2,000 characters."
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "Paste a complete link that starts with https://."
	}
	host := strings.ToLower(u.Hostname())
	_, notIP := netip.ParseAddr(host)
	port, badPort := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	switch {
	case host == "https", host == "http":
		return "The link starts with https:// twice. Remove one of them."
	case notIP != nil && !staticHost.MatchString(host):
		return "Correct the host name after https://. Use only letters, digits, hyphens and single dots, as in meet.example.com."
	case badPort != nil, port == 0:
		return "The port after the colon must be a number from 1 to 65535."
	case strings.HasPrefix(u.Path, "//"):
		return "Remove one of the two slashes after the host."
	}
	return ""
}

// trimStatic returns the links without the spaces that come with pasted texts, and
// without empty rows.
func trimStatic(links []StaticLink) (trimmed []StaticLink) {
	for _, l := range links {
		l = StaticLink{strings.TrimSpace(l.Name), strings.TrimSpace(l.URL), strings.TrimSpace(l.Phone), strings.TrimSpace(l.PIN)}
		if l != (StaticLink{}) {
			trimmed = append(trimmed, l)
		}
	}
	return trimmed
}

// checkStatic adds what is wrong with the links to fields.
func checkStatic(fields map[string]string, links []StaticLink) {
	if len(links) > maxStaticLinks {
		fields["static_links"] = fmt.Sprintf("Use at most %d static links. You entered %d.", maxStaticLinks, len(links))
	}
	for i, l := range links {
		at := fmt.Sprintf("static_links.%d.", i)
		notShort(fields, at+"name", l.Name, maxLinkName)
		notShort(fields, at+"phone", l.Phone, maxPhone)
		notShort(fields, at+"pin", l.PIN, maxPIN)
		if l.Phone != "" && fields[at+"phone"] == "" && !strings.ContainsAny(l.Phone, "0123456789") {
			fields[at+"phone"] = "Enter the phone number in digits."
		}
		switch first := slices.IndexFunc(links, func(other StaticLink) bool { return other.URL == l.URL }); {
		case l.URL == "":
			fields[at+"url"] = "Paste the link that people should use. It starts with https://."
		case linkProblem(l.URL) != "":
			fields[at+"url"] = linkProblem(l.URL)
		case first < i:
			fields[at+"url"] = fmt.Sprintf("This is the same link as number %d.", first+1)
		}
	}
}

// SaveStaticLinks replaces the static links of the account and leaves everything else
// as it is. They need no Zoom app. version is the version of the account that the form
// showed.
func (s *Service) SaveStaticLinks(ctx context.Context, actor Actor, links []StaticLink, version int64) (changes []Change, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, err
	}
	old, err := s.store.Account(ctx)
	if err != nil {
		return nil, err
	}
	next := old
	next.Version, next.StaticLinks = version, trimStatic(links)
	fields := map[string]string{}
	if checkStatic(fields, next.StaticLinks); len(fields) > 0 {
		return nil, invalid("Some fields are missing or invalid. Nothing was saved.", fields)
	}
	if changes = changesOf(old, next); len(changes) == 0 {
		return nil, nil
	}
	if err := s.store.SaveAccount(ctx, next, nil, nil, s.audit(actor, AuditAccountSave, "", changes...)); err != nil {
		return nil, err
	}
	s.keepLinks(next.StaticLinks)
	s.keepCheck(ctx, old, changes)
	s.retryNow(ctx)
	return changes, nil
}

// StaticUse is the use of a static link by an open incident.
type StaticUse struct {
	URL            string
	BridgeID       string
	IncidentNumber int64
}

// freeStatic returns the first link that no open incident uses, or else the first.
func freeStatic(links []StaticLink, uses []StaticUse) StaticLink {
	for _, l := range links {
		if !slices.ContainsFunc(uses, func(u StaticUse) bool { return u.URL == l.URL }) {
			return l
		}
	}
	return links[0]
}

// useStatic gives the bridge a static link, because no other rung gave one. c.why says
// why. It returns false if there is none to give. A meeting that may exist is still
// looked for, and deleted.
func (c *climber) useStatic(ctx context.Context) (done bool, err error) {
	if c.incident.Status != StatusOpen || len(c.account.StaticLinks) == 0 {
		return false, nil
	}
	// Two bridges that choose at the same time should not get the same link.
	c.s.rooms.Lock()
	defer c.s.rooms.Unlock()
	look, cancel := attached(ctx, stateWrite)
	uses, err := c.s.store.StaticUses(look)
	cancel()
	if err != nil {
		c.s.log.Warn("could not read which static links are in use", "error", err)
	}
	link := freeStatic(c.account.StaticLinks, uses)

	before, now := c.bridge.State, c.s.now()
	c.bridge.leadTo(link, now)
	c.bridge.Rung = RungStatic
	c.bridge.Reasons = append(slices.Clone(c.why), Reason{Code: ReasonStaticLink, Text: link.Name})
	c.run.Reason = c.bridge.Reasons[len(c.bridge.Reasons)-1]
	return true, moved(c.helpOut(ctx, before, BridgeChange{
		Timeline: []TimelineEntry{c.s.bridgeEntry(c.bridge, EntryStaticLink, TimelineData{Link: link.Host(), Text: link.Name, Reasons: c.why})},
	}))
}

// beforeStatic returns ctx with the time that Zoom may take if a static link is at hand.
func beforeStatic(ctx context.Context) (context.Context, context.CancelFunc) {
	left := humanBudget
	if end, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(end))
	}
	return context.WithTimeout(ctx, left-staticMargin)
}

// leadTo makes a link that is not of a meeting the bridge.
func (b *Bridge) leadTo(l StaticLink, now time.Time) {
	b.changeLink(l.URL, now)
	b.State, b.Kind, b.Rung, b.LinkName = BridgeReady, KindStatic, "", l.Name
	b.Passcode = l.PIN
	b.MeetingID, b.MeetingUUID, b.PMI, b.HostEmail = "", "", "", ""
	b.Recording, b.DialIn, b.Findings, b.UsedBackupUser = "", nil, nil, false
	if l.Phone != "" {
		b.DialIn = []DialIn{{Number: l.Phone}}
	}
	b.ReadyAt, b.UpdatedAt = now, now
}

// changeLink sets the link, and remembers when people who have another one must learn
// that it changed.
func (b *Bridge) changeLink(link string, now time.Time) {
	if old := cmp.Or(b.JoinURL, b.Later.JoinURL); old != "" && old != link { // Later has that of a deleted meeting
		b.LinkChangedAt = now
	}
	b.JoinURL = link
}

// standIn gives a bridge that nobody is making, or whose meeting is unknown, a standby
// meeting or a static link, so that nobody waits for the search.
func (s *Service) standIn(ctx context.Context, bridgeID string) error {
	c := climber{s: s}
	var err error
	if c.account, err = s.store.Account(ctx); err != nil || len(c.account.StaticLinks) == 0 && c.account.StandbyMeetings == 0 {
		return err
	}
	if err := c.load(ctx, bridgeID); err != nil || c.bridge.State != BridgeUnknown && c.bridge.State != BridgeNew {
		return err
	}
	if c.why = c.bridge.Reasons; len(c.why) == 0 {
		c.why = []Reason{{Code: ReasonOverdue}}
	}
	if done, err := c.useStandby(ctx); done || err != nil {
		return err
	}
	_, err = c.useStatic(ctx)
	return err
}

// overdue gives a bridge that should have had its link by now a standby meeting or a
// static link, because the server that was making it may have died. If that server is only
// slow, it finds that the bridge has a link, and its meeting is looked for and deleted.
func (s *Service) overdue(ctx context.Context, b Bridge) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	c := climber{s: s, bridge: b}
	var err error
	if c.account, err = s.store.Account(ctx); err != nil {
		return err
	}
	if err := c.lookAtHand(ctx); err != nil || !c.atHand {
		return err
	}
	if b.State == BridgeCreating {
		run, err := s.store.StepRun(ctx, b.StepRunID)
		if err != nil {
			return err
		}
		attempts, err := s.store.Attempts(ctx, b.ID)
		if err != nil {
			return err
		}
		if err := s.interrupted(ctx, b, run, attempts, Reason{Code: ReasonOverdue}); err != nil {
			return err
		}
	}
	return s.standIn(ctx, b.ID)
}
