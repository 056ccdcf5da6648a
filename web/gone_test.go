package web_test

import (
	"context"
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

// A browser that goes away while a page is read makes no failure of the database.
func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/j/INC-1", "/api/v1/incidents"} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
			r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 40))
			r.AddCookie(&http.Cookie{Name: "drawbridge_session", Value: strings.Repeat("x", 43)})
			answer := httptest.NewRecorder()
			w.server.ServeHTTP(answer, r)
			if answer.Code != 499 || strings.Contains(w.log.String(), `"level":"ERROR"`) {
				t.Errorf("status %d, want 499, and no error in the log:\n%s", answer.Code, w.log)
			}
		})
	}
}
