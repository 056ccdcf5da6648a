package web_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

// brokenConn is the answer to a client that disconnects before it is written.
type brokenConn struct {
	*httptest.ResponseRecorder
	client string
}

func (b brokenConn) Write([]byte) (int, error) {
	address, err := net.ResolveTCPAddr("tcp", b.client)
	if err != nil {
		return 0, err
	}
	return 0, &net.OpError{Op: "write", Net: "tcp", Addr: address, Err: os.NewSyscallError("write", syscall.EPIPE)}
}

// A client that disconnects is no error of the server. A broken connection to
// anything else is one.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/login", "/nothing-here"} {
		for name, c := range map[string]struct {
			broken string
			want   bool
		}{"client": {"192.0.2.1:1234", false}, "database": {"192.0.2.2:5432", true}} {
			t.Run(path+" "+name, func(t *testing.T) {
				w := newWorld(t)
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.RemoteAddr = "192.0.2.1:1234"
				w.server.ServeHTTP(brokenConn{httptest.NewRecorder(), c.broken}, r)
				if got := strings.Contains(w.log.String(), `"level":"ERROR"`); got != c.want {
					t.Errorf("logged an error: %v, want %v:\n%s", got, c.want, w.log)
				}
			})
		}
	}
}
