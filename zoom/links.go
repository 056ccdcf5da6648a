package zoom

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// domains are Zoom's own domains. Links of an account can lead to any of their
// subdomains, such as us05web.zoom.us or a company's name below zoom.com.
// zoom-x.de is Zoom X of Deutsche Telekom.
var domains = []string{"zoom.us", "zoom.com", "zoom.com.cn", "zoom-x.de", "zoomgov.com"}

// Links decides which links lead to Zoom. The zero value knows Zoom's own domains.
type Links struct {
	own  string   // host of a simulator or gateway that is configured in place of Zoom; "": none
	more []string // domains that the operator added
}

// NewLinks returns Links that also accept the domains in more, and the host of
// apiURL if that is not Zoom's.
func NewLinks(apiURL string, more []string) Links {
	var l Links
	for _, d := range more {
		l.more = append(l.more, strings.ToLower(d))
	}
	if u, err := url.Parse(apiURL); err == nil && !l.zooms(u.Hostname()) {
		l.own = strings.ToLower(u.Hostname())
	}
	return l
}

// Accepts reports whether s may be shown as a link to Zoom: https, without user
// and port, on one of the domains or their subdomains; or http or https on the
// host of a simulator or gateway. Zoom's links are ASCII. Other characters can look
// like parts of a link, or change the writing direction.
func (l Links) Accepts(s string) bool {
	u := link(s)
	if u == nil || strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return false
	}
	return u.Scheme == "https" && u.Port() == "" && l.zooms(u.Host) || l.own != "" && strings.EqualFold(u.Hostname(), l.own)
}

var hostName = regexp.MustCompile(`^([a-z0-9-]+\.)*[a-z0-9-]+$`)

func (l Links) zooms(host string) bool {
	host = strings.ToLower(host)
	return hostName.MatchString(host) && slices.ContainsFunc(slices.Concat(domains, l.more), func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+d)
	})
}

// link parses an absolute http or https URL. It returns nil if s is anything
// else.
func link(s string) *url.URL {
	u, err := url.Parse(s)
	// A browser treats a backslash as a slash, and could end up at another host.
	if err != nil || len(s) > 2048 || strings.ContainsAny(s, "\\\"'<> ") || printable(s) != s ||
		u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil
	}
	return u
}

// LinkHost returns where a link that Links does not accept leads: its host with
// the port, and with http:// in front if it is not https. It returns "" if s is
// no link at all. What cannot be seen is escaped.
func LinkHost(s string) string {
	u := link(s)
	switch {
	case u == nil:
		return ""
	case u.Scheme == "http":
		return oneLine("http://" + u.Host)
	}
	return oneLine(u.Host)
}
