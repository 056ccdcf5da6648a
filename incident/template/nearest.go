package template

import "strings"

// nearest returns the name with the fewest typing errors compared with word, or
// "" if none is similar.
func nearest(word string, names []string) string {
	best, distance := "", max(1, len(word)/4)+1
	if len(word) > 100 {
		return ""
	}
	for _, name := range names {
		if d := editDistance(strings.ToLower(word), name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts the letters to add, remove, change or swap with a neighbor.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
