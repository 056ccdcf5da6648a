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
	maxWords    = 400 // words of one event that are indexed
	maxWordSize = 48  // bytes; only the start of a longer word is indexed
)

// wordsOf returns the distinct words of a text: letters and digits, in lower
// case. Both engines get these words separated by spaces, so that both find the
// same events. (FTS5's tokenizer "ascii" treats every other character as part
// of a word.)
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

// typeWord returns the word that represents an event type in the index, so that
// a search within some types is a single search. No real text contains such a
// word by chance.
func typeWord(event string) string { return cutWord("zqt" + strings.Join(wordsOf(event), "")) }

// searchIndex "off" leaves events out of the index. It is a variable only so
// that the benchmark can build a program that shows what the index costs (go
// build -ldflags "-X …/db.searchIndex=off"). Nothing sets it while a program
// runs.
var searchIndex = "on"

// eventText holds the text in which a search finds an event.
type eventText struct {
	id          int64
	event, text string
	again       bool // it may be in the index already
}

// indexWords stores the search words of events in place of earlier ones.
func (s *Store) indexWords(ctx context.Context, q queryer, texts []eventText) error {
	switch {
	case searchIndex == "off" || len(texts) == 0:
		return nil
	case !s.postgres:
		return s.putWords(ctx, q, texts)
	}
	args := make([]any, 0, len(texts)*len(wordTypes))
	for _, t := range texts {
		args = append(args, t.id, indexText(t.event, t.text))
	}
	return exec(ctx, q, `
		INSERT INTO event_words (event_id, words)
		SELECT u.id, array_to_tsvector(string_to_array(u.words, ' ')) FROM `+unnest(1, wordTypes)+` AS u (id, words)
		ON CONFLICT (event_id) DO UPDATE SET words = excluded.words`, arrays(wordTypes, args)...)
}

var wordTypes = []string{"BIGINT", "TEXT"}

// indexText returns the words of an event, separated by spaces.
func indexText(event, text string) string {
	words := wordsOf(text)
	if event != "" {
		words = append(words, typeWord(event))
	}
	return strings.Join(words, " ")
}

// dropWords removes events from the search index.
func (s *Store) dropWords(ctx context.Context, tx *sql.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if s.postgres {
		return exec(ctx, tx, `DELETE FROM event_words WHERE event_id IN (`+placeholders(1, len(ids))+`)`, anys(ids)...)
	}
	parts, err := s.wordParts(ctx, tx)
	if err != nil {
		return err
	}
	for i, ids := range byPart(parts, ids, func(id int64) int64 { return id }) {
		if err := exec(ctx, tx, `DELETE FROM `+parts[i].table()+` WHERE rowid IN (`+placeholders(1, len(ids))+`)`, anys(ids)...); err != nil {
			return err
		}
	}
	return nil
}

// searchQuery returns a query in the engine's language for all words of a text
// and, for each group that is not empty, for one word of the group. A word of
// the text that ends with * matches all words that start like it. searchQuery
// returns "" if the text has no word.
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

// searchWord quotes a word, which consists only of letters, digits and marks.
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
