package dbtest

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Wire is the way to a PostgreSQL server. It can be cut, and it can hang.
type Wire struct {
	URL string // the address of the database by this way

	mu    sync.Mutex
	moved *sync.Cond // broadcast when state changes
	state wireState
	open  map[net.Conn]struct{}
}

type wireState int

const (
	wireGood  wireState = iota
	wireCut             // connections end at once
	wireHangs           // connections stay, and nothing passes
	wireGone            // the test is over
)

// NewWire returns a way to the PostgreSQL database at an address of this package.
func NewWire(t testing.TB, address string) *Wire {
	t.Helper()
	to, err := url.Parse(address)
	unless(t, err)
	query := to.Query()
	server := query.Get("host")
	dir, err := os.MkdirTemp("/tmp", "drawbridge-wire-") // short: a socket's path is at most 107 bytes
	unless(t, err)
	const socket = ".s.PGSQL.5432"
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	unless(t, err)
	query.Set("host", dir)
	to.RawQuery = query.Encode()

	w := &Wire{URL: to.String(), open: map[net.Conn]struct{}{}}
	w.moved = sync.NewCond(&w.mu)
	t.Cleanup(func() {
		listener.Close()
		w.set(wireGone)
		os.RemoveAll(dir)
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", filepath.Join(server, socket))
			if err != nil || !w.add(in, out) {
				in.Close()
				continue
			}
			go w.pass(in, out)
			go w.pass(out, in)
		}
	}()
	return w
}

// Cut ends all connections, and those that are tried later.
func (w *Wire) Cut() { w.set(wireCut) }

// Hang lets nothing pass any more.
func (w *Wire) Hang() { w.set(wireHangs) }

// Mend makes it work again. What was held up passes.
func (w *Wire) Mend() { w.set(wireGood) }

func (w *Wire) set(s wireState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = s
	if s == wireCut || s == wireGone {
		for c := range w.open {
			c.Close()
		}
		clear(w.open)
	}
	w.moved.Broadcast()
}

func (w *Wire) add(in, out net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == wireCut || w.state == wireGone {
		out.Close()
		return false
	}
	w.open[in], w.open[out] = struct{}{}, struct{}{}
	return true
}

func (w *Wire) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.state == wireHangs {
			w.moved.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
