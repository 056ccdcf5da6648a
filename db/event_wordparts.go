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

// wordPart is a part of SQLite's search index: a table with the words of the
// events whose ids are from first to below next. FTS5 merges its data, and
// removes deleted events, word by word. A word may be in every event, so only
// the number of events in a table limits the time for that. When all events of
// a part are deleted, the part is dropped as a whole.
type wordPart struct {
	number      int64
	first, next int64
	last        int64 // the highest id in it
	events      int64 // number of events that were stored in it
}

// partEvents is how many events go into one part. FTS5 creates a segment for
// each commit and merges eight segments of about the same size into one: of 100
// events, then 800, 6,400 and 51,200. A part is full before eight of the
// largest would be merged.
const partEvents = 400_000

// splitWords is version 8 of the schema. It splits SQLite's search index into
// parts. The existing index becomes the first part, which counts as full.
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

func (p wordPart) table() string {
	if p.number == 0 {
		return "event_words"
	}
	return "event_words_" + strconv.FormatInt(p.number, 10)
}

// wordParts returns the parts in the order of their ids. There is always at
// least one.
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
	parts[0].first = 0 // events older than all parts belong to it too
	return parts, nil
}

// byPart groups items by the index of the part that their ids belong to.
func byPart[T any](parts []wordPart, items []T, id func(T) int64) map[int][]T {
	sorted := map[int][]T{}
	for _, item := range items {
		i := slices.IndexFunc(parts, func(p wordPart) bool { return id(item) < p.next })
		sorted[i] = append(sorted[i], item)
	}
	return sorted
}

// addWordPart creates a part after the newest one.
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

// putWords stores the search words of events.
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
		// REPLACE flushes the buffer of the index before it searches, so these come last.
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

// Each commit adds a segment to a part, and segments must be merged
// (https://www.sqlite.org/fts5.html#the_automerge_configuration_option). FTS5
// would do that during a commit, hundreds of pages at a time, while arriving events
// wait. So its automatic merge is off, and mergeWords merges a few pages per
// transaction.
const (
	mergePages  = 16
	mergeEvents = 32 // events read or deleted for each such transaction; as many as FTS5 itself would take
)

// mergeWords merges as much of each part as the number of events that were read
// or deleted requires. If it fails, the rest is merged later; no event depends
// on it.
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
		s.log.WarnContext(ctx, "could not merge the search index", "error", err)
	}
}

// mergeOnce merges a few pages and reports whether there was something to
// merge. FTS5 documents that more than one row changes in that case.
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

// wordsStay returns an id for deleting all events that arrived before the id
// cut. Words of events from that id on must be deleted with each event; words
// of older events are dropped with their part.
func (s *Store) wordsStay(ctx context.Context, cut int64) (int64, error) {
	if s.postgres { // months that are dropped as a whole do not matter here
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
// deleted. It returns 1, or 0 if there is no such part.
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

// freeAfter is how long a search may take that started in a part before the
// part was retired.
const freeAfter = time.Minute

// FreeWordParts frees about this number of pages of retired parts, once no
// search can still use them. It returns 0 if nothing is left. Dropping a large
// table at once would take seconds.
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
		number, _ := strconv.ParseInt(strings.TrimPrefix(name, "event_words_"), 10, 64) // 0: the first part
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
		root    = 10 // FTS5's row that describes all other rows
		aDocLen = 20 // rows of document lengths that count as one page
	)
	table := p.table()
	err = s.write(ctx, func(tx *sql.Tx) error {
		// First make the index look empty, like a new one, so that an integrity check
		// in the meantime finds no error.
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
		// The first part belongs to the schema and stays, empty.
		if n, err = execRows(ctx, tx, `DELETE FROM event_words_idx`); n > 0 && err == nil {
			err = exec(ctx, tx, `INSERT INTO event_words (event_words) VALUES ('delete-all')`)
		}
		return err
	})
	return n, err
}
