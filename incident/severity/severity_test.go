package severity_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident/severity"
)

func TestLevel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		want int
	}{
		{"SEV1", 1}, {"sev 0", 1}, {"P1", 1}, {"Priority-2", 2}, {" Critical ", 1}, {"major", 2}, {"warning", 3}, {"info", 4}, {"SEV5", 4}, {"1", 1},
		{"SEV6", 0}, {"", 0}, {"P1 (Critical)", 0}, {"huge", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := severity.Level(tt.name); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	got := []string{"", "low", "SEV2", "huge", "critical"}
	slices.SortStableFunc(got, severity.Compare)
	if d := cmp.Diff([]string{"critical", "SEV2", "low", "", "huge"}, got); d != "" {
		t.Error(d)
	}
}
