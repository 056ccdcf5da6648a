package cli

import (
	"net"
	"strings"
	"testing"
)

// A demo whose port is taken listens on another one.
func TestDemoListener(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l, err := demoListener(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// The empty demo has one login, and names no other.
func TestDemoHint(t *testing.T) {
	if got := demoHint(true); strings.Contains(got, "@example.com") || !strings.Contains(got, "credentials") {
		t.Errorf("the empty demo says %q", got)
	}
	if got := demoHint(false); !strings.Contains(got, "ravi@example.com") || !strings.Contains(got, "vera@example.com") {
		t.Errorf("the demo says %q", got)
	}
}

// The demo refuses flags that it would ignore.
func TestDemoFlags(t *testing.T) {
	for _, name := range demoSets {
		var said strings.Builder
		if status := Run(t.Context(), []string{"demo", "--" + name, "x"}, nil, &said, &said); status != 2 || !strings.Contains(said.String(), "the demo can’t use --"+name) {
			t.Errorf("--%s: status %d: %s", name, status, &said)
		}
	}
}
