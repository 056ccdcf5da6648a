package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// outbound is the only client with which the server calls others. It rejects
// addresses that are not on the public internet when it dials, so a name that
// later resolves to a private address cannot lead inside. It also allows the
// networks that the operator lists, and the exact addresses the operator sets in
// place of Zoom's.
func outbound(cfg Config) *http.Client {
	own := []string{hostPort(cfg.ZoomAPIURL), hostPort(cfg.ZoomOAuthURL)}
	return &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			Proxy: nil, // a proxy from the environment would dial for us, without the check
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dialer := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
				if !slices.Contains(own, address) {
					dialer.Control = func(_, resolved string, _ syscall.RawConn) error { return dialable(resolved, cfg.outbound) }
				}
				return dialer.DialContext(ctx, network, address)
			},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  15 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func hostPort(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]))
}

// notPublic lists the networks of the IANA special-purpose registries that the
// predicates of net/netip do not cover.
var notPublic = func() (list []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// metadata lists the addresses at which clouds hand out credentials. No setting
// allows them.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"),
}

var errNotPublic = errors.New("the address is not on the public internet; to allow its network, set DRAWBRIDGE_OUTBOUND_ALLOW_CIDRS")

// dialable returns an error for an address:port that must not be called.
func dialable(address string, allowed []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w (%v)", errNotPublic, err)
	}
	ip := ap.Addr().WithZone("").Unmap()
	if slices.Contains(metadata, ip) {
		return fmt.Errorf("%s is the address of a cloud metadata service", ip)
	}
	in := func(p netip.Prefix) bool { return p.Contains(ip) }
	if slices.ContainsFunc(allowed, in) {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(notPublic, in) {
		return fmt.Errorf("%s: %w", ip, errNotPublic)
	}
	return nil
}
