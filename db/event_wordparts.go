package db

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// wordPart is a part of SQLite's search index: a table of its own, with the words
// of the events from the id first to below next. FTS5 merges, and forgets what was
// deleted, by words; a word may be in every event, so the time for that is bounded
// only by how many events a table has. And a part whose events are all gone goes
// as a whole.
type wordPart struct {
	number      int64
	first, next int64
	last        int64 // the highest that is in it
	events      int64 // that were put into it
}

// partEvents is how many events go into a part. FTS5 makes a segment of each
// commit and, of eight of one size, one: of 100 events, 800, 6,400, 51,200. A part
// is full before eight of the largest would become one.
const partEvents = 400_000

// splitWords is version 8 of the schema: the search index of SQLite gets parts. What
// is in it stays, as the first, which is full.
func (s *Store) splitWords() *goose.Migration {
	return goose.NewGoMigration(8, &goose.GoFunc{RunTx: s.makeWordParts}, nil)
}

func (s *Store) makeWordParts(ctx context.Context, tx *sql.Tx) error {
	if s.postgres {
		return nil
	}
	for _, statement := range []string{`
		CREATE TABLE IF NOT EXISTS event_words_parts (
			number   INTEGER PRIMARY KEY, -- the part is the table event_words_<number>, and event_words for 0
			first_id INTEGER NOT NULL,
			last_id  INTEGER NOT NULL,    -- the highest in it
			events   INTEGER NOT NULL     -- that were put into it
		) STRICT`, `
		INSERT INTO event_words_parts (number, first_id, last_id, events)
		SELECT 0, 0, COALESCE(MAX(id), 0), CASE WHEN COUNT(id) > 0 THEN ` + strconv.Itoa(partEvents) + ` ELSE 0 END
		FROM (SELECT id FROM events ORDER BY id DESC LIMIT 1) newest WHERE TRUE ON CONFLICT (number) DO NOTHING`,
		`INSERT INTO event_words (event_words, rank) VALUES ('automerge', 0)`, // see mergeWords
		`INSERT INTO event_words (event_words, rank) VALUES ('usermerge', 8)`,
	} {
		if err := exec(ctx, tx, statement); err != nil {
			return err
		}
	}
	return nil
}

// table is the name of a part in the database.
func (p wordPart) table() string {
	if p.number == 0 {
		return "event_words"
	}
	return "event_words_" + strconv.FormatInt(p.number, 10)
}

// wordParts are the parts by the ids in them. There is always one.
func (s *Store) wordParts(ctx context.Context, q queryer) ([]wordPart, error) {
	parts, err := list(ctx, q, func(p *wordPart) []any {
		return []any{&p.number, &p.first, &p.last, &p.events}
	}, `SELECT number, first_id, last_id, events FROM event_words_parts ORDER BY first_id`)
	if err != nil {
		return nil, err
	}
	next := int64(math.MaxInt64)
	for i := range slices.Backward(parts) {
		parts[i].next = next
		next = parts[i].first
	}
	parts[0].first = 0 // what is older than all parts belongs there, too
	return parts, nil
}

// byPart sorts items into the parts that they belong to, by their ids.
func byPart[T any](parts []wordPart, items []T, id func(T) int64) map[int][]T {
	sorted := map[int][]T{}
	for _, item := range items {
		i := slices.IndexFunc(parts, func(p wordPart) bool { return id(item) < p.next })
		sorted[i] = append(sorted[i], item)
	}
	return sorted
}

// addWordPart begins a part behind the newest.
func (s *Store) addWordPart(ctx context.Context, q queryer, newest wordPart) (wordPart, error) {
	number, err := one(ctx, q, "number", scalar[int64], `SELECT MAX(number) + 1 FROM event_words_parts`)
	if err != nil {
		return wordPart{}, err
	}
	p := wordPart{number: number, first: newest.last + 1, next: math.MaxInt64}
	table := p.table()
	for _, statement := range []string{
		`CREATE VIRTUAL TABLE ` + table + ` USING fts5 (words, content='', contentless_delete=1, detail='none', tokenize='ascii')`,
		`INSERT INTO ` + table + ` (` + table + `, rank) VALUES ('automerge', 0)`,
		`INSERT INTO ` + table + ` (` + table + `, rank) VALUES ('usermerge', 8)`,
	} {
		if err := exec(ctx, q, statement); err != nil {
			return p, err
		}
	}
	err = exec(ctx, q, `INSERT INTO event_words_parts (number, first_id, last_id, events) VALUES ($1, $2, $2, 0)`, p.number, p.first)
	return p, err
}

// putWords makes events findable by their words.
func (s *Store) putWords(ctx context.Context, q queryer, texts []eventText) error {
	parts, err := s.wordParts(ctx, q)
	if err != nil {
		return err
	}
	if newest := &parts[len(parts)-1]; newest.events >= partEvents {
		p, err := s.addWordPart(ctx, q, *newest)
		if err != nil {
			return err
		}
		newest.next = p.first
		parts = append(parts, p)
	}
	for i, texts := range byPart(parts, texts, func(t eventText) int64 { return t.id }) {
		table, last := parts[i].table(), int64(0)
		// REPLACE looks for what to replace, and writes what it has gathered first.
		slices.SortStableFunc(texts, func(a, b eventText) int { return int(oneIf(a.again) - oneIf(b.again)) })
		for _, t := range texts {
			verb := `INSERT`
			if t.again {
				verb = `INSERT OR REPLACE`
			}
			if err := exec(ctx, q, verb+` INTO `+table+` (rowid, words) VALUES ($1, $2)`, t.id, indexText(t.event, t.text)); err != nil {
				return err
			}
			last = max(last, t.id)
		}
		err := exec(ctx, q, `UPDATE event_words_parts SET events = events + $2, last_id = MAX(last_id, $3) WHERE number = $1`, parts[i].number, len(texts), last)
		if err != nil {
			return err
		}
	}
	return nil
}

// A part has a new segment of each commit, and segments are merged
// (https://www.sqlite.org/fts5.html#the_automerge_configuration_option). By itself
// FTS5 does so within a commit, hundreds of pages at a time, and events that arrive
// wait for that. So it is told not to, and merges here, a few pages in a transaction.
const (
	mergePages  = 16
	mergeEvents = 32 // that are read or removed for each such transaction, as FTS5 would
)

// mergeWords merges as much of the parts of events that were read or removed as
// those ask for. What it leaves is merged later: no event depends on it.
func (s *Store) mergeWords(ctx context.Context, ids []int64) {
	if s.postgres || len(ids) == 0 {
		return
	}
	parts, err := s.wordParts(ctx, s.r)
	for i, ids := range byPart(parts, ids, func(id int64) int64 { return id }) {
		more := true
		for done := 0; done < len(ids) && more && err == nil; done += mergeEvents {
			more, err = s.mergeOnce(ctx, parts[i].table())
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "the search index could not be merged", "error", err)
	}
}

// mergeOnce reports whether there was something to merge: then more than one
// row changed, as FTS5 documents.
func (s *Store) mergeOnce(ctx context.Context, table string) (more bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		const changes = `SELECT total_changes()`
		before, err := list(ctx, tx, scalar[int64], changes)
		if err != nil {
			return err
		}
		if err := exec(ctx, tx, `INSERT INTO `+table+` (`+table+`, rank) VALUES ('merge', $1)`, mergePages); err != nil {
			return err
		}
		after, err := list(ctx, tx, scalar[int64], changes)
		if err == nil {
			more = after[0]-before[0] >= 2
		}
		return err
	})
	return more, err
}

// wordsStay is the id from which on words are to be deleted with each event when all
// go that arrived before the id cut: those of older events go with their part.
func (s *Store) wordsStay(ctx context.Context, cut int64) (int64, error) {
	if s.postgres { // months that go as a whole are no concern of deleting
		return 0, nil
	}
	stays, err := s.firstToStay(ctx)
	if err != nil {
		return 0, err
	}
	parts, err := s.wordParts(ctx, s.r)
	if err != nil {
		return 0, err
	}
	from := int64(0)
	for _, p := range parts {
		if p.first <= min(cut, stays) {
			from = p.first
		}
	}
	return from, nil
}

// RetireWordParts stops using one part of the search index whose events are all
// gone, and returns 1; 0 if there is none.
func (s *Store) RetireWordParts(ctx context.Context) (n int64, err error) {
	if s.postgres {
		return 0, nil
	}
	parts, err := s.wordParts(ctx, s.r)
	if err != nil {
		return 0, err
	}
	for _, p := range parts[:len(parts)-1] { // the newest is being filled
		const some = `SELECT id FROM events WHERE id >= $1 AND id < $2 LIMIT 1`
		_, left, err := first(ctx, s.r, scalar[int64], some, p.first, p.next)
		if err != nil {
			return 0, err
		}
		if left {
			continue
		}
		err = s.write(ctx, func(tx *sql.Tx) error {
			n, err = execRows(ctx, tx, `DELETE FROM event_words_parts WHERE number = $3 AND NOT EXISTS (`+some+`)`, p.first, p.next, p.number)
			return err
		})
		if n > 0 || err != nil {
			s.retiredAt.Store(s.now().UnixMilli())
			return n, err
		}
	}
	return 0, nil
}

// freeAfter is how long a search may take that began in a part before that was retired.
const freeAfter = time.Minute

// FreeWordParts frees about so many pages of parts that were retired a while ago,
// since a search may still be in one. It returns 0 when nothing is left. To drop a
// large table at once takes seconds.
func (s *Store) FreeWordParts(ctx context.Context, pages int) (n int64, err error) {
	if s.postgres || s.now().UnixMilli()-s.retiredAt.Load() < freeAfter.Milliseconds() {
		return 0, nil
	}
	tables, err := list(ctx, s.r, scalar[string], `
		SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' AND name LIKE 'event\_words%' ESCAPE '\'`)
	if err != nil {
		return 0, err
	}
	parts, err := s.wordParts(ctx, s.r)
	if err != nil {
		return 0, err
	}
	for _, name := range tables {
		number, _ := strconv.ParseInt(strings.TrimPrefix(name, "event_words_"), 10, 64) // 0 is the first
		if slices.ContainsFunc(parts, func(p wordPart) bool { return p.number == number }) {
			continue
		}
		n, err := s.freePart(ctx, wordPart{number: number}, pages)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func (s *Store) freePart(ctx context.Context, p wordPart, pages int) (n int64, err error) {
	const (
		root    = 10 // of FTS5's rows up to here one says what all others are
		aDocLen = 20 // rows of lengths are small
	)
	table := p.table()
	err = s.write(ctx, func(tx *sql.Tx) error {
		// First the index says that there is nothing in it, as a new one does: who
		// checks it meanwhile misses nothing.
		n, err = execRows(ctx, tx, `UPDATE `+table+`_data SET block = CAST(substr(block, 1, 4) || X'FF000001000000' AS BLOB) WHERE id = $1 AND length(block) > 11`, root)
		if n > 0 || err != nil {
			return err
		}
		n, err = execRows(ctx, tx, `DELETE FROM `+table+`_data WHERE id IN (SELECT id FROM `+table+`_data WHERE id > $1 ORDER BY id LIMIT $2)`, root, pages)
		if n > 0 || err != nil {
			return err
		}
		n, err = execRows(ctx, tx, `DELETE FROM `+table+`_docsize WHERE id IN (SELECT id FROM `+table+`_docsize ORDER BY id LIMIT $1)`, aDocLen*pages)
		if n > 0 || err != nil {
			return err
		}
		if p.number != 0 {
			n = 1
			return exec(ctx, tx, `DROP TABLE `+table)
		}
		// The first has its place in the schema and stays, empty.
		if n, err = execRows(ctx, tx, `DELETE FROM event_words_idx`); n > 0 && err == nil {
			err = exec(ctx, tx, `INSERT INTO event_words (event_words) VALUES ('delete-all')`)
		}
		return err
	})
	return n, err
}
