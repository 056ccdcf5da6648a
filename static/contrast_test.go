package static_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The marks of event families and the bars of charts stand out from what is behind
// them: 3:1, as WCAG 2.2 asks of graphics (1.4.11). axe checks only text.
func TestSeriesContrast(t *testing.T) {
	t.Parallel()
	css, err := os.ReadFile("app.css")
	if err != nil {
		t.Fatal(err)
	}
	colors := map[string][2]string{} // light and dark
	for _, m := range regexp.MustCompile(`--(db-[a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`).FindAllStringSubmatch(string(css), -1) {
		colors[m[1]] = [2]string{m[2], m[3]}
	}
	for _, mark := range []string{"db-series-1", "db-series-2", "db-series-3", "db-series-4"} {
		for _, behind := range []string{"db-surface", "db-hover", "db-accent-soft"} {
			for i, theme := range []string{"light", "dark"} {
				t.Run(mark+" on "+behind+", "+theme, func(t *testing.T) {
					a, b := luminance(t, colors[mark][i]), luminance(t, colors[behind][i])
					if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 3 {
						t.Errorf("contrast %.2f", ratio)
					}
				})
			}
		}
	}
}

// luminance is the relative luminance of a color such as #0b6583, as WCAG defines it.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		if len(color) != 7 {
			t.Fatalf("color %q", color)
		}
		n, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
