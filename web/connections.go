package web

import (
	"net"
	"net/netip"
	"sync"
)

// peerListener limits the number of connections from one address and closes any
// more at once. A client that opens many idle connections therefore takes no room
// from others. Trusted proxies have no limit, because they forward the requests
// of everyone.
type peerListener struct {
	net.Listener
	most    int
	trusted func(netip.Addr) bool

	mu   sync.Mutex
	open map[netip.Addr]int
}

func limitPeers(ln net.Listener, most int, trusted func(netip.Addr) bool) *peerListener {
	return &peerListener{Listener: ln, most: most, trusted: trusted, open: map[netip.Addr]int{}}
}

func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || l.trusted(addr.Addr().Unmap()) {
			return conn, nil
		}
		peer := addr.Addr().Unmap()
		if peer.Is6() { // a client with one IPv6 address usually has its whole /64
			prefix, _ := peer.Prefix(64)
			peer = prefix.Addr()
		}
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

// peerConn frees its place when it is closed.
type peerConn struct {
	net.Conn
	closed func()
}

func (c *peerConn) Close() error {
	c.closed()
	return c.Conn.Close()
}
