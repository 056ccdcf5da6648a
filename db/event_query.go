package db

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// incidentKey matches the key of an incident as a word, or in a link to its page
// or its join page.
var incidentKey = regexp.MustCompile(`(?i)(?:^|\s)(?:https?://\S*/(?:j|incidents)/)?(?:INC-(\d{1,15}))(?:[/?#]\S*)?(?:\s|$)`)

// understood returns the filter with what people paste in the form in which it
// is stored: a meeting id in groups or in a link, and the key of an incident,
// which stands for the events of its bridges.
func (f EventFilter) understood() EventFilter {
	if _, id, _ := zoom.FindMeetingID(f.MeetingID); id != "" {
		f.MeetingID = id
	}
	if m := incidentKey.FindStringSubmatchIndex(f.Text); m != nil && f.IncidentNumber == 0 {
		f.IncidentNumber, _ = incident.ParseKey(f.Text[m[2]:m[3]])
		f.Text = strings.TrimSpace(f.Text[:m[0]] + " " + f.Text[m[1]:])
	}
	return f
}

// searchText is what a person searches for: words, of which an event must have
// all.
type searchText struct {
	words  []searchWord
	starts bool // one of them may be only the start of a word of the event
}

// searchWord is one of them. An event has it if it has any of its forms.
type searchWord struct {
	forms [][]string // an event has a form if it has all of its words; * at the end of one stands for any end
}

// readSearch reads the text.
func readSearch(text string) searchText {
	var s searchText
	add := func(forms ...[]string) {
		s.words = append(s.words, searchWord{forms})
		for _, form := range forms {
			for _, w := range form {
				s.starts = s.starts || strings.HasSuffix(w, "*")
			}
		}
	}
	before, id, after := zoom.FindMeetingID(text)
	for part := range strings.FieldsSeq(before + " " + after) {
		words := wordsOf(part)
		for i, w := range words {
			switch start := strings.HasSuffix(part, "*") && i == len(words)-1; {
			case strings.ContainsFunc(w, unspaced):
				add(partForms(w)...)
			case start:
				add([]string{w + "*"})
			default:
				add([]string{w})
			}
		}
	}
	if id != "" {
		forms := [][]string{{id}}
		// Three groups of digits may also be something else.
		if pieces := wordsOf(strings.TrimSuffix(strings.TrimPrefix(text, before), after)); len(pieces) == 3 {
			forms = append(forms, pieces)
		}
		add(forms...)
	}
	return s
}

// partForms returns the forms of a word of a script without spaces: the start of
// a word, which also finds events from before their parts were indexed, or all of
// its parts.
func partForms(w string) [][]string {
	forms := [][]string{{w + "*"}}
	var parts []string
	for _, run := range runsOf(w) {
		letters := []rune(run)
		switch {
		case !unspaced(letters[0]):
			parts = append(parts, run)
		case len(letters) == 1:
			parts = append(parts, run+"*")
		default:
			for i := range len(letters) - 1 {
				parts = append(parts, string(letters[i:i+2]))
			}
		}
	}
	if len(parts) > 1 {
		forms = append(forms, parts)
	}
	return forms
}

// searchQuery returns a query in the engine's language for a text and, for each
// group that is not empty, for one word of the group. It returns "" if the text
// has no word.
func (s *Store) searchQuery(text searchText, groups ...[]string) string {
	if len(text.words) == 0 {
		return ""
	}
	and, or := " AND ", " OR "
	if s.postgres {
		and, or = " & ", " | "
	}
	// any returns a query for one of the forms.
	anyOf := func(forms [][]string) string {
		var each []string
		for _, form := range forms {
			var words []string
			for _, w := range form {
				words = append(words, s.searchTerm(w))
			}
			each = append(each, strings.Join(words, and))
		}
		if len(each) == 1 {
			return each[0]
		}
		return "((" + strings.Join(each, ")"+or+"(") + "))"
	}
	var all []string
	for _, w := range text.words {
		all = append(all, anyOf(w.forms))
	}
	for _, group := range groups {
		var each []string
		for _, w := range group {
			each = append(each, s.searchTerm(w))
		}
		if len(each) > 0 {
			all = append(all, "("+strings.Join(each, or)+")")
		}
	}
	return strings.Join(all, and)
}

// searchTerm quotes a word, which consists only of letters, digits and marks. A
// word that ends with * stands for all words that start like it.
func (s *Store) searchTerm(w string) string {
	w, prefix := strings.CutSuffix(w, "*")
	switch {
	case s.postgres && prefix:
		return "'" + w + "':*"
	case s.postgres:
		return "'" + w + "'"
	case prefix:
		return `"` + w + `" *`
	}
	return `"` + w + `"`
}

// addSearch adds the branch for the text of a filter. If no event has the words
// as they are, those that no event has may be the start of a word.
func (s *Store) addSearch(ctx context.Context, q *eventSearch, text string, groups ...[]string) error {
	if !s.postgres {
		if err := s.searchParts(ctx, q); err != nil || q.nothing {
			return err
		}
	}
	use := func(t searchText, groups ...[]string) {
		q.starts, q.nothing = t.starts, len(t.words) == 0
		q.where.args = []any{s.searchQuery(t, groups...)}
		q.branches = []eventBranch{{"event_words", "event_id", `words @@ CAST($1 AS TSQUERY)`}}
		if !s.postgres {
			q.branches = []eventBranch{{"{table}", "rowid", `{table} MATCH $1`}}
		}
	}
	t := readSearch(text)
	if use(t); q.nothing || t.starts {
		use(t, groups...)
		return nil
	}
	found, err := s.anyEvent(ctx, *q)
	for i := 0; i < len(t.words) && !found && err == nil; i++ {
		w := t.words[i].forms[0][0]
		if utf8.RuneCountInString(w) < 3 {
			continue
		}
		has := false
		if len(t.words) > 1 { // a frequent word has too many that start like it
			use(searchText{words: t.words[i : i+1]})
			has, err = s.anyEvent(ctx, *q)
		}
		if !has {
			t.words[i].forms = append(t.words[i].forms, []string{w + "*"})
			t.starts, q.guessed = true, true
		}
	}
	use(t, groups...)
	return err
}

// anyEvent reports whether any event is found by the index, or might be, because
// it takes too long to tell.
func (s *Store) anyEvent(ctx context.Context, q eventSearch) (found bool, err error) {
	more, err := s.walk(q, 0, false, 1, eventScanTime, func(part wordPart, from int64) (int, int64, bool, error) {
		window, args := q.window(part, from, 0, false, 1)
		n, err := one(ctx, s.reader(q), "event", scalar[int], `SELECT COUNT(*) FROM (`+window+`) n`, args...)
		found = n > 0
		return 0, 0, found, err
	})
	return found || more != 0, err
}
