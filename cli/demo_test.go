package cli

import (
	"net"
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
