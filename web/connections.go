package web

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// peerListener limits the number of connections from one address and closes any
// more at once. A client that opens many idle connections therefore takes no room
// from others. Trusted proxies have no limit, because they forward the requests
// of everyone.
type peerListener struct {
	net.Listener
	most    int
	trusted []netip.Prefix

	mu   sync.Mutex
	open map[netip.Addr]int // by network
}

func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(remote.Addr().Unmap()) }) {
			return conn, nil
		}
		peer := network(remote.Addr())
		l.mu.Lock()
		full := l.open[peer] >= l.most
		if !full {
			l.open[peer]++
		}
		l.mu.Unlock()
		if full {
			conn.Close()
			continue
		}
		return &peerConn{Conn: conn, closed: sync.OnceFunc(func() { l.leave(peer) })}, nil
	}
}

func (l *peerListener) leave(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[peer]--; l.open[peer] == 0 {
		delete(l.open, peer)
	}
}

// network returns the part of an address that a client cannot choose freely: an
// IPv4 address itself, and the first address of the /64 of an IPv6 address, because
// a client with one IPv6 address usually has its whole /64.
func network(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	return ip
}

// peerConn frees its place when it is closed.
type peerConn struct {
	net.Conn
	closed func()
}

func (c *peerConn) Close() error {
	c.closed()
	return c.Conn.Close()
}
