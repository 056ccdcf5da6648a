package incident_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Another program that keeps requesting tokens is noticed; servers of ours that share
// theirs, checks, and a token that Zoom no longer accepts at all are not.
func TestTokensEnded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(w *world) // each time before Drawbridge calls Zoom
		faults zoomsim.Faults
		times  int
		want   bool
	}{
		{"another program, again and again", func(w *world) { w.must(w.zoom().GetUser(w.Context(), backup)) }, zoomsim.Faults{NewTokenKillsOld: true}, 3, true},
		{"another program, twice", func(w *world) { w.must(w.zoom().GetUser(w.Context(), backup)) }, zoomsim.Faults{NewTokenKillsOld: true}, 2, false},
		{"another program whose token ends no other", func(w *world) { w.must(w.zoom().GetUser(w.Context(), backup)) }, zoomsim.Faults{}, 5, false},
		{"our own checks", func(w *world) { w.must(w.service.CheckConnection(w.Context(), admin)) }, zoomsim.Faults{NewTokenKillsOld: true}, 5, false},
		{"the checks of another server", func(w *world) { w.must(w.another(w.store).CheckConnection(w.Context(), admin)) }, zoomsim.Faults{NewTokenKillsOld: true}, 5, false},
		{"the end of a token's life", func(w *world) { w.clock.Add(time.Hour) }, zoomsim.Faults{NewTokenKillsOld: true}, 5, false},
		{"refused for good", func(*world) {}, zoomsim.Faults{TokenRefused: true}, 5, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.all(w.service)
			w.faults(test.faults)
			for range test.times {
				test.before(w)
				w.clock.Add(time.Minute)
				if test.faults.TokenRefused {
					w.open()
				} else {
					w.all(w.service)
				}
			}
			if got := w.service.TokensEnded(); got != test.want {
				t.Errorf("noticed: %v, want %v", got, test.want)
			}
			w.clock.Add(30 * time.Minute)
			if w.service.TokensEnded() {
				t.Error("still noticed half an hour after it stopped")
			}
		})
	}
}
