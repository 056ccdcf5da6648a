package db

import (
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxWords    = 400 // words of one event that are indexed
	maxWordSize = 48  // bytes; only the start of a longer word is indexed
)

// wordsOf returns the distinct words of a text: letters and digits, composed and
// in lower case. Both engines get these words separated by spaces, so that both
// find the same events. (FTS5's tokenizer "ascii" treats every other character
// as part of a word.)
func wordsOf(text string) []string {
	var words []string
	for w := range fieldsOf(text) {
		if w = cutWord(w); !slices.Contains(words, w) {
			if words = append(words, w); len(words) == maxWords {
				break
			}
		}
	}
	return words
}

// fieldsOf returns the words of a text in full length.
func fieldsOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for w := range strings.FieldsFuncSeq(norm.NFC.String(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
			if !yield(strings.ToLower(w)) {
				return
			}
		}
	}
}

// unspaced reports whether a letter is of a script that is written without
// spaces, so that a word may be a whole name or a sentence. Korean has spaces,
// but a given name follows the family name without one.
func unspaced(r rune) bool {
	return r >= firstUnspaced && (r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul))
}

// firstUnspaced is lower than all letters of these scripts.
const firstUnspaced = 0x1100

// runsOf splits a word where such a script begins or ends.
func runsOf(w string) (runs []string) {
	start, was := 0, false
	for i, r := range w {
		if is := unspaced(r); i > 0 && is != was {
			runs = append(runs, w[start:i])
			start, was = i, is
		} else {
			was = is
		}
	}
	return append(runs, w[start:])
}

// partsOf returns the parts by which the words of a text are found that are
// written without spaces: each pair of neighbours, and the last letter. They are
// separate from wordsOf, so that an event of such words is found by its others
// too.
func partsOf(text string) (parts []string) {
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= firstUnspaced }) { // true of most texts
		return nil
	}
	for w := range fieldsOf(text) {
		if !strings.ContainsFunc(w, unspaced) {
			continue
		}
		for _, run := range runsOf(w) {
			letters := []rune(run)
			if !unspaced(letters[0]) {
				letters = nil
				parts = append(parts, cutWord(run))
			}
			for i := range letters {
				if parts = append(parts, string(letters[i:min(i+2, len(letters))])); len(parts) >= maxWords {
					return parts
				}
			}
		}
	}
	return parts
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
	for _, p := range partsOf(text) {
		if !slices.Contains(words, p) {
			words = append(words, p)
		}
	}
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
