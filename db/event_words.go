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

// searchIndex: "off" leaves events out of the index. It is a variable only so that
// the benchmark can link a program (go build -ldflags "-X …/db.searchIndex=off")
// that shows what the index costs; nothing sets it while a program runs.
var searchIndex = "on"

// eventText is in whose words an event is found.
type eventText struct {
	id          int64
	event, text string
	again       bool // it may be in the index already
}

// indexWords makes events findable by their words, in place of those they had.
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

// indexText is the words of an event, with spaces between.
func indexText(event, text string) string {
	words := wordsOf(text)
	if event != "" {
		words = append(words, typeWord(event))
	}
	return strings.Join(words, " ")
}

// dropWords takes events out of the search index.
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
