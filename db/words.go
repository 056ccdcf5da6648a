package db

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxWords    = 400 // of one event that are searched
	maxWordSize = 48  // bytes; longer words are found by their beginning
)

// wordsOf are the distinct words of a text: letters and digits, in lower case.
// Both engines get them ready-made, with spaces between, so that both find the
// same. (FTS5's tokenizer "ascii" takes every other character as part of a word.)
func wordsOf(text string) []string {
	var words []string
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		if w = cutWord(strings.ToLower(w)); !slices.Contains(words, w) {
			if words = append(words, w); len(words) == maxWords {
				break
			}
		}
	}
	return words
}

func cutWord(w string) string {
	if len(w) <= maxWordSize {
		return w
	}
	n := maxWordSize
	for !utf8.RuneStart(w[n]) {
		n--
	}
	return w[:n]
}

// typeWord stands in the index for a type of event, so that a search within
// some types is one search. Nobody's text has such a word by chance.
func typeWord(event string) string { return cutWord("zqt" + strings.Join(wordsOf(event), "")) }

// indexWords makes an event findable by its words, in place of those it had if
// it was read before.
func (s *Store) indexWords(ctx context.Context, q queryer, id int64, event, text string, again bool) error {
	_, err := exec(ctx, q, s.indexWordsText(again), id, indexText(event, text))
	return err
}

func (s *Store) indexWordsText(again bool) string {
	switch {
	case s.postgres:
		return `INSERT INTO event_words (event_id, words) VALUES ($1, array_to_tsvector(string_to_array($2, ' ')))
			ON CONFLICT (event_id) DO UPDATE SET words = excluded.words`
	case again:
		return `INSERT OR REPLACE INTO event_words (rowid, words) VALUES ($1, $2)`
	}
	// REPLACE looks for what to replace, and writes what it has gathered first.
	return `INSERT INTO event_words (rowid, words) VALUES ($1, $2)`
}

// indexText is the words of an event, with spaces between.
func indexText(event, text string) string {
	words := wordsOf(text)
	if event != "" {
		words = append(words, typeWord(event))
	}
	return strings.Join(words, " ")
}

// dropWords takes events out of the search index.
func (s *Store) dropWords(ctx context.Context, tx *sql.Tx, ids []any) error {
	column := "rowid"
	if s.postgres {
		column = "event_id"
	}
	_, err := exec(ctx, tx, `DELETE FROM event_words WHERE `+column+` IN (`+placeholders(1, len(ids))+`)`, ids...)
	return err
}

// searchQuery is a search for all words of a text, in the engine's language,
// and for one of each of the groups, if that is not empty. A word of the text that
// ends with * stands for all that begin so. "" is a text without a word.
func (s *Store) searchQuery(text string, groups ...[]string) string {
	var all []string
	for part := range strings.FieldsSeq(text) {
		prefix := strings.HasSuffix(part, "*")
		words := wordsOf(part)
		for i, w := range words {
			all = append(all, s.searchWord(w, prefix && i == len(words)-1))
		}
	}
	if len(all) == 0 {
		return ""
	}
	and, or := " AND ", " OR "
	if s.postgres {
		and, or = " & ", " | "
	}
	for _, group := range groups {
		var each []string
		for _, w := range group {
			each = append(each, s.searchWord(w, false))
		}
		if len(each) > 0 {
			all = append(all, "("+strings.Join(each, or)+")")
		}
	}
	return strings.Join(all, and)
}

// searchWord quotes a word: it holds letters, digits and marks only.
func (s *Store) searchWord(w string, prefix bool) string {
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
